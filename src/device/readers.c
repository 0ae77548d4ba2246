/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <unistd.h>

#include "base/utc.h"
#include "device/readers.h"
#include "device/status.h"
#include "device/wire.h"

#define HELD_POLL_US 50000

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
	SCARD_READERSTATE states[READER_COUNT_MAX];
	char names[READER_NAMES_MAX];
	DWORD n = 0, i;
	const char *p;
	size_t found = 0;
	LONG rc;
	int r;

	memset(states, 0, sizeof(states));
	if ((r = reader_names(dev, names, sizeof(names), err)) != 0)
		return r;
	for (p = names; *p != '\0' && n < READER_COUNT_MAX; p += strlen(p) + 1)
		if (strlen(p) < DEVICE_READER_MAX)
			states[n++].szReader = p;
	rc = n == 0 ? SCARD_S_SUCCESS : SCardGetStatusChange(dev->context, 0, states, n);
	if (rc != SCARD_S_SUCCESS && rc != SCARD_E_TIMEOUT)
		return status_scard(err, rc, STATUS_OPENING, "readers");
	for (i = 0; i < n; i++) {
		if ((states[i].dwEventState & SCARD_STATE_PRESENT) == 0)
			continue;
		memcpy(ret[found].name, states[i].szReader, strlen(states[i].szReader) + 1);
		ret[found++].yubikey = is_yubikey(&states[i]);
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
	const int64_t until = utc_monotonic_ns() + HELD_WAIT_MS * INT64_C(1000000);
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
