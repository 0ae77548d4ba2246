/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server: what its files share. */
#ifndef RELYING_VERIFY_SERVER_H
#define RELYING_VERIFY_SERVER_H

#include <limits.h>
#include <sys/socket.h>

#include "ykenroll/relying_verify.h"

/* ---- verify_server_net.c ---- */

#define PLACE_HOST 256
struct place {
	char host[PLACE_HOST], path[1024], port[8];
	bool bracket; /* host is an IPv6 address */
	struct sockaddr_storage address;
	socklen_t address_len;
	char address_text[80];
};
/* "host", "host:port", "[v6]:port": fills host and bracket, and port if there is one. Returns 0 or
 * -1. */
MUST_CHECK int place_authority(const char *text, size_t len, struct place *ret);
/* Errors: ERR_USAGE. */
MUST_CHECK int place_parse(const char *url, struct place *ret, struct err *err);
/* Look the address up, once: all probes go to the same one. connect may be NULL. Errors: ERR_USAGE;
 * ERR_INTERNAL no such host, or nobody listens. */
MUST_CHECK int place_find(
    struct place *p, const char *connect_to, int64_t deadline_ns, struct err *err);
/* A connected socket that does not block; the caller closes it. Errors: ERR_INTERNAL. */
MUST_CHECK int place_connect(
    const struct place *p, int64_t deadline_ns, int *ret_fd, struct err *err);

/* ---- verify_server_id.c: who logs in ---- */

/* NEXT will be revoked: until then it can log in like LIVE. */
enum probe_id { PROBE_LIVE, PROBE_NEXT, PROBE_GONE, PROBE_OLD, PROBE_IDS };

struct probe_key {
	struct key *key; /* NULL: there is none */
	struct blob certs[2];
	size_t n_certs;
	struct cert_info info;
};
void probe_key_wipe(struct probe_key *p);

/* home/probe/NAME EXT, and with an identity's name. */
MUST_CHECK int probe_path(const struct desk *w, const char *name, const char *ext,
    char ret[static PATH_MAX], struct err *err);
MUST_CHECK int probe_id_path(const struct desk *w, enum probe_id id, const char *ext,
    char ret[static PATH_MAX], struct err *err);
/* What is kept in home/probe. Errors: ERR_ABSENT none; ERR_USAGE too open. */
MUST_CHECK int probe_load(
    const struct desk *w, enum probe_id id, struct probe_key *ret, struct err *err);
/* Is this certificate on the CRL of pub/issuing.crl? */
MUST_CHECK int probe_is_revoked(
    const struct desk *w, const struct probe_key *p, bool *ret, struct err *err);
/* Where the session of the revoked one with this server is kept, from before. */
MUST_CHECK int probe_session_path(const struct desk *w, const struct place *place, bool tls12,
    char ret[static PATH_MAX], struct err *err);

/* ---- verify_server_mean.c ---- */

/* Fills ret->finding. Errors: ERR_PROOF; ERR_PERSON. */
MUST_CHECK int verify_conclude(struct relying_verified *r, struct err *err);

/* ---- verify_server.c ---- */

#define VISIT_TRUST 32 /* certificates in --ca-file */
struct visit {
	const struct desk *w;
	const struct relying_verify *what;
	struct place place;
	struct blob trust[VISIT_TRUST]; /* who may have issued the server's certificate */
	size_t n_trust;
	struct blob cas[2]; /* ours: issuing, root */
};
MUST_CHECK int visit_open(
    struct visit *v, const struct desk *w, const struct relying_verify *what, struct err *err);
void visit_wipe(struct visit *v);
/* One login. who NULL: nobody. Errors: as tls_login. */
MUST_CHECK int visit_login(const struct visit *v, bool tls12, const struct probe_key *who,
    const struct blob *session, struct tls_reply *ret, struct err *err);
/* Did the server let it in? */
bool visit_is_in(const struct tls_reply *r);

#endif
