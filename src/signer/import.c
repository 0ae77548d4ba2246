/* SPDX-License-Identifier: BSD-2-Clause */
/* A CA that exists already: what has to be true of its certificate, key and CRL, and a home of
 * them. import_read.c reads its records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/ca.h"
#include "signer/der.h"
#include "signer/import.h"
#include "signer/sign.h"
#include "ykenroll/x509.h"

#define SKI_LEN 20
#define SOON (INT64_C(30) * 86400)

static void
importing_wipe(struct importing *im)
{
	size_t i;

	for (i = 0; i < LOG_CAS; i++) {
		key_freep(&im->keys[i]);
		blob_wipe(&im->certs[i]);
	}
}

/* ---- certificates ---- */

/* One that our certificates and CRLs can be built upon; below: CAs between it and holders. */
static int
load_cert(
    const char *path, unsigned below, struct blob *ret, struct cert_info *info, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	struct der_cert parts;
	const int64_t now = utc_now();
	int rc;

	if ((rc = file_read(path, &pem, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	if (cert_from_pem(&pem, ret, err) != 0 || cert_read(ret->data, ret->len, info, err) != 0)
		return err_set(err, ERR_USAGE, "%s is not a certificate in PEM", path);
	if (cert_issues_clients(ret, below, err) != 0) {
		err_wrap(err, "%s", path);
		return ERR_USAGE;
	}
	if (now < info->not_before || now > info->not_after)
		return err_set(err, ERR_USAGE, "%s is expired, or not yet valid", path);
	if (info->not_after - now < SOON)
		return err_set(err, ERR_USAGE,
		    "%s ends in less than 30 days, and every certificate with it: renew it first, "
		    "or make a new CA",
		    path);
	if (der_cert(ret, &parts, NULL) != 0 || parts.ski.len != SKI_LEN)
		return err_set(err, ERR_USAGE,
		    "%s has no subject key identifier of 20 octets, which certificates and CRLs "
		    "need to refer to it (RFC 5280, 4.2.1.1)",
		    path);
	return 0;
}

static int
load_certs(struct importing *im, struct err *err)
{
	const struct signer_import *w = im->what;
	struct cert_info info, root;
	int rc;

	if ((rc = load_cert(w->cert, 0, &im->certs[LOG_ISSUING], &info, err)) != 0)
		return rc;
	memcpy(im->ret->subject, info.subject, sizeof(info.subject));
	im->single = cert_issued_by(&im->certs[LOG_ISSUING], &im->certs[LOG_ISSUING], NULL) == 0;
	if (im->single && w->root != NULL)
		return err_set(err, ERR_USAGE,
		    "%s is self-signed, so it has no other root; leave out --root", w->cert);
	if (im->single)
		return blob_set(&im->certs[LOG_ROOT], im->certs[LOG_ISSUING].data,
		    im->certs[LOG_ISSUING].len, err);
	if (w->root == NULL)
		return err_set(err, ERR_USAGE,
		    "%s was issued by %s: give that CA's certificate with --root FILE", w->cert,
		    info.issuer);
	if ((rc = load_cert(w->root, 1, &im->certs[LOG_ROOT], &root, err)) != 0)
		return rc;
	if (cert_issued_by(&im->certs[LOG_ISSUING], &im->certs[LOG_ROOT], NULL) != 0)
		return err_set(err, ERR_USAGE, "%s was not issued by %s", w->cert, w->root);
	if (cert_issued_by(&im->certs[LOG_ROOT], &im->certs[LOG_ROOT], NULL) != 0)
		return err_set(err, ERR_USAGE,
		    "%s is not self-signed: CAs of more than two levels are not supported",
		    w->root);
	return 0;
}

/* ---- keys ---- */

static int
check_key(const struct key *key, const struct blob *cert, const char *from, const char *path,
    struct err *err)
{
	const struct sign_algorithm *alg;
	const int rc = ca_key_of(key, cert, ERR_USAGE, from, path, err);

	if (rc != 0)
		return rc;
	return sign_algorithm(key_algorithm(key), &alg, err) == 0 ? 0 : ERR_USAGE;
}

static int
load_keys(struct importing *im, struct err *err)
{
	const struct signer_import *w = im->what;
	const char *uri = im->init->issuing_key;
	int rc;

	if (w->key != NULL)
		rc = key_import(w->key, w->key_pass, &im->keys[LOG_ISSUING], err);
	else
		rc = key_p11_open(uri, im->init->pass, &im->keys[LOG_ISSUING], err);
	if (rc != 0 || (rc = check_key(im->keys[LOG_ISSUING], &im->certs[LOG_ISSUING],
			    w->key != NULL ? w->key : uri, w->cert, err)) != 0)
		return rc;
	if (w->root_key == NULL)
		return 0;
	if (im->single)
		return err_set(err, ERR_USAGE, "a single-level CA has one key");
	rc = key_import(w->root_key, w->root_key_pass, &im->keys[LOG_ROOT], err);
	return rc != 0
		   ? rc
		   : check_key(im->keys[LOG_ROOT], &im->certs[LOG_ROOT], w->root_key, w->root, err);
}

/* ---- the home ---- */

static int
save_key(struct importing *im, enum log_ca which, const char *name, struct err *err)
{
	const struct signer_init *init = im->init;
	const struct secret *pass =
	    which == LOG_ROOT && init->root_pass != NULL ? init->root_pass : init->pass;

	return im->keys[which] == NULL
		   ? 0
		   : key_file_save(im->keys[which], ca_name(init->home, name).at, pass, err);
}

static int
take_cert(struct making *m, const struct importing *im, enum log_ca which, struct err *err)
{
	const struct blob *cert = &im->certs[which];
	struct log_row row = {
	    .what = "import-ca", .ca = (int)which, .data = cert->data, .data_len = cert->len};
	const int rc = log_append_some(m->log, &m->who, &row, err);

	return rc != 0 ? rc : blob_set(&m->certs[which], cert->data, cert->len, err);
}

static int
fill(struct making *m, void *ctx, unsigned crl_days, struct err *err)
{
	struct importing *im = ctx;
	int rc;

	m->single = im->single;
	if ((rc = save_key(im, LOG_ISSUING, CA_NEW "/issuing.key", err)) != 0 ||
	    (rc = save_key(im, LOG_ROOT, CA_NEW "/root.key", err)) != 0)
		return rc;
	m->keys[LOG_ISSUING] = TAKE(im->keys[LOG_ISSUING]);
	m->keys[LOG_ROOT] = TAKE(im->keys[LOG_ROOT]);
	if ((rc = take_cert(m, im, LOG_ISSUING, err)) != 0 ||
	    (rc = take_cert(m, im, LOG_ROOT, err)) != 0 ||
	    (rc = import_records(im, m->log, &m->who, err)) != 0 ||
	    (rc = log_sync(m->log, err)) != 0 ||
	    (m->keys[LOG_ROOT] != NULL &&
		(rc = init_make_crl(m, LOG_ROOT, CA_CRL_ROOT_DAYS, err)) != 0))
		return rc;
	return init_make_crl(m, LOG_ISSUING, crl_days, err);
}

/* Into a log that is thrown away: a serial that comes twice shows only there. */
static int
try_records(struct importing *im, struct err *err)
{
	const struct log_who who = {.now = utc_now(), .peer = (uint32_t)geteuid()};
	const char *tmp = getenv("TMPDIR");
	CLEAN(log_closep) struct log *log = NULL;
	char dir[PATH_MAX / 2], path[PATH_MAX];
	int rc;

	snprintf(dir, sizeof(dir), "%s/ykenroll-import.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(dir) == NULL)
		return err_errno(err, ERR_INTERNAL, "cannot create %s", dir);
	rc = file_join(path, sizeof(path), dir, "issuance.db", err);
	if (rc == 0 && (rc = log_open(path, LOG_SCRATCH, &who, &log, err)) == 0)
		rc = import_records(im, log, &who, err);
	log_closep(&log);
	(void)unlink(path);
	(void)rmdir(dir);
	return rc;
}

static int
words_ok(const struct signer_init *init, const struct signer_import *what, struct err *err)
{
	if (init->home == NULL || init->home[0] != '/')
		return err_set(err, ERR_USAGE, "the home must be an absolute path");
	if (what->cert == NULL || (what->key == NULL && init->issuing_key == NULL))
		return err_set(err, ERR_USAGE, "a CA needs a certificate and a key; give both");
	if (what->key != NULL && init->issuing_key != NULL)
		return err_set(
		    err, ERR_USAGE, "the key is either in a file or in an HSM: give one of them");
	if (what->key != NULL && !what->dry_run && (init->pass == NULL || init->pass->len == 0))
		return err_set(err, ERR_USAGE, "the CA key needs a passphrase");
	return 0;
}

int
import_ca(const struct signer_init *init, const struct signer_import *what,
    struct signer_imported *ret, struct err *err)
{
	struct signer_imported found = {0};
	CLEAN(importing_wipe)
	struct importing im = {.init = init, .what = what, .ret = &found};
	const struct init_source from = {.doing = "import", .fill = fill, .ctx = &im};
	int rc;

	if ((rc = words_ok(init, what, err)) != 0 || (rc = load_certs(&im, err)) != 0 ||
	    (rc = load_keys(&im, err)) != 0)
		return rc;
	found.single = im.single;
	rc = what->dry_run ? try_records(&im, err) : init_run(init, &from, err);
	if (rc == 0)
		*ret = found;
	return rc;
}
