/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <unistd.h>

#include "signer/crl.h"
#include "signer/sign.h"

#define DAY INT64_C(86400)
#define BACKDATE 300 /* seconds: a server whose clock is behind refuses a CRL of the future */
#define ROOT_KEY CA_DIR "/root.key"
#define ROOT_CRL CA_DIR "/root.crl" /* the signer's own, which the desk cannot exchange */

static const char *const pub[LOG_CAS] = {CA_PUB "/issuing.crl", CA_PUB "/root.crl"};

/* ---- what crl_scan reads in it ---- */

static int
not_as_planned(struct err *err)
{
	return err_set(err, ERR_CA, "the CRL's contents are not as expected");
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

	if ((rc = crl_walk(log, plan, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(walk, &c, err)) == 1)
		if (crl_scan_next(s, &e, NULL) != 1 || !same(&e, &c))
			return not_as_planned(err);
	return rc != 0 ? rc : crl_scan_next(s, &e, NULL) == 0 ? 0 : not_as_planned(err);
}

static int
check_frame(const struct crl_plan *plan, const struct crl_scan *s, struct err *err)
{
	const struct signer_audit *audit = &plan->audit;
	struct der_cert issuer;
	const struct sign_algorithm *alg;
	int rc;

	if ((rc = der_cert(plan->issuer, &issuer, err)) != 0 ||
	    (rc = sign_algorithm(key_algorithm(plan->key), &alg, err)) != 0)
		return rc;
	if (!s->v2 || s->issuer.raw_len != issuer.subject.raw_len ||
	    memcmp(s->issuer.raw, issuer.subject.raw, issuer.subject.raw_len) != 0 ||
	    s->alg.raw_len != alg->der_len || memcmp(s->alg.raw, alg->der, alg->der_len) != 0 ||
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
check(const struct log *log, const struct crl_plan *plan, const struct crl_file *f,
    struct crl_scan *ret, struct err *err)
{
	int rc;

	if (crl_scan_begin(f, plan->issuer, ret, err) != 0)
		return ERR_CA;
	if ((rc = check_entries(log, plan, ret, err)) != 0 ||
	    (rc = check_frame(plan, ret, err)) != 0)
		return rc;
	crl_file_forget(f, f->len);
	return 0;
}

/* ---- signing ---- */

static int
make(struct log *log, const struct log_who *who, const struct crl_plan *wanted, struct crl_file *f,
    struct crl_scan *ret_read, struct err *err)
{
	const struct signer_audit *known = &log->sums.audit;
	struct crl_plan with_audit = *wanted;
	const struct crl_plan *plan = &with_audit;
	uint8_t sig[KEY_SIG_MAX], hash[LOG_HASH_LEN];
	size_t sig_len = 0;
	int rc;

	/* the intent's line will tell it */
	with_audit.audit = who->audit.rows >= known->rows ? who->audit : *known;
	if ((rc = crl_build(log, plan, f, err)) != 0 || (rc = crl_file_hash(f, hash, err)) != 0 ||
	    (rc = log_of_crl(log, who, "crl-intent", plan->ca, plan->number, hash, err)) != 0 ||
	    (rc = sign_bytes(plan->key, f, f->der, f->len, sig, &sig_len, err)) != 0 ||
	    (rc = crl_build_end(f, plan, sig, sig_len, err)) != 0)
		return rc;
	return check(log, plan, f, ret_read, err);
}

/* ret_read: what is in it, read to its end. */
static int
sign(struct log *log, const struct log_who *who, const struct crl_plan *plan, struct crl_file *ret,
    struct crl_scan *ret_read, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	const int rc = make(log, who, plan, &f, ret_read, err);

	if (rc != 0) {
		err_wrap(err, "CRL");
		return rc;
	}
	crl_file_move(ret, &f);
	return 0;
}

int
crl_issue(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct blob *ret_der, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	uint8_t hash[LOG_HASH_LEN];
	struct crl_scan s;
	int rc;

	if ((rc = sign(log, who, plan, &f, &s, err)) != 0 ||
	    (rc = crl_file_hash(&f, hash, err)) != 0 ||
	    (rc = log_of_crl(log, who, "crl-signed", plan->ca, plan->number, hash, err)) != 0)
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

/* What ca->crls says of it from now on; s: read to its end. */
static int
take(struct ca *ca, enum log_ca which, const struct crl_file *f, const struct crl_scan *s,
    struct err *err)
{
	int rc;

	blob_wipe(&ca->crl[which]);
	if (f->len <= CA_CRL_SHORT && (rc = blob_set(&ca->crl[which], f->der, f->len, err)) != 0)
		return rc;
	ca->crls[which] = (struct ca_crl){.there = true,
	    .number = s->number,
	    .entries = s->entries,
	    .from = s->this_update,
	    .until = s->next_update};
	return 0;
}

/* One that the log knows. */
static int
take_read(struct ca *ca, enum log_ca which, const struct crl_file *f, struct err *err)
{
	struct crl_entry e;
	struct crl_scan s;
	int rc;

	if ((rc = crl_scan_begin(f, NULL, &s, err)) != 0)
		return rc;
	while ((rc = crl_scan_next(&s, &e, err)) == 1)
		;
	return rc != 0 ? rc : take(ca, which, f, &s, err);
}

/* Errors: as crl_file_from_pem. */
static int
read_crl(const struct ca *ca, const char *name, struct crl_file *ret,
    uint8_t ret_hash[static LOG_HASH_LEN], struct err *err)
{
	const struct ca_name path = ca_name(ca->home, name), dir = ca_name(ca->home, CA_DIR);
	const int rc = crl_file_from_pem(path.at, dir.at, ret, err);

	return rc != 0 ? rc : crl_file_hash(ret, ret_hash, err);
}

/* What is not there, or is damaged, is made again. */
static int
load_issuing(struct ca *ca, struct err *err)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ISSUING];
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	uint8_t hash[LOG_HASH_LEN];
	struct crl_scan s;
	int rc;

	if ((rc = read_crl(ca, pub[LOG_ISSUING], &f, hash, err)) != 0)
		return rc == ERR_ABSENT ? 0 : rc;
	if (crl_is_last(ca->log, LOG_ISSUING, hash))
		return take_read(ca, LOG_ISSUING, &f, err);
	if (crl_scan_begin(&f, &ca->cert[LOG_ISSUING], &s, NULL) != 0 || s.number <= known->number)
		return 0;
	/* A log that was restored from a backup would "un-revoke" what came after it. */
	return err_set(err, ERR_CA,
	    "%s has number %llu but the issuance log only %llu: the log was restored from an old "
	    "backup; restore the latest one",
	    ca_name(ca->home, pub[LOG_ISSUING]).at, (unsigned long long)s.number,
	    (unsigned long long)known->number);
}

/* A crash came between the file and the log's last word on it. */
static bool
is_intended(const struct ca *ca, const struct crl_file *f)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ROOT];
	struct crl_scan s;

	return known->number > known->signed_number &&
	       crl_scan_begin(f, &ca->cert[LOG_ROOT], &s, NULL) == 0 && s.number == known->number;
}

/* Servers read another file than the signer does. */
static int
publish_root(const struct ca *ca, const struct crl_file *f, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file there = CRL_FILE_INIT;
	uint8_t hash[LOG_HASH_LEN];

	if (read_crl(ca, pub[LOG_ROOT], &there, hash, NULL) == 0 && there.len == f->len &&
	    memcmp(there.der, f->der, f->len) == 0)
		return 0;
	return crl_file_to_pem(f, ca_name(ca->home, pub[LOG_ROOT]).at, 0644, err);
}

static int
load_root(struct ca *ca, struct err *err)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ROOT];
	const struct log_who who = ca_who(ca, (uint32_t)geteuid());
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	uint8_t hash[LOG_HASH_LEN] = {0};
	int rc;

	/* one level, or a root whose key never was here */
	if (known->number == 0)
		return 0;
	rc = read_crl(ca, ROOT_CRL, &f, hash, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (f.len > 0 && !crl_is_last(ca->log, LOG_ROOT, hash) && is_intended(ca, &f) &&
	    (rc = log_of_crl(ca->log, &who, "crl-signed", LOG_ROOT, known->number, hash, err)) != 0)
		return rc;
	if (f.len == 0 || !crl_is_last(ca->log, LOG_ROOT, hash))
		return err_set(err, ERR_CA,
		    ROOT_CRL
		    " is not the latest CRL that the root signed; restore it from a backup");
	rc = publish_root(ca, &f, err);
	return rc != 0 ? rc : take_read(ca, LOG_ROOT, &f, err);
}

int
crl_load(struct ca *ca, struct err *err)
{
	const int rc = load_issuing(ca, err);

	return rc != 0 ? rc : load_root(ca, err);
}

bool
crl_fresh(const struct ca *ca)
{
	const struct ca_crl *crl = &ca->crls[LOG_ISSUING];
	const int64_t wanted = rules_crl_days(ca->rules, ca->listens) * DAY;
	const int64_t life = crl->until - crl->from < wanted ? crl->until - crl->from : wanted;

	return !ca->log->sums.stale && crl->there && ca->now() - crl->from < life / 2;
}

/* The root's own file is there before the log says so. */
static int
publish(struct ca *ca, const struct log_who *who, const struct crl_plan *plan,
    const struct crl_file *f, const struct crl_scan *s, struct err *err)
{
	const bool root = plan->ca == LOG_ROOT;
	uint8_t hash[LOG_HASH_LEN];
	const struct ca_name path = ca_name(ca->home, root ? ROOT_CRL : pub[LOG_ISSUING]);
	int rc;

	if ((rc = crl_file_hash(f, hash, err)) != 0 ||
	    (root && (rc = crl_file_to_pem(f, path.at, 0600, err)) != 0) ||
	    (rc = log_of_crl(ca->log, who, "crl-signed", plan->ca, plan->number, hash, err)) != 0 ||
	    (rc = root ? publish_root(ca, f, err) : crl_file_to_pem(f, path.at, 0644, err)) != 0)
		return rc;
	return take(ca, plan->ca, f, s, err);
}

/* ret: what was published. */
static int
renew(struct ca *ca, uint32_t peer, enum log_ca which, const struct key *key, int64_t days,
    struct crl_file *ret, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	const struct ca_name path = ca_name(ca->home, pub[which]);
	const struct ca_name dir = ca_name(ca->home, CA_DIR);
	const struct crl_plan plan = {
	    .ca = which,
	    .issuer = &ca->cert[which],
	    .key = key,
	    .number = ca->log->sums.crls[which].number + 1,
	    /* never back: the log's last line is not after who.now */
	    .this_update = who.now - BACKDATE,
	    .next_update = who.now + days * DAY,
	    .dir = dir.at,
	};
	struct crl_scan s;
	int rc;

	if ((rc = crl_guard(ca->log, &plan, path.at, plan.issuer, err)) != 0)
		return rc;
	/* until the new one is out, there is none: not even when publishing fails */
	ca->crls[which].there = false;
	rc = sign(ca->log, &who, &plan, ret, &s, err);
	if (which == LOG_ROOT)
		key_freep(&ca->root_key);
	return rc != 0 ? rc : publish(ca, &who, &plan, ret, &s, err);
}

static int
renew_issuing(struct ca *ca, uint32_t peer, struct crl_file *ret, struct err *err)
{
	return renew(
	    ca, peer, LOG_ISSUING, ca->key, rules_crl_days(ca->rules, ca->listens), ret, err);
}

int
crl_renew(struct ca *ca, uint32_t peer, bool always, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;

	return !always && crl_fresh(ca) ? 0 : renew_issuing(ca, peer, &f, err);
}

bool
crl_will_list(const struct ca *ca, const struct log_cert *c)
{
	const int64_t now = ca->now();
	const struct crl_plan plan = {.this_update = now - BACKDATE,
	    .next_update = now + (int64_t)rules_crl_days(ca->rules, ca->listens) * DAY};

	return c->not_after > crl_ended(&plan);
}

static int
read_last(const struct ca *ca, struct crl_file *ret, struct err *err)
{
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if ((rc = read_crl(ca, pub[LOG_ISSUING], ret, hash, err)) != 0)
		return rc == ERR_ABSENT ? ERR_CA : rc;
	if (!crl_is_last(ca->log, LOG_ISSUING, hash))
		return err_set(err, ERR_CA,
		    "%s is not the latest CRL that was signed; sign a new one with: ykenroll ca "
		    "crl",
		    ca_name(ca->home, pub[LOG_ISSUING]).at);
	return 0;
}

int
crl_shows(struct ca *ca, uint32_t peer, bool always, const uint8_t *serial, size_t len, bool *ret,
    struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	uint8_t want[LOG_SERIAL_LEN];
	struct crl_entry e;
	struct crl_scan s;
	bool found = false;
	int rc;

	rc = always || !crl_fresh(ca) ? renew_issuing(ca, peer, &f, err) : read_last(ca, &f, err);
	if (rc != 0)
		return rc;
	if (log_serial(serial, len, want) != 0 || crl_scan_begin(&f, NULL, &s, err) != 0)
		return ERR_CA;
	while (!found && (rc = crl_scan_next(&s, &e, err)) == 1)
		found = memcmp(e.serial, want, sizeof(want)) == 0;
	if (rc < 0)
		return rc == ERR_FIT ? ERR_CA : rc;
	*ret = found;
	return 0;
}

int
crl_root_renew(struct ca *ca, uint32_t peer, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;

	if (ca->root_key == NULL)
		return err_set(err, ERR_CA, "this signer has not been given the root's key");
	return renew(ca, peer, LOG_ROOT, ca->root_key, CA_CRL_ROOT_DAYS, &f, err);
}

/* ---- the root's key ---- */

static int
not_there(const char *path, struct err *err)
{
	return err_set(err, ERR_CA,
	    "%s is missing: bring the root's key back for this, then take it offline again", path);
}

int
crl_root_secret(const char *home, enum key_secret *ret, struct err *err)
{
	const struct ca_name path = ca_name(home, ROOT_KEY);
	int rc;

	rc = key_file_secret(path.at, ret, err);
	return rc == ERR_ABSENT ? not_there(path.at, err) : rc;
}

int
crl_root_unlock(struct ca *ca, const struct secret *pass, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	const struct ca_name path = ca_name(ca->home, ROOT_KEY);
	int rc;

	rc = key_file_load(path.at, pass, &key, err);
	if (rc == ERR_ABSENT)
		return not_there(path.at, err);
	if (rc != 0) {
		err_wrap(err, "the root's key");
		return rc;
	}
	if ((rc = ca_key_of(key, &ca->cert[LOG_ROOT], ERR_CA, ROOT_KEY, "ca/root.crt", err)) != 0)
		return rc;
	ca->root_key = TAKE(key);
	return 0;
}
