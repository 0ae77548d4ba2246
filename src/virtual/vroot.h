/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vroot - the TEST attestation CAs, shared by the virtual keys of one directory: a root, which
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
#ifndef VIRTUAL_VROOT_H
#define VIRTUAL_VROOT_H

#include <stdbool.h>

#include <openssl/x509.h>

struct vroot {
	X509 *root;
	X509 *issuer; /* of F9: the root, or an intermediate */
	EVP_PKEY *issuer_key;
	EVP_PKEY *f9_rsa; /* if asked for */
};

/* dir NULL: in memory only. 0, or -1 with a message. */
int vroot_open(
    const char *dir, bool intermediates, bool f9_rsa, struct vroot *ret, char *msg, size_t msg_len);
void vroot_wipe(struct vroot *r);

#endif
