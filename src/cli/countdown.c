/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * countdown: the seconds that are left to touch the token, while this process waits in PC/SC for
 * its answer. A child writes them; it ends when it is told to, or with us.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

static volatile pid_t child;

/* Nothing of the parent's may be used or stay open here: pcscd must see it when the parent ends. */
_Noreturn static void
count(const char *text, unsigned sec, pid_t parent)
{
	char line[160];
	int n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(0);
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	for (;; sec -= sec > 0 ? 1 : 0) {
		n = snprintf(line, sizeof(line), "\r%s %2u s ", text, sec);
		if (n > 0 && write(STDERR_FILENO, line, (size_t)n) != n)
			_exit(0);
		(void)sleep(1);
	}
}

void
countdown_begin(const char *text, unsigned sec)
{
	const pid_t parent = getpid();

	fflush(NULL); /* what waits in a buffer is not to be written twice */
	if (child == 0 && isatty(STDERR_FILENO) && (child = fork()) == 0)
		count(text, sec, parent);
	if (child <= 0) {
		child = 0;
		render_line(stderr, text);
	}
}

void
countdown_end(void)
{
	if (child == 0)
		return;
	(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	child = 0;
	fputc('\n', stderr);
}

bool
countdown_runs(void)
{
	return child != 0;
}
