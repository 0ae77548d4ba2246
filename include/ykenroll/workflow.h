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
	struct request request; /* with replaces and why (workflow_life.h) where it stands in for
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

enum workflow_level {
	LEVEL_OK,
	LEVEL_NOTE, /* worth knowing, nothing to mend */
	LEVEL_WARN, /* will be bad if nobody does anything */
	LEVEL_BAD,
};
struct workflow_finding {
	enum workflow_level level;
	char id[32];	/* of check, when not ok: which mismatch, for programs: "cert-foreign" */
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
	const char *holder;   /* as registry_find has it */
	const char *state;    /* "active", or several with commas */
	const char *firmware; /* "5.7", "<5.7", ">=5.4.3" */
	const char *advisory; /* "ROCA", "EUCLEAK", "YSA-2019-02", "any" */
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

/* ---- people and the escrow; what the plans use is registry_escrow.h ---- */

/* Unlock the key that w->escrow_key names (an encrypted PKCS#8 file or a PKCS #11 URI); its
 * passphrase is asked of w->ui (DESK_ESCROW_PASS) where one is needed. Errors: ERR_PERSON no
 * key is named; and as registry_escrow_unlock. */
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

#endif
