/* SPDX-License-Identifier: BSD-2-Clause */
/* check: a token against the registry. Reads only: no PIN, PUK or management key is sent. */

#include <string.h>

#include "base/utc.h"
#include "desk/home.h"
#include "workflow/look/look.h"
#include "ykenroll/x509.h"

/* ---- the registry ---- */

static const struct {
	enum registry_token_state state;
	const char *id, *text;
} states[] = {
    {TOKEN_NEW, "token-new", "known, and not enrolled"},
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
		findings_mismatch(&c->found, "work-open", "work on this token is not finished");
		return;
	}
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].state == row->token.state) {
			findings_mismatch(&c->found, states[i].id, "%s%s%s", states[i].text,
			    row->holder.id == 0 ? "" : ", holder ", row->holder.key);
			return;
		}
	findings_add(&c->found, LEVEL_OK, "registry", NULL, "%s, held by %s (%s)",
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
			    "the sealed %s is not the one in the chain",
			    registry_secret_kind_name(kind));
		if (s->there && s->spent)
			findings_mismatch(&c->found, "escrow-spent",
			    "the %s was opened and not replaced", registry_secret_kind_name(kind));
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
	    crl_lists(&crl, e->cert_serial, sizeof(e->cert_serial), &listed, NULL) != 0)
		return;
	if (revoked && !listed)
		findings_mismatch(&c->found, "cert-not-in-crl",
		    "the registry calls the certificate revoked, and the CRL does not list it");
	else if (!revoked && listed)
		findings_mismatch(&c->found, "cert-in-crl",
		    "the CRL lists the certificate, and the registry calls it %s",
		    registry_cert_state_name(e->cert_state));
	else
		findings_add(&c->found, LEVEL_OK, "CRL", NULL, "agrees");
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
	struct err why = ERR_INIT;
	struct cert_info info;
	bool there;
	int rc = token_get_cert(c->s.token, CHECK_SLOT, &der, &why);

	if ((rc = err_answer(rc == ERR_FIT ? ERR_ABSENT : rc, ERR_ABSENT, &there, &why, err)) != 0)
		return rc;
	if (there && cert_read(der.data, der.len, &info, NULL) == 0 && is_ours(c, &info))
		findings_mismatch(&c->found, "row-missing",
		    "token %u is not registered, and has a certificate of this CA",
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
