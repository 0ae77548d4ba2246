/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_mean: what all the answers mean together. */
#include <stdio.h>
#include <string.h>

#include "relying/verify_server.h"

/* A probe that is needed must have been tried with one protocol at least. */
static bool
was_tried(const struct relying_verified *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->probes[i].name, name) == 0 && r->probes[i].verdict != VERDICT_UNTRIED)
			return true;
	return false;
}

/* The token's login counts as a valid certificate's. */
static bool
tried_enough(const struct relying_verified *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (!r->probes[i].needed || was_tried(r, r->probes[i].name))
			continue;
		if (!r->probes[i].wants_in || !was_tried(r, "token"))
			return false;
	}
	return true;
}

static unsigned
count(const struct relying_verified *r, bool wants_in, enum relying_verdict v)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < r->n; i++)
		n += r->probes[i].wants_in == wants_in && r->probes[i].verdict == v;
	return n;
}

static unsigned
let_in(const struct relying_verified *r, const char *name)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < r->n; i++)
		n += strcmp(r->probes[i].name, name) == 0 && r->probes[i].verdict == VERDICT_IN &&
		     !r->probes[i].any;
	return n;
}

struct meaning {
	const char *id, *text;
};

/* The first that is so is told. */
static const struct {
	const char *let_in; /* NULL: nobody */
	struct meaning means;
} findings[] = {
    {"none", {"no-certificate", "the server lets clients in without a certificate"}},
    {"other-ca",
	{"other-ca", "the server lets clients in with a certificate that this CA did not issue"}},
    {"same-name",
	{"other-ca", "the server lets clients in with a certificate that this CA did not issue"}},
    {NULL,
	{"refuses-all",
	    "the server refuses everybody, so its other refusals prove nothing: check whether one "
	    "of its CRLs is expired, missing or dated in the future, whether it trusts this CA, "
	    "and whether its list of certificates (Caddy) has the probes"}},
    {"revoked",
	{"revoked",
	    "the server lets clients in with a revoked certificate: it does not check CRLs, or has "
	    "not read the newest one (ykenroll ca publish, and reload the server)"}},
    {"expired", {"expired", "the server lets clients in with an expired certificate"}},
    {"resumed",
	{"resumed",
	    "the server resumes the session of a certificate that has since been revoked: turn off "
	    "session caches and tickets"}},
};
static const struct meaning refuses_some = {
    "refuses-some", "the server refuses some clients that it should let in"};
static const struct meaning none_in = {"untested",
    "it was not tested whether the server lets anybody in, so its refusals prove nothing"};
static const struct meaning incomplete = {
    "incomplete", "no problem was found, but not all necessary tests could be run"};
static const struct meaning right = {"right", "the server lets in exactly the clients it should"};

static const struct meaning *
meaning(const struct relying_verified *r)
{
	const unsigned in = count(r, true, VERDICT_IN), out = count(r, true, VERDICT_REFUSED);
	size_t i;

	for (i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
		if (findings[i].let_in == NULL ? out > 0 && in == 0
					       : let_in(r, findings[i].let_in) > 0)
			return &findings[i].means;
	if (out > 0)
		return &refuses_some;
	if (in == 0)
		return &none_in;
	return tried_enough(r) ? &right : &incomplete;
}

int
verify_conclude(struct relying_verified *r, struct err *err)
{
	const struct meaning *m = meaning(r);
	bool wrong = false;
	size_t i;

	for (i = 0; i < r->n; i++)
		wrong = wrong || (r->probes[i].verdict != VERDICT_UNTRIED && !r->probes[i].right);
	snprintf(r->finding, sizeof(r->finding), "%s", m->text);
	r->finding_id = m->id;
	if (wrong)
		return err_set(err, ERR_PROOF, "%s: %s", r->server, r->finding);
	if (!tried_enough(r))
		return err_set(err, ERR_PERSON, "%s: %s", r->server, r->finding);
	return 0;
}
