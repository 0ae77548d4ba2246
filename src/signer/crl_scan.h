/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crl_scan: a CRL read entry by entry, whoever made it. It shares no encoder with crl_build; what
 * that made is compared with the log by what is read here.
 *
 *   crl_scan_begin -> crl_scan_next until 0 -> the rest of struct crl_scan is filled
 */
#ifndef SIGNER_CRL_SCAN_H
#define SIGNER_CRL_SCAN_H

#include "signer/crl_file.h"
#include "signer/der.h"
#include "ykenroll/key.h"

struct crl_scan {
	const struct crl_file *f;
	struct der tbs, alg, issuer, list; /* list.len 0: there is none */
	bool v2, has_list;		   /* revokedCertificates, perhaps empty */
	int64_t this_update, next_update;  /* next_update 0: absent */
	size_t at, forgotten;		   /* in list */
	size_t entries;			   /* read so far */
	struct der extensions;		   /* the list in [0]; len 0: none */
	uint64_t number;		   /* CRLNumber; 0: none. More than 63 bits: refused */
	struct der aki;			   /* keyIdentifier; len 0: none */
	struct signer_audit audit;
	size_t other;		 /* extensions besides these three, of the CRL and of entries */
	struct der sig_alg, sig; /* AlgorithmIdentifier; octets of the BIT STRING */
};

struct crl_entry {
	uint8_t serial[LOG_SERIAL_LEN];
	int64_t revoked_at;
	uint8_t reason; /* 0 when it says none */
	bool has_reason;
};

/* Errors: ERR_FIT not a CRL that can be read. */
MUST_CHECK int crl_scan_begin(const struct crl_file *f, struct crl_scan *ret, struct err *err);
/* 1: *ret is the next; 0: that was all. Errors: ERR_FIT. */
MUST_CHECK int crl_scan_next(struct crl_scan *s, struct crl_entry *ret, struct err *err);

/* Is it signed by the owner of this certificate, and issued in its name? Errors: ERR_FIT no;
 * ERR_INTERNAL. */
MUST_CHECK int crl_scan_verify(
    const struct crl_scan *s, const struct blob *issuer, struct err *err);

#endif
