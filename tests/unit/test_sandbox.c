/* SPDX-License-Identifier: BSD-2-Clause */
/* What can somebody do who has taken the signer's process over? Each probe is done by a child in
 * the sandbox: it must fail, or kill. And does what the signer itself does still work? */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signer/sandbox.h"
#include "testsigner.h"

static char *home;
static pid_t parent;

/* ---- probes: >= 0 is a success, which is the fault ---- */

static long
p_execve(void)
{
	char *const argv[] = {(char *)(uintptr_t) "true", NULL};

	return execve("/bin/true", argv, argv + 1);
}

static long
p_execveat(void)
{
	char *const argv[] = {(char *)(uintptr_t) "true", NULL};

	return syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, argv + 1, 0);
}

static long
p_fork(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static long
p_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long
p_read_memory(void)
{
	char c;
	struct iovec local = {&c, 1}, remote = {&c, 1};

	return process_vm_readv(parent, &local, 1, &remote, 1, 0);
}

static long
p_kill(void)
{
	return kill(parent, 0);
}

static long
p_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long
p_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long
p_packet(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long
p_connect(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9)};

	return connect(0, (struct sockaddr *)&a, sizeof(a));
}

static long
p_read_outside(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long
p_write_outside(void)
{
	return open("/var/tmp/ykenroll-sandbox-probe", O_WRONLY | O_CREAT, 0600);
}

static long
p_read_registry(void)
{
	return open(testsigner_path(home, "ykenroll.conf"), O_RDONLY);
}

static long
p_write_conf(void)
{
	return open(testsigner_path(home, "ykenroll.conf"), O_WRONLY | O_APPEND);
}

static long
p_proc(void)
{
	return open("/proc/self/mem", O_RDWR);
}

static long
p_symlink(void)
{
	return symlinkat("/etc", AT_FDCWD, testsigner_path(home, "pub/etc"));
}

static long
p_mknod(void)
{
	return mknod(testsigner_path(home, "pub/fifo"), S_IFIFO | 0600, 0);
}

static long
p_mount(void)
{
	return syscall(SYS_mount, "none", home, "tmpfs", 0, NULL);
}

static long
p_unshare(void)
{
	return syscall(SYS_unshare, 0x10000000);
}

static long
p_chroot(void)
{
	return chroot("/");
}

static long
p_setuid(void)
{
	return setuid(getuid());
}

static long
p_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

static long
p_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static long
p_keyctl(void)
{
	return syscall(SYS_keyctl, 0, 0, 0);
}

static long
p_clock(void)
{
	struct timespec t = {0};

	return syscall(SYS_clock_settime, CLOCK_REALTIME, &t);
}

static long
p_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1);
}

static long
p_chown(void)
{
	return chown(testsigner_path(home, "ca/issuing.key"), 0, 0);
}

static long
p_thread(void)
{
	return syscall(SYS_clone3, NULL, 0);
}

static long
p_memfd(void)
{
	return memfd_create("x", 0);
}

enum { FILES = 1, HSM = 2, LANDLOCK = 4, HARM = 8 };

/* where: in which sandbox it must not succeed; LANDLOCK: by that, so where there is some; HARM: not
 * to be tried outside */
static const struct probe {
	const char *name;
	long (*try)(void);
	int where;
} probes[] = {
    {"execve", p_execve, FILES | HSM},
    {"execveat", p_execveat, FILES | HSM},
    {"ptrace", p_ptrace, FILES | HSM},
    {"another process's memory", p_read_memory, FILES | HSM},
    {"mount", p_mount, FILES | HSM | HARM},
    {"unshare", p_unshare, FILES | HSM},
    {"chroot", p_chroot, FILES | HSM},
    {"setuid", p_setuid, FILES | HSM},
    {"bpf", p_bpf, FILES | HSM},
    {"io_uring", p_uring, FILES | HSM},
    {"keyctl", p_keyctl, FILES | HSM},
    {"the clock", p_clock, FILES | HSM | HARM},
    {"fork", p_fork, FILES},
    {"thread", p_thread, FILES},
    {"kill", p_kill, FILES},
    {"inet socket", p_inet, FILES},
    {"netlink socket", p_netlink, FILES},
    {"unix socket", p_packet, FILES},
    {"connect", p_connect, FILES},
    {"to be dumpable", p_dumpable, FILES},
    {"chown", p_chown, FILES},
    {"memfd", p_memfd, FILES},
    {"symlink", p_symlink, FILES},
    {"fifo", p_mknod, FILES},
    {"a file outside, to read", p_read_outside, FILES | LANDLOCK},
    {"a file outside, to write", p_write_outside, FILES | LANDLOCK},
    {"a file of the home, to read", p_read_registry, FILES | LANDLOCK},
    {"a file of the home, to write", p_write_conf, FILES | LANDLOCK},
    {"its own memory by /proc", p_proc, FILES | LANDLOCK},
};

static void
enter(bool hsm)
{
	const struct sandbox s = {.home = home, .hsm = hsm};
	struct sandbox_in_force f;
	struct err err = ERR_INIT;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_enter(&s, &f, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(77);
	}
}

/* 0: it failed or killed; 1: it succeeded. */
static int
probe(const struct probe *p, bool hsm)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		enter(hsm);
		_exit(p->try() >= 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? 0 : 1;
	assert_int_not_equal(WEXITSTATUS(status), 77);
	return WEXITSTATUS(status);
}

static void
nothing_else_can_be_done(bool hsm)
{
	const bool landlock = sandbox_landlock_abi() > 0;
	size_t i, n = 0;

	for (i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		if ((probes[i].where & (hsm ? HSM : FILES)) == 0 ||
		    ((probes[i].where & LANDLOCK) != 0 && !landlock))
			continue;
		if (probe(&probes[i], hsm) != 0)
			fail_msg("%s: succeeds", probes[i].name);
		n++;
	}
	assert_true(n >= (hsm ? 12 : 24));
}

static void
with_keys_in_files(void **state)
{
	(void)state;
	nothing_else_can_be_done(false);
}

static void
with_a_key_in_an_hsm(void **state)
{
	(void)state;
	nothing_else_can_be_done(true);
}

/* Else the probes would prove nothing. */
static void
outside_most_of_it_can(void **state)
{
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		pid_t pid;
		int status;

		if ((probes[i].where & HARM) != 0)
			continue;
		if ((pid = fork()) == 0)
			_exit(probes[i].try() >= 0 ? 1 : 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		/* execve that works ends with 0, and says nothing here */
		n += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	unlink("/var/tmp/ykenroll-sandbox-probe");
	unlink(testsigner_path(home, "pub/etc"));
	unlink(testsigner_path(home, "pub/fifo"));
	assert_true(n >= 12);
}

static int
work(void)
{
	const char *path = testsigner_path(home, "pub/issuing.crl");
	char buf[64], temp[4096];
	struct timespec t;
	int fd;

	enter(false);
	snprintf(temp, sizeof(temp), "%s.new", path);
	if ((fd = open(temp, O_RDWR | O_CREAT | O_EXCL, 0644)) < 0 || write(fd, "x", 1) != 1 ||
	    fsync(fd) != 0 || fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0 || close(fd) != 0 ||
	    rename(temp, path) != 0 || (fd = open(path, O_RDONLY)) < 0 || close(fd) != 0)
		return 1;
	snprintf(temp, sizeof(temp), "%s", testsigner_path(home, "pub"));
	if ((fd = open(temp, O_RDONLY | O_DIRECTORY)) < 0 || fsync(fd) != 0)
		return 2;
	if (clock_gettime(CLOCK_REALTIME, &t) != 0 || getrandom(buf, sizeof(buf), 0) != 64 ||
	    malloc(1 << 20) == NULL)
		return 3;
	return 0;
}

static void
what_the_signer_does_still_works(void **state)
{
	const pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(work());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outside_most_of_it_can),
	    cmocka_unit_test(with_keys_in_files),
	    cmocka_unit_test(with_a_key_in_an_hsm),
	    cmocka_unit_test(what_the_signer_does_still_works),
	};
	int rc;

	if (testsigner_setup(NULL) != 0)
		return 1;
	parent = getpid();
	home = testsigner_home();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	free(home);
	testsigner_teardown(NULL);
	return rc;
}
