/* SPDX-License-Identifier: BSD-2-Clause */
/* ocspd_cert: the responder's certificate and key. */
#include <stdio.h>

#include "base/utc.h"
#include "desk/ca.h"
#include "relying/ocspd.h"

#define OWN_NAME "OCSP responder"
#define OWN_DAYS 7
#define LOOK_SEC 10 /* between looks at the certificate's file */
#define RETRY_SEC                                                                                \
	300 /* to the next request of a signer that failed: it may hang for a while, and we with \
	       it */
#define WARN_SEC 3600	     /* between two warnings of the same */
#define LEFT_MIN (2 * 86400) /* seconds */

void
ocspd_cert_wipe(struct ocspd_cert *c)
{
	ocsp_freep(&c->ocsp);
	key_freep(&c->key);
	secret_freep(&c->pass);
	blob_wipe(&c->ca);
	blob_wipe(&c->cert);
}

static int
read_cert(const char *path, struct blob *ret, struct err *err)
{
	const int rc = ca_cert_file(path, ret, err);

	return rc == ERR_ABSENT ? err_set(err, ERR_FIT, "%s is missing", path) : rc;
}

static int
ask(struct ocspd_cert *c, struct err *err)
{
	enum key_secret kind = KEY_SECRET_NONE;
	int rc;

	c->pass = secret_new();
	if ((rc = key_file_secret(c->what->key, &kind, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	if (kind == KEY_SECRET_NONE)
		return 0;
	return c->what->pass(c->what->ctx,
	    kind == KEY_SECRET_PIN ? "HSM PIN of the responder's key"
				   : "passphrase of the responder's key",
	    c->pass, err);
}

/* ---- a key that lives as long as the process: what is on no disk need not be kept there ---- */

/* ca_pass_spec: as in struct signer_open; NULL: only by a signer that listens. */
static int
make_own(const struct desk *w, const char *ca_pass_spec, struct key **ret_key,
    struct blob *ret_cert, struct err *err)
{
	const struct signer_open open = {.home = w->home, .ca_pass_spec = ca_pass_spec};
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(signer_closep) struct signer *s = NULL;
	int rc;

	if ((rc = ca_registry(w, &r, err)) != 0 || (rc = signer_open(&open, &s, err)) != 0 ||
	    (rc = ca_issue_own(s, r, "ocsp", OWN_NAME, "", OWN_DAYS, ret_key, ret_cert, err)) != 0)
		err_wrap(err, "a certificate for the responder");
	return rc;
}

static int
load(struct ocspd_cert *c, struct err *err)
{
	int rc;

	if (c->what->cert == NULL)
		return make_own(c->w, c->w->ca_pass_spec, &c->key, &c->cert, err);
	if ((rc = read_cert(c->what->cert, &c->cert, err)) != 0 || (rc = ask(c, err)) != 0)
		return rc;
	return key_file_load(c->what->key, c->pass, &c->key, err);
}

int
ocspd_cert_open(struct ocspd_cert *c, struct err *err)
{
	int rc;

	if ((rc = ca_issuing(c->w, &c->ca, err)) != 0 || (rc = load(c, err)) != 0)
		return rc;
	c->from = c->looked_at = utc_now();
	return ocsp_new(&c->ca, &c->cert, c->key, c->from, &c->ocsp, err);
}

/* ---- while we run ---- */

static void
say(const struct ocspd_cert *c, const char *what, const struct err *err)
{
	char text[ERR_TEXT_MAX + 80];

	snprintf(text, sizeof(text), "%s%s", what, err == NULL ? "" : err->text);
	c->w->ui.say(c->w->ui.ctx, text);
}

/* The old ones go when all of the new is there. */
static void
take(struct ocspd_cert *c, struct key **key, struct blob *cert, struct ocsp **o)
{
	char text[80], end[UTC_TEXT_LEN];

	ocsp_freep(&c->ocsp);
	c->ocsp = TAKE(*o);
	if (*key != NULL) {
		key_freep(&c->key);
		c->key = TAKE(*key);
	}
	blob_move(&c->cert, cert);
	c->from = utc_now();
	c->warned_at = 0;
	utc_text(ocsp_until(c->ocsp), end);
	snprintf(text, sizeof(text), "the responder has a new certificate, until %s", end);
	say(c, text, NULL);
}

/* Of the same key first: the PIN of an HSM is given once. */
static int
look_at_file(struct ocspd_cert *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(ocsp_freep) struct ocsp *o = NULL;
	int rc;

	if ((rc = read_cert(c->what->cert, &cert, err)) != 0 || blob_equal(&cert, &c->cert))
		return rc;
	if (ocsp_new(&c->ca, &cert, c->key, utc_now(), &o, NULL) != 0 &&
	    ((rc = key_file_load(c->what->key, c->pass, &key, err)) != 0 ||
		(rc = ocsp_new(&c->ca, &cert, key, utc_now(), &o, err)) != 0))
		return rc;
	take(c, &key, &cert, &o);
	return 0;
}

/* At half of its life: then there are days left in which the signer may come back. */
static int
renew_own(struct ocspd_cert *c, bool at_once, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(ocsp_freep) struct ocsp *o = NULL;
	const int64_t half = (ocsp_until(c->ocsp) - c->from) / 2;
	int rc;

	if (!at_once && utc_now() < c->from + half)
		return 0;
	if ((rc = make_own(c->w, NULL, &key, &cert, err)) != 0 ||
	    (rc = ocsp_new(&c->ca, &cert, key, utc_now(), &o, err)) != 0)
		return rc;
	take(c, &key, &cert, &o);
	return 0;
}

static void
warn(struct ocspd_cert *c, const struct err *why, int64_t now)
{
	char text[120], end[UTC_TEXT_LEN];

	if (c->warned_at != 0 && now >= c->warned_at && now - c->warned_at < WARN_SEC)
		return;
	utc_text(ocsp_until(c->ocsp), end);
	if (why != NULL)
		say(c, "the responder's certificate was not renewed: ", why);
	else if (ocsp_until(c->ocsp) - now < LEFT_MIN) {
		snprintf(text, sizeof(text),
		    "warning: the responder's certificate expires %s; replace it", end);
		say(c, text, NULL);
	} else
		return;
	c->warned_at = now;
}

void
ocspd_cert_tick(struct ocspd_cert *c, bool at_once)
{
	const int64_t now = utc_now();
	struct err err = ERR_INIT;
	int rc;

	if (!at_once && now >= c->looked_at && now - c->looked_at < c->wait_sec)
		return;
	c->looked_at = now;
	if (at_once)
		c->warned_at = 0;
	rc = c->what->cert != NULL ? look_at_file(c, &err) : renew_own(c, at_once, &err);
	c->wait_sec = rc != 0 && c->what->cert == NULL ? RETRY_SEC : LOOK_SEC;
	warn(c, rc != 0 ? &err : NULL, now);
}
