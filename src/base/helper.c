/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/helper.h"
#include "ykenroll/secret.h"

#define RESULT_MAX (16u << 20)
#define WAIT_SEC 30

/* Between fork and exec: only what signal-safety(7) allows. */
static _Noreturn void
become(const char *path, int fd)
{
	char *const argv[] = {(char *)(uintptr_t)path, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(fd, 0) == 0 && dup2(fd, 1) == 1 && close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		execv(path, argv);
	_exit(127);
}

static int
give(int fd, const uint8_t *record, size_t len)
{
	ssize_t n;

	for (; len > 0; record += n, len -= (size_t)n)
		while ((n = send(fd, record, len, MSG_NOSIGNAL)) < 0)
			if (errno != EINTR)
				return -1;
	return shutdown(fd, SHUT_WR);
}

static int
take(int fd, struct blob *ret)
{
	uint8_t some[16384];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = recv(fd, some, sizeof(some), 0)) != 0) {
		if (n < 0)
			r = errno == EINTR ? 0 : -1;
		else if (ret->len > RESULT_MAX || blob_append(ret, some, (size_t)n, NULL) != 0)
			r = -1;
	}
	secret_wipe_bytes(some, sizeof(some));
	return r;
}

/* What it wrote, and how it ended. */
static int
ended(const char *path, int status, const struct blob *what, struct err *err)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		return err_set(err, ERR_INTERNAL, "%s could not be started, or was killed", path);
	if (WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, -WEXITSTATUS(status), "%.*s", (int)what->len,
	    what->len == 0 ? "" : (const char *)what->data);
}

int
helper_run(const char *path, const void *record, size_t len, struct blob *ret, struct err *err)
{
	const struct timeval patience = {.tv_sec = WAIT_SEC};
	CLEAN(file_closep) int ours = -1, theirs = -1;
	CLEAN(blob_wipe) struct blob out = {0};
	int pair[2], rc, r, status = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot create a socket");
	ours = pair[0];
	theirs = pair[1];
	if (setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    setsockopt(ours, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
	    (pid = fork()) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot start %s", path);
	if (pid == 0)
		become(path, theirs);
	close(theirs);
	theirs = -1;
	/* one that did not want the record may still say why */
	(void)give(ours, record, len);
	if ((r = take(ours, &out)) != 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if ((rc = ended(path, status, &out, err)) != 0)
		return rc;
	if (r != 0)
		return err_set(err, ERR_INTERNAL, "%s returned no result", path);
	blob_move(ret, &out);
	return 0;
}
