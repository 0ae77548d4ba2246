/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_judge: what one answer means. A status alone does not tell: a server may show its
 * refusal as a page of its own, with 200 or as a redirect, and an application that is down answers
 * those who are let in. What the valid certificate gets is the yardstick. */
#include <stdio.h>
#include <string.h>

#include "relying/verify_server.h"

void
judging_wipe(struct judging *j)
{
	for (; j->n > 0; j->n--)
		blob_wipe(&j->pages[j->n - 1]);
	for (; j->n_doubts > 0; j->n_doubts--)
		blob_wipe(&j->doubts[j->n_doubts - 1].page);
}

/* In words what the server answered. */
static void
tell(struct relying_probe *to, const struct tls_reply *r)
{
	const char *more = r->location[0] != '\0' ? r->location : r->title;

	if (r->status != 0)
		snprintf(to->why, sizeof(to->why), "HTTP %d%s%s%s", r->status,
		    more[0] != '\0' ? " (" : "", more, more[0] != '\0' ? ")" : "");
	else if (r->answered)
		snprintf(
		    to->why, sizeof(to->why), "%s", r->title[0] != '\0' ? r->title : "no alert");
	else if (r->alert >= 0)
		snprintf(to->why, sizeof(to->why), "alert %s", r->alert_name);
	else
		snprintf(to->why, sizeof(to->why), "the connection was closed");
}

static void
add_why(struct relying_probe *to, const char *text)
{
	const size_t n = strlen(to->why);

	snprintf(to->why + n, sizeof(to->why) - n, ", %s", text);
}

static void
unclear(struct relying_probe *to, const char *text)
{
	to->verdict = VERDICT_UNCLEAR;
	add_why(to, text);
}

void
untried(struct relying_probe *to, const char *why)
{
	to->verdict = VERDICT_UNTRIED;
	snprintf(to->why, sizeof(to->why), "%.300s", why);
}

/* With these a server, or what is behind it, says that it does not want this client: nginx has its
 * own 495 and 496, and shows them as 400; 421 is for another name (RFC 9110, 15.5.20). */
static bool
is_refusal(int status)
{
	return status == 400 || status == 401 || status == 403 || status == 421 || status == 495 ||
	       status == 496;
}

static bool
is_page(int status)
{
	return status >= 200 && status < 300;
}

bool
judge_is_in(const struct tls_reply *r)
{
	return r->answered && !is_refusal(r->status);
}

static bool
has_text(const struct blob *page, const char *text)
{
	return page->len > 0 && memmem(page->data, page->len, text, strlen(text)) != NULL;
}

bool
judging_is_page(const struct judging *j, const struct tls_reply *r)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		if (blob_equal(&j->pages[i], &r->page))
			return r->status == 0 || is_page(r->status);
	return false;
}

static void
judge_valid(struct judging *j, struct relying_probe *to, const struct tls_reply *r)
{
	const char *expect = j->v->what->expect;

	if (!is_page(r->status)) {
		unclear(to, "which does not tell; give a path that answers 200");
		return;
	}
	if (expect != NULL && !has_text(&r->page, expect)) {
		to->verdict = VERDICT_REFUSED;
		add_why(to, "without the text of --expect");
		return;
	}
	to->verdict = VERDICT_IN;
	if (j->n < sizeof(j->pages) / sizeof(j->pages[0]) &&
	    blob_set(&j->pages[j->n], r->page.data, r->page.len, NULL) == 0)
		j->n++;
}

static void
judge_page(struct judging *j, struct relying_probe *to, const struct tls_reply *r)
{
	const char *expect = j->v->what->expect;
	struct doubt *d = &j->doubts[j->n_doubts];

	to->verdict = expect == NULL || has_text(&r->page, expect) ? VERDICT_IN : VERDICT_REFUSED;
	if (expect != NULL || j->n == 0 || judging_is_page(j, r) || j->n_doubts == DOUBTS)
		return;
	add_why(to, "another page than the valid certificate gets");
	if (j->nobody && !to->any) { /* an application may greet strangers, and ask who they are */
		unclear(to,
		    "if it is not a refusal, say with --expect what a page has for those who "
		    "are in");
		return;
	}
	d->to = to;
	if (blob_set(&d->page, r->page.data, r->page.len, NULL) == 0)
		j->n_doubts++;
}

static void
judge_other(struct judging *j, struct relying_probe *to, const struct tls_reply *r)
{
	if (is_page(r->status))
		judge_page(j, to, r);
	else if (r->status == 429 || r->status >= 500)
		unclear(to, "which says nothing of the certificate");
	else if (j->n > 0)
		to->verdict = VERDICT_REFUSED; /* the valid one got a page */
	else
		unclear(to, "which does not tell; give a path that answers 200");
}

/* What only a login shows that was let in. */
static void
look_closer(struct relying_probe *to, const struct tls_reply *r, bool tls12)
{
	if (r->resumed)
		add_why(to, "session resumed");
	if (to->verdict == VERDICT_IN && !r->asked && !r->resumed)
		add_why(to, "and the server did not ask for a certificate");
	if (!r->late || tls12 || !to->wants_in)
		return;
	/* RFC 8446, 4.6.2: curl does it, browsers do not */
	to->right = false;
	add_why(to, "asked for a certificate after the handshake only, which browsers refuse");
}

/* A server of another protocol: its answer, when it says that it is ready, is as good as a page. */
static void
judge_greeting(struct judging *j, struct relying_probe *to, const struct tls_reply *r)
{
	if (r->strange) {
		unclear(to, "which is no welcome");
		return;
	}
	to->verdict = VERDICT_IN;
	if (to->wants_in && j->n < sizeof(j->pages) / sizeof(j->pages[0]) &&
	    blob_set(&j->pages[j->n], r->page.data, r->page.len, NULL) == 0)
		j->n++;
}

void
judge(struct judging *j, struct relying_probe *to, const struct tls_reply *r)
{
	to->alert = r->alert;
	to->status = r->status;
	to->resumed = r->resumed;
	to->late = r->late;
	to->closed = r->closed;
	tell(to, r);
	/* What ends before a certificate was asked for ends for another reason. */
	if (r->strange && !r->answered) {
		to->verdict = VERDICT_UNTRIED;
		snprintf(to->why, sizeof(to->why),
		    "the server does not speak HTTP; give imaps://, ldaps://, tls:// or the like");
		return;
	}
	if (!r->asked && !r->handshake) {
		to->verdict = VERDICT_UNTRIED;
		add_why(to, "before a client certificate was asked for");
		return;
	}
	if (!judge_is_in(r))
		to->verdict = VERDICT_REFUSED;
	else if (j->v->place.speech != TLS_HTTP)
		judge_greeting(j, to, r);
	else if (to->wants_in)
		judge_valid(j, to, r);
	else
		judge_other(j, to, r);
	to->right = to->any || to->verdict == (to->wants_in ? VERDICT_IN : VERDICT_REFUSED);
	look_closer(to, r, strcmp(to->protocol, "TLS 1.2") == 0);
}

/* ---- a refusal that looks like a page ---- */

static const struct doubt *
doubt_of(const struct judging *j, const char *name, const char *protocol)
{
	size_t i;

	for (i = 0; i < j->n_doubts; i++)
		if (strcmp(j->doubts[i].to->name, name) == 0 &&
		    strcmp(j->doubts[i].to->protocol, protocol) == 0)
			return &j->doubts[i];
	return NULL;
}

void
judging_settle(struct judging *j)
{
	size_t i;

	for (i = 0; i < j->n_doubts; i++) {
		struct relying_probe *to = j->doubts[i].to;
		const struct doubt *a = doubt_of(j, "other-ca", to->protocol),
				   *b = doubt_of(j, "same-name", to->protocol);

		if (to->verdict == VERDICT_IN && a != NULL && b != NULL &&
		    blob_equal(&a->page, &b->page) && blob_equal(&a->page, &j->doubts[i].page))
			unclear(to, "and so do those of another CA; say with --expect what a page "
				    "has for those who are in");
	}
}

/* ---- another site ---- */

static int
without(const uint8_t *at, size_t len, const char *name, struct blob *ret)
{
	const size_t n = strlen(name);
	const uint8_t *next;

	while (len > 0 && (next = memmem(at, len, name, n)) != NULL) {
		if (blob_append(ret, at, (size_t)(next - at), NULL) != 0)
			return -1;
		len -= (size_t)(next - at) + n;
		at = next + n;
	}
	return len == 0 ? 0 : blob_append(ret, at, len, NULL);
}

static bool
is_same(const void *a, size_t a_len, const char *a_name, const void *b, size_t b_len,
    const char *b_name)
{
	CLEAN(blob_wipe) struct blob x = {0}, y = {0};

	return without(a, a_len, a_name, &x) == 0 && without(b, b_len, b_name, &y) == 0 &&
	       blob_equal(&x, &y);
}

bool
judge_is_elsewhere(const struct tls_reply *r, const char *name, const struct tls_reply *other,
    const char *other_name)
{
	return r->answered && r->status == other->status &&
	       is_same(r->page.data, r->page.len, name, other->page.data, other->page.len,
		   other_name) &&
	       is_same(r->location, strlen(r->location), name, other->location,
		   strlen(other->location), other_name);
}
