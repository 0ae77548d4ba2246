/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib: the calls that go through libykpiv, with what it leaves out.
 *
 *   libykpiv        version, serial, attestation
 *   our own loop    SELECT (libykpiv does not select on a card that it did not connect itself);
 *   (apdu.h)        management key, VERIFY, CHANGE, RESET RETRY, PRINTED: libykpiv keeps PINs and
 *                   keys in its heap to replay them, and 2.2 knows 3DES only; metadata and
 *                   generation: 2.2 and 2.7 disagree about structs and algorithms; certificates:
 *                   libykpiv sends 255 bytes at a time, an extended APDU carries all;
 *                   signatures: 2.2 does not know all algorithms. What one object or one
 *                   algorithm needs serves the others
 *
 * Nothing of libykpiv's that changed its size between 2.2 and 2.7 is touched (same SONAME).
 */
#ifndef DEVICE_LIB_H
#define DEVICE_LIB_H

#include "device/token.h"

MUST_CHECK int lib_open(struct token *token, struct err *err);
void lib_close(struct token *token);

/* The version comes first: asked for a serial without it, libykpiv takes the token for a NEO and
 * selects another application. */
MUST_CHECK int lib_version(struct token *token, uint8_t ret[static 3], struct err *err);
MUST_CHECK int lib_serial(struct token *token, uint32_t *ret, struct err *err);

/* Gives the status word as apdu_send does; ret is filled with SW_OK only. */
MUST_CHECK int lib_attest(
    struct token *token, uint8_t slot, struct blob *ret, unsigned *ret_sw, struct err *err);

#endif
