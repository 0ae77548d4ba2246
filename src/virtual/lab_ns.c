/* SPDX-License-Identifier: BSD-2-Clause */
/* lab_ns: what is private to the lab: users, processes, mounts, network. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "virtual/lab.h"

int
lab_say(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "ykvirt lab: %s\n", line);
	return -1;
}

/* One write: the kernel takes an id map in one piece only. */
static int
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static bool
file_starts(const char *path, char c)
{
	FILE *f = fopen(path, "re");
	int first = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);
	return first == c;
}

static const char *
userns_hint(int error)
{
	static const struct {
		const char *path;
		char bad;
		const char *hint;
	} knobs[] = {
	    {"/proc/sys/user/max_user_namespaces", '0',
		"; set sysctl user.max_user_namespaces=10000"},
	    {"/proc/sys/kernel/unprivileged_userns_clone", '0',
		"; set sysctl kernel.unprivileged_userns_clone=1, or be root"},
	    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
		"; set sysctl kernel.apparmor_restrict_unprivileged_userns=0, or be root"},
	};

	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		if (file_starts(knobs[i].path, knobs[i].bad))
			return knobs[i].hint;
	}
	if (error == EPERM)
		return "; not possible in a chroot (enter it with pivot_root) or where the "
		       "container's seccomp profile forbids it";
	return "";
}

static void
say_refused(const char *what)
{
	int saved = errno;

	lab_say("%s: %s%s", what, strerror(saved), userns_hint(saved));
}

/*
 * Root keeps all the ids that it has, each as itself, so that servers can
 * change to their users; anybody else has only the own one to give.
 */
static int
id_map(const char *kind, unsigned own, char *ret_map, size_t len)
{
	unsigned first, outside, count;
	char path[64];
	size_t used = 0;
	FILE *f;

	if (geteuid() != 0) {
		snprintf(ret_map, len, "%u %u 1\n", own, own);
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/%s_map", kind);
	if (!(f = fopen(path, "re")))
		return -1;
	while (used < len && fscanf(f, "%u %u %u", &first, &outside, &count) == 3)
		used +=
		    (size_t)snprintf(ret_map + used, len - used, "%u %u %u\n", first, first, count);
	fclose(f);
	return used > 0 && used < len ? 0 : -1;
}

static int
write_map(pid_t pid, const char *kind, unsigned own)
{
	char path[64], map[4096];

	snprintf(path, sizeof(path), "/proc/%d/%s_map", (int)pid, kind);
	if (id_map(kind, own, map, sizeof(map)) < 0 || write_file(path, map) < 0)
		return lab_say("user namespace: cannot write %s: %s", path, strerror(errno));
	return 0;
}

/* Stays outside: only from there may root write a map of more than one id. */
static void __attribute__((noreturn)) map_ids(pid_t pid, int entered_fd)
{
	char path[64], c;

	if (read(entered_fd, &c, 1) != 1)
		_exit(1);
	if (geteuid() != 0) {
		snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
		write_file(path, "deny"); /* user_namespaces(7); refused later if need be */
	}
	if (write_map(pid, "gid", getegid()) < 0 || write_map(pid, "uid", geteuid()) < 0)
		_exit(1);
	_exit(0);
}

/* Moves the caller (single-threaded) into the namespaces; its next child is process 1. */
int
lab_ns_enter(void)
{
	pid_t self = getpid(), mapper;
	int entered[2], status;

	if (pipe2(entered, O_CLOEXEC) < 0 || (mapper = fork()) < 0)
		return lab_say("cannot start: %s", strerror(errno));
	if (mapper == 0) {
		close(entered[1]);
		map_ids(self, entered[0]);
	}
	close(entered[0]);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) < 0) {
		say_refused("cannot create namespaces");
		close(entered[1]);
		waitpid(mapper, NULL, 0);
		return -1;
	}
	if (write(entered[1], "", 1) != 1)
		lab_say("cannot start: %s", strerror(errno));
	close(entered[1]);
	if (waitpid(mapper, &status, 0) != mapper || status != 0)
		return -1;
	return 0;
}

static int
loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = -1;

	if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &ifr) == 0) {
		ifr.ifr_flags |= IFF_UP;
		rc = ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	if (rc < 0)
		lab_say("cannot bring up the loopback interface: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	/* A web server of the caller's may want 443; not having it is no reason to fail. */
	write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	return rc;
}

/* A container that hides parts of /proc may not show the rest again: mount_too_revealing(). */
static void
mount_proc(void)
{
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		lab_say("note: no /proc of its own (%s), the command has the caller's",
		    strerror(errno));
}

/* The caller's run-time directory is under the new /run: an empty one serves. */
static void
make_runtime_dir(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/user/%u", (unsigned)geteuid());
	mkdir("/run/user", 0755);
	mkdir(path, 0700);
	mkdir("/run/lock", 0777);
	chmod("/run/lock", 01777);
}

/* `fd` is of the directory before /run was covered, since it may lie there. */
static int
attach_state(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mount(path, LAB_STATE, NULL, MS_BIND, NULL) < 0)
		return lab_say("cannot attach the state directory: %s", strerror(errno));
	return 0;
}

static int
mount_run(void)
{
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0) {
		say_refused("cannot mount a tmpfs on /run");
		return -1;
	}
	make_runtime_dir();
	if (mkdir(LAB_DIR, 0755) < 0 || mkdir(LAB_STATE, 0755) < 0)
		return lab_say("cannot create %s: %s", LAB_STATE, strerror(errno));
	return 0;
}

int
lab_ns_setup(const struct lab *lab)
{
	int fd = -1, rc;

	/* The kernel has made them so, the owner of the namespace being new; be sure. */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
		say_refused("cannot detach the mounts");
		return -1;
	}
	mount_proc();
	if (lab->state && (fd = open(lab->state, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return lab_say("--state: %s: %s", lab->state, strerror(errno));
	rc = mount_run();
	if (rc == 0 && fd >= 0)
		rc = attach_state(fd);
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		rc = loopback_up();
	return rc;
}
