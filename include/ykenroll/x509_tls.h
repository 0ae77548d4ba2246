/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x509_tls: a login at a real server, as the client sees it.
 *
 * One TLS connection and one question over a socket that the caller has connected; what came back
 * is told, not judged. In TLS 1.3 a client whose certificate is refused learns it on its first read
 * only, after a handshake without an error.
 */
#ifndef YKENROLL_X509_TLS_H
#define YKENROLL_X509_TLS_H

#include "ykenroll/x509.h"

/* What is said once the connection stands, and whose word counts as an answer. */
enum tls_speech {
	TLS_HTTP,   /* a GET */
	TLS_GREETS, /* the server speaks first: IMAP, POP3, SMTP */
	TLS_LDAP,   /* a search of the root entry (RFC 4512, 5.1) */
	TLS_MUTE,   /* nothing is said: no alert within TLS_MUTE_MS is an answer */
};
#define TLS_MUTE_MS 2000

struct tls_login {
	int fd;		     /* connected, non-blocking; stays the caller's */
	int64_t deadline_ns; /* of utc_monotonic_ns */
	const char *host;    /* name in the server's certificate */
	const char *sni;     /* the name that is asked for; NULL: none. An address is never sent */
	const char *authority; /* Host: */
	const char *path;      /* "/", printable ASCII without spaces */
	const char *headers;   /* more of them, each with its CR LF; or NULL */
	enum tls_speech speech;
	bool tls12;    /* exactly 1.2; else exactly 1.3 */
	bool stranger; /* whoever the server is: its certificate is not judged */
	/* What may have issued the server's certificate: these, and the system's where said. */
	const struct blob *cas;
	size_t n_cas;
	bool system;
	/* Who logs in: the certificate, then those above it. n_certs 0: nobody. */
	struct key *key;
	const struct blob *certs;
	size_t n_certs;
	const struct blob *session; /* to be resumed, or NULL */
};

#define TLS_WORD_MAX 96
#define TLS_PAGE_MAX 65536 /* bytes that are read of an answer */

struct tls_reply {
	bool asked;		       /* the server wanted a client certificate */
	bool late;		       /* after the handshake only */
	bool handshake;		       /* came to its end on this side */
	bool resumed;		       /* the session that was given */
	bool closed;		       /* without an alert and without an answer */
	bool answered;		       /* it said something, or TLS_MUTE */
	bool strange;		       /* that is not of this protocol, or no welcome */
	int alert;		       /* RFC 8446, 6; -1: none */
	char alert_name[TLS_WORD_MAX]; /* "certificate revoked" */
	int status;		       /* of HTTP, not 1xx; 0: none */
	char title[TLS_WORD_MAX];      /* of a page, or a greeting: printable ASCII */
	char location[TLS_WORD_MAX];   /* where a redirect leads, cut */
	char anchor[X509_TEXT_MAX];    /* that vouched for the server */
	struct blob page;	       /* the answer's body, or what the server greets with */
	struct blob hosts;	       /* dNSNames of the server's certificate, a line each */
	struct blob names;	       /* CAs that the server asks for, RFC 2253, a line each */
	struct blob session;	       /* that can be resumed later: a secret; may be empty */
};
#define TLS_PROTOCOL_VERSION 70 /* alert: not this version */
#define TLS_UNKNOWN_CA 48	/* alert: no chain, or one that is too long */

/* *ret is filled as far as it came, also on failure; the caller wipes it with tls_reply_wipe.
 * Errors: the key's own; ERR_FIT the server's certificate does not verify, or is of another name;
 * ERR_ABSENT nothing came until the deadline; ERR_INTERNAL. */
MUST_CHECK int tls_login(const struct tls_login *login, struct tls_reply *ret, struct err *err);
void tls_reply_wipe(struct tls_reply *r);

/* Would a server that keeps what it said it keeps know this session of tls_reply still? */
bool tls_session_lives(const struct blob *session, int64_t now);

/* A client certificate for key by a CA that is made for the purpose and forgotten at once. like:
 * the CA whose name and key identifier it claims, NULL: a name of its own. ret: leaf, then that CA.
 */
MUST_CHECK int cert_of_other_ca(
    struct key *key, const struct blob *like, struct blob ret[static 2], struct err *err);

/* What a client's user interface shows and filters by: the certificate's subject CN and its
 * issuer's, as UTF-8; empty where there is none. */
struct cert_names {
	char subject_cn[X509_TEXT_MAX], issuer_cn[X509_TEXT_MAX];
};
MUST_CHECK int cert_names(const struct blob *cert, struct cert_names *ret, struct err *err);

#endif
