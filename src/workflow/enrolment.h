/* SPDX-License-Identifier: BSD-2-Clause */
/* enrolment: what one run of the enrolment plan knows. Made by enroll.c, used by the steps. */
#ifndef WORKFLOW_ENROLMENT_H
#define WORKFLOW_ENROLMENT_H

#include "workflow/plan.h"

#define ENROL_SLOT 0x9a
#define STEP_PUK_FACTORY "puk-factory" /* recorded: the work found the factory's PUK */

struct enrolment {
	const struct workflow *w;
	struct workflow_report *report;

	struct device *dev;
	struct token *token;
	struct signer *signer;
	struct registry *registry;
	struct signer_ca ca;

	struct registry_work work; /* id 0 before the intent is written */
	bool resumed;
	bool additional;
	unsigned pin_tries, puk_tries;

	/* the token as it was found */
	struct token_mgm_state mgm;
	struct token_pin_state pin, puk;
	struct blob f9;
	bool slot_used, cert_used, admin_used;

	/* locked memory, this run only */
	struct secret *new_pin, *current_pin, *current_puk, *current_mgmkey;
	struct secret *mgmkey, *puk_new; /* pending values, as they are in flight */
	enum device_mgm_alg mgm_alg;
	bool authenticated, pin_verified;

	/* what the steps hand on */
	struct blob spki, leaf, csr, cert;
};

/* Open and look (enroll.c). */
MUST_CHECK int enrolment_look(struct enrolment *e, struct err *err);
void enrolment_wipe(struct enrolment *e);

/* Before the first change (precheck.c): everything that can be known. */
MUST_CHECK int precheck_names(const struct workflow_enroll *what, struct err *err);
MUST_CHECK int precheck_token(struct enrolment *e, struct err *err);
MUST_CHECK int precheck_ca(struct enrolment *e, struct err *err);

/* What is asked of the CA (steps_cert.c). Points into e. */
void enrolment_request(const struct enrolment *e, struct signer_request *ret);

/* Used by steps and recover (steps_cert.c). Revoke or drop the certificate that this work can no
 * longer use. */
MUST_CHECK int steps_abandon_cert(struct enrolment *e, struct err *err);

/* The steps, one function each, in the order of the plan. */
MUST_CHECK int step_retries(struct enrolment *e, struct err *err);
MUST_CHECK int step_mgmkey_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_mgmkey(struct enrolment *e, struct err *err);
MUST_CHECK int step_puk_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_puk(struct enrolment *e, struct err *err);
MUST_CHECK int step_pin(struct enrolment *e, struct err *err);
MUST_CHECK int step_key_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_key(struct enrolment *e, struct err *err);
MUST_CHECK int step_identity_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_identity(struct enrolment *e, struct err *err);
MUST_CHECK int step_attest(struct enrolment *e, struct err *err);
MUST_CHECK int step_request(struct enrolment *e, struct err *err);
MUST_CHECK int step_issue_done(struct enrolment *e, bool *ret, struct err *err);
MUST_CHECK int step_issue(struct enrolment *e, struct err *err);
MUST_CHECK int step_import(struct enrolment *e, struct err *err);
MUST_CHECK int step_prove(struct enrolment *e, struct err *err);
MUST_CHECK int step_activate(struct enrolment *e, struct err *err);

#endif
