/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_ca: what is done with the CA and needs no token. Each writes an audit row where the home
 * has a registry.
 */
#ifndef YKENROLL_WORKFLOW_CA_H
#define YKENROLL_WORKFLOW_CA_H

#include "ykenroll/workflow.h"

/* Sign and publish a CRL now, of the issuing CA or of the root. root_pass_spec: for the root's key,
 * when the CA passphrase does not open it; else NULL. Errors: ERR_CA. */
MUST_CHECK int workflow_crl(const struct workflow *w, bool root, const char *root_pass_spec,
    struct crl_info *ret, struct err *err);

/* "keyCompromise", "key-compromise", in any case. Errors: ERR_USAGE. */
MUST_CHECK int workflow_reason(const char *text, enum signer_reason *ret, struct err *err);

const char *workflow_reason_name(int reason); /* "keyCompromise" */

enum workflow_taking { TAKE_REVOKE, TAKE_SUSPEND, TAKE_RESUME };

struct workflow_revoke {
	enum workflow_taking how;
	const char *what; /* a holder's key or name, a certificate's serial in hexadecimal, a
			     token's serial */
	enum signer_reason reason; /* of revoke */
	const char *ticket;	   /* for the audit, or NULL */
	const char *token_state; /* "lost", "damaged", "retired"; NULL: what goes with the reason */
	bool all;		 /* all tokens of the holder */
};

#define WORKFLOW_REVOKED_MAX 64

struct workflow_revoked {
	struct registry_cert certs[WORKFLOW_REVOKED_MAX]; /* as they were before */
	size_t n;
	bool already;	     /* there was nothing to do */
	struct crl_info crl; /* the one that says so */
	size_t published;    /* places of ykenroll.conf that have it */
};

/* CA first, then the registry: what was interrupted is completed by the same call again. Revoked is
 * every certificate of the token that has not expired. suspend puts them on hold. Errors:
 * ERR_AMBIGUOUS more than one token or holder; ERR_USAGE nothing fits; ERR_OCCUPIED the
 * token is in no state for that; ERR_CA. */
MUST_CHECK int workflow_revoke(const struct workflow *w, const struct workflow_revoke *what,
    struct workflow_revoked *ret, struct err *err);

/* ---- keys that are in no token ---- */

struct workflow_issue {
	const struct request *request; /* of its csr only the key counts */
	const char *path;	       /* where the caller will write it, for renewals, or NULL */
	bool chain;		       /* with the issuing CA's behind it */
};
struct workflow_issued {
	struct blob cert, issuing; /* DER; and that of the CA which signed it */
	struct cert_info info;
};
/* Certify the key of a request. Errors: ERR_CA; ERR_USAGE a name. */
MUST_CHECK int workflow_issue(const struct workflow *w, const struct workflow_issue *what,
    struct workflow_issued *ret, struct err *err);
void workflow_issued_wipe(struct workflow_issued *issued);

struct workflow_renew {
	char *const *files; /* PEM; NULL: every one whose file the registry knows */
	int64_t due_sec;    /* only those that end within so many seconds; 0: all */
	/* days, or the profile's; csr of a new key, for a single file, or the same key */
	const struct request *request;
	const char *reload; /* a command to run when something was renewed, or NULL */
	/* One that is due: renewed, or (dry run) would be. May be NULL. */
	void (*row)(void *ctx, const char *path, const struct cert_info *from,
	    const struct cert_info *to); /* to: NULL in a dry run */
	void *ctx;
};
/* Renew certificates of keys in no token: the same names and profile; the file is replaced, the
 * former one is FILE.old. The former certificate stays valid until it ends. Without files one that
 * fails does not keep the others from being renewed; the first error is returned. Errors: ERR_CA
 * it is revoked, or a token's; ERR_USAGE; ERR_ABSENT never. */
MUST_CHECK int workflow_renew(
    const struct workflow *w, const struct workflow_renew *what, size_t *ret_n, struct err *err);
/* A new certificate of the issuing CA for its key, by the root's key, which is brought for that.
 * ret: the new one. Errors: as workflow_crl. */
MUST_CHECK int workflow_renew_issuing(
    const struct workflow *w, const char *root_pass_spec, struct cert_info *ret, struct err *err);

struct workflow_p12 {
	const struct request *request; /* without csr */
	const struct secret *pass;
	bool compat;
	const char *path; /* written 0600; w->force replaces it */
};
/* Make a key here, have it certified, and put key, certificate and chain into a PKCS #12 file. What
 * was certified and could not be written is revoked. Errors: ERR_OCCUPIED path exists; as
 * workflow_issue. */
MUST_CHECK int workflow_p12(const struct workflow *w, const struct workflow_p12 *what,
    struct workflow_issued *ret, struct err *err);

struct workflow_publish {
	const char *dir;    /* made if it is not there */
	const char *test;   /* a command and its words, or NULL: is the configuration one? */
	const char *reload; /* the same, when the files are in place and the test has passed */
	bool leaves;	    /* the list of live certificates, too; always where there is one */
};
#define WORKFLOW_LEVELS_MAX 2
struct workflow_published {
	size_t written; /* files that are new or gone; the others were so already */
	size_t levels;	/* 2: issuing CA and root; 1: a root that issues */
	struct crl_info crls[WORKFLOW_LEVELS_MAX]; /* issuing, root */
	bool has_leaves;
	size_t leaves; /* certificates in the list */
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
 * The commands are run after that, by no shell, their output on standard error, each for a minute
 * at most. A CRL's near end is said (w->ui.say). Errors: ERR_FIT a file is garbage, of another CA,
 * or its CRL has expired; ERR_OCCUPIED dir has a newer one, or another CA's; ERR_USAGE;
 * ERR_INTERNAL, also when the files are there and a command failed (then ret is filled). */
MUST_CHECK int workflow_publish(const struct workflow *w, const struct workflow_publish *what,
    struct workflow_published *ret, struct err *err);

/* What goes with a server, where to says nothing else: test, reload, leaves. name: "nginx", …
 * Errors: ERR_USAGE no such server. */
MUST_CHECK int workflow_publish_usual(
    const char *name, struct workflow_publish *to, struct err *err);

/* To each [publish] of ykenroll.conf, in its order; *ret_n of them, which may be none. revoke,
 * suspend, resume and what else ends a certificate do this, so that the servers know when the
 * command returns. One that fails does not keep the others from it. Errors: ERR_USAGE the file;
 * those of workflow_publish, of the first that failed. */
MUST_CHECK int workflow_publish_configured(
    const struct workflow *w, size_t *ret_n, struct err *err);

/* Stay, and publish again when pub/ or the registry changes, when certificates expire, and when the
 * clock was set; the commands are run when something was written, and again after they failed.
 * published is called after each time that something was; failed, after each that failed (the same
 * failure once an hour). Both the first time, too. What happens at one place does not hold up the
 * others, but for the minute that a command may take. Ends with 0 on SIGTERM, SIGINT and SIGHUP.
 * Errors: ERR_USAGE, before anything is published. */
struct workflow_watch {
	void (*published)(
	    void *ctx, const struct workflow_publish *to, const struct workflow_published *p);
	void (*failed)(void *ctx, const struct workflow_publish *to, const struct err *err);
	void *ctx;
};
MUST_CHECK int workflow_publish_watch(const struct workflow *w, const struct workflow_publish *to,
    size_t n, const struct workflow_watch *watch, struct err *err);
/* The same for each [publish] of ykenroll.conf, as it is now. Errors: also ERR_USAGE the file; it
 * names none. */
MUST_CHECK int workflow_publish_watch_configured(
    const struct workflow *w, const struct workflow_watch *watch, struct err *err);

#endif
