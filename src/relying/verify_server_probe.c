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

enum from { NO_SESSION, OWN, STRANGERS, KEPT };
enum named { ITS_NAME, ANOTHER, NO_NAME };

/* In this order: by what the valid one gets the others are judged. */
static const struct kind {
	const char *name, *what;
	enum who who;
	enum from session;
	enum named sni;
	bool alone; /* without the CA's certificate: tokens have none */
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
    {"other-session", "no certificate, a session of another server's name", .who = WHO_NOBODY,
	.session = STRANGERS},
    {"other-ca", "a certificate of another CA", .who = WHO_OTHER, .needed = true},
    {"same-name", "a certificate of another CA with our CA's name", .who = WHO_SAME_NAME,
	.needed = true},
    {"revoked", "the certificate revoked last", .who = WHO_GONE, .needed = true},
    {"revoked-before", "a certificate revoked before", .who = WHO_FIRST},
    {"resumed", "a session from before the revocation", .who = WHO_GONE, .session = KEPT},
    {"wrong-eku", "a server's certificate of this CA", .who = WHO_SERVER, .needed = true},
    {"expired", "an expired certificate", .who = WHO_OLD},
    {"token", "the token's certificate", .who = WHO_TOKEN, .alone = true, .wants_in = true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct relying_probe *
add(struct probing *p, const char *name, const char *what, const char *protocol)
{
	struct relying_probe *to = &p->ret->probes[p->ret->n++];

	*to = (struct relying_probe){.name = name, .what = what, .protocol = protocol, .alert = -1};
	snprintf(to->address, sizeof(to->address), "%s", p->v.at->text);
	return to;
}

static struct relying_probe *
add_kind(struct probing *p, const struct kind *k, const char *protocol)
{
	struct relying_probe *to = add(p, k->name, k->what, protocol);

	to->wants_in = k->wants_in;
	to->needed = k->needed;
	to->any = k->who == WHO_NOBODY && p->v.what->optional;
	return to;
}

static struct relying_probe *
find(const struct probing *p, const char *name, const char *protocol)
{
	size_t i;

	for (i = p->ret->n; i > 0; i--) {
		struct relying_probe *one = &p->ret->probes[i - 1];

		if (strcmp(one->address, p->v.at->text) == 0 && strcmp(one->name, name) == 0 &&
		    strcmp(one->protocol, protocol) == 0)
			return one;
	}
	return NULL;
}

/* ---- sessions ---- */

static int
kept_session(const struct probing *p, bool tls12, struct blob *ret, struct relying_probe *to,
    struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = probe_session_path(p->v.w, &p->v.place, tls12, path, err)) != 0)
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
	const struct blob *one = from == OWN ? &p->own[tls12] : &p->strangers[tls12];

	if (from == KEPT)
		return kept_session(p, tls12, ret, to, err);
	if (from == NO_SESSION || one->len == 0) {
		if (from != NO_SESSION)
			untried(to, from == OWN ? "the server gave no session to be resumed"
						: "no session is given under another name");
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

static void
learn(struct probing *p, const struct kind *k, bool tls12, const struct relying_probe *to,
    const struct tls_reply *r)
{
	if (r->anchor[0] != '\0')
		memcpy(p->ret->anchor, r->anchor, sizeof(r->anchor));
	if (k->sni != ITS_NAME) {
		keep(&p->strangers[tls12], r);
		return;
	}
	if (k->who == WHO_LIVE && to->verdict == VERDICT_IN)
		keep(&p->own[tls12], r);
	if (r->asked && p->names.len == 0 && r->names.len > 0 &&
	    blob_set(&p->names, r->names.data, r->names.len, NULL) != 0)
		blob_wipe(&p->names);
	p->asked = p->asked || r->asked;
}

/* ---- one login ---- */

/* Under another name whatever is not this site is right: also a public one, which says the same to
 * those who ask for a third. */
static void
judge_name(struct probing *p, struct login how, struct relying_probe *to, const struct tls_reply *r)
{
	CLEAN(tls_reply_wipe) struct tls_reply other = {0};
	struct err why = ERR_INIT;

	if (to->verdict == VERDICT_UNTRIED && r->alert >= 0 && r->alert != TLS_PROTOCOL_VERSION) {
		to->verdict = VERDICT_REFUSED;
		to->right = true;
	}
	if (to->verdict == VERDICT_UNTRIED || to->verdict == VERDICT_REFUSED || r->status == 0 ||
	    judging_is_page(&p->judging, r))
		return;
	how.host = OTHER_NAME;
	if (visit_login(&p->v, &how, &other, &why) != 0 ||
	    !judge_is_elsewhere(r, p->v.authority, &other, OTHER_NAME))
		return;
	to->verdict = VERDICT_REFUSED;
	to->right = true;
	snprintf(to->why, sizeof(to->why), "HTTP %d, what is answered for every name", r->status);
}

static int
one_login(struct probing *p, const struct kind *k, bool tls12, struct err *err)
{
	static const char *const snis[] = {
	    [ITS_NAME] = NULL, [ANOTHER] = OTHER_NAME, [NO_NAME] = ""};
	struct relying_probe *to = add_kind(p, k, tls12 ? "TLS 1.2" : "TLS 1.3");
	CLEAN(tls_reply_wipe) struct tls_reply reply = {0};
	CLEAN(blob_wipe) struct blob session = {0};
	struct login how = {.who = k->who == WHO_NOBODY ? NULL : &p->cast.keys[k->who],
	    .tls12 = tls12,
	    .alone = k->alone,
	    .sni = snis[k->sni]};
	struct err why = ERR_INIT;
	int rc;

	if ((rc = session_for(p, k->session, tls12, &session, to, err)) != 0 ||
	    to->why[0] != '\0' || (rc = cast_ready(&p->cast, k->who, err)) != 0)
		return rc;
	how.session = session.len > 0 ? &session : NULL;
	rc = visit_login(&p->v, &how, &reply, &why);
	if (rc == ERR_ABSENT || (rc != 0 && k->sni != ITS_NAME)) { /* it answers others, perhaps */
		untried(to, why.text);
		return 0;
	}
	if (rc != 0) {
		*err = why;
		err_wrap(err, "%s", p->ret->server);
		return rc;
	}
	judge(&p->judging, to, &reply);
	learn(p, k, tls12, to, &reply);
	if (k->sni != ITS_NAME)
		judge_name(p, how, to, &reply);
	return 0;
}

/* ---- whether at all ---- */

/* NULL: it is tried. "": not even a word. */
static const char *
why_not(const struct probing *p, const struct kind *k, bool tls12)
{
	const struct relying_probe *live = find(p, "live", tls12 ? "TLS 1.2" : "TLS 1.3");

	if (k->who == WHO_LIVE && k->session == NO_SESSION && !k->alone)
		return live != NULL && live->verdict != VERDICT_IN &&
			       live->alert != TLS_PROTOCOL_VERSION
			   ? NULL
			   : "";
	if (k->session == OWN)
		return live != NULL && live->verdict == VERDICT_IN ? NULL : "";
	return NULL;
}

static int
try_kind(struct probing *p, const struct kind *k, struct err *err)
{
	const char *why;
	int tls12, rc;

	if (p->cast.absent[k->who][0] != '\0') {
		if (k->who != WHO_LIVE || k->needed) /* once is enough */
			untried(add_kind(p, k, "TLS"), p->cast.absent[k->who]);
		return 0;
	}
	for (tls12 = 0; tls12 < 2; tls12++) {
		why = why_not(p, k, tls12 == 1);
		if (why == NULL && (rc = one_login(p, k, tls12 == 1, err)) != 0)
			return rc;
	}
	return 0;
}

/* ---- what is no login ---- */

/* Of whom else may a certificate come? A server need not say. */
static int
look_at_names(struct probing *p, struct err *err)
{
	struct relying_probe *to = add(p, "announced", "CAs that the server asks for", "TLS");
	char *line, *rest = (char *)p->names.data;
	struct cert_info ours[2];
	bool root = false;
	size_t i;
	int rc;

	to->needed = p->asked;
	if (p->names.len == 0) {
		untried(to, p->asked
				? "it names none, so that it is not known whether it trusts others"
				: "it asks for no certificate");
		return 0;
	}
	if ((rc = blob_append(&p->names, "", 1, err)) != 0)
		return rc;
	for (i = 0; i < 2; i++)
		if ((rc = cert_read(p->v.cas[i].data, p->v.cas[i].len, &ours[i], err)) != 0)
			return rc;
	to->verdict = VERDICT_FOUND;
	to->right = true;
	snprintf(to->why, sizeof(to->why), "this CA's");
	for (rest = (char *)p->names.data;
	     (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
		if (strcmp(line, ours[0].subject) == 0 || strcmp(line, ours[1].subject) == 0) {
			root = root || strcmp(line, ours[1].subject) == 0;
			continue;
		}
		if (to->right)
			snprintf(to->why, sizeof(to->why), "also %.250s", line);
		to->right = false;
	}
	p->ret->asks = root ? ASKS_ROOT : ASKS_NOT_ROOT;
	return 0;
}

/* What applications are told about the client, as this program's configurations and others do. */
static const char *const identity[] = {"Client-Verify", "Client-Subject", "Client-Name",
    "Client-Serial", "Client-Fingerprint", "Client-Email", "Client-Cert", "Client-Cert-Chain",
    "X-Client-Cert", "X-Client-CN", "X-Client-DN", "X-Client-Verify", "X-Client-Serial",
    "X-SSL-Cert", "X-SSL-Client-Cert", "X-SSL-Client-CN", "X-SSL-Client-DN", "X-SSL-Client-S-DN",
    "X-SSL-Client-Verify", "X-SSL-Client-Serial", "SSL-Client-Cert", "SSL-Client-S-DN",
    "SSL-Client-S-DN-CN", "SSL-Client-Verify", "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info"};
#define IDENTITY (sizeof(identity) / sizeof(identity[0]))
#define SPOOF "ykenroll-spoofed"
#define MARK "ykenroll-echo"

/* Client_Verify is Client-Verify to many an application. */
static void
spoof(char *ret, size_t size)
{
	size_t n = 0, i, c;

	n += (size_t)snprintf(ret, size, "X-Ykenroll: " MARK "\r\n");
	for (i = 0; i < 2 * IDENTITY; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s", identity[i / 2]);
		for (c = 0; i % 2 == 1 && name[c] != '\0'; c++)
			if (name[c] == '-')
				name[c] = '_';
		n += (size_t)snprintf(ret + n, size - n, "%s: " SPOOF "-%zu-\r\n", name, i);
	}
}

static void
judge_echo(struct relying_probe *to, const struct tls_reply *r)
{
	static const uint8_t none[] = "";
	const uint8_t *page = r->page.len > 0 ? r->page.data : none;
	char value[32];
	size_t i;

	if (memmem(page, r->page.len, MARK, strlen(MARK)) == NULL) {
		untried(to, "the page does not show the header X-Ykenroll that was sent to it");
		return;
	}
	to->verdict = VERDICT_FOUND;
	to->right = true;
	snprintf(to->why, sizeof(to->why), "none reaches the application");
	for (i = 0; i < 2 * IDENTITY && to->right; i++) {
		snprintf(value, sizeof(value), SPOOF "-%zu-", i);
		if (memmem(page, r->page.len, value, strlen(value)) == NULL)
			continue;
		to->right = false;
		snprintf(to->why, sizeof(to->why),
		    "%s%s, as the client sent it, reaches the application", identity[i / 2],
		    i % 2 == 1 ? " with underscores" : "");
	}
}

static int
try_echo(struct probing *p, struct err *err)
{
	struct relying_probe *to =
	    add(p, "spoofed", "a valid certificate that sends identity headers", "TLS");
	CLEAN(tls_reply_wipe) struct tls_reply r = {0};
	char headers[IDENTITY * 2 * 64];
	struct login how = {.who = &p->cast.keys[WHO_LIVE],
	    .tls12 = p->own[0].len == 0 && p->own[1].len > 0,
	    .path = p->v.what->echo,
	    .headers = headers};
	int rc;

	if (p->v.what->echo == NULL) {
		untried(to, "not asked (--echo)");
		return 0;
	}
	to->needed = true;
	if (p->cast.absent[WHO_LIVE][0] != '\0') {
		untried(to, p->cast.absent[WHO_LIVE]);
		return 0;
	}
	spoof(headers, sizeof(headers));
	if ((rc = visit_login(&p->v, &how, &r, err)) != 0)
		return rc;
	judge_echo(to, &r);
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
		again = find(p, "again", to->protocol);
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

	for (i = 0; i < KINDS; i++)
		if ((rc = try_kind(p, &kinds[i], err)) != 0)
			return rc;
	judging_settle(&p->judging);
	need_resumed(p);
	doubt_revoked(p);
	if ((rc = look_at_names(p, err)) != 0 || p->v.place.speech != TLS_HTTP)
		return rc;
	return try_echo(p, err);
}
