/* SPDX-License-Identifier: BSD-2-Clause */
/* run: plans, what one run of a plan knows, and the steps that plans are made of. */
#ifndef WORKFLOW_RUN_H
#define WORKFLOW_RUN_H

#include "desk/session.h"
#include "desk/slot.h"
#include "ykenroll/workflow.h"

/* ---- plan ---- */

/* Work as a table of steps, run forward only. The registry knows a plan by its name, so that
 * `recover` can go on with it: names of plans and of recorded steps are never changed. The tables
 * are in plans.c. */

struct enrolment;
typedef int step_fn(struct enrolment *e, struct err *err);
typedef int step_done_fn(struct enrolment *e, bool *ret, struct err *err);

struct plan_step {
	const char *name;
	const char *text; /* one line for people; {words} are plan_text's */
	/* Is it done already? Asks token and registry, changes nothing. NULL: never. */
	step_done_fn *done;
	step_fn *run;
	bool irreversible; /* on the token */
	enum plan_record {
		RECORD_NONE,
		RECORD,	     /* registry_step when it has been run */
		RECORD_ONCE, /* and then it is done, whatever the token says */
	} record;
};

struct plan_row {
	const struct plan_step *step;
	unsigned when; /* one of plan_cases' bits; 0: always part of a run */
};

struct plan {
	const char *name;	     /* as the registry has it */
	const struct plan_row *rows; /* up to one without a step */
	unsigned secrets; /* bits 1 << enum registry_secret_kind: what gets a new value */
	bool on;	  /* on a token that somebody holds: BEGIN_HELD */
	bool ca;	  /* a certificate is made: what the CA can refuse is known before */
	bool signer;	  /* the CA is needed all the same */
	bool escrow;	  /* a fresh run opens a secret from the escrow */
	/* Before the first change, fresh and resumed: what can be known of the token beside what
	 * every run looks at. Spends no try. */
	step_fn *check;
	/* After that, and not for --dry-run: secrets from people and from escrow. */
	step_fn *ask;
};

extern const struct plan plan_enroll, plan_reissue, plan_renew, plan_unblock, plan_adopt,
    plan_retire;

/* NULL: there is none of that name. */
const struct plan *plan_find(const char *name);

/* Fill the report with the steps as they would run, touching nothing. */
void plan_show(struct enrolment *e);

/* Run what is not done. Stops at the first error, wrapped with the step's name. */
MUST_CHECK int plan_run(struct enrolment *e, struct err *err);

/* ---- enrolment ---- */

/* enrolment: what one run of a plan knows, be it the first enrolment or what comes later in a
 * token's life. Made by enrolment.c, used by the steps. */
#define ENROL_SLOT 0x9a
#define ENROL_PURPOSE_MAX (REGISTRY_TEXT_MAX + 96)
#define STEP_PUK_FACTORY "puk-factory" /* recorded: the work found the factory's PUK */
#define STEP_PUK_SENDING "puk-sending" /* recorded: from here on the PUK may be the new one */
#define STEP_PUK_OLD "puk-old"	       /* recorded: the token did not have the new one yet */
#define STEP_PUK_REFUSED "puk-refused" /* recorded: the token refused the one from escrow */

/* request.flags */
#define WORK_RESET 1u	/* enroll: the PIV application is reset first */
#define WORK_NEW_KEY 2u /* renew, adopt: another key, which destroys the one that is there */
#define WORK_RECORD 4u	/* adopt: the certificate on the token is recorded, none is issued */
#define WORK_PUK 8u	/* renew: the PUK was shown to somebody, and is replaced, too */

struct enrolment {
	struct session s;
	struct workflow_report *report;
	struct signer_ca ca;

	const struct plan *plan;
	struct registry_work work; /* id 0 before the intent is written */
	bool resumed;
	bool additional;
	unsigned pin_tries, puk_tries;

	/* the token as it was found */
	struct token_mgm_state mgm;
	struct token_pin_state pin, puk;
	bool slot_used, cert_used, admin_used;
	char lost[SLOT_LOST_MAX]; /* what a reset destroys, in words */

	/* locked memory, this run only */
	struct secret *new_pin, *current_pin, *current_puk, *current_mgmkey;
	struct secret *mgmkey, *puk_new; /* pending values, as they are in flight */
	enum device_mgm_alg mgm_alg;
	bool ended; /* a certificate was revoked or held, and the servers were not told yet */
	bool told;  /* once in this run */

	struct blob spki, cert; /* what the steps hand on, beside what is asked of the CA */
};

/* Life (enrolment.c). look: open registry and token, read the token's row. */
void enrolment_init(struct enrolment *e, const struct desk *w, struct workflow_report *report);
MUST_CHECK int enrolment_look(struct enrolment *e, struct err *err);
/* Registry and signer, and what they took is added up, once. */
void enrolment_let_go(struct enrolment *e);
void enrolment_wipe(struct enrolment *e);
/* e->new_pin: asked for, or the letter's. */
MUST_CHECK int enrolment_new_pin(struct enrolment *e, struct err *err);
void enrolment_report_cert(struct enrolment *e);
/* "PLAN WHY, ticket T", for rows that say what something was done for. */
void enrolment_purpose(const struct enrolment *e, char ret[static ENROL_PURPOSE_MAX]);
bool enrolment_recorded(const struct enrolment *e, const char *step); /* by a run before this */

/* Before the first change: can a holder be called that? */
MUST_CHECK int precheck_names(const struct holder *holder, struct err *err);
/* PIN, PUK, management key as they are now. */
MUST_CHECK int precheck_states(struct enrolment *e, struct err *err);
/* These; and, of a plan that makes a certificate, what is in slot 9A and around it, and the f9
 * certificate. */
MUST_CHECK int precheck(struct enrolment *e, struct err *err);

/* ---- run.c: a plan from its start, or from where it was interrupted, to its end ---- */

/* Open work on the token, if there is any: then e->resumed, and e->plan is the work's. Errors:
 * ERR_USAGE of a plan that this version does not know. */
MUST_CHECK int run_resume(struct enrolment *e, struct err *err);

/* A fresh run's work: of this plan, on the token that was looked at, if any was. What the registry
 * knows of the holder, and asked does not say, is as it is known. */
MUST_CHECK int run_begin(
    struct enrolment *e, const struct plan *plan, const struct request *asked, struct err *err);

/* Work on a token that somebody holds: open all, look whether the token in the reader is the one
 * that was named (what: a holder, a token, a certificate; NULL: whatever is there), and prepare
 * e->work for the plan or go on with it. ticket: may be NULL. */
MUST_CHECK int run_on_held(struct enrolment *e, const char *what, const struct plan *plan,
    const char *ticket, struct err *err);

/* From here on both a fresh run (e->work filled, id 0) and a resumed one, of e->plan. */
MUST_CHECK int run_plan(struct enrolment *e, struct err *err);

/* ---- steps ---- */

/* What the plans are made of. Each is one change, or one thing that is asked of token or CA.
 * steps_secret.c, steps_cert.c, steps_end.c, steps_escrow.c */
MUST_CHECK step_fn step_retries, step_mgmkey, step_puk, step_pin, step_pin_by_puk, step_key,
    step_identity, step_attest, step_request, step_issue, step_import, step_prove, step_record,
    step_activate, step_closed, step_retired, step_mgmkey_escrow, step_puk_escrow, step_same_key,
    step_reset, step_replaced, step_superseded, step_revoked;
MUST_CHECK step_done_fn step_mgmkey_done, step_puk_done, step_key_done, step_identity_done,
    step_issue_done;

/* Used by steps and recover (steps_cert.c). Revoke or drop the certificate that this work can no
 * longer use; send the PIN that is on the token from now on. */
MUST_CHECK step_fn steps_abandon_cert, steps_verify_pin;

/* enroll.c: the enrolment itself, of a token that was looked at. */
MUST_CHECK int enroll_token(
    struct enrolment *e, const struct workflow_enroll *what, struct err *err);

/* steps_escrow.c: with a secret from the escrow, which is replaced. escrow: this version
 * (0: the current one), by the key that the operator named. */
/* The operator's key to it, whose passphrase is asked for once in a run. */
MUST_CHECK step_fn steps_escrow_unlock;
MUST_CHECK int steps_escrow(struct enrolment *e, enum registry_secret_kind kind, unsigned version,
    struct secret *ret, struct err *err);
MUST_CHECK step_fn steps_mgmkey_open;

/* steps_end.c: as from the factory. check: may it be reset at all, and what is lost; ask: a
 * person's yes. */
MUST_CHECK step_fn steps_reset_check, steps_reset_ask;
bool steps_reset_recycles(const struct enrolment *e); /* the registry knows it from another life */

/* Where something was ended: publish to the servers of ykenroll.conf, the card and the CA let go.
 */
MUST_CHECK step_fn steps_tell_servers;

/* before.c: what each plan finds out (check) and asks for (ask) before the first change to the
 * token: see struct plan. */
MUST_CHECK step_fn before_enroll_check, before_enroll_ask, before_renew_check, before_renew_ask,
    before_unblock_check, before_unblock_ask, before_retire_check, before_retire_ask,
    before_adopt_check, before_adopt_ask;

/* ---- paper/letter.c: what a run does with one ---- */

/* Can it be written? Before anything is done. Errors: ERR_OCCUPIED the file is there; ERR_USAGE. */
MUST_CHECK int letter_check(const struct desk *w, struct err *err);
/* The PIN that is kept for this token, or a new one. */
MUST_CHECK int letter_pin(struct enrolment *e, struct secret *ret, struct err *err);
/* Before the token gets it. */
MUST_CHECK int letter_keep(struct enrolment *e, struct err *err);
/* All is done: write the letter, or forget one whose PIN is not on the token any more. */
MUST_CHECK int letter_finish(struct enrolment *e, struct err *err);

/* ---- revoke_other.c ---- */

/* certificates for keys in no token, and those of the CA that this home was imported
 * from. */

/* The one with this serial number, or this very one (DER; NULL: not at hand); a dry run looks only.
 * Errors: ERR_USAGE there is none; ERR_CA. */
MUST_CHECK int revoke_other(const struct desk *w, struct registry *r,
    const struct workflow_revoke *what, const struct blob *cert, const char *note,
    struct workflow_revoked *ret, struct err *err);

#endif
