/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtual/applet.h"
#include "virtual/lab.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct child {
	char name[16]; /* also of its log: LAB_DIR/NAME.log */
	pid_t pid;     /* 0: not there */
	int status;    /* once it has ended */
};

struct init {
	struct lab *lab;
	struct child pcscd, check, command, keys[LAB_TOKENS_MAX];
	int started; /* keys */
	long long deadline;
	bool stopping;
};

void
lab_signals(sigset_t *ret_set)
{
	static const int list[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct sigaction hup;

	sigemptyset(ret_set);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		sigaddset(ret_set, list[i]);
	/* nohup(1) */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler == SIG_IGN)
		sigdelset(ret_set, SIGHUP);
}

/* Foreign text on the caller's terminal: only what can be printed. */
static void
show_log(const char *name)
{
	char path[64], text[2048];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), LAB_DIR "/%s.log", name);
	if ((f = fopen(path, "re"))) {
		fseek(f, -(long)sizeof(text), SEEK_END); /* a shorter one: from its start */
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n' && !isprint((unsigned char)text[i]))
			text[i] = '?';
	}
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0)
		lab_say("log of %s:\n%.*s", name, (int)n, text);
}

static void
say_ended(const struct child *child)
{
	if (WIFSIGNALED(child->status))
		lab_say("%s ended by signal %d", child->name, WTERMSIG(child->status));
	else
		lab_say("%s ended with code %d", child->name, WEXITSTATUS(child->status));
	show_log(child->name);
}

static struct child *
find_child(struct init *in, pid_t pid)
{
	struct child *fixed[] = {&in->pcscd, &in->check, &in->command};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (fixed[i]->pid == pid)
			return fixed[i];
	}
	for (int i = 0; i < in->started; i++) {
		if (in->keys[i].pid == pid)
			return &in->keys[i];
	}
	return NULL; /* an orphan of the command's */
}

/* pcscd and the keys live as long as the lab.  Returns -1 if one did not. */
static int
reap(struct init *in)
{
	struct child *child;
	int status, rc = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		child = find_child(in, pid);
		if (!child)
			continue;
		child->pid = 0;
		child->status = status;
		if (child == &in->command || child == &in->check || in->stopping)
			continue;
		say_ended(child);
		rc = -1;
	}
	return rc;
}

/* Returns a signal that was sent to the lab or pressed as a key, 0 if there was none. */
static int
next_signal(int msec, siginfo_t *ret_si)
{
	struct timespec ts = {msec / 1000, msec % 1000 * 1000000L};
	sigset_t set;
	int sig;

	lab_signals(&set);
	sig = sigtimedwait(&set, ret_si, msec < 0 ? NULL : &ts);
	return sig > 0 && sig != SIGCHLD ? sig : 0;
}

/* Says what it waited for in vain, with the log of the one who kept it waiting. */
static int
until(struct init *in, bool (*done)(struct init *), const char *what, const struct child *who)
{
	siginfo_t si;
	int sig;

	while (!done(in)) {
		if (vwait_system.now_ms(NULL) > in->deadline) {
			lab_say("gave up after %d seconds waiting for %s to %s",
			    LAB_START_MSEC / 1000, who->name, what);
			show_log(who->name);
			if (who != &in->pcscd)
				show_log(in->pcscd.name);
			return -1;
		}
		sig = next_signal(2, &si);
		if (sig)
			_exit(LAB_SIGNAL + sig);
		if (reap(in) < 0)
			return -1;
	}
	return 0;
}

/* A child with the caller's signal mask; a service also with a session and a log of its own. */
static pid_t
fork_child(struct init *in, struct child *child, bool service)
{
	char path[64];
	int log, null;

	child->pid = fork();
	if (child->pid < 0) {
		lab_say("cannot start %s: %s", child->name, strerror(errno));
		child->pid = 0;
		return -1;
	}
	if (child->pid != 0)
		return child->pid;
	sigprocmask(SIG_SETMASK, &in->lab->mask, NULL);
	if (!service)
		return 0;
	setsid();
	snprintf(path, sizeof(path), LAB_DIR "/%s.log", child->name);
	log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(LAB_FAILED);
	return 0;
}

static bool
pcscd_listens(struct init *in)
{
	(void)in;
	/* It makes the socket last, after the readers. */
	return access("/run/pcscd/pcscd.comm", F_OK) == 0;
}

static int
start_pcscd(struct init *in)
{
	pid_t pid = fork_child(in, &in->pcscd, true);

	if (pid < 0)
		return -1;
	if (pid == 0)
		lab_pcsc_exec();
	return until(in, pcscd_listens, "start", &in->pcscd);
}

/* The i-th of a list with commas, or its last; NULL if there is no list. */
static char *
list_item(const char *list, int i)
{
	const char *next;

	if (!list)
		return NULL;
	while (i-- > 0 && (next = strchr(list, ',')) != NULL)
		list = next + 1;
	return strndup(list, strcspn(list, ","));
}

static void __attribute__((noreturn)) exec_key(const struct lab *lab, int i)
{
	char state[64], port[16], serial[16];
	char *firmware = list_item(lab->firmware, i);
	const char *argv[16 + 2 * LAB_FAULTS_MAX + LAB_KEY_OPTIONS_MAX] = {"ykvirt", "run",
	    "--state", state, "--port", port, "--serial", serial, "--root", LAB_STATE "/root"};
	int n = 10;

	snprintf(state, sizeof(state), LAB_STATE "/key-%d.json", i + 1);
	snprintf(port, sizeof(port), "%d", LAB_PORT_FIRST + i);
	snprintf(serial, sizeof(serial), "%d", LAB_SERIAL_FIRST + i);
	if (firmware)
		argv[n++] = "--firmware", argv[n++] = firmware;
	for (int f = 0; lab->faults && lab->faults[f]; f++)
		argv[n++] = "--fault", argv[n++] = lab->faults[f];
	for (int o = 0; lab->key_options && lab->key_options[o]; o++)
		argv[n++] = lab->key_options[o];
	if (lab->lock_fd >= 0)
		fcntl(lab->lock_fd, F_SETFD, 0);
	execv("/proc/self/exe", (char **)argv);
	dprintf(STDERR_FILENO, "/proc/self/exe: %s\n", strerror(errno));
	_exit(LAB_CANNOT_RUN);
}

/* All at once: each takes its time to make its state. */
static int
start_keys(struct init *in)
{
	while (!in->lab->keep_out && in->started < in->lab->tokens) {
		struct child *key = &in->keys[in->started];
		pid_t pid;

		snprintf(key->name, sizeof(key->name), "key-%d", in->started + 1);
		pid = fork_child(in, key, true);
		if (pid < 0)
			return -1;
		if (pid == 0)
			exec_key(in->lab, in->started);
		in->started++;
	}
	return 0;
}

static bool
check_ended(struct init *in)
{
	return in->check.pid == 0;
}

/* What counts is what a client sees through PC/SC. */
static int
wait_visible(struct init *in)
{
	int readers = in->lab->tokens;
	int cards = in->lab->keep_out ? 0 : readers;
	pid_t pid = fork_child(in, &in->check, false);

	if (pid < 0)
		return -1;
	if (pid == 0)
		_exit(lab_pcsc_wait(readers, cards) < 0);
	if (until(in, check_ended, "show the keys", &in->pcscd) < 0)
		return -1;
	return in->check.status == 0 ? 0 : -1;
}

/* Clients inside shall find the lab's pcscd, whatever the caller had set. */
static void
clear_environment(void)
{
	char **to = environ;

	for (char **e = environ; *e; e++) {
		if (strncmp(*e, "PCSCLITE_", 9) != 0 && strncmp(*e, "LIBPCSCLITE_", 12) != 0)
			*to++ = *e;
	}
	*to = NULL;
}

static void __attribute__((noreturn)) exec_command(const struct lab *lab)
{
	char **argv = (char **)lab->command;
	int saved;

	umask(lab->umask);
	setenv("YKVIRT_STATE_DIR", LAB_STATE, 1);
	setenv("YKVIRT_ROOT", LAB_STATE "/root/root.pem", 1);
	execvp(argv[0], argv);
	saved = errno;
	lab_say("%s: %s", argv[0], strerror(saved));
	_exit(saved == ENOENT ? LAB_NOT_FOUND : LAB_CANNOT_RUN);
}

/*
 * Only what watch passes on: it is the one sender without a number in this pid
 * namespace.  A key press has reached the command already.
 */
static void
wait_command(struct init *in)
{
	siginfo_t si;
	int sig;

	while (in->command.pid != 0) {
		sig = next_signal(-1, &si);
		if (sig && si.si_code != SI_KERNEL && si.si_pid == 0)
			kill(in->command.pid, sig);
		reap(in);
	}
}

static bool
keys_ended(struct init *in)
{
	for (int i = 0; i < in->started; i++) {
		if (in->keys[i].pid != 0)
			return false;
	}
	return true;
}

/* A state that stays deserves an orderly end; the rest dies with this process. */
static void
stop_keys(struct init *in)
{
	siginfo_t si;

	in->stopping = true;
	if (!in->lab->state)
		return;
	for (int i = 0; i < in->started; i++) {
		if (in->keys[i].pid != 0)
			kill(in->keys[i].pid, SIGTERM);
	}
	for (in->deadline = vwait_system.now_ms(NULL) + 1000;
	     !keys_ended(in) && vwait_system.now_ms(NULL) < in->deadline;) {
		next_signal(2, &si);
		reap(in);
	}
}

static int
run_command(struct init *in)
{
	pid_t pid = fork_child(in, &in->command, false);

	if (pid < 0)
		return LAB_FAILED;
	if (pid == 0)
		exec_command(in->lab);
	wait_command(in);
	stop_keys(in);
	if (WIFSIGNALED(in->command.status))
		return LAB_SIGNAL + WTERMSIG(in->command.status);
	return WEXITSTATUS(in->command.status);
}

void
lab_init(struct lab *lab, int go_fd)
{
	struct init in = {
	    .lab = lab,
	    .pcscd.name = "pcscd",
	    .check.name = "check",
	    .command.name = "command",
	};
	char c;

	/* In this order: had watch died before the first, the second finds it out. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || read(go_fd, &c, 1) != 1)
		_exit(LAB_FAILED);
	close(go_fd);
	umask(022);
	clear_environment();
	in.deadline = vwait_system.now_ms(NULL) + LAB_START_MSEC;
	if (lab_ns_setup(lab) < 0 || lab_pcsc_setup(lab) < 0 || start_pcscd(&in) < 0 ||
	    start_keys(&in) < 0 || wait_visible(&in) < 0)
		_exit(LAB_FAILED);
	_exit(run_command(&in));
}
