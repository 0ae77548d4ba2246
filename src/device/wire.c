/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/utc.h"
#include "device/wire.h"

#define EXIT_SILENT 14 /* ykenroll(1), EXIT STATUS */

static struct {
	struct device_stats stats;
	struct wire_last last;
	unsigned depth, deadline_sec;
	int64_t since;
	struct sigaction old;
	struct device_ui ui;
} wire;

/* Only _exit and what the caller vouches for: SCardTransmit may hold any lock. pcscd resets the
 * card of a client that dies in a transaction. */
static void
on_alarm(int sig)
{
	(void)sig;
	if (wire.ui.deadline != NULL)
		wire.ui.deadline(wire.ui.ctx);
	_exit(EXIT_SILENT);
}

int
wire_start(const struct device_ui *ui, struct err *err)
{
	struct sigaction sa = {.sa_handler = on_alarm};

	if (ui != NULL)
		wire.ui = *ui;
	if (sigaction(SIGALRM, &sa, &wire.old) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot set a deadline");
	return 0;
}

void
wire_stop(void)
{
	(void)alarm(0);
	(void)sigaction(SIGALRM, &wire.old, NULL);
	memset(&wire.ui, 0, sizeof(wire.ui));
}

void
wire_enter(unsigned deadline_sec)
{
	if (wire.depth++ > 0)
		return;
	wire.last = (struct wire_last){.rc = SCARD_S_SUCCESS};
	wire.deadline_sec = deadline_sec == 0 ? WIRE_DEADLINE_SEC : deadline_sec;
	wire.since = utc_monotonic_ns();
	(void)alarm(wire.deadline_sec);
}

void
wire_leave(void)
{
	if (--wire.depth > 0)
		return;
	(void)alarm(0);
	wire.stats.card_ns += utc_monotonic_ns() - wire.since;
}

LONG
wire_transmit(wire_transmit_fn next, SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci,
    const uint8_t *in, DWORD in_len, SCARD_IO_REQUEST *recv_pci, uint8_t *out, DWORD *out_len)
{
	struct wire_last *last = &wire.last;

	/* libykpiv 2.7 sends a command anew after 6Cxx, which over T=1 no YubiKey answers: it would
	 * be a way to have a signature made again. */
	if (last->apdus >= WIRE_APDUS_MAX || (last->sw & 0xff00) == 0x6c00) {
		last->endless = true;
		return last->rc = SCARD_F_COMM_ERROR;
	}
	last->apdus++;
	wire.stats.apdus++;
	last->len = 0;
	last->sw = 0;
	(void)alarm(wire.deadline_sec);
	last->rc = next(card, send_pci, in, in_len, recv_pci, out, out_len);
	if (last->rc != SCARD_S_SUCCESS)
		return last->rc;
	last->len = *out_len;
	if (last->len >= 2)
		last->sw = (uint16_t)(out[last->len - 2] << 8 | out[last->len - 1]);
	return last->rc;
}

LONG
wire_reconnect(void)
{
	return wire.last.rc = SCARD_W_RESET_CARD;
}

const struct wire_last *
wire_last(void)
{
	return &wire.last;
}

struct device_stats
wire_stats(void)
{
	return wire.stats;
}
