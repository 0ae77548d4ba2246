/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "signer/ca_home.h"
#include "signer/make.h"
#include "signer/message.h"
#include "signer/process.h"
#include "signer/sandbox.h"

#define BACKLOG 16
#define PROCESS_WORDS 16
#define NUMBER_LEN 16 /* characters of a descriptor */

static const char *program;

void
signer_set_program(const char *path)
{
	program = path;
}

/* ---- sockets with a name ---- */

/* sun_path is short (unix(7)); a longer path goes by way of its directory's descriptor, *ret_dir.
 */
static int
address(const char *path, struct sockaddr_un *ret, int *ret_dir, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];
	int n;

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	if (strlen(path) < sizeof(ret->sun_path)) {
		memcpy(ret->sun_path, path, strlen(path) + 1);
		return 0;
	}
	if (slash == NULL || (size_t)(slash - path) >= sizeof(dir))
		return err_set(err, ERR_INTERNAL, "path too long: %s", path);
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	if ((*ret_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", dir);
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d%s", *ret_dir, slash);
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
		return err_set(err, ERR_INTERNAL, "path too long: %s", path);
	return 0;
}

int
process_connect(const char *path, int *ret_fd, struct err *err)
{
	CLEAN(file_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CLEAN(file_closep) int dir = -1;
	struct sockaddr_un a;
	int rc;

	if (fd < 0)
		return err_errno(err, ERR_INTERNAL, "cannot create a socket");
	if ((rc = address(path, &a, &dir, err)) != 0)
		return rc;
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
		if (errno != ENOENT && errno != ECONNREFUSED)
			return err_errno(err, ERR_INTERNAL, "cannot connect to %s", path);
		*ret_fd = -1;
		return 0;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int
remove_stale(const char *path, struct err *err)
{
	CLEAN(file_closep) int other = -1;
	struct stat st;
	int rc;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : err_errno(err, ERR_INTERNAL, "cannot stat %s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_OCCUPIED, "%s exists and is not a socket", path);
	if ((rc = process_connect(path, &other, err)) != 0)
		return rc;
	if (other >= 0)
		return err_set(
		    err, ERR_OCCUPIED, "another signer is already listening at %s", path);
	return unlink(path) == 0 ? 0 : err_errno(err, ERR_INTERNAL, "cannot remove %s", path);
}

int
process_listen(const char *path, int *ret_fd, struct err *err)
{
	CLEAN(file_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CLEAN(file_closep) int dir = -1;
	struct sockaddr_un a;
	mode_t mask;
	int rc;

	if (fd < 0)
		return err_errno(err, ERR_INTERNAL, "cannot create a socket");
	if ((rc = remove_stale(path, err)) != 0 || (rc = address(path, &a, &dir, err)) != 0)
		return rc;
	/* Its group may connect, so that a desk need not be the signer's user; who gets as far as
	 * that is for the directory to say. */
	mask = umask(0117);
	rc = bind(fd, (const struct sockaddr *)&a, sizeof(a));
	umask(mask);
	if (rc != 0 || listen(fd, BACKLOG) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot listen at %s", path);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* ---- a child ---- */

/* N of "fd:N", which the child has to inherit; -1 for other specs. */
static int
spec_fd(const char *spec)
{
	unsigned long n;

	return strncmp(spec, "fd:", 3) == 0 && text_number(spec + 3, "fd", 65535, &n, NULL) == 0
		   ? (int)n
		   : -1;
}

/* Between fork and exec: only what signal-safety(7) allows. */
static _Noreturn void
become(const char *path, int fd, const int inherit[static 2], char *const argv[])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(fd, F_SETFD, 0) == 0 &&
	    (inherit[0] < 0 || fcntl(inherit[0], F_SETFD, 0) == 0) &&
	    (inherit[1] < 0 || fcntl(inherit[1], F_SETFD, 0) == 0))
		execv(path, argv);
	_exit(127);
}

/* A word of the child's, which does not write to it. */
static char *
word(const char *s)
{
	return (char *)(uintptr_t)s;
}

static int
find(char ret[static PATH_MAX], struct err *err)
{
	if (program == NULL)
		return env_program("ykenroll-signer", SIGNER_PROGRAM, ret, err);
	snprintf(ret, PATH_MAX, "%s", program);
	return 0;
}

int
signer_exec(char *const argv[], struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = find(path, err)) != 0)
		return rc;
	execv(path, argv);
	return err_errno(err, ERR_INTERNAL, "cannot start %s", path);
}

/* Over a socketpair, whose other end's number the words have. */
static int
start(char *const argv[], char number[static NUMBER_LEN], const int inherit[static 2], int *ret_fd,
    pid_t *ret_pid, struct err *err)
{
	CLEAN(file_closep) int ours = -1, theirs = -1;
	char path[PATH_MAX];
	int pair[2], rc;
	pid_t pid;

	if ((rc = find(path, err)) != 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot create a socket");
	ours = pair[0];
	theirs = pair[1];
	snprintf(number, NUMBER_LEN, "%d", theirs);
	if ((pid = fork()) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot start the signer");
	if (pid == 0)
		become(path, theirs, inherit, argv);
	*ret_pid = pid;
	*ret_fd = ours;
	ours = -1;
	return 0;
}

int
process_start(const struct signer_open *open, int *ret_fd, pid_t *ret_pid, struct err *err)
{
	const char *root_spec = open->root ? open->root_pass_spec : NULL;
	const int inherit[] = {
	    spec_fd(open->ca_pass_spec), root_spec == NULL ? -1 : spec_fd(root_spec)};
	char number[NUMBER_LEN],
	    *argv[PROCESS_WORDS] = {word("ykenroll-signer"), word("--fd"), number, word("--home"),
		word(open->home), word("--ca-pass"), word(open->ca_pass_spec)};
	size_t n = 7;

	if (open->root)
		argv[n++] = word("--root");
	if (open->look)
		argv[n++] = word("--look");
	if (root_spec != NULL) {
		argv[n++] = word("--root-pass");
		argv[n++] = word(root_spec);
	}
	if (open->about != NULL && open->about[0] != '\0') {
		argv[n++] = word("--about");
		argv[n++] = word(open->about);
	}
	return start(argv, number, inherit, ret_fd, ret_pid, err);
}

static int
process_make(int *ret_fd, pid_t *ret_pid, struct err *err)
{
	static const int none[] = {-1, -1};
	char number[NUMBER_LEN], *argv[] = {word("ykenroll-signer"), word("--make"), number, NULL};

	return start(argv, number, none, ret_fd, ret_pid, err);
}

int
process_reap(pid_t *pid)
{
	int status = 0;

	while (*pid > 0 && waitpid(*pid, &status, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- what is made by one that is started for it ---- */

/* One that ended without an answer was killed, or could not be started. */
static int
ask_make(struct make *m, struct make_answer *ret, struct err *err)
{
	int rc, fd = -1, status;
	pid_t pid = 0;

	m->version = YKENROLL_VERSION;
	if ((rc = process_make(&fd, &pid, err)) != 0)
		return rc;
	if ((rc = make_send(fd, m, err)) == 0)
		rc = message_read(fd, ret, sizeof(*ret), err);
	close(fd);
	status = process_reap(&pid);
	if (rc != 0 && status == 127)
		return err_set(err, ERR_INTERNAL, "the signer could not be started");
	if (rc == 0 && ret->rc != 0 && err != NULL)
		*err = ret->err;
	return rc != 0 ? rc : ret->rc;
}

int
signer_init(const struct signer_init *init, struct err *err)
{
	struct make m = {.what = MAKE_CA, .init = *init};
	struct make_answer answer;

	return ask_make(&m, &answer, err);
}

int
signer_init_check(const struct signer_init *init, struct err *err)
{
	struct make m = {.what = MAKE_CHECK, .init = *init};
	struct make_answer answer;

	return ask_make(&m, &answer, err);
}

int
signer_init_end(const char *home, struct err *err)
{
	return ca_finish(home, err);
}

int
signer_import(const struct signer_init *init, const struct signer_import *what,
    struct signer_imported *ret, struct err *err)
{
	struct make m = {.what = MAKE_IMPORT, .init = *init, .import = *what};
	struct make_answer answer;
	const int rc = ask_make(&m, &answer, err);

	if (rc == 0)
		*ret = answer.imported;
	return rc;
}

int
signer_import_asks(const char *key, bool *ret, struct err *err)
{
	struct make m = {.what = MAKE_ASKS, .import.key = key};
	struct make_answer answer;
	const int rc = ask_make(&m, &answer, err);

	if (rc == 0)
		*ret = answer.asks;
	return rc;
}

int
signer_restore(const struct signer_restore *what, struct signer_restored *ret, struct err *err)
{
	struct make m = {.what = MAKE_RESTORE, .restore = *what};
	struct make_answer answer;
	const int rc = ask_make(&m, &answer, err);

	if (rc == 0)
		*ret = answer.restored;
	return rc;
}

/* ---- for both sides ---- */

int
sandbox_landlock_abi(void)
{
	const long abi =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

bool
signer_landlock(void)
{
	return sandbox_landlock_abi() > 0;
}
