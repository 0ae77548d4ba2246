/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vattest - a token's part of the attestation chain: its attestation key (F9), issued by one of the
 * CAs below, and statements about keys generated in slots, encoded as real tokens of the same
 * firmware do. Functions return 0 or -1.
 */
#ifndef VIRTUAL_VATTEST_H
#define VIRTUAL_VATTEST_H

#include "virtual/state.h"
#include "virtual/vtlv.h"

/*
 * The TEST attestation CAs, shared by the virtual keys of one directory: a root, which
 * issues F9 itself to firmware 5.7.2, and below it the intermediates of 5.7.4, which no key holds:
 *
 *	root.pem                                 the only one to be trusted, by rehearsals only;
 *	                                         behind it the two below, once they are there
 *	TEST_Attestation_Intermediate_B_1.pem
 *	TEST_PIV_Attestation_B_1.pem             issues F9
 *
 * Their keys are beside them (.key), and f9-rsa2048.key is the one RSA attestation key of all. All
 * are made on first use; processes that start at once wait for each other on root.lock. The
 * subjects say TEST and name neither Yubico nor YubiKey.
 */

/*
 * Give a new token its F9 key and certificate (object 5FFF01), issued by the CAs of dir, made if
 * missing; dir NULL: by some that are forgotten afterwards. The key is RSA 2048, as real ones, and
 * then the same for all tokens of dir; or P-256, which is quickly made.
 */
int vattest_provision(struct state *st, const char *dir, bool rsa, char *msg, size_t msg_len);

/* The DER of a certificate that says how the key in slot came there. */
int vattest_leaf(struct state *st, const struct state_slot *slot, struct vbuf *out);

#endif
