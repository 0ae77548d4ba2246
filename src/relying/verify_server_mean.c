/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_mean: what all the answers mean together. */
#include <stdio.h>
#include <string.h>

#include "relying/verify_server.h"

static bool
is_known(const struct relying_probe *p)
{
	return p->verdict == VERDICT_IN || p->verdict == VERDICT_REFUSED ||
	       p->verdict == VERDICT_FOUND;
}

/* With one protocol at least, at the same address. */
static bool
is_known_somehow(const struct relying_verified *r, const struct relying_probe *as)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->probes[i].name, as->name) == 0 &&
		    strcmp(r->probes[i].address, as->address) == 0 && is_known(&r->probes[i]))
			return true;
	return false;
}

/* The token's login counts as a valid certificate's, and as one's on the list. */
static bool
token_does(const struct relying_verified *r, const struct relying_probe *p)
{
	const bool live = strcmp(p->name, "live") == 0;
	struct relying_probe as = {.name = live ? "token" : "path-token"};

	memcpy(as.address, p->address, sizeof(as.address));
	return (live || strcmp(p->name, "path-listed") == 0) && is_known_somehow(r, &as);
}

static bool
is_missing(const struct relying_verified *r, const struct relying_probe *p)
{
	return p->needed && !is_known(p) && !token_does(r, p);
}

/* ---- the meanings ---- */

enum sign {
	GOT_IN,	  /* who should not */
	WRONG,	  /* not right, whatever the verdict */
	NOBODY,	  /* of those who should */
	SOMEBODY, /* who should was refused */
	UNCLEAR,
	MISSING,
};

/* The first that is so is told. */
static const struct meaning {
	const char *probe; /* NULL: any */
	enum sign sign;
	const char *id, *text;
} meanings[] = {
    {"none", GOT_IN, "no-certificate", "the server lets clients in without a certificate"},
    {"other-name", GOT_IN, "other-name",
	"clients without a certificate get in when they ask for another server name first: let the "
	"server refuse requests whose Host is not the name of the TLS connection"},
    {"no-name", GOT_IN, "other-name",
	"clients without a certificate get in when they send no server name: let the server refuse "
	"requests whose Host is not the name of the TLS connection"},
    {"also-name", GOT_IN, "other-name",
	"clients without a certificate get in when they ask for another name of the server first: let "
	"it refuse requests whose Host is not the name of the TLS connection"},
    {"other-session", GOT_IN, "other-session",
	"clients without a certificate get in with a session that they began under another server "
	"name: turn off session caches and tickets"},
    {"other-ca", GOT_IN, "other-ca",
	"the server lets clients in with a certificate that this CA did not issue"},
    {"none-session", GOT_IN, "other-session",
	"clients without a certificate get in with a session that they began without one: turn off "
	"session caches and tickets"},
    {"other-ca-leaf", GOT_IN, "other-ca",
	"the server lets clients in with a certificate that this CA did not issue"},
    {"same-name-leaf", GOT_IN, "other-ca",
	"the server lets clients in with a certificate that this CA did not issue"},
    {"same-name", GOT_IN, "other-ca",
	"the server lets clients in with a certificate that this CA did not issue"},
    {"chain", GOT_IN, "needs-chain",
	"the server lets clients in only when they send the issuing CA's certificate too, which "
	"tokens and browsers often do not: put it into the server's bundle (ykenroll ca publish "
	"writes both)"},
    {NULL, NOBODY, "refuses-all", NULL},
    {"revoked", GOT_IN, "revoked",
	"the server lets clients in with a revoked certificate: it does not check CRLs, or has not "
	"read the newest one (ykenroll ca publish, and reload the server)"},
    {"revoked-before", GOT_IN, "revoked",
	"the server lets clients in with a certificate that was revoked before: its CRL is not all "
	"of this CA's (ykenroll ca publish, and reload the server)"},
    {"expired", GOT_IN, "expired", "the server lets clients in with an expired certificate"},
    {"wrong-eku", GOT_IN, "wrong-eku",
	"the server lets clients in with a certificate of this CA that is not for clients: let it "
	"check the extended key usage, or its application the subject"},
    {"resumed", GOT_IN, "resumed",
	"the server resumes the session of a certificate that has since been revoked: turn off "
	"session caches and tickets"},
    {"spoofed", WRONG, "spoofed",
	"the application is told what the client says of itself: let the server remove these "
	"headers before it sets its own"},
    {"announced", WRONG, "other-ca-announced",
	"the server asks for certificates of another CA too, whose holders it may let in: remove "
	"that CA from its bundle"},
    {"path-none", GOT_IN, "path-open",
	"clients without a certificate get into the part of the site that --path names"},
    {"path-unlisted", GOT_IN, "path-open",
	"clients that are not on the list get into the part of the site that --path names"},
    {"path-listed", SOMEBODY, "path-refuses",
	"who is on the list does not get into the part of the site that --path names: is there a "
	"line \"" RELYING_LISTED_CN "\" on the list (ykenroll ca publish, and reload the server)?"},
    {NULL, SOMEBODY, "refuses-some", "the server refuses some clients that it should let in"},
    {NULL, WRONG, "post-handshake",
	"the server asks for a certificate after the handshake only, which browsers refuse with TLS "
	"1.3: ask for it in the whole virtual host, or of a host name of its own"},
    {"live", UNCLEAR, "no-answer",
	"the valid certificate got no page, so it is not known whether it is let in: see that the "
	"application runs, and give a path that answers 200"},
    {NULL, UNCLEAR, "unclear",
	"it is not clear whether somebody was let in who should not be: say with --expect what a "
	"page has for those who are in"},
    {"live", MISSING, "untested",
	"it was not tested whether the server lets anybody in, so its refusals prove nothing"},
    {"resumed", MISSING, "resumes",
	"the server resumes sessions, and it was not tested whether also that of a certificate that "
	"was revoked since: ykenroll verify-server --prepare URL, ca publish, and again"},
    {NULL, MISSING, "incomplete", NULL},
};

static bool
is_sign(const struct relying_verified *r, enum sign sign, const struct relying_probe *p)
{
	switch (sign) {
	case GOT_IN:
		return p->verdict == VERDICT_IN && !p->any &&
		       (!p->wants_in || strcmp(p->name, "chain") == 0);
	case WRONG:
		return (p->verdict == VERDICT_IN || p->verdict == VERDICT_FOUND) && !p->right;
	case NOBODY:
	case SOMEBODY:
		return p->wants_in && p->verdict == VERDICT_REFUSED;
	case UNCLEAR:
		return p->verdict == VERDICT_UNCLEAR;
	case MISSING:
		return is_missing(r, p);
	}
	return false;
}

static bool
somebody_is_in(const struct relying_verified *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->probes[i].wants_in && r->probes[i].verdict == VERDICT_IN)
			return true;
	return false;
}

/* The probe that shows it, or NULL. */
static const struct relying_probe *
shows(const struct relying_verified *r, const struct meaning *m)
{
	size_t i;

	if (m->sign == NOBODY && somebody_is_in(r))
		return NULL;
	for (i = 0; i < r->n; i++)
		if ((m->probe == NULL || strcmp(m->probe, r->probes[i].name) == 0) &&
		    is_sign(r, m->sign, &r->probes[i]))
			return &r->probes[i];
	return NULL;
}

/* ---- in words ---- */

/* As far as it shows from outside: doc/troubleshooting.md has what the server's log says. */
static void
tell_refuses_all(struct relying_verified *r, const struct relying_probe *p)
{
	const bool chain = p->alert == TLS_UNKNOWN_CA || p->status == 400;
	const char *why =
	    "its error log says why, or check whether one of its CRLs is expired, missing "
	    "or dated in the future, whether its bundle has root and issuing CA and its "
	    "depth is 2, and whether its list of certificates (Caddy) has the probes";

	if (p->status >= 200 && p->status < 300)
		why = "the valid certificate's page does not have the text of --expect";
	else if (p->status == 401 || p->status == 403)
		why = "the valid certificate got a page that refuses it (HTTP 401 or 403): ask the "
		      "application, or give a path that it shows to everybody";
	else if (chain && r->asks == ASKS_NOT_ROOT)
		why = "it does not ask for this CA's root, which seems to be missing in its bundle";
	else if (p->alert == TLS_UNKNOWN_CA)
		why =
		    "it finds no chain to a CA that it trusts, or no CRL of one: check its bundle, which "
		    "needs root and issuing CA, their two CRLs, and its depth, which has to be 2";
	snprintf(r->finding, sizeof(r->finding),
	    "the server refuses everybody, so its other refusals prove nothing: %s", why);
}

static void
tell_incomplete(struct relying_verified *r)
{
	const char *last = "";
	size_t i;

	snprintf(r->finding, sizeof(r->finding),
	    "no problem was found, but not all necessary tests "
	    "could be run:");
	for (i = 0; i < r->n; i++) {
		const size_t n = strlen(r->finding);

		if (!is_missing(r, &r->probes[i]) || strcmp(last, r->probes[i].name) == 0)
			continue;
		last = r->probes[i].name;
		snprintf(r->finding + n, sizeof(r->finding) - n, " %s", last);
	}
}

int
verify_conclude(struct relying_verified *r, struct err *err)
{
	const struct relying_probe *p = NULL;
	const struct meaning *m = meanings;
	const size_t all = sizeof(meanings) / sizeof(meanings[0]);

	while (m < meanings + all && (p = shows(r, m)) == NULL)
		m++;
	if (m == meanings + all) {
		r->finding_id = "right";
		snprintf(r->finding, sizeof(r->finding),
		    "the server lets in exactly the clients it should");
		return 0;
	}
	r->finding_id = m->id;
	if (m->sign == NOBODY)
		tell_refuses_all(r, p);
	else if (m->text == NULL)
		tell_incomplete(r);
	else
		snprintf(r->finding, sizeof(r->finding), "%s", m->text);
	return err_set(err, m->sign == UNCLEAR || m->sign == MISSING ? ERR_PERSON : ERR_PROOF,
	    "%s: %s", r->server, r->finding);
}
