/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vattest - a token's part of the attestation chain: its attestation key (F9), issued by a CA of
 * vroot.h, and statements about keys generated in slots, encoded as real tokens of the same
 * firmware do. Functions return 0 or -1.
 */
#ifndef VIRTUAL_VATTEST_H
#define VIRTUAL_VATTEST_H

#include <openssl/x509.h>

#include "virtual/state.h"
#include "virtual/vtlv.h"

/*
 * Give a new token its F9 key and certificate (object 5FFF01), issued by the CAs of dir, made if
 * missing; dir NULL: by some that are forgotten afterwards. The key is RSA 2048, as real ones, and
 * then the same for all tokens of dir; or P-256, which is quickly made. The root's certificate is
 * kept in the state, the intermediates' are not.
 */
int vattest_provision(struct state *st, const char *dir, bool rsa, char *msg, size_t msg_len);

/* The DER of a certificate that says how the key in slot came there. */
int vattest_leaf(struct state *st, const struct state_slot *slot, struct vbuf *out);

/* Pieces that the CAs need too: a version 3 certificate with subject CN and serial, its
 * validity (YYYYMMDDHHMMSSZ), critical basicConstraints. */
X509 *vattest_cert(const char *subject, EVP_PKEY *key, size_t serial_len);
int vattest_validity(X509 *x, const char *from, const char *until);
int vattest_ca(X509 *x, int path_len);

#endif
