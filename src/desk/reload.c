/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "desk/reload.h"

#define WORDS_MAX 64
#define COMMAND_MAX 4096
#define NAPS_MAX 6000 /* of 10 ms: a minute */

extern char **environ;

struct words {
	char text[COMMAND_MAX];
	char *argv[WORDS_MAX + 1];
	size_t n;
};

/* One word from *from to *to, both moved on. -1: a quote without its end. */
static int
next_word(const char **from, char **to)
{
	char quote = '\0';

	for (; **from != '\0' && (quote != '\0' || **from != ' '); (*from)++) {
		if (quote == '\0' && (**from == '\'' || **from == '"'))
			quote = **from;
		else if (quote != '\0' && **from == quote)
			quote = '\0';
		else
			*(*to)++ = **from;
	}
	*(*to)++ = '\0';
	return quote == '\0' ? 0 : -1;
}

static int
split(const char *command, struct words *w, struct err *err)
{
	char *to = w->text;

	if (strlen(command) >= sizeof(w->text))
		return err_set(err, ERR_USAGE, "the reload command is too long");
	for (w->n = 0;; w->n++) {
		command += strspn(command, " ");
		if (*command == '\0')
			break;
		if (w->n == WORDS_MAX)
			return err_set(err, ERR_USAGE, "the reload command has too many words");
		w->argv[w->n] = to;
		if (next_word(&command, &to) != 0)
			return err_set(err, ERR_USAGE, "a quote of the reload command has no end");
	}
	w->argv[w->n] = NULL;
	return w->n > 0 ? 0 : err_set(err, ERR_USAGE, "the reload command is empty");
}

int
reload_check(const char *command, struct err *err)
{
	struct words w;

	return split(command, &w, err);
}

static int
spawn(struct words *w, pid_t *ret)
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
		e = posix_spawnp(ret, w->argv[0], &files, &attr, w->argv, environ);
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
	struct words w;
	pid_t pid = 0;
	int rc, status = 0;

	if ((rc = split(command, &w, err)) != 0)
		return rc;
	if ((errno = spawn(&w, &pid)) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot run %s", w.argv[0]);
	if ((rc = await(pid, &status, w.argv[0], err)) != 0)
		return rc;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status)
		   ? err_set(err, ERR_INTERNAL, "%s ended with %d", w.argv[0], WEXITSTATUS(status))
		   : err_set(err, ERR_INTERNAL, "%s was killed by signal %d", w.argv[0],
			 WTERMSIG(status));
}
