/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "virtual/applet.h"
#include "virtual/lab.h"

/* COMMAND may run for hours: the lock is held by watch, init and the keys. */
static int
lock_state(struct lab *lab)
{
	char path[PATH_MAX];
	char *full;

	if (mkdir(lab->state, 0700) < 0 && errno != EEXIST)
		return lab_say("--state: cannot create %s: %s", lab->state, strerror(errno));
	full = realpath(lab->state, NULL);
	if (!full)
		return lab_say("--state: %s: %s", lab->state, strerror(errno));
	free(lab->state);
	lab->state = full;
	if (snprintf(path, sizeof(path), "%s/lock", full) >= (int)sizeof(path))
		return lab_say("--state: the path is too long");
	lab->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lab->lock_fd < 0)
		return lab_say("--state: cannot open %s: %s", path, strerror(errno));
	if (flock(lab->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return lab_say("--state: %s is in use by another lab", full);
	return 0;
}

/* A key's argv has room for so many. */
static int
check_count(char *const *list, int max, const char *option)
{
	int n = 0;

	while (list && list[n])
		n++;
	if (n <= max)
		return 0;
	return lab_say("%s: at most %d", option, max);
}

/* The strings and lab->command belong to the context and live as long as it. */
static int
parse_options(poptContext ctx, struct lab *lab)
{
	int rc;

	poptSetOtherOptionHelp(ctx, "[OPTION...] -- COMMAND [ARGUMENT...]");
	rc = poptGetNextOpt(ctx);
	if (rc < -1)
		return lab_say(
		    "%s: %s", poptBadOption(ctx, POPT_BADOPTION_NOALIAS), poptStrerror(rc));
	lab->command = poptGetArgs(ctx);
	if (check_count(lab->faults, LAB_FAULTS_MAX, "--fault") < 0 ||
	    check_count(lab->key_options, LAB_KEY_OPTIONS_MAX, "--key-option") < 0)
		return -1;
	if (lab->tokens < 1 || lab->tokens > LAB_TOKENS_MAX)
		return lab_say("--tokens: 1 to %d", LAB_TOKENS_MAX);
	if (!lab->command || !lab->command[0])
		return lab_say("no command given; try: ykvirt lab -- opensc-tool -l");
	return 0;
}

/*
 * An interactive shell in the lab leaves the terminal to a process group that
 * is gone: process groups of outside have no number in its pid namespace, so
 * it cannot give it back.  SIGTTOU is blocked here, or this would stop us.
 */
static void
take_terminal_back(void)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);
	sigset_t ttou;

	if (group < 0 || group == getpgrp())
		return;
	if (kill(-group, 0) == 0 || errno != ESRCH)
		return;
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, NULL);
	tcsetpgrp(STDERR_FILENO, getpgrp());
}

static int
exit_code(int status, int signal_seen)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (signal_seen)
		return LAB_SIGNAL + signal_seen;
	lab_say("process 1 of the lab was killed (signal %d)", WTERMSIG(status));
	return LAB_FAILED;
}

/*
 * A key press (SI_KERNEL) reaches COMMAND by itself, and it is for COMMAND to
 * decide; a signal sent to us means the lab, which ends some seconds later at
 * the latest.
 */
static int
watch(pid_t init)
{
	long long end = 0, left = 0; /* once a signal was seen */
	int status = 0, seen = 0;
	siginfo_t si;
	sigset_t set;

	lab_signals(&set);
	for (;;) {
		struct timespec ts = {left / 1000, left % 1000 * 1000000};
		int sig = sigtimedwait(&set, &si, seen ? &ts : NULL);

		if (sig == SIGCHLD && waitpid(init, &status, WNOHANG) == init)
			break;
		if (sig > 0 && sig != SIGCHLD && si.si_code != SI_KERNEL) {
			kill(init, sig);
			if (!seen)
				end = vwait_system.now_ms(NULL) + LAB_STOP_MSEC;
			seen = sig;
		}
		left = end - vwait_system.now_ms(NULL);
		if (seen && left <= 0) {
			kill(init, SIGKILL);
			left = 100;
		}
	}
	take_terminal_back();
	return exit_code(status, seen);
}

static int
run_lab(struct lab *lab)
{
	sigset_t set;
	pid_t init;
	int go[2];

	lab->module_fd = lab_pcsc_open_module();
	if (lab->module_fd < 0)
		return LAB_FAILED;
	signal(SIGCHLD, SIG_DFL);
	lab_signals(&set);
	sigprocmask(SIG_BLOCK, &set, &lab->mask);
	if (lab_ns_enter() < 0)
		return LAB_FAILED;
	if (pipe2(go, O_CLOEXEC) < 0 || (init = fork()) < 0) {
		lab_say("cannot start: %s", strerror(errno));
		return LAB_FAILED;
	}
	if (init == 0) {
		close(go[1]);
		lab_init(lab, go[0]);
	}
	close(go[0]);
	if (write(go[1], "", 1) != 1)
		lab_say("cannot start: %s", strerror(errno));
	return watch(init);
}

int
lab_main(int argc, const char **argv)
{
	/* static: its strings are there as long as the process */
	static struct lab lab = {.tokens = 1, .lock_fd = -1, .module_fd = -1};
	const struct poptOption options[] = {
	    {"tokens", 'n', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &lab.tokens, 0,
		"number of virtual keys, 1 to 8", "N"},
	    {"firmware", 'f', POPT_ARG_STRING, &lab.firmware, 0,
		"firmware version of each key; the last one is used for the rest", "V[,V...]"},
	    {"state", 's', POPT_ARG_STRING, &lab.state, 0,
		"keep the keys in this directory (default: they vanish with the lab)", "DIR"},
	    {"keep-out", 0, POPT_ARG_NONE, &lab.keep_out, 0, "create the readers but insert no key",
		NULL},
	    {"fault", 0, POPT_ARG_ARGV, &lab.faults, 0,
		"arm a fault in each key, as of ykvirt run; may be repeated", "SPEC"},
	    {"key-option", 0, POPT_ARG_ARGV, &lab.key_options, 0,
		"give each ykvirt run this option, e.g. --touch=never; may be repeated", "OPT"},
	    POPT_AUTOHELP POPT_TABLEEND,
	};
	poptContext ctx;
	int rc = LAB_FAILED;

	argv[0] = "ykvirt lab"; /* the name that --help shows */
	ctx = poptGetContext(argv[0], argc, argv, options, POPT_CONTEXT_POSIXMEHARDER);
	lab.umask = umask(0);
	umask(lab.umask);
	if (parse_options(ctx, &lab) == 0 && (!lab.state || lock_state(&lab) == 0))
		rc = run_lab(&lab);
	poptFreeContext(ctx);
	return rc;
}
