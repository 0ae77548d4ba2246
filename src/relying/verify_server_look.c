/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_look: what is no login: the CAs that a server asks for, and what it tells its
 * application. */
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
		snprintf(to->why, sizeof(to->why),
		    "the page (HTTP %d) does not show the header X-Ykenroll that was sent to it",
		    r->status);
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

void
look_at_echo(struct probing *p)
{
	struct relying_probe *to =
	    probe_add(p, "spoofed", "a valid certificate that sends identity headers", "TLS");
	CLEAN(tls_reply_wipe) struct tls_reply r = {0};
	char headers[IDENTITY * 2 * 64];
	struct login how = {.who = &p->cast.keys[WHO_LIVE],
	    .tls12 = p->unspoken[0],
	    .path = p->v.what->echo,
	    .headers = headers};
	struct err why = ERR_INIT;

	if (p->v.what->echo == NULL) {
		untried(to, "not asked (--echo)");
		return;
	}
	to->needed = true;
	spoof(headers, sizeof(headers));
	if (p->cast.absent[WHO_LIVE][0] != '\0')
		untried(to, p->cast.absent[WHO_LIVE]);
	else if (visit_login(&p->v, &how, &r, &why) != 0)
		untried(to, why.text);
	else
		judge_echo(to, &r);
}
