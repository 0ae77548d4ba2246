/* SPDX-License-Identifier: BSD-2-Clause */
/* check: a token against the registry. Reads only: no PIN, PUK or management key is sent. */
#include <string.h>

#include "base/utc.h"
#include "desk/ca.h"
#include "workflow/look/look.h"
#include "ykenroll/x509.h"

#define CHECK_SLOT 0x9a

struct check {
	struct session s;
	struct registry_expected expected;
	bool live; /* it should work: active, issued or suspended */
	struct findings found;
};

/* ---- the registry ---- */

static const struct {
	enum registry_token_state state;
	const char *id, *text;
} states[] = {
    {TOKEN_NEW, "token-new", "registered but not enrolled"},
    {TOKEN_SUSPENDED, "token-suspended", "on hold"},
    {TOKEN_LOST, "token-lost", "reported lost"},
    {TOKEN_DAMAGED, "token-damaged", "reported damaged"},
    {TOKEN_RETIRED, "token-retired", "retired"},
};

static void
check_state(struct check *c)
{
	const struct registry_row *row = &c->s.row;
	size_t i;

	if (row->work_open) {
		findings_mismatch(&c->found, "work-open", "this token has unfinished work");
		return;
	}
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].state == row->token.state) {
			findings_mismatch(&c->found, states[i].id, "%s%s%s", states[i].text,
			    row->holder.id == 0 ? "" : ", holder ", row->holder.key);
			return;
		}
	findings_add(&c->found, LEVEL_OK, NULL, "registry", NULL, "%s, held by %s (%s)",
	    registry_token_state_name(row->token.state), row->holder.name, row->holder.key);
}

static void
check_rows(struct check *c)
{
	const struct token_id *id = token_id(c->s.token);
	const uint8_t *was = c->s.row.token.firmware;
	enum registry_secret_kind kind;
	const struct registry_expected_secret *s;

	if (memcmp(id->firmware, was, sizeof(id->firmware)) != 0)
		findings_mismatch(&c->found, "firmware",
		    "%u.%u.%u, and %u.%u.%u when it was enrolled", id->firmware[0], id->firmware[1],
		    id->firmware[2], was[0], was[1], was[2]);
	if (c->expected.cert_damaged)
		findings_mismatch(&c->found, "cert-damaged", "the stored certificate was changed");
	if (c->expected.cert_active > 1)
		findings_mismatch(
		    &c->found, "cert-twice", "%u certificates are active", c->expected.cert_active);
	for (kind = 0; kind < SECRET_KINDS; kind++) {
		s = &c->expected.secrets[kind];
		if (!s->there && c->live && !c->s.row.work_open)
			findings_mismatch(&c->found, "escrow-missing", "no %s is in escrow",
			    registry_secret_kind_name(kind));
		if (s->there && s->damaged)
			findings_mismatch(&c->found, "escrow-damaged",
			    "the sealed %s is not the one recorded in the audit chain",
			    registry_secret_kind_name(kind));
		if (s->there && s->spent)
			findings_mismatch(&c->found, "escrow-spent",
			    "the %s was opened and has not been replaced",
			    registry_secret_kind_name(kind));
	}
}

/* ---- the CRL ---- */

/* A desk without pub/ has nothing to compare with. */
static void
check_crl(struct check *c)
{
	const struct registry_expected *e = &c->expected;
	CLEAN(blob_wipe) struct blob crl = {0};
	const bool revoked =
	    e->cert_state == CERT_REVOKED || c->s.row.token.state == TOKEN_SUSPENDED;
	bool listed;

	if (!e->has_cert || e->not_after <= utc_now() ||
	    home_pem(c->s.w->home, "pub/issuing.crl", crl_from_pem, &crl, NULL) != 0 ||
	    crl_lists(&crl, e->cert_serial, sizeof(e->cert_serial), &listed, NULL, NULL) != 0)
		return;
	if (revoked && !listed)
		findings_mismatch(&c->found, "cert-not-in-crl",
		    "the certificate is revoked in the registry but not listed in the CRL");
	else if (!revoked && listed)
		findings_mismatch(&c->found, "cert-in-crl",
		    "the certificate is listed in the CRL but %s in the registry",
		    registry_cert_state_name(e->cert_state));
	else
		findings_add(&c->found, LEVEL_OK, NULL, "CRL", NULL, "agrees");
}

/* ---- what is on the token, against what should be ---- */

/* ---- certificate ---- */

/* One that is not the expected one: whose? */
static int
other_cert(struct check *c, const struct cert_info *info, struct err *err)
{
	struct registry_cert known = {0};
	int rc = 0;

	if (info->serial_len == REGISTRY_SERIAL_LEN)
		rc = registry_cert(c->s.registry, info->serial, &known, err);
	if (rc < 0)
		return rc;
	if (rc == 1 && memcmp(known.sha256, info->sha256, sizeof(known.sha256)) != 0)
		rc = 0; /* somebody's own, with a serial number of ours */
	if (rc == 1 && known.token.serial != c->s.serial)
		findings_mismatch(&c->found, "cert-of-another",
		    "it was issued for token %u, holder %s", (unsigned)known.token.serial,
		    known.holder.key);
	else if (rc == 1)
		findings_mismatch(&c->found, "cert-old", "an older certificate of this token (%s)",
		    registry_cert_state_name(known.state));
	else if (c->s.row.token.serial == 0 || !c->expected.has_cert)
		findings_mismatch(&c->found, "cert-unexpected",
		    "a certificate that is not in the registry: %s", info->subject);
	else
		findings_mismatch(&c->found, "cert-foreign",
		    "a different certificate than the registry's: %s", info->subject);
	return 0;
}

static void
expected_cert(struct check *c, const struct cert_info *info)
{
	char end[UTC_TEXT_LEN];

	utc_text(info->not_after, end);
	if (c->expected.cert_state == CERT_REVOKED)
		findings_mismatch(&c->found, "cert-revoked", "%s: revoked, reason %d",
		    info->subject, c->expected.cert_reason);
	else if (info->not_after <= utc_now())
		findings_mismatch(&c->found, "cert-expired", "%s: expired %s", info->subject, end);
	else if (c->expected.cert_state == CERT_SUPERSEDED)
		findings_mismatch(&c->found, "cert-old", "%s: superseded", info->subject);
	else
		findings_add(&c->found, LEVEL_OK, NULL, "certificate in slot 9A", NULL,
		    "%s, %s, until %s", info->subject,
		    registry_cert_state_name(c->expected.cert_state), end);
}

static int
check_cert(struct check *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct cert_info info;
	const int got = token_get_cert(c->s.token, CHECK_SLOT, &der, err);
	bool there;
	int rc;

	if ((rc = err_answer(got == ERR_FIT ? 0 : got, ERR_ABSENT, &there, err)) != 0)
		return rc;
	if (!there) {
		if (c->live)
			findings_mismatch(&c->found, "cert-missing", "none");
		else
			findings_add(
			    &c->found, LEVEL_OK, NULL, "certificate in slot 9A", NULL, "none");
		return 0;
	}
	if (got != 0 || cert_read(der.data, der.len, &info, NULL) != 0) {
		findings_mismatch(
		    &c->found, "cert-unreadable", "the slot's object is not a certificate");
		return 0;
	}
	if (c->s.row.token.serial != 0 && c->expected.has_cert &&
	    memcmp(info.sha256, c->expected.cert_sha256, sizeof(info.sha256)) == 0) {
		expected_cert(c, &info);
		return 0;
	}
	return other_cert(c, &info, err);
}

/* ---- key ---- */

static void
slot_wipe(struct token_slot *s)
{
	blob_wipe(&s->spki);
}

static bool
other_policy(uint8_t wanted, uint8_t is)
{
	return wanted != PIN_DEFAULT && is != PIN_DEFAULT && wanted != is;
}

static void
judge_key(struct check *c, const struct token_slot *slot, const uint8_t digest[static 32])
{
	const struct registry_expected *e = &c->expected;

	if (!slot->generated)
		findings_mismatch(
		    &c->found, "key-imported", "was imported, not generated on the token");
	else if (!e->has_cert)
		findings_mismatch(&c->found, "key-unexpected", "%s, which is not in the registry",
		    key_alg_name(slot->alg));
	else if (memcmp(digest, e->spki_sha256, 32) != 0)
		findings_mismatch(
		    &c->found, "key-replaced", "is not the key of the registered certificate");
	else if (e->finished && (other_policy(e->pin_policy, slot->pin_policy) ||
				    other_policy(e->touch_policy, slot->touch_policy)))
		findings_mismatch(&c->found, "key-policy",
		    "PIN policy %u and touch policy %u, not %u and %u", slot->pin_policy,
		    slot->touch_policy, e->pin_policy, e->touch_policy);
	else
		findings_add(&c->found, LEVEL_OK, NULL, "key in slot 9A", NULL,
		    "%s, generated on the token", key_alg_name(slot->alg));
}

static int
check_key(struct check *c, struct err *err)
{
	static const uint8_t tells[] = {5, 3};
	CLEAN(slot_wipe) struct token_slot slot = {0};
	uint8_t digest[X509_SHA256_LEN] = {0};
	struct err why = ERR_INIT;
	int rc = token_slot(c->s.token, CHECK_SLOT, &slot, &why);

	if (rc != 0 && rc != ERR_ABSENT)
		return *err = why, rc;
	if (rc == ERR_ABSENT) {
		/* before 5.3 a token does not tell: the certificate has to do */
		if (c->live && memcmp(token_id(c->s.token)->firmware, tells, sizeof(tells)) >= 0)
			findings_mismatch(&c->found, "key-missing", "%s", why.text);
		else
			findings_add(
			    &c->found, LEVEL_OK, NULL, "key in slot 9A", NULL, "%s", why.text);
		return 0;
	}
	if ((rc = x509_sha256(&slot.spki, digest, err)) == 0)
		judge_key(c, &slot, digest);
	return rc;
}

/* ---- identity ---- */

static int
check_identity(struct check *c, struct err *err)
{
	uint8_t guid[DEVICE_GUID_LEN];
	bool there;
	int rc;

	if (!c->live)
		return 0;
	rc = token_get_guid(c->s.token, guid, err);
	if ((rc = err_answer(rc == ERR_FIT ? ERR_ABSENT : rc, ERR_ABSENT, &there, err)) != 0)
		return rc;
	if (!there) {
		findings_mismatch(
		    &c->found, "identity-missing", "the token has no card identity (CHUID)");
		return 0;
	}
	if ((rc = registry_guid_known(c->s.registry, c->s.serial, guid, err)) < 0)
		return rc;
	if (rc == 0)
		findings_mismatch(&c->found, "identity-other",
		    "the GUID in the CHUID is not the one that was written");
	else
		findings_add(&c->found, LEVEL_OK, NULL, "card identity", NULL, "as it was written");
	return 0;
}

/* ---- secrets ---- */

static void
judge_pin(struct check *c, const char *what, const char *blocked, const char *factory,
    const struct token_pin_state *s)
{
	const bool enrolled = c->s.row.token.serial != 0 && c->s.row.token.state != TOKEN_NEW;

	if (s->tries_left == 0)
		findings_mismatch(&c->found, blocked, "blocked");
	else if (s->known && s->factory && enrolled)
		findings_mismatch(&c->found, factory, "still the factory default");
	else if (s->tries_left < 0)
		findings_add(
		    &c->found, LEVEL_OK, NULL, what, NULL, "this firmware does not report it");
	else
		findings_add(&c->found, LEVEL_OK, NULL, what, NULL, "%s%d tries left",
		    s->factory ? "factory default, " : "", s->tries_left);
}

static void
judge_mgm(struct check *c, const struct token_mgm_state *mgm)
{
	const struct registry_expected_secret *s = &c->expected.secrets[SECRET_MGMKEY];
	const bool enrolled = c->s.row.token.serial != 0 && c->s.row.token.state != TOKEN_NEW;

	if (mgm->known && mgm->factory && enrolled)
		findings_mismatch(&c->found, "mgm-factory", "still the factory default");
	else if (mgm->known && s->there && s->alg != (uint8_t)mgm->alg)
		findings_mismatch(&c->found, "mgm-algorithm",
		    "algorithm %02X, and %02X is in escrow", (unsigned)mgm->alg, s->alg);
	else
		findings_add(&c->found, LEVEL_OK, NULL, "management key", NULL, "%s",
		    !mgm->known	   ? "this firmware does not report it"
		    : mgm->factory ? "the factory default"
				   : "not the factory default");
}

static int
check_secrets(struct check *c, struct err *err)
{
	struct token_pin_state pin, puk = {0};
	struct token_mgm_state mgm;
	bool has_puk;
	int rc;

	if ((rc = token_pin_state(c->s.token, &pin, err)) != 0 ||
	    (rc = session_puk(&c->s, &puk, &has_puk, err)) != 0 ||
	    (rc = token_mgm_state(c->s.token, &mgm, err)) != 0)
		return rc;
	if (c->live && pin.known && pin.factory && puk.factory && mgm.factory)
		findings_mismatch(&c->found, "piv-reset",
		    "PIN, PUK and management key are back at factory defaults");
	judge_pin(c, "PIN", "pin-blocked", "pin-factory", &pin);
	if (has_puk)
		judge_pin(c, "PUK", "puk-blocked", "puk-factory", &puk);
	else
		findings_add(&c->found, LEVEL_OK, NULL, "PUK", NULL, "this token has no PUK");
	judge_mgm(c, &mgm);
	return 0;
}

/* ---- all of it ---- */

static int
look(struct check *c, struct err *err)
{
	int rc;

	if ((rc = session_registry(&c->s, err)) != 0 ||
	    (rc = registry_row(c->s.registry, c->s.serial, &c->s.row, err)) != 0)
		return rc;
	c->live = c->s.row.token.serial != 0 && c->s.row.token.state >= TOKEN_ISSUED &&
		  c->s.row.token.state <= TOKEN_SUSPENDED;
	return c->s.row.token.serial == 0
		   ? 0
		   : registry_expected(c->s.registry, c->s.serial, &c->expected, err);
}

static bool
is_ours(const struct check *c, const struct cert_info *info)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct cert_info ca;

	return home_pem(c->s.w->home, "pub/issuing.crt", cert_from_pem, &der, NULL) == 0 &&
	       cert_read(der.data, der.len, &ca, NULL) == 0 &&
	       strcmp(info->issuer, ca.subject) == 0;
}

/* A token that is not known, with a certificate of this CA on it: it was. */
static int
not_registered(struct check *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct cert_info info;
	bool there;
	int rc = token_get_cert(c->s.token, CHECK_SLOT, &der, err);

	if ((rc = err_answer(rc == ERR_FIT ? ERR_ABSENT : rc, ERR_ABSENT, &there, err)) != 0)
		return rc;
	if (there && cert_read(der.data, der.len, &info, NULL) == 0 && is_ours(c, &info))
		findings_mismatch(&c->found, "row-missing",
		    "token %u is not registered but has a certificate of this CA",
		    (unsigned)c->s.serial);
	else
		findings_mismatch(&c->found, "not-registered", "token %u is not registered",
		    (unsigned)c->s.serial);
	return 0;
}

static int
check(struct check *c, struct err *err)
{
	int rc;

	if ((rc = look(c, err)) != 0)
		return rc;
	if (c->s.row.token.serial == 0 && (rc = not_registered(c, err)) != 0)
		return rc;
	if (c->s.row.token.serial != 0) {
		check_state(c);
		check_rows(c);
		check_crl(c);
	}
	if ((rc = check_cert(c, err)) != 0 || (rc = check_key(c, err)) != 0 ||
	    (rc = check_identity(c, err)) != 0)
		return rc;
	return check_secrets(c, err);
}

static void
check_wipe(struct check *c)
{
	session_wipe(&c->s);
}

int
workflow_check(const struct desk *w, struct token_id *ret_token,
    struct workflow_finding ret[static WORKFLOW_FINDINGS_MAX], size_t *ret_n, struct err *err)
{
	CLEAN(check_wipe)
	struct check c = {
	    .s = {.w = w, .choice = w->choice}, .found = {.list = ret, .code = ERR_FIT}};
	int rc;

	if ((rc = session_token(&c.s, err)) != 0)
		return rc;
	c.found.token = c.s.serial;
	*ret_token = *token_id(c.s.token);
	rc = check(&c, err);
	*ret_n = c.found.n;
	if (rc == 0 && c.found.first_code != 0)
		return err_set(err, ERR_FIT, "token and registry do not agree");
	return rc;
}
