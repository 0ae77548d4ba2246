/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * point: one place where an enrolment is interrupted. A point is a directory with a home and a key
 * of its own, copies of what `ykenroll init` and a factory made. It is run in this process, with
 * the signer as its child, and the key answers through pcsc_shim. What a run must not leave open
 * is asserted after each.
 */
#ifndef TESTS_POINT_H
#define TESTS_POINT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pcsc_shim.h"
#include "ykenroll/workflow.h"

#define POINT_PIN "482913"

enum point_how { POINT_ENROLL, POINT_RECOVER };

struct point {
	char dir[300];
	struct vkey *key;
	struct workflow_report report; /* of the last run */
	struct err err;
};

/* A directory for all points, with the prepared home and key of each firmware in it. */
int point_setup(void **state);
int point_teardown(void **state);

/* name: "5.7.1/13-after". */
void point_start(struct point *p, const char *firmware, const char *name);
void point_fault(struct point *p, unsigned at, const char *kind);
/* What workflow_enroll or workflow_recover returns. */
int point_run(struct point *p, enum point_how how);
/* Home and key as they are, into before/. */
void point_keep(struct point *p);
void point_stop(struct point *p);

/* Run the checker over all points of a firmware; removes them when it has no complaint. */
void point_check_all(const char *firmware);

#endif
