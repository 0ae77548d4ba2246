/* SPDX-License-Identifier: BSD-2-Clause */
#include <unistd.h>

#include <openssl/evp.h>

#include "signer/crl.h"
#include "signer/crl_root.h"
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
is_intended(const struct ca *ca, const struct blob *der)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ROOT];
	struct crl_info info;

	return known->number > known->signed_number &&
	       crl_read(der->data, der->len, &info, NULL) == 0 && info.number == known->number &&
	       crl_verify(der, &ca->cert[LOG_ROOT], NULL) == 0;
}

/* Servers read another file than the signer does. */
static int
publish(const struct ca *ca, const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob there = {0};

	if (crl_file_read(ca->home, ROOT_CRL_PUB, &there, NULL) == 0 && blob_equal(&there, der))
		return 0;
	return crl_file_write(ca->home, ROOT_CRL_PUB, der, 0644, err);
}

int
crl_root_load(struct ca *ca, struct err *err)
{
	const struct log_who who = ca_who(ca, (uint32_t)geteuid());
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	rc = crl_file_read(ca->home, ROOT_CRL, &der, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (der.len > 0 && !crl_is_last(ca->log, LOG_ROOT, &der) && is_intended(ca, &der) &&
	    EVP_Digest(der.data, der.len, hash, NULL, EVP_sha256(), NULL) == 1 &&
	    (rc = log_crl_signed(
		 ca->log, &who, LOG_ROOT, ca->log->sums.crls[LOG_ROOT].number, hash, err)) != 0)
		return rc;
	if (!crl_is_last(ca->log, LOG_ROOT, &der))
		return err_set(err, ERR_CA,
		    ROOT_CRL " is not the CRL that the root signed last; restore it from a backup");
	if ((rc = publish(ca, &der, err)) != 0)
		return rc;
	blob_move(&ca->crl[LOG_ROOT], &der);
	return 0;
}

/* ---- a new one ---- */

int
crl_root_renew(struct ca *ca, uint32_t peer, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	const struct crl_plan plan = {
	    .ca = LOG_ROOT,
	    .issuer = &ca->cert[LOG_ROOT],
	    .key = ca->root_key,
	    .number = ca->log->sums.crls[LOG_ROOT].number + 1,
	    .this_update = who.now - BACKDATE,
	    .next_update = who.now + CA_CRL_ROOT_DAYS * DAY,
	};
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if (ca->root_key == NULL)
		return err_set(err, ERR_CA, "this signer has not been given the root's key");
	rc = crl_sign(ca->log, &who, &plan, &der, err);
	key_freep(&ca->root_key);
	if (rc == 0 && EVP_Digest(der.data, der.len, hash, NULL, EVP_sha256(), NULL) != 1)
		rc = err_set(err, ERR_INTERNAL, "cannot hash");
	if (rc != 0 || (rc = crl_file_write(ca->home, ROOT_CRL, &der, 0600, err)) != 0 ||
	    (rc = log_crl_signed(ca->log, &who, LOG_ROOT, plan.number, hash, err)) != 0 ||
	    (rc = publish(ca, &der, err)) != 0)
		return rc;
	blob_move(&ca->crl[LOG_ROOT], &der);
	return 0;
}
