/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relying_verify: does a server let in whom it should, and nobody else? Asked by logging in.
 *
 * The probes are short-lived software certificates of this CA, named "ykenroll probe", kept in
 * home/probe/ (closed to others). One of them is valid: it can log in wherever this CA's
 * certificates can, for RELYING_PROBE_DAYS. One is for servers, not for clients. One is revoked as
 * soon as it has logged in once, so that a server which resumes its session is found out; the one
 * that was revoked before it is kept, as is one that has expired.
 */
#ifndef YKENROLL_RELYING_VERIFY_H
#define YKENROLL_RELYING_VERIFY_H

#include "ykenroll/desk.h"
#include "ykenroll/x509_tls.h"

#define RELYING_PROBE_DAYS 30
#define RELYING_PROBE_CN "ykenroll probe"
#define RELYING_LISTED_CN RELYING_PROBE_CN " listed" /* for lists: relying_verify.path */

struct relying_verify {
	const char *url;      /* "https://host[:port][/path]", "host:port"; imaps, pop3s, smtps,
				 ldaps, tls */
	const char *connect;  /* "address[:port]" to connect to instead, or NULL */
	const char *ca_file;  /* PEM of who may have issued the server's certificate; NULL: this
				 home's CA, or the system's */
	const char *expect;   /* what a page has for those who are in; NULL: what the valid one gets
			       */
	const char *echo;     /* path of a page that shows the headers of a request; NULL: none */
	const char *also;     /* another name that the server has; or NULL */
	const char *path;     /* a part of the site that only those on a list get into; or NULL */
	bool token;	      /* log in with the token's 9A key too */
	bool optional;	      /* who has no certificate may be let in */
	unsigned timeout_sec; /* of one login; 0: 10 */
};

enum relying_verdict {
	VERDICT_UNTRIED, /* why says why, and what to do */
	VERDICT_IN,
	VERDICT_REFUSED,
	VERDICT_UNCLEAR, /* what the answer means is not known */
	VERDICT_FOUND,	 /* no login: why says what, and right whether that is right */
};

#define RELYING_ADDRESS_MAX 80
struct relying_probe {
	const char *name;     /* "revoked" */
	const char *what;     /* "a revoked certificate" */
	const char *protocol; /* "TLS 1.3"; "TLS" when neither was tried */
	char address[RELYING_ADDRESS_MAX];
	enum relying_verdict verdict;
	bool wants_in, any; /* the right verdict; any: both are */
	bool needed;	    /* without it nothing can be said of the server */
	bool right;
	char why[320];		    /* "HTTP 400 (…)", "alert certificate revoked" */
	int alert, status;	    /* of tls_reply */
	bool resumed, late, closed; /* of tls_reply */
};
#define RELYING_ADDRESSES_MAX 8
#define RELYING_PROBES_MAX (RELYING_ADDRESSES_MAX * 64 + 1)

struct relying_verified {
	char server[X509_TEXT_MAX];	   /* "www.example.org:443" */
	char address[RELYING_ADDRESS_MAX]; /* that it was reached at first */
	size_t addresses;		   /* behind the name */
	char anchor[X509_TEXT_MAX];	   /* that vouches for it; may be empty */
	enum {
		ASKS_NO_NAMES,
		ASKS_ROOT,
		ASKS_NOT_ROOT
	} asks; /* for certificates of this CA's root? */
	struct relying_probe probes[RELYING_PROBES_MAX];
	size_t n;
	char finding[600];	/* what all of it means */
	const char *finding_id; /* the same for programs: "revoked"; doc/formats.md has them */
};

/* Contacts the server that is named, and nothing else. *ret is filled as far as it came. Errors:
 * ERR_PROOF a probe met the wrong verdict; ERR_PERSON none did, but not all that is needed could be
 * tried; ERR_FIT the server's own certificate; ERR_USAGE the URL; ERR_INTERNAL unreachable; with
 * token, those of token_open and the PIN. */
MUST_CHECK int relying_verify_server(const struct desk *w, const struct relying_verify *what,
    struct relying_verified *ret, struct err *err);

struct relying_prepared {
	size_t made;	     /* certificates; the others were there */
	bool revoked;	     /* one has been revoked now */
	unsigned sessions;   /* kept, to be resumed later */
	struct crl_info crl; /* the one that says so */
};
/* Make what verify_server tries with. With what->url, log in with the one that is to be revoked,
 * keep its sessions, and revoke it. Without, that waits: a server that keeps a list of certificates
 * has to learn them first. Errors: ERR_CA; ERR_FIT and ERR_INTERNAL as in verify_server, and then
 * nothing is revoked. */
MUST_CHECK int relying_verify_prepare(const struct desk *w, const struct relying_verify *what,
    struct relying_prepared *ret, struct err *err);

#endif
