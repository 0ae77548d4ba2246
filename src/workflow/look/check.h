/* SPDX-License-Identifier: BSD-2-Clause */
/* check: what the two halves of it share. */
#ifndef WORKFLOW_CHECK_H
#define WORKFLOW_CHECK_H

#include "ykenroll/workflow.h"
#include "desk/session.h"
#include "ykenroll/registry_look.h"

#define CHECK_SLOT 0x9a

struct check {
	struct session s;
	struct registry_expected expected;
	bool live; /* it should work: active, issued or suspended */

	struct workflow_finding *list;
	size_t n;
	bool bad;
};

/* All well with it. */
void check_ok(struct check *c, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* One of the mismatches in check.c's table. */
void check_bad(struct check *c, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* check_token.c: what is on the token. Errors: the token's. */
MUST_CHECK int check_cert(struct check *c, struct err *err);
MUST_CHECK int check_key(struct check *c, struct err *err);
MUST_CHECK int check_identity(struct check *c, struct err *err);
MUST_CHECK int check_secrets(struct check *c, struct err *err);

#endif
