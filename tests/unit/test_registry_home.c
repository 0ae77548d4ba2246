/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a registry's home opened only as it was left, and made only once? */
#include "testreg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN 12345678u

static int
open_again(struct testreg *t, struct err *err)
{
	registry_closep(&t->r);
	return registry_open(t->home, "test", &t->r, err);
}

static void
files_open_to_others_are_refused(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	struct stat st;
	char path[256];

	snprintf(path, sizeof(path), "%s/registry.db", t->home);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(open_again(t, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(t->home, 0770), 0);
	assert_int_equal(open_again(t, &err), ERR_USAGE);
	assert_int_equal(chmod(t->home, 0700), 0);
	assert_int_equal(open_again(t, &err), 0);
	snprintf(path, sizeof(path), "%s/flight.key", t->home);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "flight.key"));
}

/* ERR_ABSENT would mean that nothing is pending, and a second secret would be made */
static void
a_lost_flight_key_is_not_nothing_pending(void **state)
{
	struct testreg *t = *state;
	CLEAN(secret_freep) struct secret *s = secret_new();
	struct err err = ERR_INIT;
	char path[256];

	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	testreg_open(t);
	snprintf(path, sizeof(path), "%s/flight.key", t->home);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(registry_flight_open(t->r, TOKEN, SECRET_PUK, s, NULL, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "flight.key"));
}

static void
what_is_not_our_registry_is_refused(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	struct registry *r = NULL;
	char path[256], aside[300];

	assert_int_equal(registry_open(t->dir, "test", &r, &err), ERR_ABSENT);
	assert_int_equal(registry_open("/nonexistent", "test", &r, &err), ERR_ABSENT);
	assert_int_equal(testreg_sql(t, "PRAGMA user_version = 99"), 0);
	assert_int_equal(open_again(t, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "schema 99"));
	assert_int_equal(testreg_sql(t, "PRAGMA user_version = 1; PRAGMA application_id = 1"), 0);
	assert_int_equal(open_again(t, &err), ERR_USAGE);
	snprintf(path, sizeof(path), "%s/registry.db", t->home);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(open_again(t, &err), ERR_USAGE);
}

static void
a_hostile_trigger_does_not_run(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;

	registry_closep(&t->r);
	assert_int_equal(testreg_sql(t, "CREATE TRIGGER evil AFTER INSERT ON works BEGIN"
					" DELETE FROM secrets; END"),
	    0);
	testreg_open(t);
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets"), 2);
}

static void
a_home_is_made_once(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	char path[256];

	assert_int_equal(testreg_init(t, &err), ERR_OCCUPIED);
	/* as after a crash before the last step: the same call finishes it, with the same key */
	registry_closep(&t->r);
	snprintf(path, sizeof(path), "%s/registry.db", t->home);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(testreg_init(t, &err), 0);
	testreg_open(t);
	/* a key that is somebody else's is not taken */
	registry_closep(&t->r);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/recovery.crt", t->home);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(testreg_init(t, &err), ERR_OCCUPIED);
	assert_non_null(strstr(err.text, "recovery.key"));
}

static void
a_child_does_not_write_by_its_parent_s_connection(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(registry_audit(t->r, "note", 0, "by a child", NULL) == ERR_INTERNAL ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(registry_audit(t->r, "note", 0, "by its parent", &err), 0);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM audit WHERE action = 'note'"), 1);
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, testreg_setup, testreg_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLAIM(files_open_to_others_are_refused),
	    CLAIM(a_lost_flight_key_is_not_nothing_pending),
	    CLAIM(what_is_not_our_registry_is_refused),
	    CLAIM(a_hostile_trigger_does_not_run),
	    CLAIM(a_home_is_made_once),
	    CLAIM(a_child_does_not_write_by_its_parent_s_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
