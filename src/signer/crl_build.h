/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crl_build: the DER of a CRL (RFC 5280, 5), written entry by entry: one walk over the log to know
 * the lengths, one to write. It shares nothing with crl_scan, which reads it back.
 */
#ifndef SIGNER_CRL_BUILD_H
#define SIGNER_CRL_BUILD_H

#include "signer/crl.h"
#include "signer/crl_file.h"

/* The head of the registry's audit chain, in a private extension that nobody needs to understand:
 * 40 octets in an OCTET STRING, 8 for the number of rows (big-endian) and the SHA-256 of the last
 * one. 2.25 and the UUID 48099d54-555e-4edf-a6dc-3d442dbfee95 as a number (X.667, 7.3). */
#define CRL_AUDIT_OID "2.25.95754337388134418140283051105083977365"
#define CRL_AUDIT_OID_DER                                                                         \
	0x69, 0x81, 0x90, 0x89, 0xce, 0xd5, 0x8a, 0xd5, 0xf2, 0xbb, 0xbf, 0xa6, 0xee, 0x8f, 0xa8, \
	    0xc2, 0xed, 0xff, 0xdd, 0x15
#define CRL_AUDIT_LEN 40

/* Does the CRL that is planned have this certificate? */
bool crl_listed(const struct log_cert *c, const struct crl_plan *plan);

/* The to-be-signed part, in a temporary file in plan->dir behind room for its head. *ret_entries:
 * how many. Errors: ERR_CA; ERR_INTERNAL. */
MUST_CHECK int crl_build(const struct log *log, const struct crl_plan *plan, struct crl_file *ret,
    size_t *ret_entries, struct err *err);
/* Put the signature behind it and the head before it: ret->der is the CRL then. */
MUST_CHECK int crl_build_end(struct crl_file *f, const struct crl_plan *plan, const uint8_t *sig,
    size_t sig_len, struct err *err);

#endif
