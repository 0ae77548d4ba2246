/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crl: the list of what the issuance log says is revoked or abandoned (RFC 5280, 5). It is never
 * held in memory as a whole: crl_build writes it, crl_scan reads it back, crl_guard compares it
 * with the one that servers have.
 */
#ifndef SIGNER_CRL_H
#define SIGNER_CRL_H

#include "signer/ca.h"
#include "signer/crl_file.h"

struct crl_plan {
	enum log_ca ca;
	const struct blob *issuer; /* DER certificate */
	const struct key *key;
	uint64_t number;
	int64_t this_update, next_update;
	const char *dir;	   /* for temporary files */
	struct signer_audit audit; /* filled in when it is signed */
};

/* Intent, signature, check, and "signed" in the log, of a short one; its DER. Errors: ERR_CA;
 * ERR_INTERNAL. */
MUST_CHECK int crl_issue(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct blob *ret_der, struct err *err);

/* Take over what is published if it is the last that the log knows, and see to pub/root.crl.
 * Errors: ERR_CA it is newer than the log; of the root, it is not the last one. */
MUST_CHECK int crl_load(struct ca *ca, struct err *err);

/* Is this the CRL that the log knows as the last signed one? */
bool crl_is_last(const struct log *log, enum log_ca ca, const uint8_t hash[static LOG_HASH_LEN]);

/* Is what is published of the issuing CA the log's last word, with half its life left? */
bool crl_fresh(const struct ca *ca);

/* Make and publish the issuing CA's CRL: always, or when half its life is gone or it is not the
 * log's last word. */
MUST_CHECK int crl_renew(struct ca *ca, uint32_t peer, bool always, struct err *err);

/* The root's: its key is in the process from crl_root_unlock to the signature. ca/root.crl is
 * written before the log says "signed": a crash in between leaves the new CRL there under its
 * logged intent, and the next start takes it over. */

/* What opens it. Errors: ERR_CA it is not there; ERR_USAGE; ERR_INTERNAL. */
MUST_CHECK int crl_root_secret(const char *home, enum key_secret *ret, struct err *err);
/* Errors: ERR_CA wrong passphrase, not there, not the root's. */
MUST_CHECK int crl_root_unlock(struct ca *ca, const struct secret *pass, struct err *err);
/* Sign with the unlocked key, forget the key, publish. Errors: ERR_CA no key is unlocked. */
MUST_CHECK int crl_root_renew(struct ca *ca, uint32_t peer, struct err *err);

/* Would the planned CRL be older than the one at path, which servers have, or lack a certificate
 * that is on that? One may be missing when its hold was released or when it has expired. What is
 * not this CA's CRL does not count. Errors: ERR_CA with what would be lost; ERR_INTERNAL. */
MUST_CHECK int crl_guard(const struct log *log, const struct crl_plan *plan, const char *path,
    const struct blob *issuer, struct err *err);
/* Only the second question, of one that was begun to be read; from: what does not have them. */
struct crl_scan;
MUST_CHECK int crl_guard_scan(const struct log *log, const struct crl_plan *plan,
    struct crl_scan *old, const char *path, const char *from, struct err *err);

#endif
