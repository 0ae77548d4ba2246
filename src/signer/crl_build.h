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
 * one. The UUID 48099d54-555e-4edf-a6dc-3d442dbfee95 below the arc that Microsoft's oidgen uses:
 * GnuTLS cannot read a CRL with 2.25, whose one number has 128 bits. */
#define CRL_AUDIT_OID "1.2.840.113556.1.8000.2554.18441.40276.21854.20191.42716.4015149.12578453"
#define CRL_AUDIT_OID_DER                                                                         \
	0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x01, 0xbe, 0x40, 0x93, 0x7a, 0x81, 0x90, 0x09, 0x82, \
	    0xba, 0x54, 0x81, 0xaa, 0x5e, 0x81, 0x9d, 0x5f, 0x82, 0xcd, 0x5c, 0x81, 0xf5, 0x88,   \
	    0x2d, 0x85, 0xff, 0xdd, 0x15
#define CRL_AUDIT_LEN 40

/* Does the CRL that is planned have this certificate? */
bool crl_listed(const struct log_cert *c, const struct crl_plan *plan);

/* The to-be-signed part, in a temporary file in plan->dir behind room for its head. Errors: ERR_CA;
 * ERR_INTERNAL. */
MUST_CHECK int crl_build(
    const struct log *log, const struct crl_plan *plan, struct crl_file *ret, struct err *err);
/* Put the signature behind it and the head before it: ret->der is the CRL then. */
MUST_CHECK int crl_build_end(struct crl_file *f, const struct crl_plan *plan, const uint8_t *sig,
    size_t sig_len, struct err *err);

#endif
