/* SPDX-License-Identifier: BSD-2-Clause */
/* check: a token against the registry. Reads only: no PIN, PUK or management key is sent. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utc.h"
#include "workflow/enrolment.h"

struct findings {
	struct workflow_finding *list;
	size_t n;
	bool bad;
};

static void __attribute__((format(printf, 4, 5)))
found(struct findings *f, bool ok, const char *what, const char *fmt, ...)
{
	struct workflow_finding *one;
	va_list ap;

	if (f->n >= WORKFLOW_FINDINGS_MAX)
		return;
	one = &f->list[f->n++];
	one->ok = ok;
	f->bad = f->bad || !ok;
	snprintf(one->what, sizeof(one->what), "%s", what);
	va_start(ap, fmt);
	vsnprintf(one->text, sizeof(one->text), fmt, ap);
	va_end(ap);
}

static int
take_row(void *ctx, const struct registry_row *row)
{
	*(struct registry_row *)ctx = *row;
	return 1;
}

static void
check_registry(struct findings *f, const struct registry_row *row, uint32_t serial)
{
	if (row->token.serial == 0) {
		found(f, false, "registry",
		    "token %u is not registered; enrol it with: ykenroll enroll", serial);
		return;
	}
	if (row->work_open)
		found(f, false, "registry",
		    "work on this token is not finished; finish it with: ykenroll recover --device "
		    "%u",
		    serial);
	else
		found(f, row->token.state == TOKEN_ACTIVE, "registry", "%s, held by %s (%s)",
		    registry_token_state_name(row->token.state), row->holder.name, row->holder.key);
}

static int
check_cert(struct findings *f, struct token *token, const struct registry_row *row, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	const char *what = "certificate in slot 9A";
	struct err why = ERR_INIT;
	struct cert_info info;
	char end[UTC_TEXT_LEN];
	int rc;

	rc = token_get_cert(token, ENROL_SLOT, &der, &why);
	if (rc != 0 && rc != ERR_ABSENT && rc != ERR_FIT) {
		*err = why;
		return rc;
	}
	if (rc != 0 || cert_read(der.data, der.len, &info, NULL) != 0) {
		found(f, !row->has_cert, what, "none%s",
		    row->has_cert ? "; the registry has one: it was deleted outside of this program"
				  : "");
		return 0;
	}
	if (!row->has_cert || memcmp(info.sha256, row->cert_sha256, 32) != 0) {
		found(f, false, what, "another one than the registry's: %s", info.subject);
		return 0;
	}
	utc_text(info.not_after, end);
	found(f, row->cert_state == CERT_ACTIVE && info.not_after > utc_now(), what,
	    "%s, %s, until %s", info.subject, registry_cert_state_name(row->cert_state), end);
	return 0;
}

static int
check_key(struct findings *f, struct token *token, const struct registry_row *row, struct err *err)
{
	const char *what = "key in slot 9A";
	struct token_slot slot = {0};
	struct err why = ERR_INIT;
	uint8_t digest[X509_SHA256_LEN] = {0};
	int rc;

	rc = token_slot(token, ENROL_SLOT, &slot, &why);
	if (rc == ERR_ABSENT) {
		found(f, !row->has_cert, what, "%s", why.text);
		return 0;
	}
	if (rc != 0) {
		*err = why;
		return rc;
	}
	rc = x509_sha256(&slot.spki, digest, err);
	if (rc == 0 && !slot.generated)
		found(f, false, what, "was imported, not generated on the token");
	else if (rc == 0 && row->has_cert && memcmp(digest, row->spki_sha256, 32) != 0)
		found(f, false, what,
		    "is not the key of the registered certificate: it was replaced "
		    "outside of this program");
	else if (rc == 0)
		found(f, true, what, "%s, generated on the token", key_alg_name(slot.alg));
	blob_wipe(&slot.spki);
	return rc;
}

static void
check_pin(struct findings *f, const char *what, const struct token_pin_state *s)
{
	if (s->tries_left == 0)
		found(f, false, what, "blocked");
	else if (s->known && s->factory)
		found(f, false, what, "still the factory's");
	else if (s->tries_left < 0)
		found(f, true, what, "this firmware does not tell");
	else
		found(f, true, what, "%d tries left", s->tries_left);
}

static int
check_secrets(struct findings *f, struct token *token, struct err *err)
{
	struct token_pin_state pin, puk;
	struct token_mgm_state mgm;
	struct err why = ERR_INIT;
	bool has_puk;
	int rc;

	if ((rc = token_pin_state(token, &pin, err)) != 0)
		return rc;
	rc = token_puk_state(token, &puk, &why);
	has_puk = rc == 0;
	if (rc != 0 && rc != ERR_ABSENT) {
		*err = why;
		return rc;
	}
	if ((rc = token_mgm_state(token, &mgm, err)) != 0)
		return rc;
	check_pin(f, "PIN", &pin);
	if (has_puk)
		check_pin(f, "PUK", &puk);
	else
		found(f, true, "PUK", "%s", why.text);
	found(f, !(mgm.known && mgm.factory), "management key", "%s",
	    !mgm.known	  ? "this firmware does not tell"
	    : mgm.factory ? "still the factory's"
			  : "not the factory's");
	return 0;
}

static int
check(const struct workflow *w, struct token *token, struct findings *f, struct err *err)
{
	CLEAN(registry_closep) struct registry *registry = NULL;
	const uint32_t serial = token_id(token)->serial;
	struct registry_row row = {0};
	int rc;

	rc = registry_open(w->home, w->actor, &registry, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_INTERNAL,
		    "there is no registry in %s; make one with: ykenroll init", w->home);
	if (rc != 0)
		return rc;
	if ((rc = registry_list(registry, serial, take_row, &row, err)) < 0)
		return rc;
	check_registry(f, &row, serial);
	if ((rc = check_cert(f, token, &row, err)) != 0 ||
	    (rc = check_key(f, token, &row, err)) != 0)
		return rc;
	return check_secrets(f, token, err);
}

int
workflow_check(const struct workflow *w, struct token_id *ret_token,
    struct workflow_finding ret[static WORKFLOW_FINDINGS_MAX], size_t *ret_n, struct err *err)
{
	CLEAN(device_closep) struct device *dev = NULL;
	CLEAN(token_closep) struct token *token = NULL;
	struct findings f = {ret, 0, false};
	int rc;

	if ((rc = device_open(w->device_ui, &dev, err)) != 0 ||
	    (rc = token_open(dev, &w->choice, &token, err)) != 0)
		return rc;
	*ret_token = *token_id(token);
	rc = check(w, token, &f, err);
	*ret_n = f.n;
	if (rc == 0 && f.bad)
		return err_set(err, ERR_FIT, "token and registry do not agree");
	return rc;
}
