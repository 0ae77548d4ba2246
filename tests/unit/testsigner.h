/* SPDX-License-Identifier: BSD-2-Clause */
/* testsigner: a home with a rehearsal CA, made once and copied for each test, and requests for it.
 */
#ifndef TESTSIGNER_H
#define TESTSIGNER_H

#include <sys/types.h>

#include "signer/ca.h"
#include "signer/issue.h"
#include "testattest.h"
#include "ykenroll/signer_serve.h"

#define TESTSIGNER_PASS "correct horse"

/* The token whose root the CAs here trust. */
extern struct testattest testsigner_token;

int testsigner_setup(void **state);    /* of a group */
int testsigner_teardown(void **state); /* of a group */

/* A fresh home with a finished CA; the string is the caller's to free. */
char *testsigner_home(void);
/* An empty one. */
char *testsigner_empty(void);
int testsigner_init(const char *home, const char *rehearsal_root, struct err *err);
char *testsigner_root(void); /* path of the rehearsal root's PEM; free it */

/* home/name, static, for one call at a time. */
const char *testsigner_path(const char *home, const char *name);
/* A shell command; fails the test unless it ends with this status. */
void testsigner_shell(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct ca *testsigner_open(const char *home); /* in this process */

/* A record of another CA; not synced. */
MUST_CHECK int testsigner_import(
    struct log *log, const struct log_who *who, const struct log_cert *c, struct err *err);

struct testsigner_request {
	struct key *key;
	struct blob csr, leaf;
	struct request r;
};
/* q.r.holder.email and so on; NULL: not given */
/* text is looked at once: it may be drawn by lot. NULL is "". */
#define TESTSIGNER_SET(at, text) testsigner_set(at, sizeof(at), text)
void testsigner_set(char *at, size_t size, const char *text);
/* By the token's book, for a new key in it. */
void testsigner_request(struct testsigner_request *q, enum key_alg alg, const char *cn);
void testsigner_attest(struct testsigner_request *q, const struct testattest_leaf *leaf);
void testsigner_request_wipe(struct testsigner_request *q);

/* Prepare in this process, as our own uid. */
MUST_CHECK int testsigner_prepare(const struct ca *ca, struct issue_peer *desk,
    enum request_form form, const struct request *r, struct signer_prepared *ret, struct err *err);
/* And sign. */
void testsigner_issue(
    struct ca *ca, const char *cn, struct signer_prepared *ret_prepared, struct blob *ret_cert);

/* `ykenroll-signer --fd N --home HOME --ca-pass file:PATH`, as the program does it. */
int testsigner_main(int argc, char **argv);

#endif
