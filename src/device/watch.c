/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/utc.h"
#include "device/readers.h"
#include "device/status.h"
#include "device/wire.h"

#define PNP "\\\\?PnP?\\Notification" /* SCardGetStatusChange(3) */
#define SLICE_MS 1000 /* a reader that comes between two calls is seen after that at the latest */
#define NS_PER_MS INT64_C(1000000)

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
