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
#include "signer/der.h"

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

/* Would a CRL that is made now list it, once it is revoked? Not when it expired long ago. */
bool crl_will_list(const struct ca *ca, const struct log_cert *c);

/* As crl_renew; and what lies there for servers, read back, lists this serial: *ret. */
MUST_CHECK int crl_shows(struct ca *ca, uint32_t peer, bool always, const uint8_t *serial,
    size_t len, bool *ret, struct err *err);

/* The root's: its key is in the process from crl_root_unlock to the signature. ca/root.crl is
 * written before the log says "signed": a crash in between leaves the new CRL there under its
 * logged intent, and the next start takes it over. */

/* What opens it. Errors: ERR_CA it is not there; ERR_USAGE; ERR_INTERNAL. */
MUST_CHECK int crl_root_secret(const char *home, enum key_secret *ret, struct err *err);
/* Errors: ERR_CA wrong passphrase, not there, not the root's. */
MUST_CHECK int crl_root_unlock(struct ca *ca, const struct secret *pass, struct err *err);
/* Sign with the unlocked key, forget the key, publish. Errors: ERR_CA no key is unlocked. */
MUST_CHECK int crl_root_renew(struct ca *ca, uint32_t peer, struct err *err);

/* ---- crl_build.c ---- */

/*
 * The DER of a CRL (RFC 5280, 5), written entry by entry: one walk over the log to know
 * the lengths, one to write. It shares nothing with crl_scan, which reads it back.
 */

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

/* Certificates that ended until then are on no CRL that is planned so. */
int64_t crl_ended(const struct crl_plan *plan);
/* Those that the CRL that is planned has; log_walk_next follows. */
MUST_CHECK int crl_walk(
    const struct log *log, const struct crl_plan *plan, struct db_stmt **ret_walk, struct err *err);

/* The to-be-signed part, in a temporary file in plan->dir behind room for its head. Errors: ERR_CA;
 * ERR_INTERNAL. */
MUST_CHECK int crl_build(
    const struct log *log, const struct crl_plan *plan, struct crl_file *ret, struct err *err);
/* Put the signature behind it and the head before it: ret->der is the CRL then. */
MUST_CHECK int crl_build_end(struct crl_file *f, const struct crl_plan *plan, const uint8_t *sig,
    size_t sig_len, struct err *err);

/* ---- crl_scan.c ---- */

/*
 * A CRL read entry by entry, whoever made it. It shares no encoder with crl_build; what
 * that made is compared with the log by what is read here.
 *
 *   crl_scan_begin -> crl_scan_next until 0 -> the rest of struct crl_scan is filled
 */

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
	size_t other; /* extensions besides these three, of the CRL and of entries */
};

struct crl_entry {
	uint8_t serial[LOG_SERIAL_LEN];
	int64_t revoked_at;
	uint8_t reason; /* 0 when it says none */
	bool has_reason;
};

/* issuer: the certificate whose owner has signed it, in its name; NULL: not looked at. Errors:
 * ERR_FIT not a CRL that can be read, or another's; ERR_INTERNAL. */
MUST_CHECK int crl_scan_begin(
    const struct crl_file *f, const struct blob *issuer, struct crl_scan *ret, struct err *err);
/* 1: *ret is the next; 0: that was all. Errors: ERR_FIT. */
MUST_CHECK int crl_scan_next(struct crl_scan *s, struct crl_entry *ret, struct err *err);

/* Is it revoked for good there and only on hold in the log, from where it could be resumed? Then
 * the log is the older of the two: ours never go back from the one to the other. */
bool crl_entry_firmer(const struct crl_entry *e, const struct log_cert *c);

/* ---- crl_guard.c ---- */

/* Would the planned CRL be older than the one at path, which servers have, or lack a certificate
 * that is on that, or have only on hold what that has for good? One may be missing when its hold
 * was released or when it has expired. What is not this CA's CRL does not count. Errors: ERR_CA
 * with what would be lost; ERR_INTERNAL. */
MUST_CHECK int crl_guard(const struct log *log, const struct crl_plan *plan, const char *path,
    const struct blob *issuer, struct err *err);
/* Only the second question, of one that was begun to be read; from: what does not have them. */
MUST_CHECK int crl_guard_scan(const struct log *log, const struct crl_plan *plan,
    struct crl_scan *old, const char *path, const char *from, struct err *err);

#endif
