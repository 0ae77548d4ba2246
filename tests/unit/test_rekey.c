/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is every secret there after a rekey that is killed, again and again, and can old recipients open
 * none of the new blobs? 1,000 secrets and 20 kills; FULL=1: 10,000 and 50. QUICK=N: an Nth of
 * the openings.
 */
#include "quick.h"
#include "testreg.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "registry/escrow.h"
#include "ykenroll/registry_escrow.h"

struct people {
	char key[3][160], cert[3][160]; /* 0: recovery of init; 1, 2: others */
};

static void
make_people(const struct testreg *t, struct people *p)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct err err = ERR_INIT;
	int i;

	assert_int_equal(secret_set(pass, TESTREG_PASS, strlen(TESTREG_PASS), &err), 0);
	snprintf(p->key[0], sizeof(p->key[0]), "%s", t->key);
	for (i = 1; i < 3; i++) {
		snprintf(p->key[i], sizeof(p->key[i]), "%s/k%d", t->dir, i);
		snprintf(p->cert[i], sizeof(p->cert[i]), "%s/c%d", t->dir, i);
		assert_int_equal(registry_escrow_make_key(
				     i == 1 ? "Safe" : "Desk", p->key[i], pass, p->cert[i], &err),
		    0);
	}
}

static struct registry_escrow_key *
unlock(struct testreg *t, const char *path)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct registry_escrow_key *key = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(secret_set(pass, TESTREG_PASS, strlen(TESTREG_PASS), &err), 0);
	if (registry_escrow_unlock(t->r, path, pass, &key, &err) != 0)
		fail_msg("%s", err.text);
	return key;
}

/* Two secrets a token, as registry_begin writes them; the fsyncs are not what is asked here. */
static void
fill(struct testreg *t, unsigned tokens)
{
	struct err err = ERR_INIT;
	char holder[32];
	unsigned i;

	for (i = 1; i <= tokens; i++) {
		snprintf(holder, sizeof(holder), "h%u@example.org", i);
		if (testreg_begin(t, i, holder, false, &err) != 0)
			fail_msg("%s", err.text);
	}
}

static void
add(struct registry_escrow_change *c, enum registry_role role, const char *cert)
{
	struct err err = ERR_INIT;

	c->add[c->n_add].role = role;
	assert_int_equal(escrow_cert_file(cert, &c->add[c->n_add].der, &err), 0);
	c->n_add++;
}

/* The whole of it, as the command does: a change, then what is left. */
static int
rekey_with(struct testreg *t, const struct registry_escrow_key *key, const struct people *p,
    bool change, int64_t *ret_n)
{
	struct registry_escrow_change c = {.why = "test"};
	struct err err = ERR_INIT;
	int rc;

	if (change) {
		add(&c, ROLE_RECOVERY, p->cert[1]);
		add(&c, ROLE_HELPDESK, p->cert[2]);
		c.remove[0] = "Recovery of the test";
		c.n_remove = 1;
		rc = registry_escrow_change(t->r, key, &c, &err);
		blob_wipe(&c.add[0].der);
		blob_wipe(&c.add[1].der);
		if (rc != 0)
			fail_msg("%s", err.text);
	}
	if ((rc = registry_escrow_reseal(t->r, key, ret_n, &err)) != 0)
		fprintf(stderr, "%s\n", err.text);
	return rc;
}

static int
rekey(struct testreg *t, const struct people *p, bool change, int64_t *ret_n)
{
	CLEAN(registry_escrow_lockp) struct registry_escrow_key *key = unlock(t, p->key[0]);

	return rekey_with(t, key, p, change, ret_n);
}

static bool
kill_one(struct testreg *t, const struct people *p, bool change, unsigned after_us)
{
	const struct timespec wait = {.tv_nsec = (long)after_us * 1000};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct registry_escrow_key *key;

		testreg_open(t);
		key = unlock(t, p->key[0]);
		/* the KDF is not where it is to be killed */
		raise(SIGSTOP);
		_exit(rekey_with(t, key, p, change, NULL) != 0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	nanosleep(&wait, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Each secret, opened with the new key; and by none of the removed ones. */
static unsigned
open_all(struct testreg *t, const char *key_path, unsigned tokens)
{
	CLEAN(registry_escrow_lockp) struct registry_escrow_key *key = unlock(t, key_path);
	CLEAN(secret_freep) struct secret *s = secret_new();
	struct err err = ERR_INIT;
	unsigned i, n = 0;

	for (i = 0; i < 2 * tokens; i++) {
		const struct registry_escrow_open what = {.token = 1 + i / 2,
		    .kind = i % 2 == 0 ? SECRET_MGMKEY : SECRET_PUK,
		    .why = "test"};

		if (registry_escrow_open(t->r, key, &what, s, NULL, &err) == 0 &&
		    (what.kind == SECRET_PUK ? s->len == 8 && memcmp(s->bytes, "24680135", 8) == 0
					     : s->len == 24 && s->bytes[23] == 0x18))
			n++;
	}
	return n;
}

static void
a_killed_rekey_loses_nothing(void **state)
{
	struct testreg *t = *state;
	const bool full = getenv("FULL") != NULL;
	const unsigned tokens = full ? 5000 : 500, kills = full ? 50 : 20;
	struct people p;
	struct err err = ERR_INIT;
	unsigned i, after_us, killed = 0, between = 0;
	int64_t left, n = 0, total = 2 * (int64_t)tokens;
	bool changed = false;

	make_people(t, &p);
	fill(t, tokens);
	registry_closep(&t->r);
	/* more of them where the machine is busy and they come too early */
	for (i = 0; i < kills || (between < 3 && i < 10 * kills); i++) {
		/* a busy machine needs longer to come between them */
		after_us = 20000 + i * 5003 % (150000 * (1 + i / kills));
		killed += kill_one(t, &p, !changed, after_us);
		changed = testreg_count(t, "SELECT count(*) FROM recipients") > 0;
		left = testreg_count(t, "SELECT count(*) FROM secrets WHERE recipients <"
					" (SELECT ifnull(max(generation), 0) FROM recipients)");
		between += changed && left > 0 && left < total;
		assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets"), total);
	}
	testreg_open(t);
	assert_int_equal(rekey(t, &p, !changed, &n), 0);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets WHERE recipients <> 2"), 0);
	assert_int_equal(
	    testreg_count(t, "SELECT count(*) FROM audit WHERE action = 'reseal'"), total);
	assert_int_equal(registry_audit_verify(t->r, &left, &err), 0);
	print_message("%u kills, %u hit, %u of them between two generations; the rest (%lld of %lld"
		      " secrets) in one run\n",
	    i, killed, between, (long long)n, (long long)total);
	assert_true(killed >= 3 && between >= 3);
	i = full ? 500 : 100 / quick();
	assert_int_equal(open_all(t, p.key[1], i), 2 * i);
	assert_int_equal(open_all(t, p.key[2], i), 2 * i);
	assert_int_equal(open_all(t, p.key[0], 5), 0);
}

static void
what_was_sealed_before_a_change_is_not_written_after_it(void **state)
{
	struct testreg *t = *state;
	CLEAN(secret_freep) struct secret *puk = secret_new();
	CLEAN(registry_sealed_wipe) struct registry_sealed sealed = {0};
	struct registry_work w = {
	    .plan = "enroll", .asked = {.token = 7, .profile = "user", .firmware = {5, 7, 1}}};
	struct err err = ERR_INIT;
	struct people p;

	make_people(t, &p);
	assert_int_equal(secret_set(puk, "24680135", 8, &err), 0);
	assert_int_equal(registry_seal(t->r, 7, SECRET_PUK, 0, puk, &sealed, &err), 0);
	assert_int_equal(rekey(t, &p, true, NULL), 0);
	snprintf(w.asked.holder.key, sizeof(w.asked.holder.key), "x");
	assert_int_equal(registry_begin(t->r, &w, &sealed, 1, BEGIN_FIRST, &err), ERR_OCCUPIED);
	assert_non_null(strstr(err.text, "recipients"));
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets"), 0);
}

static void
opening_leaves_a_row_and_a_mark(void **state)
{
	struct testreg *t = *state;
	CLEAN(registry_escrow_lockp) struct registry_escrow_key *key = NULL;
	CLEAN(secret_freep) struct secret *s = secret_new();
	struct registry_escrow_open what = {.token = 3, .kind = SECRET_PUK, .why = "because"};
	struct err err = ERR_INIT;

	fill(t, 3);
	key = unlock(t, t->key);
	assert_false(registry_secret_spent(t->r, 3, SECRET_PUK));
	assert_int_equal(registry_escrow_open(t->r, key, &what, s, NULL, &err), 0);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets WHERE opened > 0"), 1);
	assert_int_equal(
	    testreg_count(t, "SELECT count(*) FROM audit WHERE action = 'escrow-open' AND"
			     " token = 3 AND detail LIKE 'puk 1 with the recovery key%: because'"),
	    1);
	what.why = "";
	assert_int_equal(registry_escrow_open(t->r, key, &what, s, NULL, &err), ERR_USAGE);
	what.why = "because";
	what.token = 4;
	assert_int_equal(registry_escrow_open(t->r, key, &what, s, NULL, &err), ERR_ABSENT);
	/* moved to another token's row: known nowhere in that token's rows */
	assert_int_equal(
	    testreg_sql(t, "UPDATE secrets SET recovery = (SELECT recovery FROM secrets WHERE"
			   " token = 1 AND kind = 'puk') WHERE token = 2 AND kind = 'puk'"),
	    0);
	what.token = 2;
	assert_int_equal(registry_escrow_open(t->r, key, &what, s, NULL, &err), ERR_INTERNAL);
	assert_int_equal(
	    testreg_count(t, "SELECT count(*) FROM audit WHERE action = 'escrow-open'"), 1);
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, testreg_setup, testreg_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLAIM(a_killed_rekey_loses_nothing),
	    CLAIM(what_was_sealed_before_a_change_is_not_written_after_it),
	    CLAIM(opening_leaves_a_row_and_a_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
