/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relying_server: configurations for web servers that let in who has a certificate of this CA.
 * Text only: nothing is read, no server is touched. The files that a configuration names are kept
 * by relying_publish. What each server can check is not the same; the text says it in comments.
 */
#ifndef YKENROLL_RELYING_SERVER_H
#define YKENROLL_RELYING_SERVER_H

#include "ykenroll/desk.h"

struct server_info {
	const char *name;   /* "nginx" */
	const char *text;   /* its template */
	const char *test;   /* of its whole configuration, as Debian installs it; or NULL */
	const char *reload; /* or NULL: it sees a change by itself */
	bool crl;	    /* looks at CRLs */
	bool leaves;	    /* can be given a list of the certificates that may log in */
	bool key_beside;    /* takes its key from certificate.key */
	bool parts;	    /* can let only some into a part of a site */
	bool acme;	    /* can get its own certificate by itself */
};
/* Errors: ERR_USAGE with the names that there are. */
MUST_CHECK int server_find(const char *name, const struct server_info **ret, struct err *err);

struct server_config {
	const struct server_info *server;
	const char *name;	 /* host name; NULL: this machine's */
	const char *dir;	 /* that relying_publish fills; NULL: /etc/ssl/ykenroll */
	const char *backend;	 /* "http://HOST:PORT"; NULL: http://127.0.0.1:8080 */
	const char *certificate; /* the server's own, with its chain; NULL: a path made of name */
	const char *key;	 /* NULL: a path made of name; of HAProxy: certificate.key */
	unsigned port;		 /* 0: 443 */
	bool optional;		 /* who has no certificate gets in too, as Client-Verify: NONE */
	bool acme; /* its certificate is one that it gets by itself: neither of the two above */
	const char *path; /* "/admin": only who is on a list gets in there; or NULL */
	const char
	    *allow; /* with path: who is on it, as relying_allow_check takes it; for a comment */
};

/* The configuration as text without NUL. Every value is of a few harmless characters, so none can
 * end a line or a word of it. Errors: ERR_USAGE with the value that is not, also a path for a
 * server that cannot keep to it. */
MUST_CHECK int server_configuration(
    const struct server_config *what, struct blob *ret, struct err *err);

#endif
