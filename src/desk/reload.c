/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <popt.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "desk/reload.h"
#include "ykenroll/blob.h"

#define NAPS_MAX 6000 /* of 10 ms: a minute */

extern char **environ;

static void
wordsp(const char ***words)
{
	free(*words);
}

/* popt takes the end of the text for the end of a quote. */
static bool
quotes_end(const char *p)
{
	char quote = '\0';

	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (*p == quote)
			quote = '\0';
	}
	return quote == '\0';
}

static int
split(const char *command, const char ***ret, struct err *err)
{
	int n;

	if (!quotes_end(command))
		return err_set(
		    err, ERR_USAGE, "the reload command has an unclosed quote: %s", command);
	switch (poptParseArgvString(command, &n, ret)) {
	case 0:
		return 0;
	case POPT_ERROR_NOARG:
		return err_set(err, ERR_USAGE, "the reload command is empty");
	case POPT_ERROR_BADQUOTE:
		return err_set(err, ERR_USAGE, "the reload command ends with a backslash");
	default:
		return err_set(err, ERR_INTERNAL, "out of memory");
	}
}

int
reload_check(const char *command, struct err *err)
{
	CLEAN(wordsp) const char **words = NULL;

	return split(command, &words, err);
}

static int
spawn(char *const *argv, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int e;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&files) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return ENOMEM;
	}
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	e = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(&files, 2, 1);
	if (e == 0)
		e = posix_spawnp(ret, argv[0], &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return e;
}

/* Only a child of ours is killed: it has not been waited for. */
static int
await(pid_t pid, int *ret_status, const char *name, struct err *err)
{
	const struct timespec nap = {.tv_nsec = 10000000};
	int naps, r;

	for (naps = 0; (r = waitpid(pid, ret_status, WNOHANG)) <= 0; naps++) {
		if (r < 0 && errno != EINTR)
			return err_errno(err, ERR_INTERNAL, "cannot wait for %s", name);
		if (naps == NAPS_MAX) {
			kill(pid, SIGKILL);
			waitpid(pid, ret_status, 0);
			return err_set(err, ERR_INTERNAL, "%s did not end within a minute", name);
		}
		nanosleep(&nap, NULL);
	}
	return 0;
}

int
reload_run(const char *command, struct err *err)
{
	CLEAN(wordsp) const char **words = NULL;
	pid_t pid = 0;
	int rc, status = 0;

	if ((rc = split(command, &words, err)) != 0)
		return rc;
	if ((errno = spawn((char *const *)(uintptr_t)words, &pid)) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot run %s", words[0]);
	if ((rc = await(pid, &status, words[0], err)) != 0)
		return rc;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) ? err_set(err, ERR_INTERNAL, "%s ended with exit status %d",
				       words[0], WEXITSTATUS(status))
				 : err_set(err, ERR_INTERNAL, "%s was killed by signal %d",
				       words[0], WTERMSIG(status));
}
