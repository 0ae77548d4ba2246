/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <unistd.h>

#include "base/utc.h"
#include "device/readers.h"
#include "device/status.h"
#include "device/wire.h"

#define HELD_POLL_US 50000
#define PNP "\\\\?PnP?\\Notification" /* SCardGetStatusChange(3) */
#define SLICE_MS 1000 /* a reader that comes between two calls is seen after that at the latest */
#define NS_PER_MS INT64_C(1000000)

int
reader_names(struct device *dev, char *names, size_t size, struct err *err)
{
	DWORD len = (DWORD)size - 1;
	LONG rc;

	memset(names, 0, size);
	rc = SCardListReaders(dev->context, NULL, names, &len);
	if (rc == SCARD_E_NO_READERS_AVAILABLE)
		return 0;
	if (rc != SCARD_S_SUCCESS)
		return status_scard(err, rc, STATUS_OPENING, "readers");
	return 0;
}

/* ---- how they are, and what changes ---- */

static int
begin(struct device *dev, struct watch *w, struct err *err)
{
	const char *p;
	DWORD i;
	LONG rc;
	int r;

	memset(w, 0, sizeof(*w));
	if ((r = reader_names(dev, w->names, sizeof(w->names), err)) != 0)
		return r;
	for (p = w->names; *p != '\0' && w->n < READER_COUNT_MAX; p += strlen(p) + 1)
		w->states[w->n++].szReader = p;
	rc = w->n == 0 ? SCARD_S_SUCCESS : SCardGetStatusChange(dev->context, 0, w->states, w->n);
	if (rc != SCARD_S_SUCCESS && rc != SCARD_E_TIMEOUT)
		return status_scard(err, rc, STATUS_OPENING, "readers");
	for (i = 0; i < w->n; i++)
		w->states[i].dwCurrentState =
		    w->states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
	w->states[w->n++].szReader = PNP;
	return 0;
}

int
watch_begin(struct device *dev, struct watch *w, struct err *err)
{
	int rc;

	wire_enter(0);
	rc = begin(dev, w, err);
	wire_leave();
	return rc;
}

static int
wait_slice(struct device *dev, struct watch *w, DWORD ms, bool *ret, struct err *err)
{
	char names[READER_NAMES_MAX];
	LONG rc;
	int r;

	rc = SCardGetStatusChange(dev->context, ms, w->states, w->n);
	if (rc != SCARD_S_SUCCESS && rc != SCARD_E_TIMEOUT && rc != SCARD_E_UNKNOWN_READER)
		return status_scard(err, rc, STATUS_OPENING, "readers");
	*ret = rc != SCARD_E_TIMEOUT;
	if (*ret || (r = reader_names(dev, names, sizeof(names), err)) != 0)
		return *ret ? 0 : r;
	*ret = memcmp(names, w->names, sizeof(names)) != 0;
	return 0;
}

int
watch_wait(struct device *dev, struct watch *w, int64_t until_ns, bool *ret, struct err *err)
{
	bool changed = false;
	int64_t left;
	int rc = 0;

	while (rc == 0 && !changed && (left = until_ns - utc_monotonic_ns()) > 0) {
		wire_enter(0);
		rc = wait_slice(dev, w,
		    left < SLICE_MS * NS_PER_MS ? (DWORD)(left / NS_PER_MS) + 1 : SLICE_MS,
		    &changed, err);
		wire_leave();
	}
	if (rc == 0)
		*ret = changed;
	return rc;
}

/* ---- what is in them ---- */

/* Historical bytes of every YubiKey since the NEO: "YubiKey" or "Yubikey". */
static bool
is_yubikey(const SCARD_READERSTATE *state)
{
	size_t len = state->cbAtr > MAX_ATR_SIZE ? MAX_ATR_SIZE : state->cbAtr;

	return memmem(state->rgbAtr, len, "YubiKey", 7) != NULL ||
	       memmem(state->rgbAtr, len, "Yubikey", 7) != NULL ||
	       memmem(state->rgbAtr, len, "yubikey", 7) != NULL;
}

int
reader_scan(
    struct device *dev, struct reader ret[static READER_COUNT_MAX], size_t *ret_n, struct err *err)
{
	const SCARD_READERSTATE *s;
	struct watch w;
	size_t found = 0;
	int rc;

	if ((rc = watch_begin(dev, &w, err)) != 0)
		return rc;
	for (s = w.states; s < w.states + w.n - 1; s++) {
		if ((s->dwEventState & SCARD_STATE_PRESENT) == 0 ||
		    strlen(s->szReader) >= DEVICE_READER_MAX)
			continue;
		memcpy(ret[found].name, s->szReader, strlen(s->szReader) + 1);
		ret[found++].yubikey = is_yubikey(s);
	}
	*ret_n = found;
	return 0;
}

/* Connect and begin. Whoever had the card before leaves it with a reset: when that comes between
 * our two calls, the second says so, and a new connection is all it takes. */
static LONG
enter_once(struct device *dev, const char *name, SCARDHANDLE *ret_card)
{
	SCARDHANDLE card = 0;
	DWORD protocol;
	LONG rc = SCardConnect(
	    dev->context, name, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol);

	if (rc != SCARD_S_SUCCESS)
		return rc;
	if ((rc = SCardBeginTransaction(card)) == SCARD_S_SUCCESS)
		*ret_card = card;
	else
		(void)SCardDisconnect(card, SCARD_LEAVE_CARD);
	return rc;
}

static LONG
enter(struct device *dev, const char *name, SCARDHANDLE *ret_card)
{
	const int64_t until = utc_monotonic_ns() + HELD_WAIT_MS * NS_PER_MS;
	LONG rc;

	if (held_by_other(dev, name))
		return SCARD_E_SHARING_VIOLATION;
	for (;;) {
		rc = enter_once(dev, name, ret_card);
		/* Somebody's exclusive connection is refused at once. */
		if ((rc != SCARD_E_SHARING_VIOLATION && rc != SCARD_W_RESET_CARD) ||
		    utc_monotonic_ns() >= until)
			return rc;
		if (rc == SCARD_E_SHARING_VIOLATION)
			(void)usleep(HELD_POLL_US);
	}
}

/* Somebody has it: who, and how to make them let go. */
static int
held(const char *name, struct err *err)
{
	char who[HOLDERS_TEXT_MAX];

	holders_text(who, sizeof(who));
	return err_set(err, ERR_HELD, "%s: the token is held by another program: %s", name, who);
}

int
reader_enter(struct device *dev, const char *name, SCARDHANDLE *ret_card, struct err *err)
{
	LONG rc;

	wire_enter(0);
	rc = enter(dev, name, ret_card);
	wire_leave();
	if (rc == SCARD_E_SHARING_VIOLATION)
		return held(name, err);
	return rc == SCARD_S_SUCCESS ? 0 : status_scard(err, rc, STATUS_OPENING, name);
}

void
reader_leave(SCARDHANDLE card, bool reset)
{
	wire_enter(0);
	/* Reset while the transaction still keeps others out: no verified PIN for whoever waits. */
	(void)SCardEndTransaction(card, reset ? SCARD_RESET_CARD : SCARD_LEAVE_CARD);
	(void)SCardDisconnect(card, SCARD_LEAVE_CARD);
	wire_leave();
}
