/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox: what the signer's process may still do once its key is unlocked and its socket open.
 * From here on its input comes from desks.
 *
 * With keys in files: Landlock leaves ca/, pub/ and the socket's name in the file system and no
 * network; a seccomp filter leaves the system calls that this takes. What would make another
 * program of it (execve, ptrace, mount …) kills it, everything else that is not needed fails with
 * EPERM.
 *
 * With a key in an HSM the module is code that we do not know: it opens files and sockets of its
 * own and may have threads. It keeps all that; only what kills above kills here too, and nothing
 * can be executed. What a module has to start (p11-kit's remoting) it starts when it is
 * initialized, before this.
 */
#ifndef SIGNER_SANDBOX_H
#define SIGNER_SANDBOX_H

#include <stdbool.h>

#include "ykenroll/err.h"

struct sandbox {
	const char *home;
	const char *socket; /* a file that is unlinked at the end, or NULL */
	bool hsm;
};

/* What is in force afterwards. Zeros: nothing, this kernel has it not (or somebody has taken it
 * away). */
struct sandbox_in_force {
	int landlock; /* its ABI */
	bool filter;
};

/* Before there is a secret: no new privileges, memory that is not dumped. For good. Errors:
 * ERR_INTERNAL. */
MUST_CHECK int sandbox_harden(struct err *err);

/* Needs no_new_privs. For good. Errors: ERR_INTERNAL it is there and does not work. */
MUST_CHECK int sandbox_enter(
    const struct sandbox *s, struct sandbox_in_force *ret, struct err *err);

/* ---- process.c, sandbox_filter.c ---- */

/* The ABI of Landlock here; 0: none. */
int sandbox_landlock_abi(void);

/* *ret: is there one on this machine? Errors: ERR_INTERNAL. */
MUST_CHECK int sandbox_filter(bool hsm, bool *ret, struct err *err);

#endif
