/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server: all that is tried, at all addresses of a server. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "relying/verify_server.h"

static void
probing_wipe(struct probing *p)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		blob_wipe(&p->own[i]);
		blob_wipe(&p->strangers[i]);
	}
	blob_wipe(&p->names);
	judging_wipe(&p->judging);
	cast_wipe(&p->cast);
	visit_wipe(&p->v);
}

/* What was learned at one address is nothing of another one's. */
static void
forget(struct probing *p)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		blob_wipe(&p->own[i]);
		blob_wipe(&p->strangers[i]);
	}
	blob_wipe(&p->names);
	judging_wipe(&p->judging);
	p->asked = false;
}

/* Where nobody listens, nobody gets in. */
static int
reach(struct probing *p, bool *ret, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	struct err why = ERR_INIT;
	const int rc = visit_connect(&p->v, &fd, &why);
	struct relying_probe *to;

	*ret = rc == 0;
	if (rc == 0)
		return 0;
	if (p->v.place.n == 1) {
		*err = why;
		return ERR_INTERNAL;
	}
	to = &p->ret->probes[p->ret->n++];
	*to = (struct relying_probe){.name = "address",
	    .what = "an address of the server's name",
	    .protocol = "TLS",
	    .needed = rc != ERR_ABSENT,
	    .alert = -1};
	snprintf(to->address, sizeof(to->address), "%s", p->v.at->text);
	untried(to, why.text);
	return 0;
}

static int
probe_all(struct probing *p, struct err *err)
{
	bool reached, any = false;
	size_t i;
	int rc;

	for (i = 0; i < p->v.place.n; i++) {
		p->v.at = &p->v.place.addresses[i];
		forget(p);
		if ((rc = reach(p, &reached, err)) != 0 ||
		    (reached && (rc = probe_address(p, err)) != 0))
			return rc;
		any = any || reached;
	}
	return any ? 0 : err_set(err, ERR_INTERNAL, "cannot connect to any of its addresses");
}

int
relying_verify_server(const struct desk *w, const struct relying_verify *what,
    struct relying_verified *ret, struct err *err)
{
	CLEAN(probing_wipe) struct probing p = {.ret = ret, .judging = {.v = &p.v}};
	int rc;

	memset(ret, 0, sizeof(*ret));
	(void)signal(SIGPIPE, SIG_IGN); /* a server may hang up while we speak */
	if ((rc = visit_open(&p.v, w, what, err)) != 0)
		return rc;
	snprintf(ret->server, sizeof(ret->server), p.v.place.bracket ? "[%s]:%s" : "%s:%s",
	    p.v.place.host, p.v.place.port);
	memcpy(ret->address, p.v.at->text, sizeof(ret->address));
	ret->addresses = p.v.place.n;
	if ((rc = cast_gather(&p.cast, w, p.v.cas, what->token, err)) != 0)
		return rc;
	if ((rc = probe_all(&p, err)) != 0)
		return rc;
	return verify_conclude(ret, err);
}
