/* SPDX-License-Identifier: BSD-2-Clause */
/* enrolment: what one run of a plan knows, be it the first enrolment or what comes later in a
 * token's life. Made by enrolment.c, used by the steps. */
#ifndef WORKFLOW_ENROLMENT_H
#define WORKFLOW_ENROLMENT_H

#include "workflow/run/plan.h"
#include "desk/session.h"
#include "desk/slot.h"

#define ENROL_SLOT 0x9a
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
bool enrolment_recorded(const struct enrolment *e, const char *step); /* by a run before this */

/* Before the first change (precheck.c): everything that can be known. */
MUST_CHECK int precheck_names(const struct holder *holder, struct err *err);
MUST_CHECK int precheck_states(struct enrolment *e, struct err *err); /* PIN, PUK, mgm. key */
/* What is in slot 9A and around it, and the f9 certificate. */
MUST_CHECK int precheck_contents(struct enrolment *e, struct err *err);

#endif
