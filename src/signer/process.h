/* SPDX-License-Identifier: BSD-2-Clause */
/* process: how desk and signer find each other: a socket that somebody listens at, or a child. */
#ifndef SIGNER_PROCESS_H
#define SIGNER_PROCESS_H

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

/* Start `ykenroll-signer --fd N --home HOME --ca-pass SPEC [--root [--root-pass SPEC]]` over a
 * socketpair. */
MUST_CHECK int process_start(
    const struct signer_open *open, int *ret_fd, pid_t *ret_pid, struct err *err);
/* Wait for its end, *pid is 0 then. Returns its exit status, 127: it could not be started; -1: it
 * was killed. */
int process_reap(pid_t *pid);

#endif
