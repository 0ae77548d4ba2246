/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow: what people do: enrol, recover, check.
 *
 * Work is a table of steps that is run forward only (src/workflow/run/plan.h). Each step asks token
 * and registry whether it is done, so a run that stopped anywhere is completed by running it again.
 * What can be known before the first change to the token is checked before it.
 *
 * Nothing here prints or prompts: struct desk_ui does (desk.h).
 */
#ifndef YKENROLL_WORKFLOW_H
#define YKENROLL_WORKFLOW_H

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

#endif
