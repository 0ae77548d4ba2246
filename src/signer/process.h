/* SPDX-License-Identifier: BSD-2-Clause */
/* process: how desk and signer find each other: a socket that somebody listens at, or a child. */
#ifndef SIGNER_PROCESS_H
#define SIGNER_PROCESS_H

#include <limits.h>
#include <sys/types.h>

#include "ykenroll/signer.h"

#define PROCESS_SOCKET "signer.sock"

/* The program that is started, instead of ykenroll-signer. For the unit tests. */
void signer_set_program(const char *path);

/* Connect to a Unix socket, however long its path. *ret_fd is -1 when nobody listens. Errors:
 * ERR_INTERNAL. */
MUST_CHECK int process_connect(const char *path, int *ret_fd, struct err *err);

/* Listen at path, in place of a socket file that nobody listens at any more. Errors: ERR_OCCUPIED;
 * ERR_INTERNAL. */
MUST_CHECK int process_listen(const char *path, int *ret_fd, struct err *err);

/* Start `ykenroll-signer --fd N --home HOME --ca-pass SPEC [--look | --root [--root-pass SPEC]]
 * [--about TEXT]` over a socketpair. */
MUST_CHECK int process_start(
    const struct signer_open *open, int *ret_fd, pid_t *ret_pid, struct err *err);
/* Wait for its end, *pid is 0 then. Returns its exit status, 127: it could not be started; -1: it
 * was killed. */
int process_reap(pid_t *pid);

/* ---- where.c: at which socket a desk finds its signer, and whether whoever listens there is to be
 * believed ---- */

struct where {
	char path[PATH_MAX + 1];
	bool elsewhere; /* it was named: none is started instead */
};

/* open->socket, else what [desk] signer of ykenroll.conf names, else home/signer.sock. Errors:
 * ERR_USAGE the file cannot be understood, or names no absolute path. */
MUST_CHECK int where_find(const struct signer_open *open, struct where *ret, struct err *err);

/* Is it our own, root's, of whom the CA belongs to, or, elsewhere, of whom the socket's directory
 * belongs to? Anybody could listen at a path of theirs. Errors: ERR_CA; ERR_INTERNAL. */
MUST_CHECK int where_trusted(int fd, const char *home, const struct where *where, struct err *err);

#endif
