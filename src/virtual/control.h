/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - the Unix socket STATE.sock of a running key: one line in, one text out.
 *
 *   insert | remove | fault SPEC | status
 *
 * The answer is "ok", JSON (status), or "error: " and a sentence.
 */
#ifndef VIRTUAL_CONTROL_H
#define VIRTUAL_CONTROL_H

#include <stdbool.h>

#include "virtual/vkey.h"

/* The server's end: a listening socket, or -1 with a message. */
int control_listen(const char *state, char *msg, size_t msg_len);
void control_unlink(const char *state);

/* Serves one client that waits on the listening socket. */
void control_serve(int listen_fd, struct vkey *v);

/* The client's end: 0 with the answer (freed by the caller); 1 nobody runs that key; -1. */
int control_ask(const char *state, const char *line, char **ret_answer, char *msg, size_t msg_len);

#endif
