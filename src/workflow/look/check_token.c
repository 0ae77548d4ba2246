/* SPDX-License-Identifier: BSD-2-Clause */
/* check_token: what is on the token, against what should be. */
#include <string.h>

#include "base/utc.h"
#include "workflow/look/look.h"
#include "ykenroll/x509.h"

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
		findings_mismatch(&c->found, "cert-old", "an older one of this token (%s)",
		    registry_cert_state_name(known.state));
	else if (c->s.row.token.serial == 0 || !c->expected.has_cert)
		findings_mismatch(&c->found, "cert-unexpected",
		    "one that the registry does not know: %s", info->subject);
	else
		findings_mismatch(&c->found, "cert-foreign", "another one than the registry's: %s",
		    info->subject);
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
		findings_add(&c->found, LEVEL_OK, "certificate in slot 9A", NULL,
		    "%s, %s, until %s", info->subject,
		    registry_cert_state_name(c->expected.cert_state), end);
}

int
check_cert(struct check *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct err why = ERR_INIT;
	struct cert_info info;
	const int got = token_get_cert(c->s.token, CHECK_SLOT, &der, &why);
	bool there;
	int rc;

	if ((rc = err_answer(got == ERR_FIT ? 0 : got, ERR_ABSENT, &there, &why, err)) != 0)
		return rc;
	if (!there) {
		if (c->live)
			findings_mismatch(&c->found, "cert-missing", "none");
		else
			findings_add(&c->found, LEVEL_OK, "certificate in slot 9A", NULL, "none");
		return 0;
	}
	if (got != 0 || cert_read(der.data, der.len, &info, NULL) != 0) {
		findings_mismatch(&c->found, "cert-unreadable", "what is there is no certificate");
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
		findings_mismatch(&c->found, "key-unexpected",
		    "%s, of which the registry knows nothing", key_alg_name(slot->alg));
	else if (memcmp(digest, e->spki_sha256, 32) != 0)
		findings_mismatch(
		    &c->found, "key-replaced", "is not the key of the registered certificate");
	else if (e->finished && (other_policy(e->pin_policy, slot->pin_policy) ||
				    other_policy(e->touch_policy, slot->touch_policy)))
		findings_mismatch(&c->found, "key-policy",
		    "PIN policy %u and touch policy %u, not %u and %u", slot->pin_policy,
		    slot->touch_policy, e->pin_policy, e->touch_policy);
	else
		findings_add(&c->found, LEVEL_OK, "key in slot 9A", NULL,
		    "%s, generated on the token", key_alg_name(slot->alg));
}

int
check_key(struct check *c, struct err *err)
{
	CLEAN(slot_wipe) struct token_slot slot = {0};
	uint8_t digest[X509_SHA256_LEN] = {0};
	struct err why = ERR_INIT;
	bool there;
	int rc;

	rc = token_slot(c->s.token, CHECK_SLOT, &slot, &why);
	if ((rc = err_answer(rc, ERR_ABSENT, &there, &why, err)) != 0)
		return rc;
	if (!there) {
		/* before 5.3 a token does not tell: the certificate has to do */
		if (c->live && strstr(why.text, "firmware") == NULL)
			findings_mismatch(&c->found, "key-missing", "%s", why.text);
		else
			findings_add(&c->found, LEVEL_OK, "key in slot 9A", NULL, "%s", why.text);
		return 0;
	}
	if ((rc = x509_sha256(&slot.spki, digest, err)) == 0)
		judge_key(c, &slot, digest);
	return rc;
}

/* ---- identity ---- */

int
check_identity(struct check *c, struct err *err)
{
	uint8_t guid[DEVICE_GUID_LEN];
	struct err why = ERR_INIT;
	bool there;
	int rc;

	if (!c->live)
		return 0;
	rc = token_get_guid(c->s.token, guid, &why);
	if ((rc = err_answer(rc == ERR_FIT ? ERR_ABSENT : rc, ERR_ABSENT, &there, &why, err)) != 0)
		return rc;
	if (!there) {
		findings_mismatch(&c->found, "identity-missing", "the token has no CHUID");
		return 0;
	}
	if ((rc = registry_guid_known(c->s.registry, c->s.serial, guid, err)) < 0)
		return rc;
	if (rc == 0)
		findings_mismatch(&c->found, "identity-other",
		    "the CHUID's GUID is not the one that was written");
	else
		findings_add(&c->found, LEVEL_OK, "card identity", NULL, "as it was written");
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
		findings_mismatch(&c->found, factory, "still the factory's");
	else if (s->tries_left < 0)
		findings_add(&c->found, LEVEL_OK, what, NULL, "this firmware does not tell");
	else
		findings_add(&c->found, LEVEL_OK, what, NULL, "%s%d tries left",
		    s->factory ? "the factory's, " : "", s->tries_left);
}

static void
judge_mgm(struct check *c, const struct token_mgm_state *mgm)
{
	const struct registry_expected_secret *s = &c->expected.secrets[SECRET_MGMKEY];
	const bool enrolled = c->s.row.token.serial != 0 && c->s.row.token.state != TOKEN_NEW;

	if (mgm->known && mgm->factory && enrolled)
		findings_mismatch(&c->found, "mgm-factory", "still the factory's");
	else if (mgm->known && s->there && s->alg != (uint8_t)mgm->alg)
		findings_mismatch(&c->found, "mgm-algorithm",
		    "algorithm %02X, and %02X is in escrow", (unsigned)mgm->alg, s->alg);
	else
		findings_add(&c->found, LEVEL_OK, "management key", NULL, "%s",
		    !mgm->known	   ? "this firmware does not tell"
		    : mgm->factory ? "the factory's"
				   : "not the factory's");
}

int
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
		findings_mismatch(
		    &c->found, "piv-reset", "PIN, PUK and management key are the factory's again");
	judge_pin(c, "PIN", "pin-blocked", "pin-factory", &pin);
	if (has_puk)
		judge_pin(c, "PUK", "puk-blocked", "puk-factory", &puk);
	else
		findings_add(&c->found, LEVEL_OK, "PUK", NULL, "this token has no PUK");
	judge_mgm(c, &mgm);
	return 0;
}
