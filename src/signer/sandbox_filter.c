/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls of the signer, as a classic BPF program (seccomp(2)). libseccomp would be one
 * more library in the process that holds the key, for two lists and a comparison each. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "signer/sandbox.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#define ARCH 0 /* no filter: nobody has tried */
#endif

#define X32 0x40000000u /* another ABI under the same architecture: seccomp(2) */
#define LIST_MAX 160

/* Never, by nobody. */
static const int deadly[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_open_by_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_capset,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
};

/* What is left with keys in files: one process, its files, its socket. */
static const int needed[] = {
    /* files of ca/ and pub/ */
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_pwrite64,
    SYS_openat,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_lseek,
    SYS_fcntl,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fadvise64,
    SYS_fsync,
    SYS_fdatasync,
    SYS_flock,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_renameat,
    SYS_renameat2,
    SYS_linkat,
    SYS_unlinkat,
    SYS_mkdirat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_umask,
    SYS_dup,
    SYS_dup3,
/* the older calls, which newer architectures do not have */
#ifdef SYS_open
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_rename,
    SYS_link,
    SYS_unlink,
    SYS_mkdir,
    SYS_chmod,
    SYS_readlink,
    SYS_poll,
    SYS_time,
    SYS_alarm,
    SYS_arch_prctl,
#endif
    /* desks */
    SYS_ppoll,
    SYS_accept4,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_shutdown,
    SYS_getsockopt,
    SYS_getsockname,
    /* memory */
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    SYS_mlock,
    SYS_munlock,
    /* itself */
    SYS_getpid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_tgkill, /* abort */
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_setitimer,
    SYS_futex,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_uname,
    SYS_sysinfo,
    SYS_getrusage,
    SYS_prlimit64,
    SYS_exit,
    SYS_exit_group,
};

struct program {
	struct sock_filter code[LIST_MAX * 2 + 16];
	unsigned short n;
};

static void
put(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	p->code[p->n++] = (struct sock_filter){code, yes, no, k};
}

static void
answer(struct program *p, uint32_t action)
{
	put(p, BPF_RET | BPF_K, action, 0, 0);
}

static void
load(struct program *p, size_t offset)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Each of the list gets this action. Two instructions apiece: no jump is too far. */
static void
list(struct program *p, const int *calls, size_t n, uint32_t action)
{
	size_t i;

	for (i = 0; i < n; i++) {
		put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
		answer(p, action);
	}
}

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
_Static_assert(LEN(deadly) + LEN(needed) < LIST_MAX, "the program has room for both lists");

static void
write_program(struct program *p, bool hsm)
{
	load(p, offsetof(struct seccomp_data, arch));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	put(p, BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1);
	answer(p, SECCOMP_RET_KILL_PROCESS);
#endif
	list(p, deadly, LEN(deadly), SECCOMP_RET_KILL_PROCESS);
	if (!hsm)
		list(p, needed, LEN(needed), SECCOMP_RET_ALLOW);
	answer(p, hsm ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM);
}

int
sandbox_filter(bool hsm, bool *ret, struct err *err)
{
	struct program p = {.n = 0};
	struct sock_fprog prog;

	*ret = false;
	if (ARCH == 0)
		return 0;
	write_program(&p, hsm);
	prog = (struct sock_fprog){p.n, p.code};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) != 0)
		return errno == EINVAL || errno == ENOSYS
			   ? 0 /* a kernel without it */
			   : err_errno(err, ERR_INTERNAL, "sandbox: the system call filter");
	*ret = true;
	return 0;
}
