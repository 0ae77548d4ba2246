/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/ca.h"
#include "signer/crl.h"
#include "signer/log.h"
#include "ykenroll/x509.h"

int
ca_random(void *to, size_t len)
{
	return RAND_bytes(to, (int)len) == 1 ? 0 : -1;
}

/* ---- opening ---- */

static int
load_cert(const struct ca *ca, const char *name, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	const struct ca_name path = ca_name(ca->home, name);
	int rc;

	if ((rc = file_read(path.at, &pem, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_CA, "%s is not there", path.at) : rc;
	if (cert_from_pem(&pem, ret, err) != 0)
		return err_set(err, ERR_CA, "%s is not a certificate", path.at);
	return 0;
}

static int
load_certs(struct ca *ca, struct err *err)
{
	struct cert_info info;
	int rc;

	if ((rc = load_cert(ca, CA_DIR "/issuing.crt", &ca->cert[LOG_ISSUING], err)) != 0 ||
	    (rc = load_cert(ca, CA_DIR "/root.crt", &ca->cert[LOG_ROOT], err)) != 0)
		return rc;
	if (ca_has(ca->home, CA_REHEARSAL) &&
	    (rc = load_cert(ca, CA_REHEARSAL, &ca->rehearsal_root, err)) != 0)
		return rc;
	rc = cert_read(ca->cert[LOG_ISSUING].data, ca->cert[LOG_ISSUING].len, &info, err);
	if (rc != 0)
		return rc;
	ca->single = blob_equal(&ca->cert[LOG_ISSUING], &ca->cert[LOG_ROOT]);
	ca->alg = info.alg;
	ca->not_before = info.not_before;
	ca->not_after = info.not_after;
	return 0;
}

static int
unlock(struct ca *ca, const struct secret *pass, struct err *err)
{
	const struct ca_name path = ca_name(ca->home, CA_ISSUING_KEY);
	int rc;

	if ((rc = key_file_load(path.at, pass, &ca->key, err)) != 0)
		return rc == ERR_INTERNAL ? rc : ca_refused(err);
	return ca_key_of(
	    ca->key, &ca->cert[LOG_ISSUING], ERR_CA, CA_ISSUING_KEY, "ca/issuing.crt", err);
}

static int
open_log(struct ca *ca, struct err *err)
{
	const struct log_who who = {.now = ca->now(), .peer = (uint32_t)geteuid()};
	const struct ca_name dir = ca_name(ca->home, CA_DIR);
	const struct ca_name path = ca_name(ca->home, CA_LOG);
	int rc;

	if ((rc = log_convert(dir.at, &who, err)) != 0 ||
	    (rc = log_open(path.at, LOG_THERE, &who, &ca->log, err)) != 0 ||
	    (rc = log_usable(ca->log, who.now, err)) != 0 || (rc = crl_load(ca, err)) != 0)
		return rc;
	/* what a crash left, or revoked without publishing, goes out now */
	return ca->log->sums.stale ? crl_renew(ca, who.peer, true, err) : 0;
}

/* Nobody else has it open. */
static int
take(struct ca *ca, const struct secret *pass, int wait_ms, struct err *err)
{
	int rc;

	if ((rc = unlock(ca, pass, err)) != 0 ||
	    (rc = ca_lock(ca->home, wait_ms, &ca->lock, err)) != 0)
		return rc;
	return open_log(ca, err);
}

/* The log of a former release is converted all the same: there is no other way to read it. */
static int
look(struct ca *ca, int wait_ms, struct err *err)
{
	const struct log_who who = {.now = ca->now(), .peer = (uint32_t)geteuid()};
	const struct ca_name dir = ca_name(ca->home, CA_DIR);
	const struct ca_name path = ca_name(ca->home, CA_LOG);
	int rc;

	if (log_convert_due(dir.at) && ((rc = ca_lock(ca->home, wait_ms, &ca->lock, err)) != 0 ||
					   (rc = log_convert(dir.at, &who, err)) != 0))
		return rc;
	return log_open_view(path.at, &ca->log, err);
}

int
ca_open(const char *home, const struct secret *pass, int wait_ms, struct ca **ret, struct err *err)
{
	CLEAN(ca_closep) struct ca *ca = calloc(1, sizeof(*ca));
	const struct ca_name dir = ca_name(home, CA_DIR), conf = ca_name(home, CA_CONF);
	int rc;

	if (ca == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	ca->lock = -1;
	ca->now = utc_now;
	ca->random = ca_random;
	if (strlen(home) >= sizeof(ca->home))
		return err_set(err, ERR_USAGE, "path too long: %s", home);
	memcpy(ca->home, home, strlen(home) + 1);
	if ((rc = ca_there(home, err)) != 0)
		return rc;
	if ((rc = file_private_dir(dir.at, err)) != 0)
		return rc == ERR_USAGE
			   ? err_set(err, ERR_CA,
				 "%s must be accessible to its owner alone (chmod 700)", dir.at)
			   : rc;
	if ((rc = rules_load(conf.at, &ca->rules, err)) != 0 || (rc = load_certs(ca, err)) != 0 ||
	    (rc = pass == NULL ? look(ca, wait_ms, err) : take(ca, pass, wait_ms, err)) != 0)
		return rc;
	*ret = TAKE(ca);
	return 0;
}

void
ca_closep(struct ca **ca)
{
	size_t i;

	if (*ca == NULL)
		return;
	key_freep(&(*ca)->key);
	key_freep(&(*ca)->root_key);
	log_closep(&(*ca)->log);
	rules_freep(&(*ca)->rules);
	for (i = 0; i < LOG_CAS; i++) {
		blob_wipe(&(*ca)->cert[i]);
		blob_wipe(&(*ca)->crl[i]);
	}
	blob_wipe(&(*ca)->rehearsal_root);
	if ((*ca)->lock >= 0)
		close((*ca)->lock); /* gives the lock up, last */
	free(*ca);
	*ca = NULL;
}
