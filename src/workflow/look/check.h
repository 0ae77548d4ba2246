/* SPDX-License-Identifier: BSD-2-Clause */
/* check: what the two halves of it share. */
#ifndef WORKFLOW_CHECK_H
#define WORKFLOW_CHECK_H

#include "desk/session.h"
#include "workflow/look/findings.h"
#include "ykenroll/registry_look.h"

#define CHECK_SLOT 0x9a

struct check {
	struct session s;
	struct registry_expected expected;
	bool live; /* it should work: active, issued or suspended */
	struct findings found;
};

/* check_token.c: what is on the token. Errors: the token's. */
MUST_CHECK int check_cert(struct check *c, struct err *err);
MUST_CHECK int check_key(struct check *c, struct err *err);
MUST_CHECK int check_identity(struct check *c, struct err *err);
MUST_CHECK int check_secrets(struct check *c, struct err *err);

#endif
