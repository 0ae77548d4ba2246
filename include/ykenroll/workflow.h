/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow: what people do: enrol, recover, check.
 *
 * Work is a table of steps that is run forward only (src/workflow/run/run.h). Each step asks token
 * and registry whether it is done, so a run that stopped anywhere is completed by running it again.
 * What can be known before the first change to the token is checked before it.
 *
 * Nothing here prints or prompts: struct desk_ui does (desk.h).
 */
#ifndef YKENROLL_WORKFLOW_H
#define YKENROLL_WORKFLOW_H

#include "ykenroll/registry_escrow.h"
#include "ykenroll/desk.h"

struct workflow_enroll {
	struct request request;	       /* with replaces and why where it stands in for
					  another token */
	unsigned pin_tries, puk_tries; /* 0: leave */
	bool additional;
	bool reset; /* of a former life: made as new first */
};

/* What is asked for where nothing is said, and nothing is known. */
extern const struct request workflow_usual;

#define WORKFLOW_STEPS_MAX 16

struct workflow_report {
	struct token_id token;
	struct holder holder;
	bool already; /* nothing was to be done */
	bool has_cert;
	struct cert_info cert;
	struct desk_step steps[WORKFLOW_STEPS_MAX];
	size_t n_steps;
	bool proved;
	struct handshake_result proof;
	unsigned apdus;
	int64_t card_ns, kdf_ns, fsync_ns;
	int64_t wait_ns; /* for the CA passphrase, typed at the signer */
};

/* From whatever state the token is in to a proven login for this holder. *ret is filled as far as
 * it came, also on failure. Errors: every code of err.h that names a token, a holder or the CA. */
MUST_CHECK int workflow_enroll(const struct desk *w, const struct workflow_enroll *what,
    struct workflow_report *ret, struct err *err);

/* Finish what was interrupted on this token. give_up: close it instead, revoking what had been
 * issued; the token itself is left as it is. ret->already when there was nothing. */
MUST_CHECK int workflow_recover(
    const struct desk *w, bool give_up, struct workflow_report *ret, struct err *err);

/* What of a home ends by itself: its CRLs and CA certificates, as pub/ has them. */
#define WORKFLOW_ENDS_MAX 4
struct workflow_end {
	const char *what, *fix; /* "issuing CRL", and what makes the next one */
	int64_t from, until;	/* UTC seconds */
	bool crl;
	bool soon, over; /* a CRL: a quarter of its life is left; a CA: a third */
};
/* How many; what is not there, or cannot be read, is not among them. crls: those too, which may be
 * long files. */
size_t workflow_ends(
    const char *home, bool crls, struct workflow_end ret[static WORKFLOW_ENDS_MAX]);

enum workflow_level {
	LEVEL_OK,
	LEVEL_NOTE, /* worth knowing, nothing to mend */
	LEVEL_WARN, /* will be bad if nobody does anything */
	LEVEL_BAD,
};
struct workflow_finding {
	enum workflow_level level;
	char id[32];	/* when not ok: which, for programs: "cert-foreign", "pcscd-down" */
	char what[80];	/* "certificate in slot 9A", "pcscd" */
	char text[400]; /* what was found */
	char fix[400];	/* what mends it, without losing anything; may be empty */
};
#define WORKFLOW_FINDINGS_MAX 48

/* Token against registry. Reads only, spends no try. Errors: ERR_FIT at least one finding is not ok
 * (all are in *ret). */
MUST_CHECK int workflow_check(const struct desk *w, struct token_id *ret_token,
    struct workflow_finding ret[static WORKFLOW_FINDINGS_MAX], size_t *ret_n, struct err *err);

/* Everything around token and registry that makes the rest fail: pcscd, polkit, driver, who holds
 * the card, libraries, clock, the home's permissions, CRLs. Changes nothing. Errors: the code that
 * other commands would give for the first finding that is not well (all are in *ret). */
MUST_CHECK int workflow_doctor(const struct desk *w,
    struct workflow_finding ret[static WORKFLOW_FINDINGS_MAX], size_t *ret_n, struct err *err);

/* ---- which tokens, of all that are registered ---- */

/* Known weaknesses of keys by the firmware that made them. */
enum workflow_advisory {
	ADVISORY_ROCA = 1,    /* YSA-2017-01: RSA made on 4.2.6 to 4.3.4 */
	ADVISORY_FIPS = 2,    /* YSA-2019-02: little randomness on the FIPS 4.4.2 and 4.4.4 */
	ADVISORY_EUCLEAK = 4, /* YSA-2024-03: ECDSA before 5.7.0, given the key and the PIN */
};
#define WORKFLOW_ADVISORIES 3
const char *workflow_advisory_name(enum workflow_advisory one); /* "EUCLEAK" */

struct workflow_list {	      /* NULL: any */
	const char *expiring; /* "30d", "12h", "2w": an active certificate ends by then */
	const char *holder;   /* as registry_find has it, or registry_holder_has */
	const char *state;    /* "active", or several with commas */
	const char *firmware; /* "5.7", "<5.7", ">=5.4.3" */
	const char *advisory; /* "ROCA", "EUCLEAK", "YSA-2019-02", "any" */
	bool all;	      /* workflow_list_software: not only what --expiring asks for */
};
struct workflow_listed {
	struct registry_row row;
	unsigned advisories; /* of the newest certificate's key */
};
/* Calls row for each token that fits all that is given, ordered by serial; a non-zero return of row
 * stops and is returned. Errors: ERR_USAGE a filter that cannot be read, no such holder;
 * ERR_AMBIGUOUS. */
MUST_CHECK int workflow_list(struct registry *r, const struct workflow_list *what,
    int (*row)(void *ctx, const struct workflow_listed *one), void *ctx, struct err *err);
/* The certificates of keys that are in no token: those that end by then, if no later one took their
 * place; or all. They have no holder, state, firmware or advisory: where one is asked for, none. */
MUST_CHECK int workflow_list_software(struct registry *r, const struct workflow_list *what,
    int (*row)(void *ctx, const struct registry_software *one, const struct blob *cert), void *ctx,
    struct err *err);
/* "active", "renewed", "expired", "suspended", "revoked" */
const char *workflow_software_state(const struct registry_software *one);

struct workflow_audit_rows { /* NULL: any */
	uint32_t token;	     /* 0: any */
	const char *since;   /* "2026-11-30", "2026-11-30T09:00:00Z", or "30d": so long ago */
	const char *holder;  /* as registry_find has it */
	const char *ticket;
};
/* Calls row for each row of the audit that fits all that is given. Errors: ERR_USAGE a filter that
 * cannot be read, no such holder; ERR_AMBIGUOUS. */
MUST_CHECK int workflow_audit_rows(struct registry *r, const struct workflow_audit_rows *what,
    int (*row)(void *ctx, const struct registry_audit_row *row), void *ctx, struct err *err);

/* ---- people and the escrow; what the plans use is registry_escrow.h ---- */

/* Unlock the key that w->escrow_key names (an encrypted PKCS#8 file or a PKCS #11 URI); its
 * passphrase is asked of w->ui (DESK_ESCROW_PASS) where one is needed. Errors: ERR_PERSON no
 * key is named; and as registry_escrow_unlock. */
/* Before anybody is asked: is one named, and there? *ret_wanted, unless NULL: what opens it.
 * Errors: ERR_PERSON; ERR_USAGE. */
MUST_CHECK int workflow_escrow_check(
    const struct desk *w, enum key_secret *ret_wanted, struct err *err);
MUST_CHECK int workflow_escrow_unlock(
    const struct desk *w, struct registry *r, struct registry_escrow_key **ret, struct err *err);

struct workflow_escrow_open {
	uint32_t token;
	enum registry_secret_kind kind;
	unsigned version;   /* 0: the current one */
	const char *reason; /* both are plain text; in the audit before the secret is opened */
	const char *ticket; /* or NULL */
};
/* For a person. Errors: ERR_USAGE no reason; as workflow_escrow_unlock, registry_escrow_open. */
MUST_CHECK int workflow_escrow_open(const struct desk *w, const struct workflow_escrow_open *what,
    struct secret *ret, struct err *err);

struct workflow_escrow_rekey {
	const char *const *add_recovery; /* files with certificates, NULL at the end */
	const char *const *add_helpdesk;
	const char *const *remove; /* names, or the beginnings of hashes */
	const char *ticket;	   /* or NULL */
};
/* Change the recipients, when anything is to be changed, and seal anew what is not sealed to them
 * yet. Killed anywhere, it is completed by the same call without any change. */
MUST_CHECK int workflow_escrow_rekey(const struct desk *w, const struct workflow_escrow_rekey *what,
    int64_t *ret_resealed, struct err *err);

/* ---- letters ---- */

/*
 * The first PIN, made by the program, in a letter to the holder: the operator
 * never sees it. struct desk's letter asks for one wherever a plan sets a PIN; the PIN is kept
 * in the registry from before the token gets it until it was handed over.
 */

#define LETTER_DIGITS 6

/* Write the letter of a token once more, to w->letter (and w->letter_to). Errors: ERR_ABSENT none
 * is waiting; ERR_OCCUPIED the file is there; ERR_USAGE no PDF can be made of it, or of this build;
 * the certificate. */
MUST_CHECK int workflow_letter_write(const struct desk *w, uint32_t token, struct err *err);

/* The holder has it. Errors: ERR_ABSENT. */
MUST_CHECK int workflow_letter_handed(const struct desk *w, uint32_t token, struct err *err);

/* ---- receipts ---- */

/*
 * Evidence of one enrolment for whoever was not there: attestation, request,
 * certificate, who did it and when, and its place in the audit chain, signed with a key that is not
 * the CA's. A receipt is checked with nothing but itself: Yubico's roots are built in.
 */

/* token: of which the active certificate is told. *ret: DER of a CMS SignedData. Errors: ERR_USAGE
 * the token has no active certificate. */
MUST_CHECK int workflow_receipt(
    const struct desk *w, uint32_t token, struct blob *ret, struct err *err);

struct workflow_receipt_claims {
	uint32_t token;
	char holder[X509_TEXT_MAX], id[X509_TEXT_MAX], operator_[X509_TEXT_MAX], at[32];
	char subject[X509_TEXT_MAX], serial[64];
	uint64_t audit_row;
	char audit_hash[80];
	uint8_t signer_sha256[32]; /* of the receipt key's certificate */
	bool attested;		   /* the key is in that token, by anchor */
	bool rehearsal;
	char anchor[X509_TEXT_MAX];
};
struct workflow_receipt_trust {
	const struct blob *root;      /* the CA's root that must be in it, DER; or NULL */
	const struct blob *rehearsal; /* attestation root of a rehearsal, DER; or NULL */
};
/* Signature, chain, and that request, attestation and certificate are of one key and one token.
 * Errors: ERR_PROOF; ERR_ATTEST; ERR_FIT. */
MUST_CHECK int workflow_receipt_verify(const struct blob *receipt,
    const struct workflow_receipt_trust *trust, struct workflow_receipt_claims *ret,
    struct err *err);

/* ---- is what the registry says what was written? ---- */

struct workflow_audit {
	int64_t rows;	      /* the number of the last one */
	uint8_t head[32];     /* its hash */
	uint64_t signed_rows; /* up to here a published CRL says so; 0: none does */
	uint64_t crl_number;
	uint64_t logged_rows; /* up to here the signer's log says so; 0: it does not */
	bool log_readable;    /* by this user */
};
/* The whole chain; against the CRL in pub/, whose signature is checked; against the signer's log,
 * where this user may read it. *ret is filled as far as it came. Errors: ERR_INTERNAL naming the
 * first row that does not fit, or what is lost; ERR_PROOF the CRL is not the CA's. */
MUST_CHECK int workflow_audit_verify(
    const struct desk *w, struct workflow_audit *ret, struct err *err);

/* A registry that is older than what is known is taken into use, for a reason: the CA is told, and
 * signs a CRL with the new head. Needs the CA's passphrase, or a running signer. Errors: ERR_USAGE
 * it is not older. */
MUST_CHECK int workflow_accept_rollback(
    const struct desk *w, const char *reason, struct workflow_audit *ret, struct err *err);

/* ---- the CA, without a token ---- */

/*
 * What is done with the CA and needs no token. Each writes an audit row where the home
 * has a registry.
 */

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
			     token's serial, a certificate's file */
	enum signer_reason reason; /* of revoke */
	const char *ticket;	   /* for the audit, or NULL */
	const char *token_state; /* "lost", "damaged", "retired"; NULL: what goes with the reason */
	bool all;		 /* all tokens of the holder */
};

#define WORKFLOW_REVOKED_MAX 64

struct workflow_revoked {
	struct registry_cert certs[WORKFLOW_REVOKED_MAX]; /* as they were before */
	size_t n;
	bool other;	     /* n is 0, and it was a certificate that only the CA knows */
	bool already;	     /* there was nothing to do */
	struct crl_info crl; /* the one that says so */
	size_t published;    /* places of ykenroll.conf that have it */
};

/* A serial in hexadecimal of any length, of either case, with colons as openssl(1) prints it.
 * ret: 20 octets. Returns its length, 0: it is none. */
size_t workflow_serial(const char *text, uint8_t *ret);

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
/* What the CA would refuse of it, before a passphrase is asked for. Errors: as ca_check. */
MUST_CHECK int workflow_p12_check(
    const struct desk *w, const struct request *request, struct err *err);
/* Make a key here, have it certified, and put key, certificate and chain into a PKCS #12 file. What
 * was certified and could not be written is revoked. Errors: ERR_OCCUPIED path exists; as
 * workflow_issue. */
MUST_CHECK int workflow_p12(const struct desk *w, const struct workflow_p12 *what,
    struct workflow_issued *ret, struct err *err);

/* ---- after it was enrolled ---- */

/*
 * What happens to a token after it was enrolled. Each is a plan: killed or unplugged
 * anywhere, the same call again completes it, and so does workflow_recover.
 *
 * What these use of the escrow is opened with the key that workflow.escrow_key names, goes from
 * there to the token, leaves an audit row, and is replaced by a new value in the same run.
 */

/* Why a token is reissued, and what that means: a const table. */
struct workflow_why {
	const char *name; /* "lost" */
	const char *what; /* for people */
	enum signer_reason reason;
	bool hold;		      /* the former certificate is only put on hold */
	bool first;		      /* it ends before the new one is made, else after */
	bool same_token;	      /* the new one is for the same token */
	bool none;		      /* there is no new one */
	enum registry_token_state to; /* of the former token; TOKEN_NEW: it stays */
};
const struct workflow_why *workflow_whys(size_t *ret_n);
const struct workflow_why *workflow_why(const char *name); /* NULL: there is none */

struct workflow_reissue {
	const char *what; /* a holder, a token's or a certificate's serial */
	const struct workflow_why *why;
	/* What is to be another than it was: name, e-mail, profile …; hours of forgotten: so long
	 * the other token is good. What is not given is as the former certificate's was. */
	struct request asked;
	bool new_key; /* of expiring and renamed: and another key */
	bool reset;   /* the new token had another life */
};
struct workflow_reissued {
	uint32_t former; /* the token that is replaced; 0: the same one */
	bool has_crl;	 /* its certificates were revoked or held at once, and this CRL says so */
	struct crl_info crl;
	bool has_new; /* report is filled */
	struct workflow_report report;
};
/* A certificate, or a token, in place of one that is not usable any more, by the table above. Again
 * after an interruption: the rest; after all is done: nothing. Errors: those of workflow_revoke and
 * workflow_enroll. */
MUST_CHECK int workflow_reissue(const struct desk *w, const struct workflow_reissue *what,
    struct workflow_reissued *ret, struct err *err);

struct workflow_unblock {
	const char *what; /* a holder or a token's serial; NULL: the token that is there */
	const char *ticket;
};
/* The holder, who is here, gets a new PIN by the PUK from escrow; the token gets a new PUK. Errors:
 * ERR_BLOCKED the PUK is, too; ERR_PIN the PUK in escrow is wrong, or has one try left. */
MUST_CHECK int workflow_unblock(const struct desk *w, const struct workflow_unblock *what,
    struct workflow_report *ret, struct err *err);

/* Unblock for a holder who is elsewhere (x509_unblock.h): request there, answer here, apply there.
 */
struct workflow_remote_unblock {
	const char *request; /* file; its key is beside it, with .key behind the name */
	const char *answer;  /* file; NULL: the request's name with .answer */
	unsigned hours;	     /* of request: so long may it be answered and used */
	const char *ticket;  /* of answer: for the audit, or NULL */
};
struct workflow_remote_result {
	uint32_t token;
	int64_t until; /* UTC seconds */
	char code[16];
};
/* For the token in the reader; no registry is needed. Errors: ERR_OCCUPIED a file is there;
 * ERR_BLOCKED the PUK is. */
MUST_CHECK int workflow_remote_request(const struct desk *w,
    const struct workflow_remote_unblock *what, struct workflow_remote_result *ret,
    struct err *err);
/* With the PUK from escrow, sealed to the request; a person says whether the holder is who asks.
 * The PUK is marked for replacement: the next unblock or reissue here does it. Errors: ERR_FIT not
 * a request, changed, expired; ERR_OCCUPIED it was answered before, or the token's state;
 * ERR_PERSON.
 */
MUST_CHECK int workflow_remote_answer(const struct desk *w,
    const struct workflow_remote_unblock *what, struct workflow_remote_result *ret,
    struct err *err);
/* The holder chooses the PIN; the key of the request is deleted, so that the answer is worth
 * nothing any more. Errors: ERR_FIT not the answer, expired; ERR_AMBIGUOUS another token; ERR_PIN,
 * ERR_BLOCKED. */
MUST_CHECK int workflow_remote_apply(const struct desk *w,
    const struct workflow_remote_unblock *what, struct workflow_remote_result *ret,
    struct err *err);

struct workflow_retire {
	const char *what; /* a holder, a token's serial; NULL: the token that is there */
	enum signer_reason reason;
	const char *ticket;
	bool absent; /* it is not here: nothing is wiped, and no reader is looked at */
};
/* The end: certificates revoked, the token wiped, its secrets closed. Errors: ERR_NO_TOKEN the
 * token is not here (and absent was not said). */
MUST_CHECK int workflow_retire(const struct desk *w, const struct workflow_retire *what,
    struct workflow_report *ret, struct err *err);

struct workflow_adopt {
	struct workflow_enroll enroll; /* who gets it, and what is asked of the CA */
	bool new_key;		       /* in place of the one in slot 9A */
};
/* A token that other tools made: its management key and PUK are replaced by ones in escrow; its
 * certificate is recorded where this CA issued it, else replaced by one for the same key. The PIN
 * stays the holder's, unless it is the factory's. Errors: ERR_OCCUPIED it is registered;
 * ERR_ATTEST the key cannot be attested, and no new one is wanted. */
MUST_CHECK int workflow_adopt(const struct desk *w, const struct workflow_adopt *what,
    struct workflow_report *ret, struct err *err);

#endif
