/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server: what its files share. */
#ifndef RELYING_VERIFY_SERVER_H
#define RELYING_VERIFY_SERVER_H

#include <limits.h>
#include <sys/socket.h>

#include "desk/session.h"
#include "ykenroll/relying_verify.h"

/* ---- verify_server_net.c ---- */

#define PLACE_HOST 256
struct place {
	char host[PLACE_HOST], path[1024], port[8];
	bool bracket; /* host is an IPv6 address */
	enum tls_speech speech;
	struct place_address {
		struct sockaddr_storage sa;
		socklen_t len;
		char text[RELYING_ADDRESS_MAX];
	} addresses[RELYING_ADDRESSES_MAX];
	size_t n;
	bool more; /* addresses than these */
};
/* "host", "host:port", "[v6]:port": fills host and bracket, and port if there is one. Returns 0 or
 * -1. */
MUST_CHECK int place_authority(const char *text, size_t len, struct place *ret);
/* "/path?query", printable ASCII, with the slash if it lacks. Returns 0 or -1. */
MUST_CHECK int place_path(const char *text, char *ret, size_t size);
/* Errors: ERR_USAGE. */
MUST_CHECK int place_parse(const char *url, struct place *ret, struct err *err);
/* Look all its addresses up, once. connect may be NULL. Errors: ERR_USAGE; ERR_INTERNAL no such
 * host. */
MUST_CHECK int place_find(struct place *p, const char *connect_to, struct err *err);
/* A connected socket that does not block; the caller closes it. Errors: ERR_ABSENT nobody listens;
 * ERR_INTERNAL. */
MUST_CHECK int place_connect(
    const struct place_address *a, int64_t deadline_ns, int *ret_fd, struct err *err);

/* ---- verify_server_id.c: who logs in ---- */

/* NEXT will be revoked: until then it can log in like LIVE. GONE was revoked last, FIRST before. */
enum probe_id {
	PROBE_LIVE,
	PROBE_NEXT,
	PROBE_GONE,
	PROBE_FIRST,
	PROBE_SERVER,
	PROBE_LISTED,
	PROBE_OLD,
	PROBE_IDS
};

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
/* Is this certificate on the CRL of pub/issuing.crl? And was none revoked after it? ret_last may be
 * NULL. */
MUST_CHECK int probe_is_revoked(
    const struct desk *w, const struct probe_key *p, bool *ret, bool *ret_last, struct err *err);
/* Where the session of the revoked one with this server at v->at is kept, from before. */
struct visit;
MUST_CHECK int probe_session_path(
    const struct visit *v, bool tls12, char ret[static PATH_MAX], struct err *err);

/* ---- verify_server_who.c: all that take part ---- */

enum who {
	WHO_NOBODY,
	WHO_LIVE,
	WHO_OTHER,
	WHO_SAME_NAME,
	WHO_GONE,
	WHO_FIRST,
	WHO_SERVER,
	WHO_LISTED,
	WHO_OLD,
	WHO_TOKEN,
	WHO_N
};

struct cast {
	const struct desk *w;
	struct probe_key keys[WHO_N];
	char absent[WHO_N][200]; /* why there is no such key; empty: there is */
	bool gone_is_last;	 /* nobody was revoked after it */
	/* the token, opened for its login */
	struct desk again;
	struct session session;
	struct blob spki;
	struct secret *pin;
	bool pin_always, touch;
};
/* ours: issuing, root. */
MUST_CHECK int cast_gather(struct cast *c, const struct desk *w, const struct blob ours[static 2],
    bool token, struct err *err);
void cast_wipe(struct cast *c);
/* Right before a login of who: what its key needs. */
MUST_CHECK int cast_ready(struct cast *c, enum who who, struct err *err);
/* The token is let go, until it is needed again. */
void cast_release(struct cast *c);

/* ---- verify_server_judge.c ---- */

#define DOUBTS 40 /* probes at an address */
struct judging {
	const struct visit *v;
	/* what the valid one got, and whether that is the same each time */
	struct blob pages[4];
	size_t n;
	/* let in, it seems, but to another page */
	struct doubt {
		struct relying_probe *to;
		struct blob page;
	} doubts[DOUBTS];
	size_t n_doubts;
	bool nobody; /* the one that is judged has no certificate */
};
void judging_wipe(struct judging *j);
/* Fills verdict, right, why, status and alert. wants_in of *to: one that must be in. */
/* It is an answer, and not one that refuses. */
bool judge_is_in(const struct tls_reply *r);
void judge(struct judging *j, struct relying_probe *to, const struct tls_reply *r);
/* After all of an address: what a page means that also those of another CA get is not known. It
 * may be a refusal, or an application that greets whom its server did not verify. */
void judging_settle(struct judging *j);
void untried(struct relying_probe *to, const char *why);
/* Did the server say this to the valid one? */
bool judging_is_page(const struct judging *j, const struct tls_reply *r);
/* Is it what it says to whoever asks for another name? */
bool judge_is_elsewhere(const struct tls_reply *r, const char *name, const struct tls_reply *other,
    const char *other_name);

/* ---- verify_server_mean.c ---- */

/* Fills ret->finding. Errors: ERR_PROOF; ERR_PERSON. */
MUST_CHECK int verify_conclude(struct relying_verified *r, struct err *err);

/* ---- verify_server_visit.c ---- */

#define VISIT_TRUST 32 /* certificates in --ca-file */
struct visit {
	const struct desk *w;
	const struct relying_verify *what;
	struct place place;
	const struct place_address *at;	 /* of place: the one that is meant */
	char authority[PLACE_HOST + 16]; /* Host: */
	struct blob trust[VISIT_TRUST];	 /* who may have issued the server's certificate */
	size_t n_trust;
	struct blob cas[2]; /* ours: issuing, root */
};
MUST_CHECK int visit_open(
    struct visit *v, const struct desk *w, const struct relying_verify *what, struct err *err);
void visit_wipe(struct visit *v);
/* A connection to v->at, which the caller closes. Errors: as place_connect. */
MUST_CHECK int visit_connect(const struct visit *v, int *ret_fd, struct err *err);
/* The first address that takes a connection is v->at. Errors: ERR_INTERNAL. */
MUST_CHECK int visit_reach(struct visit *v, struct err *err);

struct login {
	const struct probe_key *who; /* NULL: nobody */
	bool tls12;
	bool alone; /* without the CA's certificate, as tokens are used */
	const struct blob *session;
	const char *sni;  /* NULL: the server's name; "": none */
	const char *host; /* Host:, NULL: the server's */
	const char *path, *headers;
};
/* One login. Errors: as place_connect and tls_login. */
MUST_CHECK int visit_login(
    const struct visit *v, const struct login *how, struct tls_reply *ret, struct err *err);

/* ---- verify_server_probe.c ---- */

#define ALSO_MAX 4
struct probing {
	struct visit v;
	struct relying_verified *ret;
	struct cast cast;
	struct judging judging, there; /* there: at what->path */
	/* by protocol, of one address: sessions that were begun here, and what is asked for */
	struct blob own[2], nobodys[2], strangers[2], names;
	char also[ALSO_MAX][PLACE_HOST]; /* other names of the server */
	size_t n_also;
	bool asked;
	bool unspoken[2];  /* the server does not know this protocol */
	unsigned timeouts; /* in a row */
	bool any_host;	   /* the valid one gets its page under any Host */
};
/* All that is to be tried at p->v.at. Errors end the run: they are about the server as a whole, or
 * the token. */
MUST_CHECK int probe_address(struct probing *p, struct err *err);

/* ---- verify_server_look.c ---- */

/* A row of its own, for v->at. */
struct relying_probe *probe_add(
    struct probing *p, const char *name, const char *what, const char *protocol);
/* That of v->at, or NULL. */
struct relying_probe *probe_find(const struct probing *p, const char *name, const char *protocol);
/* What is no login: the CAs that the server asks for; whether what a client says of itself reaches
 * the application. */
MUST_CHECK int look_at_names(struct probing *p, struct err *err);
void look_at_echo(struct probing *p);

#endif
