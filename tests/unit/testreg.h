/* SPDX-License-Identifier: BSD-2-Clause */
/* testreg: a registry in a directory of its own, for the tests. */
#ifndef TESTREG_H
#define TESTREG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "ykenroll/registry.h"

#define TESTREG_PASS "correct horse"

struct testreg {
	char dir[64], home[128], key[128]; /* key: the recovery key's file, outside home */
	struct registry *r;
};

/* cmocka's setup and teardown: *state is a struct testreg with an open registry. */
int testreg_setup(void **state);
int testreg_teardown(void **state);

int testreg_init(const struct testreg *t, struct err *err);
void testreg_open(struct testreg *t); /* again, as another process would */

/* Begin work for a holder on a token with a sealed management key and PUK. */
int testreg_begin(
    struct testreg *t, uint32_t serial, const char *holder, bool additional, struct err *err);
/* The open work on the token. */
int64_t testreg_work(struct testreg *t, uint32_t serial);

struct testcert {
	uint8_t serial[REGISTRY_SERIAL_LEN], spki[32];
	struct blob der;
};
/* A certificate with a fresh key whose serial number ends in n. */
void testcert_make(struct testcert *c, unsigned n);
void testcert_wipe(struct testcert *c);

/* From begin to finish. */
void testreg_enrol(struct testreg *t, uint32_t serial, const char *holder, unsigned n);

/* Edit the database behind the registry's back; count: the first column of the first row. */
int testreg_sql(const struct testreg *t, const char *sql);
int64_t testreg_count(const struct testreg *t, const char *sql);

#endif
