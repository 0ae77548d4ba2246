/* SPDX-License-Identifier: BSD-2-Clause */
/* check: a token against the registry. Reads only: no PIN, PUK or management key is sent. */
#include "workflow/look/check.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utc.h"
#include "ykenroll/x509.h"

/*
 * Every mismatch that can be told, with what mends it: none of these destroys what is not known to
 * be somewhere else, but for those that a person must ask for. %1$u is the token, %2$s its home.
 */
static const struct {
	const char *id, *what, *fix;
} mismatches[] = {
    {"not-registered", "registry",
	"enrol it: ykenroll enroll NAME --email ADDRESS; or take it over as it is: ykenroll adopt"},
    {"row-missing", "registry",
	"restore the registry from a backup, or take the token over: ykenroll adopt -d %1$u"},
    {"work-open", "registry", "ykenroll recover -d %1$u"},
    {"token-lost", "registry",
	"it was reported lost and is here: ask who brought it; then ykenroll enroll --reset or "
	"ykenroll retire %1$u"},
    {"token-damaged", "registry", "ykenroll retire %1$u"},
    {"token-retired", "registry", "ykenroll enroll --reset for its next holder"},
    {"token-suspended", "registry", "ykenroll resume %1$u, when its holder may have it back"},
    {"token-new", "registry", "ykenroll enroll NAME --email ADDRESS -d %1$u"},
    {"firmware", "firmware",
	"another token of this serial number, or an edited registry: do not use it; compare its "
	"attestation: ykenroll token attest 9a"},
    {"cert-missing", "certificate in slot 9A",
	"ykenroll reissue %1$u --reason expiring writes a new one"},
    {"cert-unreadable", "certificate in slot 9A",
	"ykenroll reissue %1$u --reason expiring writes a new one"},
    {"cert-unexpected", "certificate in slot 9A",
	"take the token over: ykenroll adopt -d %1$u; or enrol it: ykenroll enroll --force"},
    {"cert-foreign", "certificate in slot 9A",
	"ykenroll reissue %1$u --reason expiring, when nobody needs the one that is there"},
    {"cert-of-another", "certificate in slot 9A",
	"find out how it came here: ykenroll show; then ykenroll reissue %1$u --reason expiring"},
    {"cert-old", "certificate in slot 9A", "ykenroll recover -d %1$u, or ykenroll reissue %1$u"},
    {"cert-expired", "certificate in slot 9A", "ykenroll reissue %1$u --reason expiring"},
    {"cert-revoked", "certificate in slot 9A", "ykenroll enroll --reset, or ykenroll retire %1$u"},
    {"cert-not-in-crl", "CRL", "ykenroll ca crl; then ykenroll ca publish"},
    {"cert-in-crl", "CRL",
	"the CA has revoked what the registry calls active: ykenroll revoke %1$u makes them agree"},
    {"cert-damaged", "registry", "restore the registry from a backup; ykenroll audit verify"},
    {"cert-twice", "registry", "restore the registry from a backup; ykenroll audit verify"},
    {"key-missing", "key in slot 9A",
	"it cannot be had back: ykenroll reissue %1$u --reason damaged"},
    {"key-unexpected", "key in slot 9A",
	"take the token over: ykenroll adopt -d %1$u; or enrol it: ykenroll enroll --force"},
    {"key-replaced", "key in slot 9A",
	"the certificate's key is gone: ykenroll reissue %1$u --reason damaged"},
    {"key-imported", "key in slot 9A",
	"a copy of it may exist: ykenroll reissue %1$u --reason damaged"},
    {"key-policy", "key in slot 9A",
	"it was made elsewhere: ykenroll reissue %1$u --reason damaged"},
    {"piv-reset", "PIV application",
	"everything on it is gone: ykenroll reissue %1$u --reason damaged onto this token"},
    {"identity-missing", "card identity", "ykenroll reissue %1$u --reason damaged writes it"},
    {"identity-other", "card identity", "ykenroll reissue %1$u --reason damaged writes it"},
    {"pin-blocked", "PIN", "ykenroll unblock -d %1$u"},
    {"pin-factory", "PIN", "its holder sets one: ykenroll token change-pin -d %1$u"},
    {"puk-blocked", "PUK",
	"the PIN cannot be unblocked any more: ykenroll reissue %1$u --reason damaged in time"},
    {"puk-factory", "PUK", "anybody can set the PIN: ykenroll unblock -d %1$u sets both anew"},
    {"mgm-factory", "management key",
	"anybody can change the token: ykenroll adopt -d %1$u sets a new one"},
    {"mgm-algorithm", "management key",
	"it was set elsewhere; ykenroll adopt -d %1$u with the one that it has"},
    {"escrow-missing", "escrow", "ykenroll adopt -d %1$u takes its secrets over"},
    {"escrow-damaged", "escrow", "restore the registry from a backup; ykenroll audit verify"},
    {"escrow-spent", "escrow",
	"somebody was shown it: ykenroll unblock -d %1$u (PUK) or ykenroll adopt -d %1$u sets a "
	"new one"},
};

static struct workflow_finding *
next(struct check *c)
{
	static struct workflow_finding none;
	struct workflow_finding *f = c->n < WORKFLOW_FINDINGS_MAX ? &c->list[c->n++] : &none;

	memset(f, 0, sizeof(*f));
	return f;
}

void
check_ok(struct check *c, const char *what, const char *fmt, ...)
{
	struct workflow_finding *f = next(c);
	va_list ap;

	f->ok = true;
	snprintf(f->what, sizeof(f->what), "%s", what);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

/* The table's %1$u: positions in a format that is no literal are not checked by anybody. */
static void
write_fix(char *ret, size_t size, const char *fix, uint32_t serial)
{
	static const char mark[] = "%1$u";
	const char *at;
	size_t n = 0;

	for (; (at = strstr(fix, mark)) != NULL && n < size; fix = at + sizeof(mark) - 1)
		n += (size_t)snprintf(
		    ret + n, size - n, "%.*s%u", (int)(at - fix), fix, (unsigned)serial);
	if (n < size)
		snprintf(ret + n, size - n, "%s", fix);
}

void
check_bad(struct check *c, const char *id, const char *fmt, ...)
{
	struct workflow_finding *f = next(c);
	va_list ap;
	size_t i;

	c->bad = true;
	for (i = 0; i < sizeof(mismatches) / sizeof(mismatches[0]) - 1; i++)
		if (strcmp(mismatches[i].id, id) == 0)
			break;
	snprintf(f->id, sizeof(f->id), "%s", id);
	snprintf(f->what, sizeof(f->what), "%s", mismatches[i].what);
	write_fix(f->fix, sizeof(f->fix), mismatches[i].fix, c->s.serial);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

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
		check_bad(c, "work-open", "work on this token is not finished");
		return;
	}
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].state == row->token.state) {
			check_bad(c, states[i].id, "%s%s%s", states[i].text,
			    row->holder.id == 0 ? "" : ", holder ", row->holder.key);
			return;
		}
	check_ok(c, "registry", "%s, held by %s (%s)", registry_token_state_name(row->token.state),
	    row->holder.name, row->holder.key);
}

static void
check_rows(struct check *c)
{
	const struct token_id *id = token_id(c->s.token);
	const uint8_t *was = c->s.row.token.firmware;
	enum registry_secret_kind kind;
	const struct registry_expected_secret *s;

	if (memcmp(id->firmware, was, sizeof(id->firmware)) != 0)
		check_bad(c, "firmware", "%u.%u.%u, and %u.%u.%u when it was enrolled",
		    id->firmware[0], id->firmware[1], id->firmware[2], was[0], was[1], was[2]);
	if (c->expected.cert_damaged)
		check_bad(c, "cert-damaged", "the stored certificate was changed");
	if (c->expected.cert_active > 1)
		check_bad(c, "cert-twice", "%u certificates are active", c->expected.cert_active);
	for (kind = 0; kind < SECRET_KINDS; kind++) {
		s = &c->expected.secrets[kind];
		if (!s->there && c->live && !c->s.row.work_open)
			check_bad(c, "escrow-missing", "no %s is in escrow",
			    registry_secret_kind_name(kind));
		if (s->there && s->damaged)
			check_bad(c, "escrow-damaged", "the sealed %s is not the one in the chain",
			    registry_secret_kind_name(kind));
		if (s->there && s->spent)
			check_bad(c, "escrow-spent", "the %s was opened and not replaced",
			    registry_secret_kind_name(kind));
	}
}

/* ---- the CRL ---- */

static int
read_crl(const char *home, struct blob *ret)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char pub[PATH_MAX], path[PATH_MAX];

	if (file_join(pub, sizeof(pub), home, "pub", NULL) != 0 ||
	    file_join(path, sizeof(path), pub, "issuing.crl", NULL) != 0 ||
	    file_read(path, &pem, NULL) != 0)
		return -1;
	return crl_from_pem(&pem, ret, NULL);
}

/* A desk without pub/ has nothing to compare with. */
static void
check_crl(struct check *c)
{
	const struct registry_expected *e = &c->expected;
	CLEAN(blob_wipe) struct blob crl = {0};
	const bool revoked =
	    e->cert_state == CERT_REVOKED || c->s.row.token.state == TOKEN_SUSPENDED;
	bool listed;

	if (!e->has_cert || e->not_after <= utc_now() || read_crl(c->s.w->home, &crl) != 0 ||
	    crl_lists(&crl, e->cert_serial, sizeof(e->cert_serial), &listed, NULL) != 0)
		return;
	if (revoked && !listed)
		check_bad(c, "cert-not-in-crl",
		    "the registry calls the certificate revoked, and the CRL does not list it");
	else if (!revoked && listed)
		check_bad(c, "cert-in-crl",
		    "the CRL lists the certificate, and the registry calls it %s",
		    registry_cert_state_name(e->cert_state));
	else
		check_ok(c, "CRL", "agrees");
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
	CLEAN(blob_wipe) struct blob pem = {0}, der = {0};
	char pub[PATH_MAX], path[PATH_MAX];
	struct cert_info ca;

	return file_join(pub, sizeof(pub), c->s.w->home, "pub", NULL) == 0 &&
	       file_join(path, sizeof(path), pub, "issuing.crt", NULL) == 0 &&
	       file_read(path, &pem, NULL) == 0 && cert_from_pem(&pem, &der, NULL) == 0 &&
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
		check_bad(c, "row-missing",
		    "token %u is not registered, and has a certificate of this CA",
		    (unsigned)c->s.serial);
	else
		check_bad(c, "not-registered", "token %u is not registered", (unsigned)c->s.serial);
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
	CLEAN(check_wipe) struct check c = {.s = {.w = w, .choice = w->choice}, .list = ret};
	int rc;

	if ((rc = session_token(&c.s, err)) != 0)
		return rc;
	*ret_token = *token_id(c.s.token);
	rc = check(&c, err);
	*ret_n = c.n;
	if (rc == 0 && c.bad)
		return err_set(err, ERR_FIT, "token and registry do not agree");
	return rc;
}
