/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_life: what happens to a token after it was enrolled. Each is a plan: killed or unplugged
 * anywhere, the same call again completes it, and so does workflow_recover.
 *
 * What these use of the escrow is opened with the key that workflow.escrow_key names, goes from
 * there to the token, leaves an audit row, and is replaced by a new value in the same run.
 */
#ifndef YKENROLL_WORKFLOW_LIFE_H
#define YKENROLL_WORKFLOW_LIFE_H

#include "ykenroll/workflow.h"
#include "ykenroll/workflow_ca.h"

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

#endif
