/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_look: what is no login: the CAs that a server asks for, and what it tells its
 * application. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relying/verify_server.h"

struct relying_probe *
probe_add(struct probing *p, const char *name, const char *what, const char *protocol)
{
	struct relying_probe *to = &p->ret->probes[p->ret->n++];

	*to = (struct relying_probe){.name = name, .what = what, .protocol = protocol, .alert = -1};
	snprintf(to->address, sizeof(to->address), "%s", p->v.at->text);
	return to;
}

struct relying_probe *
probe_find(const struct probing *p, const char *name, const char *protocol)
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

/* Of whom else may a certificate come? A server need not say. */
int
look_at_names(struct probing *p, struct err *err)
{
	struct relying_probe *to = probe_add(p, "announced", "CAs that the server asks for", "TLS");
	char *line, *rest;
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
	for (rest = (char *)p->names.data; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
		if (strcmp(line, ours[0].subject) == 0 || strcmp(line, ours[1].subject) == 0) {
			root = root || strcmp(line, ours[1].subject) == 0;
			continue;
		}
		if (to->right)
			snprintf(to->why, sizeof(to->why), "also %.250s",
			    line[0] != '\0' ? line : "one without a name");
		to->right = false;
	}
	p->ret->asks = root ? ASKS_ROOT : ASKS_NOT_ROOT;
	return 0;
}

/* ---- what the application is told ---- */

/* As this program's configurations and others call it. */
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
#define MARKED "X-Ykenroll: " MARK "\r\n"

/* Client_Verify is Client-Verify to many an application. */
static void
spoof(char *ret, size_t size)
{
	size_t n = 0, i, c;

	n += (size_t)snprintf(ret, size, MARKED);
	for (i = 0; i < 2 * IDENTITY; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s", identity[i / 2]);
		for (c = 0; i % 2 == 1 && name[c] != '\0'; c++)
			if (name[c] == '-')
				name[c] = '_';
		n += (size_t)snprintf(ret + n, size - n, "%s: " SPOOF "-%zu-\r\n", name, i);
	}
}

static bool
is_part(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_';
}

/* In any spelling that an application may show it in: Client-Verify, HTTP_CLIENT_VERIFY. */
static bool
shows_name(const struct blob *page, const char *name)
{
	const size_t n = strlen(name);
	size_t i, c;

	for (i = 0; i + n <= page->len; i++) {
		const uint8_t *at = page->data + i;

		for (c = 0; c < n; c++)
			if (tolower(at[c]) != tolower((unsigned char)name[c]) &&
			    !(name[c] == '-' && at[c] == '_'))
				break;
		if (c == n && (i + n == page->len || !is_part(at[n])) &&
		    (i == 0 || !is_part(at[-1]) || (i >= 5 && memcmp(at - 5, "HTTP_", 5) == 0)))
			return true;
	}
	return false;
}

static bool
has_text(const struct blob *page, const char *text)
{
	return page->len > 0 && memmem(page->data, page->len, text, strlen(text)) != NULL;
}

/* What a server sets must be its own word. Where it sets nothing, nothing may pass. */
static void
judge_echo(
    struct relying_probe *to, const struct blob *plain, const struct blob *spoofed, const char *who)
{
	bool used[IDENTITY], some = false;
	char value[32];
	size_t i;

	for (i = 0; i < IDENTITY; i++)
		some = (used[i] = shows_name(plain, identity[i])) || some;
	for (i = 0; i < 2 * IDENTITY && to->right; i++) {
		snprintf(value, sizeof(value), SPOOF "-%zu-", i);
		if ((some && !used[i / 2]) || !has_text(spoofed, value))
			continue;
		to->right = false;
		snprintf(to->why, sizeof(to->why),
		    "%s%s of a client with %s reaches the application", identity[i / 2],
		    i % 2 == 1 ? " with underscores" : "", who);
	}
}

/* Errors: ERR_FIT it is no such page. */
static int
get_echo(const struct probing *p, enum who who, const char *headers, struct tls_reply *ret,
    struct err *err)
{
	const struct login how = {.who = who == WHO_NOBODY ? NULL : &p->cast.keys[who],
	    .tls12 = p->unspoken[0],
	    .path = p->v.what->echo,
	    .headers = headers};
	const int rc = visit_login(&p->v, &how, ret, err);

	if (rc != 0 || has_text(&ret->page, MARK))
		return rc;
	return err_set(err, ERR_FIT,
	    "the page (HTTP %d) does not show the header X-Ykenroll that was sent to it",
	    ret->status);
}

void
look_at_echo(struct probing *p)
{
	struct relying_probe *to =
	    probe_add(p, "spoofed", "clients that send headers for identities", "TLS");
	CLEAN(tls_reply_wipe) struct tls_reply plain = {0}, live = {0}, nobody = {0};
	char headers[IDENTITY * 2 * 64];
	struct err why = ERR_INIT;

	if (p->v.what->echo == NULL) {
		untried(to, "not asked (--echo)");
		return;
	}
	to->needed = true;
	spoof(headers, sizeof(headers));
	if (p->cast.absent[WHO_LIVE][0] != '\0') {
		untried(to, p->cast.absent[WHO_LIVE]);
		return;
	}
	if (get_echo(p, WHO_LIVE, MARKED, &plain, &why) != 0 ||
	    get_echo(p, WHO_LIVE, headers, &live, &why) != 0 ||
	    (p->v.what->optional && get_echo(p, WHO_NOBODY, headers, &nobody, &why) != 0)) {
		untried(to, why.text);
		return;
	}
	to->verdict = VERDICT_FOUND;
	to->right = true;
	snprintf(to->why, sizeof(to->why), "none takes the place of the server's word");
	judge_echo(to, &plain.page, &live.page, "a certificate");
	if (p->v.what->optional)
		judge_echo(to, &plain.page, &nobody.page, "no certificate");
}
