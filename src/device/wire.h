/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire: what every APDU passes, whoever sends it.
 *
 * libykpiv calls SCardTransmit itself, follows 61xx without a bound, keeps neither status word nor
 * SCARD code, and after a reset of the card reconnects to whatever is in the reader by then. So the
 * program defines SCardTransmit and SCardReconnect (interpose.c), and the two lead here: APDUs are
 * counted and timed, bounded per operation, put under a deadline, and the last answer is
 * remembered; a reconnect is refused. A unit test brings its own PC/SC and ends in the same two
 * functions. There is one wire in a process, as there is one token open.
 */
#ifndef DEVICE_WIRE_H
#define DEVICE_WIRE_H

#include <winscard.h>

#include "ykenroll/device.h"

#define WIRE_APDUS_MAX 40     /* of one operation: 3 KiB in 255-byte parts there and back */
#define WIRE_DEADLINE_SEC 30u /* for one APDU, and for each other PC/SC call */

typedef LONG (*wire_transmit_fn)(SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci,
    const uint8_t *in, DWORD in_len, SCARD_IO_REQUEST *recv_pci, uint8_t *out, DWORD *out_len);

/* SCardTransmit through the wire; next sends. */
LONG wire_transmit(wire_transmit_fn next, SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci,
    const uint8_t *in, DWORD in_len, SCARD_IO_REQUEST *recv_pci, uint8_t *out, DWORD *out_len);

/* SCardReconnect: never; the caller opens again and looks whose token it is. */
LONG wire_reconnect(void);

/* Take SIGALRM for the deadlines, and give it back. */
MUST_CHECK int wire_start(const struct device_ui *ui, struct err *err);
void wire_stop(void);

/*
 * Around an operation: calls of PC/SC or libykpiv that belong together. May nest, the outermost
 * counts. deadline_sec is for each APDU in it; 0: WIRE_DEADLINE_SEC.
 */
void wire_enter(unsigned deadline_sec);
void wire_leave(void);

/* The last APDU of the operation: SCARD_S_SUCCESS and the answer's length with its status word, or
 * what went wrong. */
struct wire_last {
	LONG rc;
	unsigned apdus; /* sent in this operation */
	size_t len;
	uint16_t sw;  /* 0 when there is none */
	bool endless; /* stopped at WIRE_APDUS_MAX */
};
const struct wire_last *wire_last(void);

struct device_stats wire_stats(void); /* since the program began */

#endif
