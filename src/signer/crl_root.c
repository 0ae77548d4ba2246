/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <unistd.h>

#include "signer/crl.h"
#include "signer/crl_root.h"
#include "signer/crl_scan.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)
#define BACKDATE 300 /* seconds, as in crl.c */
#define ROOT_KEY CA_DIR "/root.key"
#define ROOT_CRL CA_DIR "/root.crl"	/* the signer's own, which the desk cannot exchange */
#define ROOT_CRL_PUB CA_PUB "/root.crl" /* for the servers */

/* ---- the key ---- */

static int
check_key(const struct ca *ca, const struct key *key, struct err *err)
{
	CLEAN(blob_wipe) struct blob own = {0}, certs = {0};
	int rc;

	if ((rc = key_spki(key, &own, err)) != 0 ||
	    (rc = cert_spki(ca->cert[LOG_ROOT].data, ca->cert[LOG_ROOT].len, &certs, err)) != 0)
		return rc;
	if (!blob_equal(&own, &certs))
		return err_set(err, ERR_CA, ROOT_KEY " is not the key of ca/root.crt");
	return 0;
}

static int
not_there(const char *path, struct err *err)
{
	return err_set(err, ERR_CA,
	    "%s is not there: bring the root's key back for this, then take it away again", path);
}

int
crl_root_secret(const char *home, enum key_secret *ret, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_path(home, ROOT_KEY, path, err)) != 0)
		return rc;
	rc = key_file_secret(path, ret, err);
	return rc == ERR_ABSENT ? not_there(path, err) : rc;
}

int
crl_root_unlock(struct ca *ca, const struct secret *pass, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_path(ca->home, ROOT_KEY, path, err)) != 0)
		return rc;
	rc = key_file_load(path, pass, &key, err);
	if (rc == ERR_ABSENT)
		return not_there(path, err);
	if (rc != 0) {
		err_wrap(err, "the root's key");
		return rc;
	}
	if ((rc = check_key(ca, key, err)) != 0)
		return rc;
	ca->root_key = TAKE(key);
	return 0;
}

/* ---- what is there ---- */

/* A crash came between the file and the log's last word on it. */
static bool
is_intended(const struct ca *ca, const struct crl_file *f)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ROOT];
	struct crl_scan s;

	return known->number > known->signed_number && crl_scan_begin(f, &s, NULL) == 0 &&
	       s.number == known->number && crl_scan_verify(&s, &ca->cert[LOG_ROOT], NULL) == 0;
}

/* Servers read another file than the signer does. */
static int
publish(const struct ca *ca, const struct crl_file *f, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file there = CRL_FILE_INIT;
	char path[PATH_MAX], dir[PATH_MAX];
	int rc;

	if ((rc = ca_path(ca->home, ROOT_CRL_PUB, path, err)) != 0 ||
	    (rc = ca_path(ca->home, CA_DIR, dir, err)) != 0)
		return rc;
	if (crl_file_from_pem(path, dir, &there, NULL) == 0 && there.len == f->len &&
	    memcmp(there.der, f->der, f->len) == 0)
		return 0;
	return crl_file_to_pem(f, path, 0644, err);
}

int
crl_root_load(struct ca *ca, struct err *err)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ROOT];
	const struct log_who who = ca_who(ca, (uint32_t)geteuid());
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	char path[PATH_MAX], dir[PATH_MAX];
	uint8_t hash[LOG_HASH_LEN] = {0};
	int rc;

	/* one level, or a root whose key never was here */
	if (known->number == 0)
		return 0;
	if ((rc = ca_path(ca->home, ROOT_CRL, path, err)) != 0 ||
	    (rc = ca_path(ca->home, CA_DIR, dir, err)) != 0)
		return rc;
	rc = crl_file_from_pem(path, dir, &f, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (rc == 0 && (rc = crl_file_hash(&f, hash, err)) != 0)
		return rc;
	if (f.len > 0 && !crl_is_last(ca->log, LOG_ROOT, hash) && is_intended(ca, &f) &&
	    (rc = log_crl_signed(ca->log, &who, LOG_ROOT, known->number, hash, err)) != 0)
		return rc;
	if (f.len == 0 || !crl_is_last(ca->log, LOG_ROOT, hash))
		return err_set(err, ERR_CA,
		    ROOT_CRL " is not the CRL that the root signed last; restore it from a backup");
	rc = publish(ca, &f, err);
	return rc != 0 ? rc : crl_take(ca, LOG_ROOT, &f, err);
}

/* ---- a new one ---- */

static int
renew(struct ca *ca, const struct log_who *who, const struct crl_plan *plan, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	char own[PATH_MAX], pub[PATH_MAX];
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if ((rc = ca_path(ca->home, ROOT_CRL, own, err)) != 0 ||
	    (rc = ca_path(ca->home, ROOT_CRL_PUB, pub, err)) != 0 ||
	    (rc = crl_guard(ca->log, plan, pub, plan->issuer, err)) != 0)
		return rc;
	rc = crl_sign(ca->log, who, plan, &f, err);
	key_freep(&ca->root_key);
	if (rc != 0 || (rc = crl_file_hash(&f, hash, err)) != 0 ||
	    (rc = crl_file_to_pem(&f, own, 0600, err)) != 0 ||
	    (rc = log_crl_signed(ca->log, who, LOG_ROOT, plan->number, hash, err)) != 0 ||
	    (rc = publish(ca, &f, err)) != 0)
		return rc;
	return crl_take(ca, LOG_ROOT, &f, err);
}

int
crl_root_renew(struct ca *ca, uint32_t peer, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	char dir[PATH_MAX];
	const struct crl_plan plan = {
	    .ca = LOG_ROOT,
	    .issuer = &ca->cert[LOG_ROOT],
	    .key = ca->root_key,
	    .number = ca->log->sums.crls[LOG_ROOT].number + 1,
	    .this_update = who.now - BACKDATE,
	    .next_update = who.now + CA_CRL_ROOT_DAYS * DAY,
	    .dir = dir,
	};
	int rc;

	if (ca->root_key == NULL)
		return err_set(err, ERR_CA, "this signer has not been given the root's key");
	rc = ca_path(ca->home, CA_DIR, dir, err);
	return rc != 0 ? rc : renew(ca, &who, &plan, err);
}
