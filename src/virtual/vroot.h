/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vroot - the TEST attestation root, shared by the virtual keys of one directory: root.pem (the
 * certificate, to be trusted by rehearsals only) and root.key. Made on first use; processes that
 * start at once wait for each other on root.lock.
 */
#ifndef VIRTUAL_VROOT_H
#define VIRTUAL_VROOT_H

#include <openssl/x509.h>

/* dir NULL: in memory only. 0, or -1 with a message; the caller frees both. */
int vroot_open(const char *dir, EVP_PKEY **ret_key, X509 **ret_cert, char *msg, size_t msg_len);

#endif
