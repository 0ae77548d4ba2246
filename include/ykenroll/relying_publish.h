/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relying_publish: what the CA says, put where servers read it.
 *
 * relying: what those get who rely on the CA: the files of servers, their configurations, what a
 * holder types to log in, proof that a server lets in whom it should, and an OCSP responder. Beside
 * workflow, which ends certificates and has the servers told by struct desk's tell_servers.
 */
#ifndef YKENROLL_RELYING_PUBLISH_H
#define YKENROLL_RELYING_PUBLISH_H

#include "ykenroll/desk.h"

struct relying_publish {
	const char *dir;    /* made if it is not there */
	const char *test;   /* a command and its words, or NULL: is the configuration one? */
	const char *reload; /* the same, when the files are in place and the test has passed */
	bool leaves;	    /* the list of live certificates, too; always where there is one */
};
#define RELYING_LEVELS_MAX 2
struct relying_published {
	size_t written; /* files that are new or gone; the others were so already */
	size_t levels;	/* 2: issuing CA and root; 1: a root that issues */
	struct crl_info crls[RELYING_LEVELS_MAX]; /* issuing, root */
	bool has_leaves;
	size_t leaves;	 /* certificates in the list */
	size_t lists;	 /* of who may go where */
	struct err list; /* the first that could not be made as it should be; code 0: none */
};

/* Put what servers read into dir: ca-bundle.pem and crl-bundle.pem (issuing CA first),
 * NAME.crt.pem, NAME.crl.pem, and in DER NAME.cer and NAME.crl, for issuing and root (of a root
 * that issues: its certificate under both names, its CRL as the issuing CA's). All are verified, on
 * the disk too, before the first takes the place of an older one. Never older than what is there,
 * nor without a revocation that is there and still counts; w->force overrides both.
 *
 * leaves: fingerprints.caddy, and leaves.caddy, a line for each certificate of the registry that
 * has not expired and is not on the CRL, each in a file of its own in leaves/. The first line is
 * the root's certificate, with which nobody logs in: for Caddy no line at all means everybody.
 *
 * Of each allow.NAME that ykenroll.conf has in a [publish] of this directory, a file for each kind
 * of server, allow-NAME.nginx, .apache, .haproxy (a line for each certificate: its SHA-256) and
 * .caddy: those of leaves who are of its profile, or whom its file names. A line there that names
 * nobody, or somebody else as well, lets nobody in; all the rest is done, and then the call fails.
 *
 * The commands are run after that, by no shell, their output on standard error, each for a minute
 * at most. A CRL's near end is said (w->ui.say). Errors: ERR_FIT a file is garbage, of another CA,
 * or its CRL has expired; ERR_OCCUPIED dir has a newer one, or another CA's; ERR_USAGE;
 * ERR_INTERNAL, also when the files are there and a command failed (then ret is filled). */
MUST_CHECK int relying_publish(const struct desk *w, const struct relying_publish *what,
    struct relying_published *ret, struct err *err);

/* Can a list be made of this: "profile=NAME", or the path of a file that names a holder, token or
 * certificate in each line? Changes nothing. Errors: ERR_USAGE; ERR_AMBIGUOUS. */
MUST_CHECK int relying_allow_check(const struct desk *w, const char *who, struct err *err);

/* What goes with a server, where to says nothing else: test, reload, leaves. name: "nginx", …
 * Errors: ERR_USAGE no such server. */
MUST_CHECK int relying_publish_usual(const char *name, struct relying_publish *to, struct err *err);

/* To each [publish] of ykenroll.conf, in its order; *ret_n of them, which may be none. revoke,
 * suspend, resume and what else ends a certificate do this, so that the servers know when the
 * command returns. One that fails does not keep the others from it. Of places with the same
 * commands these run once, behind the last; with again, only where a file has changed. Errors:
 * ERR_USAGE the file; those of relying_publish, of the first that failed. */
MUST_CHECK int relying_publish_configured(
    const struct desk *w, bool again, size_t *ret_n, struct err *err);

/* Stay, and publish again when pub/ or the registry changes, when certificates expire, and when the
 * clock was set; the commands are run when something was written, and again after they failed.
 * published is called after each time that something was; failed, after each that failed (the same
 * failure once an hour). Both the first time, too. What happens at one place does not hold up the
 * others, but for the minute that a command may take. Ends with 0 on SIGTERM, SIGINT and SIGHUP.
 * Errors: ERR_USAGE, before anything is published. */
struct relying_watch {
	void (*published)(
	    void *ctx, const struct relying_publish *to, const struct relying_published *p);
	void (*failed)(void *ctx, const struct relying_publish *to, const struct err *err);
	void *ctx;
};
MUST_CHECK int relying_publish_watch(const struct desk *w, const struct relying_publish *to,
    size_t n, const struct relying_watch *watch, struct err *err);
/* The same for each [publish] of ykenroll.conf, as it is now. Errors: also ERR_USAGE the file; it
 * names none. */
MUST_CHECK int relying_publish_watch_configured(
    const struct desk *w, const struct relying_watch *watch, struct err *err);

#endif
