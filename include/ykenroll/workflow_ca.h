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
MUST_CHECK int workflow_crl(const struct desk *w, bool root, const char *root_pass_spec,
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
MUST_CHECK int workflow_revoke(const struct desk *w, const struct workflow_revoke *what,
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
MUST_CHECK int workflow_issue(const struct desk *w, const struct workflow_issue *what,
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
    const struct desk *w, const struct workflow_renew *what, size_t *ret_n, struct err *err);
/* A new certificate of the issuing CA for its key, by the root's key, which is brought for that.
 * ret: the new one. Errors: as workflow_crl. */
MUST_CHECK int workflow_renew_issuing(
    const struct desk *w, const char *root_pass_spec, struct cert_info *ret, struct err *err);

struct workflow_p12 {
	const struct request *request; /* without csr */
	const struct secret *pass;
	bool compat;
	const char *path; /* written 0600; w->force replaces it */
};
/* Make a key here, have it certified, and put key, certificate and chain into a PKCS #12 file. What
 * was certified and could not be written is revoked. Errors: ERR_OCCUPIED path exists; as
 * workflow_issue. */
MUST_CHECK int workflow_p12(const struct desk *w, const struct workflow_p12 *what,
    struct workflow_issued *ret, struct err *err);

#endif
