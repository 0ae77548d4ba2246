/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow: what people do: enrol, recover, check. The only room that sees device, signer and
 * registry together.
 *
 * Work is a table of steps that is run forward only (src/workflow/run/plan.h). Each step asks token
 * and registry whether it is done, so a run that stopped anywhere is completed by running it again.
 * What can be known before the first change to the token is checked before it.
 *
 * Nothing here prints or prompts: struct workflow_ui does.
 */
#ifndef YKENROLL_WORKFLOW_H
#define YKENROLL_WORKFLOW_H

#include "ykenroll/device.h"
#include "ykenroll/registry.h"
#include "ykenroll/signer.h"
#include "ykenroll/x509.h"

enum workflow_secret {
	WORKFLOW_NEW_PIN,     /* the holder's, asked twice where it is typed */
	WORKFLOW_CURRENT_PIN, /* of a token that is not as it left the factory */
	WORKFLOW_CURRENT_PUK,
	WORKFLOW_CURRENT_MGMKEY,
	WORKFLOW_NEW_PUK,
	WORKFLOW_NEW_MGMKEY,
	WORKFLOW_HOLDER_PIN,  /* of the holder, who is here */
	WORKFLOW_ESCROW_PASS, /* of the escrow key */
};

enum workflow_step_state { STEP_WAITS, STEP_ALREADY, STEP_DONE, STEP_FAILED };

struct workflow_step {	  /* one line of the plan, for showing */
	const char *name; /* "management-key" */
	char what[160];	  /* "set a random management key (AES-192)" */
	bool irreversible;
	enum workflow_step_state state;
	double ms;
};

struct workflow_ui {
	/* Each time that a step is finished, skipped or failed. */
	void (*step)(void *ctx, const struct workflow_step *step);
	/* Anything a person should read while it happens. */
	void (*say)(void *ctx, const char *text);
	/* Get a secret. Errors: ERR_PERSON none was given and nobody can be asked; ERR_ABSENT none
	 * was given and it is one that is only given explicitly (the CURRENT ones). */
	int (*secret)(void *ctx, enum workflow_secret which, struct secret *ret, struct err *err);
	/* May this be done? For the verbs of workflow_token.h. Errors: ERR_PERSON no, or nobody can
	 * be asked. */
	int (*confirm)(void *ctx, const char *question, struct err *err);
	void *ctx;
};

struct workflow {
	const char *home;
	const char *actor; /* for the audit rows */
	const char *ca_pass_spec;
	struct device_choice choice;
	const struct device_ui *device_ui;
	struct workflow_ui ui;
	const char *letter; /* the new PIN is made here, for a letter in this file; NULL: typed */
	const char *letter_to; /* with letter: sealed to this certificate (PEM file); NULL: open */
	bool dry_run, last_try, force;
	const char *escrow_key; /* file, or PKCS #11 URI, of a key that opens the escrow; or NULL */
};

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
	struct workflow_step steps[WORKFLOW_STEPS_MAX];
	size_t n_steps;
	bool proved;
	struct handshake_result proof;
	unsigned apdus;
	int64_t card_ns, kdf_ns, fsync_ns;
	int64_t wait_ns; /* for the CA passphrase, typed at the signer */
};

/* From whatever state the token is in to a proven login for this holder. *ret is filled as far as
 * it came, also on failure. Errors: every code of err.h that names a token, a holder or the CA. */
MUST_CHECK int workflow_enroll(const struct workflow *w, const struct workflow_enroll *what,
    struct workflow_report *ret, struct err *err);

/* Finish what was interrupted on this token. give_up: close it instead, revoking what had been
 * issued; the token itself is left as it is. ret->already when there was nothing. */
MUST_CHECK int workflow_recover(
    const struct workflow *w, bool give_up, struct workflow_report *ret, struct err *err);

/* May this be a holder's PIN? Length, the factory's value, trivial ones. Errors: ERR_USAGE. */
MUST_CHECK int workflow_pin_check(const struct secret *pin, struct err *err);

struct workflow_finding {
	bool ok;
	char id[32];	/* when not ok: which mismatch, for programs: "cert-foreign" */
	char what[80];	/* "certificate in slot 9A" */
	char text[400]; /* what was found */
	char fix[200];	/* when not ok: what mends it without losing anything */
};
#define WORKFLOW_FINDINGS_MAX 48

/* Token against registry. Reads only, spends no try. Errors: ERR_FIT at least one finding is not ok
 * (all are in *ret). */
MUST_CHECK int workflow_check(const struct workflow *w, struct token_id *ret_token,
    struct workflow_finding ret[static WORKFLOW_FINDINGS_MAX], size_t *ret_n, struct err *err);

enum workflow_level {
	LEVEL_OK,
	LEVEL_NOTE, /* worth knowing, nothing to mend */
	LEVEL_WARN, /* will be bad if nobody does anything */
	LEVEL_BAD,
};
struct workflow_diagnosis {
	enum workflow_level level;
	char what[32];	/* "pcscd" */
	char text[400]; /* what was found */
	char fix[400];	/* the command that mends it; may be empty */
};
#define WORKFLOW_DIAGNOSES_MAX 48

/* Everything around token and registry that makes the rest fail: pcscd, polkit, driver, who holds
 * the card, libraries, clock, the home's permissions, CRLs. Changes nothing. Errors: the code that
 * other commands would give for the first finding that is not well (all are in *ret). */
MUST_CHECK int workflow_doctor(const struct workflow *w,
    struct workflow_diagnosis ret[static WORKFLOW_DIAGNOSES_MAX], size_t *ret_n, struct err *err);

#endif
