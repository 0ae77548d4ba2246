/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_probe: what is tried at one address. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utc.h"
#include "relying/verify_server.h"

#define OTHER_NAME "ykenroll-probe.invalid" /* RFC 6761, 6.4: nobody has it */

enum from { NO_SESSION, OWN, NOBODYS, STRANGERS, KEPT };
enum named { ITS_NAME, ANOTHER, NO_NAME, ALSO };

/* In this order: by what the valid one gets the others are judged. */
static const struct kind {
	const char *name, *what;
	enum who who;
	enum from session;
	enum named sni;
	bool alone; /* without the CA's certificate: tokens have none */
	bool there; /* at what->path */
	bool wants_in, needed;
} kinds[] = {
    {"live", "a valid certificate", .who = WHO_LIVE, .alone = true, .wants_in = true,
	.needed = true},
    {"chain", "a valid certificate and its CA's", .who = WHO_LIVE, .wants_in = true},
    {"again", "the valid one, a second time", .who = WHO_LIVE, .session = OWN, .alone = true,
	.wants_in = true},
    {"none", "no certificate", .who = WHO_NOBODY, .needed = true},
    {"other-name", "no certificate, another server's name", .who = WHO_NOBODY, .sni = ANOTHER,
	.needed = true},
    {"no-name", "no certificate, no server's name", .who = WHO_NOBODY, .sni = NO_NAME,
	.needed = true},
    {"also-name", "no certificate, the server's name of --also-name", .who = WHO_NOBODY,
	.sni = ALSO, .needed = true},
    {"none-session", "no certificate, a session of one without", .who = WHO_NOBODY,
	.session = NOBODYS},
    {"other-session", "no certificate, a session of another server's name", .who = WHO_NOBODY,
	.session = STRANGERS},
    {"other-ca", "a certificate of another CA", .who = WHO_OTHER, .needed = true},
    {"other-ca-leaf", "a certificate of another CA, alone", .who = WHO_OTHER, .alone = true,
	.needed = true},
    {"same-name", "a certificate of another CA with our CA's name", .who = WHO_SAME_NAME,
	.needed = true},
    {"same-name-leaf", "a certificate of another CA with our CA's name, alone",
	.who = WHO_SAME_NAME, .alone = true, .needed = true},
    {"revoked", "the certificate revoked last", .who = WHO_GONE, .needed = true},
    {"revoked-before", "a certificate revoked before", .who = WHO_FIRST},
    {"resumed", "a session from before the revocation", .who = WHO_GONE, .session = KEPT},
    {"wrong-eku", "a server's certificate of this CA", .who = WHO_SERVER, .needed = true},
    {"expired", "an expired certificate", .who = WHO_OLD},
    {"token", "the token's certificate", .who = WHO_TOKEN, .alone = true, .wants_in = true},
    {"path-listed", "a valid certificate on the list, at --path", .who = WHO_LISTED, .alone = true,
	.there = true, .wants_in = true, .needed = true},
    {"path-token", "the token's certificate, at --path", .who = WHO_TOKEN, .alone = true,
	.there = true, .wants_in = true},
    {"path-unlisted", "a valid certificate that is not on the list, at --path", .who = WHO_LIVE,
	.there = true, .needed = true},
    {"path-none", "no certificate, at --path", .who = WHO_NOBODY, .there = true, .needed = true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct relying_probe *
add_kind(struct probing *p, const struct kind *k, const char *protocol)
{
	struct relying_probe *to = probe_add(p, k->name, k->what, protocol);

	to->wants_in = k->wants_in;
	to->needed = k->needed;
	to->any = k->who == WHO_NOBODY && p->v.what->optional && !k->there;
	return to;
}

/* ---- sessions ---- */

static int
kept_session(const struct probing *p, bool tls12, struct blob *ret, struct relying_probe *to,
    struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = probe_session_path(&p->v, tls12, path, err)) != 0)
		return rc;
	rc = file_read_private(path, ret, err);
	if (rc == ERR_ABSENT)
		untried(to,
		    "no session from before; save one with: ykenroll verify-server --prepare URL");
	else if (rc == 0 && ret->len == 0)
		untried(to, "the server gave no session that can be resumed");
	else if (rc == 0 && !tls_session_lives(ret, utc_now())) {
		untried(to,
		    "the saved session is older than the server keeps one; save another with: "
		    "ykenroll verify-server --prepare URL");
		blob_wipe(ret);
	}
	return rc == ERR_ABSENT ? 0 : rc;
}

/* *ret stays empty where *to says why there is none. */
static int
session_for(const struct probing *p, enum from from, bool tls12, struct blob *ret,
    struct relying_probe *to, struct err *err)
{
	const struct blob *one = from == OWN	   ? &p->own[tls12]
				 : from == NOBODYS ? &p->nobodys[tls12]
						   : &p->strangers[tls12];

	if (from == KEPT)
		return kept_session(p, tls12, ret, to, err);
	if (from == NO_SESSION || one->len == 0) {
		if (from != NO_SESSION)
			untried(to, from == STRANGERS ? "no session is given under another name"
						      : "the server gave no session to be resumed");
		return 0;
	}
	return blob_set(ret, one->data, one->len, err);
}

static void
keep(struct blob *to, const struct tls_reply *r)
{
	if (to->len == 0 && r->session.len > 0 &&
	    blob_set(to, r->session.data, r->session.len, NULL) != 0)
		blob_wipe(to);
}

/* The names in the server's certificate that it has besides the one that is asked about. */
static void
learn_hosts(struct probing *p, const struct blob *hosts)
{
	const char *at = (const char *)hosts->data, *end = at + hosts->len;
	size_t n;

	if (p->v.what->also != NULL)
		snprintf(p->also[p->n_also++], PLACE_HOST, "%s", p->v.what->also);
	for (; at < end && p->n_also < ALSO_MAX; at += n + 1) {
		struct place place = {.n = 0};

		n = strcspn(at, "\n");
		if (place_authority(at, n, &place) == 0 && place.port[0] == '\0' &&
		    strcasecmp(place.host, p->v.place.host) != 0)
			snprintf(p->also[p->n_also++], PLACE_HOST, "%s", place.host);
	}
}

static void
learn(struct probing *p, const struct kind *k, bool tls12, const struct relying_probe *to,
    const struct tls_reply *r)
{
	if (k->there)
		return;
	if (k->sni != ITS_NAME) {
		if (k->sni == ALSO && r->session.len > 0)
			blob_wipe(&p->strangers[tls12]); /* a name that it has is the better one */
		keep(&p->strangers[tls12], r);
		return;
	}
	if (r->anchor[0] != '\0')
		memcpy(p->ret->anchor, r->anchor, sizeof(r->anchor));
	if (k->who == WHO_LIVE && to->verdict == VERDICT_IN)
		keep(&p->own[tls12], r);
	if (k->who == WHO_NOBODY)
		keep(&p->nobodys[tls12], r);
	if (k->who == WHO_LIVE && k->alone && p->n_also == 0)
		learn_hosts(p, &r->hosts);
	if (r->asked && p->names.len == 0 && r->names.len > 0 &&
	    blob_set(&p->names, r->names.data, r->names.len, NULL) != 0)
		blob_wipe(&p->names);
	p->asked = p->asked || r->asked;
}

/* ---- one login ---- */

/* Does the valid one get its page whatever Host it asks for? Then Host tells no sites apart. */
static void
try_any_host(struct probing *p)
{
	CLEAN(tls_reply_wipe) struct tls_reply r = {0};
	const struct login how = {.who = &p->cast.keys[WHO_LIVE],
	    .tls12 = p->unspoken[0],
	    .alone = true,
	    .host = OTHER_NAME};
	struct err why = ERR_INIT;

	p->any_host = p->judging.n > 0 && p->v.place.speech == TLS_HTTP &&
		      (visit_login(&p->v, &how, &r, &why) != 0 || judging_is_page(&p->judging, &r));
}

/* Under another name whoever gets what the valid one gets is in. Whatever else is said there may be
 * another, public site: it is when everybody gets it who asks for a third. */
static void
judge_name(struct probing *p, struct login how, struct relying_probe *to, const struct tls_reply *r)
{
	CLEAN(tls_reply_wipe) struct tls_reply other = {0};
	struct err why = ERR_INIT;

	if (to->verdict == VERDICT_UNTRIED && (r->alert >= 0 || r->closed) &&
	    r->alert != TLS_PROTOCOL_VERSION && p->judging.n > 0)
		to->verdict = VERDICT_REFUSED;
	if (to->verdict == VERDICT_IN && p->v.what->expect == NULL && p->judging.n > 0 &&
	    !judging_is_page(&p->judging, r))
		to->verdict = VERDICT_UNCLEAR;
	how.host = OTHER_NAME;
	if (to->verdict == VERDICT_UNCLEAR && r->status != 0 && !p->any_host &&
	    visit_login(&p->v, &how, &other, &why) == 0 &&
	    judge_is_elsewhere(r, p->v.place.host, &other, OTHER_NAME)) {
		to->verdict = VERDICT_REFUSED;
		snprintf(to->why, sizeof(to->why), "HTTP %d, what is answered for every name",
		    r->status);
	}
	to->right = to->any || to->verdict == VERDICT_REFUSED;
}

static void
name_it(struct relying_probe *to, const char *name)
{
	char why[sizeof(to->why)];

	snprintf(why, sizeof(why), "%s", to->why);
	snprintf(to->why, sizeof(to->why), "%.60s: %.240s", name, why);
}

static bool
ends_the_run(const struct probing *p, const struct kind *k, int rc)
{
	if (rc == 0 || rc == ERR_ABSENT)
		return false;
	/* its certificate; the token; or nothing goes at all */
	return (rc == ERR_FIT && k->sni == ITS_NAME) || k->who == WHO_TOKEN || p->ret->n == 1;
}

static int
one_login(struct probing *p, const struct kind *k, const char *also, bool tls12, struct err *err)
{
	const char *const snis[] = {
	    [ITS_NAME] = NULL, [ANOTHER] = OTHER_NAME, [NO_NAME] = "", [ALSO] = also};
	struct relying_probe *to = add_kind(p, k, tls12 ? "TLS 1.2" : "TLS 1.3");
	CLEAN(tls_reply_wipe) struct tls_reply reply = {0};
	CLEAN(blob_wipe) struct blob session = {0};
	struct login how = {.who = k->who == WHO_NOBODY ? NULL : &p->cast.keys[k->who],
	    .tls12 = tls12,
	    .alone = k->alone,
	    .path = k->there ? p->v.what->path : NULL,
	    .sni = snis[k->sni]};
	struct judging *j = k->there ? &p->there : &p->judging;
	struct err why = ERR_INIT;
	int rc;

	if ((rc = session_for(p, k->session, tls12, &session, to, err)) != 0 ||
	    to->why[0] != '\0' || (rc = cast_ready(&p->cast, k->who, err)) != 0)
		return rc;
	how.session = session.len > 0 ? &session : NULL;
	rc = visit_login(&p->v, &how, &reply, &why);
	p->timeouts = rc == ERR_ABSENT ? p->timeouts + 1 : 0;
	if (ends_the_run(p, k, rc)) {
		*err = why;
		if (k->who != WHO_TOKEN)
			err_wrap(err, "%s", p->ret->server);
		return rc;
	}
	if (rc != 0) {
		untried(to, why.text);
		return 0;
	}
	j->nobody = k->who == WHO_NOBODY;
	judge(j, to, &reply);
	learn(p, k, tls12, to, &reply);
	if (k->sni != ITS_NAME)
		judge_name(p, how, to, &reply);
	if (k->sni == ALSO)
		name_it(to, also);
	return 0;
}

/* ---- whether at all ---- */

/* NULL: it is tried. "": not even a word. */
static const char *
why_not(const struct probing *p, const struct kind *k, bool tls12)
{
	const struct relying_probe *live = probe_find(p, "live", tls12 ? "TLS 1.2" : "TLS 1.3");

	if (strcmp(k->name, "chain") == 0)
		return live != NULL && live->verdict == VERDICT_REFUSED ? NULL : "";
	if (k->session == OWN)
		return live != NULL && live->verdict == VERDICT_IN ? NULL : "";
	return NULL;
}

/* A server that ends the valid one's login before it asks for anything, and knows the other
 * protocol, does not know this one: not all say so by their alert. */
static void
learn_protocols(struct probing *p)
{
	struct relying_probe *live[2] = {
	    probe_find(p, "live", "TLS 1.3"), probe_find(p, "live", "TLS 1.2")};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct relying_probe *one = live[i], *other = live[1 - i];

		if (one == NULL || other == NULL || other->verdict != VERDICT_IN ||
		    one->verdict != VERDICT_UNTRIED || (one->alert < 0 && !one->closed))
			continue;
		p->unspoken[i] = true;
		untried(one, "the server does not support it");
		one->needed = false;
	}
}

/* After so many the rest would only wait. */
#define TIMEOUTS 3

static int
try_kind(struct probing *p, const struct kind *k, struct err *err)
{
	size_t also;
	int tls12, rc;

	if (k->there && p->v.what->path == NULL)
		return 0;
	if (k->sni == ALSO && p->n_also == 0) {
		untried(add_kind(p, k, "TLS"), "not asked (--also-name)");
		p->ret->probes[p->ret->n - 1].needed = false;
		return 0;
	}
	if (p->cast.absent[k->who][0] != '\0') {
		if (k->who != WHO_LIVE || k->needed) /* once is enough */
			untried(add_kind(p, k, "TLS"), p->cast.absent[k->who]);
		return 0;
	}
	if (p->timeouts >= TIMEOUTS) {
		untried(add_kind(p, k, "TLS"), "the server did not answer several times");
		return 0;
	}
	for (also = 0; also < (k->sni == ALSO ? p->n_also : 1); also++)
		for (tls12 = 0; tls12 < 2; tls12++) {
			const char *why = p->unspoken[tls12] ? "" : why_not(p, k, tls12 == 1);

			if (why == NULL &&
			    (rc = one_login(p, k, p->also[also], tls12 == 1, err)) != 0)
				return rc;
		}
	return 0;
}

/* ---- all of it ---- */

/* A server that resumes sessions has to be tried with one of a certificate that was revoked since.
 */
static void
need_resumed(struct probing *p)
{
	const struct relying_probe *again;
	struct relying_probe *to;
	size_t i;

	for (i = 0; i < p->ret->n; i++) {
		to = &p->ret->probes[i];
		if (strcmp(to->name, "resumed") != 0 || strcmp(to->address, p->v.at->text) != 0)
			continue;
		again = probe_find(p, "again", to->protocol);
		to->needed = again != NULL && again->resumed && again->verdict == VERDICT_IN;
	}
}

/* The last that this CA revoked must be on the server's CRL: else it has an older one. */
static void
doubt_revoked(struct probing *p)
{
	size_t i;

	for (i = 0; i < p->ret->n; i++) {
		struct relying_probe *to = &p->ret->probes[i];

		if (strcmp(to->name, "revoked") == 0 && to->verdict == VERDICT_REFUSED &&
		    !p->cast.gone_is_last)
			untried(to,
			    "refused, but others were revoked after it, whom the server may not "
			    "know; repeat: ykenroll verify-server --prepare URL");
	}
}

int
probe_address(struct probing *p, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < KINDS; i++) {
		if ((rc = try_kind(p, &kinds[i], err)) != 0)
			return rc;
		if (i == 0)
			learn_protocols(p);
		if (kinds[i].session == OWN)
			try_any_host(p);
	}
	cast_release(&p->cast);
	judging_settle(&p->judging);
	need_resumed(p);
	doubt_revoked(p);
	if ((rc = look_at_names(p, err)) != 0 || p->v.place.speech != TLS_HTTP)
		return rc;
	look_at_echo(p);
	return 0;
}
