/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the registry survive: crowds, kills, a full disk, a failing one, a damaged file? */
#include "testreg.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

#define TOKEN 12345678u

static void
two_desks_do_not_begin_on_one_token(void **state)
{
	struct testreg *t = *state;
	int status, won = 0;
	unsigned i;
	pid_t pid[4];

	registry_closep(&t->r);
	for (i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			struct err err = ERR_INIT;
			char holder[16];

			snprintf(holder, sizeof(holder), "holder%u", i);
			testreg_open(t);
			_exit(-testreg_begin(t, TOKEN, holder, false, &err));
		}
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		won += WEXITSTATUS(status) == 0;
		assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == -ERR_OCCUPIED);
	}
	assert_int_equal(won, 1);
	testreg_open(t);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM works"), 1);
}

/* What a child does before it is killed: one call more each time. */
static void
calls(struct testreg *t, int n)
{
	CLEAN(testcert_wipe) struct testcert c = {0};
	struct err err = ERR_INIT;
	int64_t work = 0;
	int i, rc = 0;

	testcert_make(&c, 1);
	testreg_open(t);
	for (i = 0; i < n; i++) {
		if (i == 0)
			rc = testreg_begin(t, TOKEN, "alice", false, &err);
		work = testreg_work(t, TOKEN);
		if (i == 1)
			rc = registry_step(t->r, work, "puk", NULL, &err);
		if (i == 2)
			rc = registry_cert_prepared(t->r, work, c.serial, c.spki, 1, 2, &err);
		if (i == 3)
			rc = registry_cert_issued(t->r, work, &c.der, &err);
		if (rc != 0)
			_exit(1);
	}
	kill(getpid(), SIGKILL);
}

static void
a_killed_run_loses_nothing(void **state)
{
	struct testreg *t = *state;
	CLEAN(secret_freep) struct secret *s = secret_new();
	CLEAN(registry_work_wipe) struct registry_work w = {0};
	struct err err = ERR_INIT;
	int64_t rows = 0;
	uint8_t alg = 0;
	int n, status;
	pid_t pid;

	for (n = 1; n <= 4; n++) {
		registry_closep(&t->r);
		testreg_sql(t, "DELETE FROM certificates; DELETE FROM secrets; DELETE FROM steps;"
			       "DELETE FROM works; DELETE FROM tokens;");
		pid = fork();
		if (pid == 0)
			calls(t, n);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		testreg_open(t);
		assert_int_equal(registry_work_open(t->r, TOKEN, &w, &err), 0);
		assert_int_equal(registry_step_done(t->r, w.id, "puk"), n >= 2);
		assert_int_equal(w.has_cert, n >= 3);
		assert_int_equal(w.cert.len > 0, n >= 4);
		assert_int_equal(registry_flight_open(t->r, TOKEN, SECRET_PUK, s, &alg, &err), 0);
		assert_memory_equal(s->bytes, "24680135", 8);
		assert_int_equal(
		    registry_flight_open(t->r, TOKEN, SECRET_MGMKEY, s, &alg, &err), 0);
		assert_int_equal(alg, 10);
		assert_int_equal(s->len, 24);
		assert_int_equal(registry_audit_verify(t->r, &rows, &err), 0);
	}
}

/* Begin work until it fails; the number that went well. */
static int
begin_until_full(struct testreg *t, struct err *err)
{
	int i;

	for (i = 0; i < 2000; i++)
		if (testreg_begin(t, TOKEN + (uint32_t)i, "alice", true, err) != 0)
			break;
	return i;
}

static int
put_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	const ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n > 0 ? 0 : -1;
}

/* A tmpfs of 1 MiB at this path, for this process only. Not every machine allows it. */
static int
small_disk(const char *path)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "%u %u 1\n", getuid(), getuid());
	snprintf(gid, sizeof(gid), "%u %u 1\n", getgid(), getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || put_proc("/proc/self/uid_map", uid) != 0 ||
	    put_proc("/proc/self/setgroups", "deny") != 0 ||
	    put_proc("/proc/self/gid_map", gid) != 0)
		return -1;
	return mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=0700");
}

#define CANNOT 77

/* In a child. 0: as it should be. */
static int
fill_small_disk(struct testreg *t)
{
	struct err err = ERR_INIT;
	char pad[256];
	int64_t rows = 0;
	int n;
	FILE *f;

	if (mkdir(t->home, 0700) != 0 || small_disk(t->home) != 0)
		return CANNOT;
	if (testreg_init(t, &err) != 0) {
		print_message("%s\n", err.text);
		return 2;
	}
	testreg_open(t);
	snprintf(pad, sizeof(pad), "%s/pad", t->home);
	if ((f = fopen(pad, "w")) == NULL || ftruncate(fileno(f), 1) != 0 ||
	    posix_fallocate(fileno(f), 0, 512 * 1024) != 0 || fclose(f) != 0)
		return 3;
	n = begin_until_full(t, &err);
	if (n < 1 || n == 2000 || strstr(err.text, "code 13") == NULL) {
		print_message("%d: %s\n", n, err.text);
		return 4;
	}
	if (testreg_count(t, "SELECT count(*) FROM works") != n ||
	    testreg_count(t, "SELECT count(*) FROM secrets") != 2 * n)
		return 5;
	/* with room again the same handle goes on */
	unlink(pad);
	if (testreg_begin(t, 5, "bob", false, &err) != 0 ||
	    registry_audit_verify(t->r, &rows, &err) != 0)
		return 6;
	testreg_open(t);
	return rows == n + 2 ? 0 : 7;
}

static void
a_full_disk_is_said_and_loses_nothing(void **state)
{
	struct testreg *t = *state;
	int status;
	pid_t pid;

	registry_closep(&t->r);
	snprintf(t->home, sizeof(t->home), "%s/small", t->dir);
	snprintf(t->key, sizeof(t->key), "%s/small.key", t->dir);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(fill_small_disk(t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Put a descriptor that cannot be written in the place of the one of the write-ahead log. */
static int
spoil_wal(void)
{
	char name[64], path[PATH_MAX];
	int fd, bad;
	ssize_t n;

	for (fd = 3; fd < 64; fd++) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		if ((n = readlink(name, path, sizeof(path) - 1)) < 4)
			continue;
		path[n] = '\0';
		if (strcmp(path + n - 4, "-wal") != 0)
			continue;
		bad = open(path, O_RDONLY | O_CLOEXEC);
		return bad >= 0 && dup2(bad, fd) == fd ? 0 : -1;
	}
	return -1;
}

/* In a child: what is broken stays broken. */
static int
fail_writes(struct testreg *t)
{
	struct err err = ERR_INIT;

	testreg_open(t);
	if (testreg_begin(t, 1, "alice", false, &err) != 0 || spoil_wal() != 0)
		return 2;
	if (testreg_begin(t, 2, "bob", false, &err) != ERR_INTERNAL ||
	    strstr(err.text, "the disk failed") == NULL)
		return 3;
	/* not tried again by this process */
	if (registry_audit(t->r, "note", 0, NULL, &err) != ERR_INTERNAL ||
	    strstr(err.text, "earlier change") == NULL)
		return 4;
	return testreg_count(t, "SELECT count(*) FROM works") == 1 ? 0 : 5;
}

static void
a_failed_disk_is_not_written_to_again(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	int64_t rows = 0, works;
	int status;
	pid_t pid;

	registry_closep(&t->r);
	pid = fork();
	if (pid == 0)
		_exit(fail_writes(t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	testreg_open(t);
	assert_int_equal(registry_audit_verify(t->r, &rows, &err), 0);
	works = testreg_count(t, "SELECT count(*) FROM works");
	assert_int_equal(rows, works + 1);
	assert_int_equal(testreg_count(t, "SELECT count(*) FROM secrets"), 2 * works);
	assert_int_equal(testreg_begin(t, 5, "bob", false, &err), 0);
}

static void
a_handle_does_not_cross_a_fork(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(-registry_audit(t->r, "note", 0, NULL, &err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), -ERR_INTERNAL);
}

static int
ignore(void *ctx, const struct registry_row *row)
{
	(void)ctx;
	(void)row;
	return 0;
}

/* Whatever it answers: it answers, and within the sanitizers' rules. */
static void
use(struct testreg *t)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(registry_work_wipe) struct registry_work w = {0};
	CLEAN(secret_freep) struct secret *s = secret_new();
	CLEAN(blob_wipe) struct blob der = {0};
	struct err err = ERR_INIT;
	int64_t rows;
	int rc;

	if (registry_open(t->home, "test", &r, &err) != 0)
		return;
	rc = registry_audit_verify(r, &rows, &err);
	rc |= registry_list(r, 0, ignore, NULL, &err);
	rc |= registry_work_open(r, TOKEN + 1, &w, &err);
	rc |= registry_token_cert(r, TOKEN, &der, &err);
	if (registry_flight_open(r, TOKEN + 1, SECRET_PUK, s, NULL, &err) == 0)
		assert_memory_equal(s->bytes, "24680135", 8);
	rc |= registry_audit(r, "note", 0, NULL, &err);
	(void)rc;
}

static void
a_damaged_file_gives_errors(void **state)
{
	struct testreg *t = *state;
	CLEAN(blob_wipe) struct blob good = {0};
	CLEAN(blob_wipe) struct blob bad = {0};
	struct err err = ERR_INIT;
	unsigned seed = 20260101, i, k;
	char path[256], wal[300];

	testreg_enrol(t, TOKEN, "alice", 1);
	assert_int_equal(testreg_begin(t, TOKEN + 1, "bob", false, &err), 0);
	registry_closep(&t->r);
	snprintf(path, sizeof(path), "%s/registry.db", t->home);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(file_read(path, &good, &err), 0);
	for (i = 0; i < 500; i++) {
		assert_int_equal(blob_set(&bad, good.data, good.len, &err), 0);
		for (k = 0; k < 1 + i % 8; k++)
			bad.data[(size_t)rand_r(&seed) % bad.len] ^=
			    (uint8_t)(1 + rand_r(&seed) % 255);
		if (i % 10 == 9)
			bad.len -= (size_t)rand_r(&seed) % bad.len;
		assert_int_equal(file_write(path, bad.data, bad.len, 0600, &err), 0);
		bad.len = good.len;
		use(t);
		unlink(wal);
	}
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, testreg_setup, testreg_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLAIM(two_desks_do_not_begin_on_one_token),
	    CLAIM(a_killed_run_loses_nothing),
	    CLAIM(a_full_disk_is_said_and_loses_nothing),
	    CLAIM(a_failed_disk_is_not_written_to_again),
	    CLAIM(a_handle_does_not_cross_a_fork),
	    CLAIM(a_damaged_file_gives_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
