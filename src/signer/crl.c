/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/file.h"
#include "signer/crl.h"
#include "signer/crl_build.h"
#include "signer/crl_root.h"
#include "signer/crl_scan.h"
#include "signer/seal.h"
#include "signer/seal_file.h"

#define DAY INT64_C(86400)
#define BACKDATE 300 /* seconds: a server whose clock is behind refuses a CRL of the future */
#define ISSUING_CRL CA_PUB "/issuing.crl"

/* ---- what crl_scan reads in it ---- */

static int
not_as_planned(struct err *err)
{
	return err_set(err, ERR_CA, "the CRL does not say what it should");
}

static bool
same(const struct crl_entry *e, const struct log_cert *c)
{
	return memcmp(e->serial, c->serial, LOG_SERIAL_LEN) == 0 &&
	       e->revoked_at == c->revoked_at && e->reason == c->reason &&
	       e->has_reason == (c->reason != REASON_UNSPECIFIED);
}

/* Everyone who should be in it, and nobody else. */
static int
check_entries(
    const struct log *log, const struct crl_plan *plan, struct crl_scan *s, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *walk = NULL;
	struct crl_entry e;
	struct log_cert c;
	int rc;

	if ((rc = log_walk(log, plan->ca, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(walk, &c, err)) == 1) {
		if (!crl_listed(&c, plan))
			continue;
		if (crl_scan_next(s, &e, NULL) != 1 || !same(&e, &c))
			return not_as_planned(err);
	}
	return rc != 0 ? rc : crl_scan_next(s, &e, NULL) == 0 ? 0 : not_as_planned(err);
}

static int
check_frame(const struct crl_plan *plan, const struct crl_scan *s, struct err *err)
{
	const struct log_audit *audit = &plan->audit;
	struct der_cert issuer;
	const uint8_t *alg;
	size_t len;
	int rc, nid;

	if ((rc = der_cert(plan->issuer, &issuer, err)) != 0 ||
	    (rc = seal_algorithm(key_algorithm(plan->key), &alg, &len, &nid, err)) != 0)
		return rc;
	if (!s->v2 || s->alg.raw_len != len || memcmp(s->alg.raw, alg, len) != 0 ||
	    s->this_update != plan->this_update || s->next_update != plan->next_update ||
	    s->number != plan->number || s->other != 0 || s->aki.len != issuer.ski.len ||
	    memcmp(s->aki.value, issuer.ski.value, issuer.ski.len) != 0 ||
	    s->has_list != (s->entries > 0))
		return not_as_planned(err);
	if (plan->ca == LOG_ISSUING && audit->rows > 0
		? s->audit.rows != audit->rows ||
		      memcmp(s->audit.head, audit->head, LOG_HASH_LEN) != 0
		: s->audit.rows != 0)
		return not_as_planned(err);
	return 0;
}

static int
check(const struct log *log, const struct crl_plan *plan, const struct crl_file *f, struct err *err)
{
	struct crl_scan s;
	int rc;

	if ((rc = crl_scan_begin(f, &s, err)) != 0 ||
	    (rc = crl_scan_verify(&s, plan->issuer, err)) != 0)
		return ERR_CA;
	if ((rc = check_entries(log, plan, &s, err)) != 0 || (rc = check_frame(plan, &s, err)) != 0)
		return rc;
	crl_file_forget(f, f->len);
	return 0;
}

/* ---- signing ---- */

static int
make(struct log *log, const struct log_who *who, const struct crl_plan *wanted, struct crl_file *f,
    struct err *err)
{
	const struct log_audit *known = &log->sums.audit;
	struct crl_plan with_audit = *wanted;
	const struct crl_plan *plan = &with_audit;
	uint8_t sig[KEY_SIG_MAX], hash[LOG_HASH_LEN];
	size_t entries, sig_len = 0;
	int rc;

	/* the intent's line will tell it */
	with_audit.audit = who->audit.rows >= known->rows ? who->audit : *known;
	if ((rc = crl_build(log, plan, f, &entries, err)) != 0 ||
	    (rc = crl_file_hash(f, hash, err)) != 0 ||
	    (rc = log_crl_intent(log, who, plan->ca, plan->number, hash, err)) != 0 ||
	    (rc = seal_file_sign(plan->key, f, sig, &sig_len, err)) != 0 ||
	    (rc = crl_build_end(f, plan, sig, sig_len, err)) != 0)
		return rc;
	return check(log, plan, f, err);
}

int
crl_sign(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct crl_file *ret, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	const int rc = make(log, who, plan, &f, err);

	if (rc != 0) {
		err_wrap(err, "CRL");
		return rc;
	}
	*ret = f;
	f = (struct crl_file)CRL_FILE_INIT;
	return 0;
}

int
crl_issue(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct blob *ret_der, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if ((rc = crl_sign(log, who, plan, &f, err)) != 0 ||
	    (rc = crl_file_hash(&f, hash, err)) != 0 ||
	    (rc = log_crl_signed(log, who, plan->ca, plan->number, hash, err)) != 0)
		return rc;
	return blob_set(ret_der, f.der, f.len, err);
}

/* ---- what is published ---- */

bool
crl_is_last(const struct log *log, enum log_ca ca, const uint8_t hash[static LOG_HASH_LEN])
{
	return log->sums.crls[ca].signed_number > 0 &&
	       memcmp(hash, log->sums.crls[ca].sha256, LOG_HASH_LEN) == 0;
}

int
crl_take(struct ca *ca, enum log_ca which, const struct crl_file *f, struct err *err)
{
	struct crl_entry e;
	struct crl_scan s;
	int rc;

	if ((rc = crl_scan_begin(f, &s, err)) != 0)
		return rc;
	while ((rc = crl_scan_next(&s, &e, err)) == 1)
		;
	if (rc != 0)
		return rc;
	blob_wipe(&ca->crl[which]);
	if (f->len <= CA_CRL_SHORT && (rc = blob_set(&ca->crl[which], f->der, f->len, err)) != 0)
		return rc;
	ca->crls[which] = (struct ca_crl){.there = true,
	    .number = s.number,
	    .entries = s.entries,
	    .from = s.this_update,
	    .until = s.next_update};
	return 0;
}

/* What is not there, or is damaged, is made again. */
static int
load_issuing(struct ca *ca, struct err *err)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ISSUING];
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	char path[PATH_MAX], dir[PATH_MAX];
	uint8_t hash[LOG_HASH_LEN];
	struct crl_scan s;
	int rc;

	if ((rc = ca_path(ca->home, ISSUING_CRL, path, err)) != 0 ||
	    (rc = ca_path(ca->home, CA_DIR, dir, err)) != 0 ||
	    (rc = crl_file_from_pem(path, dir, &f, err)) != 0)
		return rc == ERR_ABSENT ? 0 : rc;
	if ((rc = crl_file_hash(&f, hash, err)) != 0)
		return rc;
	if (crl_is_last(ca->log, LOG_ISSUING, hash))
		return crl_take(ca, LOG_ISSUING, &f, err);
	if (crl_scan_begin(&f, &s, NULL) != 0 || s.number <= known->number ||
	    crl_scan_verify(&s, &ca->cert[LOG_ISSUING], NULL) != 0)
		return 0;
	/* A log that was restored from a backup would "un-revoke" what came after it. */
	return err_set(err, ERR_CA,
	    "%s has number %llu, the issuance log only %llu: the log was restored from an old "
	    "backup, restore the latest one",
	    path, (unsigned long long)s.number, (unsigned long long)known->number);
}

int
crl_load(struct ca *ca, struct err *err)
{
	int rc = load_issuing(ca, err);

	return rc != 0 ? rc : crl_root_load(ca, err);
}

bool
crl_fresh(const struct ca *ca)
{
	const struct ca_crl *crl = &ca->crls[LOG_ISSUING];

	return !ca->log->sums.stale && crl->there &&
	       ca->now() - crl->from < (crl->until - crl->from) / 2;
}

static int
renew(struct ca *ca, const struct log_who *who, const struct crl_plan *plan, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	uint8_t hash[LOG_HASH_LEN];
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_path(ca->home, ISSUING_CRL, path, err)) != 0 ||
	    (rc = crl_guard(ca->log, plan, path, plan->issuer, err)) != 0)
		return rc;
	/* until the new one is out, there is none: not even when publishing fails */
	ca->crls[LOG_ISSUING].there = false;
	if ((rc = crl_sign(ca->log, who, plan, &f, err)) != 0 ||
	    (rc = crl_file_hash(&f, hash, err)) != 0 ||
	    (rc = log_crl_signed(ca->log, who, LOG_ISSUING, plan->number, hash, err)) != 0 ||
	    (rc = crl_file_to_pem(&f, path, 0644, err)) != 0)
		return rc;
	return crl_take(ca, LOG_ISSUING, &f, err);
}

int
crl_renew(struct ca *ca, uint32_t peer, bool always, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	char dir[PATH_MAX];
	struct crl_plan plan = {
	    .ca = LOG_ISSUING,
	    .issuer = &ca->cert[LOG_ISSUING],
	    .key = ca->key,
	    .number = ca->log->sums.crls[LOG_ISSUING].number + 1,
	    /* never back: the log's last line is not after who.now */
	    .this_update = who.now - BACKDATE,
	    .next_update = who.now + (int64_t)rules_crl_days(ca->rules) * DAY,
	    .dir = dir,
	};
	int rc;

	if (!always && crl_fresh(ca))
		return 0;
	if ((rc = ca_path(ca->home, CA_DIR, dir, err)) != 0)
		return rc;
	return renew(ca, &who, &plan, err);
}
