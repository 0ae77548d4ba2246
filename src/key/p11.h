/* SPDX-License-Identifier: BSD-2-Clause */
/* p11: what the files about PKCS #11 share: a URI, a logged-in session with the token that it
 * names, and the objects in it. */
#ifndef KEY_P11_H
#define KEY_P11_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "ykenroll/key.h"

#define P11_GENERATE_SEC 600 /* an RSA key on a small token */
#define P11_ATTR_MAX 16384   /* bytes of one attribute: a certificate at most */

struct p11 {
	P11KitUri *uri;
	CK_FUNCTION_LIST **list;  /* of the registered modules, or NULL */
	CK_FUNCTION_LIST *module; /* NULL: none is initialized */
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session; /* 0: none */
};

/* ---- p11_token.c ---- */

/* While it stands, a dead connection is an error (SIGPIPE is held back) and an endless call ends
 * the process. */
struct p11_guard {
	sigset_t mask;
	bool pending;
	struct itimerval timer;
};
/* Seconds after which a call ends the process; the log makes that safe. Tests shorten it. */
extern unsigned p11_sec;
struct p11_guard p11_guard_enter(unsigned sec);
void p11_guard_leave(struct p11_guard *g);

/* The one place where a CK_RV becomes a struct err. Returns ERR_CA. */
int p11_err(struct err *err, const char *what, CK_RV rv);

/* Find the token that *uri (taken over) names and log in, unless the process is. At most one login
 * that fails in a process. uri then says which module it was. Errors: ERR_CA. */
MUST_CHECK int p11_connect(
    P11KitUri *uri, const struct secret *pin, bool write, struct p11 *ret, struct err *err);
void p11_wipe(struct p11 *p);
void p11_uri_freep(P11KitUri **uri);

/* ---- p11_object.c ---- */

/* The private key that the URI names. Errors: ERR_ABSENT; ERR_AMBIGUOUS; ERR_CA. */
MUST_CHECK int p11_find_private(const struct p11 *p, CK_OBJECT_HANDLE *ret, struct err *err);
/* Errors: ERR_ABSENT the object has no such attribute; ERR_CA. */
MUST_CHECK int p11_attribute(const struct p11 *p, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
    struct blob *ret, struct err *err);
/* The DER SubjectPublicKeyInfo that belongs to a private key: from the public object, the private
 * one, or a certificate. Errors: ERR_CA. */
MUST_CHECK int p11_public(
    const struct p11 *p, CK_OBJECT_HANDLE private, struct blob *ret_spki, struct err *err);

/* Make a key pair with the URI's label and id (given one where it has none). Errors: ERR_OCCUPIED;
 * ERR_USAGE no label; ERR_CA. */
MUST_CHECK int p11_make(
    const struct p11 *p, enum key_alg alg, const struct key_note *note, struct err *err);

/* ---- key_p11.c ---- */

extern uid_t p11_owner; /* whose modules are taken besides root's: the tests'; -1: nobody's */

/* The URI of a key that key_p11_open or key_p11_generate made, or NULL. */
const char *key_p11_uri(const struct key *key);

#endif
