/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vattest - the attestation chain: a TEST root, one attestation key (F9) per token issued under
 * it, and statements about keys generated in slots.
 *
 * The root's subject says TEST and names neither Yubico nor YubiKey; what is below it is encoded
 * as real tokens of the same firmware do. F9 is P-256 here (real: RSA-2048), to be made quickly.
 * Functions return 0 or -1.
 */
#ifndef VIRTUAL_VATTEST_H
#define VIRTUAL_VATTEST_H

#include <openssl/x509.h>

#include "virtual/state.h"
#include "virtual/vtlv.h"

/*
 * Give a new token its F9 key and certificate (object 5FFF01), issued by the root of dir:
 * root.pem and root.key, made if missing; dir NULL: by a root that is forgotten afterwards.
 * The root's certificate is kept in the state.
 */
int vattest_provision(struct state *st, const char *dir, char *msg, size_t msg_len);

/* The DER of a certificate that says how the key in slot came there. */
int vattest_leaf(struct state *st, const struct state_slot *slot, struct vbuf *out);

/* Pieces that the root needs too: a version 3 certificate with subject CN and serial, its
 * validity (YYYYMMDDHHMMSSZ), critical basicConstraints. */
X509 *vattest_cert(const char *subject, EVP_PKEY *key, size_t serial_len);
int vattest_validity(X509 *x, const char *from, const char *until);
int vattest_ca(X509 *x, int path_len);

#endif
