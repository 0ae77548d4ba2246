/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server: all that is tried, at all addresses of a server. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "relying/verify_server.h"

/* What was learned at one address is nothing of another one's. */
static void
forget(struct probing *p)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		blob_wipe(&p->own[i]);
		blob_wipe(&p->nobodys[i]);
		blob_wipe(&p->strangers[i]);
		p->unspoken[i] = false;
	}
	blob_wipe(&p->names);
	judging_wipe(&p->judging);
	judging_wipe(&p->there);
	p->asked = false;
	p->n_also = 0;
	p->timeouts = 0;
}

static void
probing_wipe(struct probing *p)
{
	forget(p);
	cast_wipe(&p->cast);
	visit_wipe(&p->v);
}

/* Where nobody listens now, somebody may tomorrow. */
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
	to = probe_add(p, "address", "an address of the server's name", "TLS");
	to->needed = true;
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
	if (any && p->v.place.more) {
		struct relying_probe *to =
		    probe_add(p, "address", "an address of the server's name", "TLS");

		to->needed = true;
		untried(to, "it has more addresses; name them one by one with --connect");
	}
	return any ? 0 : err_set(err, ERR_INTERNAL, "cannot connect to any of its addresses");
}

static bool
is_path(const char *text)
{
	char path[sizeof(((struct place *)NULL)->path)];

	return text[0] == '/' && place_path(text, path, sizeof(path)) == 0;
}

int
relying_verify_server(const struct desk *w, const struct relying_verify *what,
    struct relying_verified *ret, struct err *err)
{
	CLEAN(probing_wipe)
	struct probing p = {.ret = ret, .judging = {.v = &p.v}, .there = {.v = &p.v}};
	struct err found = ERR_INIT;
	int rc;

	if ((what->echo != NULL && !is_path(what->echo)) ||
	    (what->path != NULL && !is_path(what->path)))
		return err_set(err, ERR_USAGE, "--echo and --path take a path like /admin");
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
	if ((rc = probe_all(&p, err)) == 0)
		return verify_conclude(ret, err);
	/* of what ends at the server: somebody who got in before is not forgotten */
	if ((rc == ERR_FIT || rc == ERR_INTERNAL) && verify_conclude(ret, &found) == ERR_PROOF) {
		*err = found;
		return ERR_PROOF;
	}
	ret->finding[0] = '\0';
	return rc;
}
