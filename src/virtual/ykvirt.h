/* SPDX-License-Identifier: BSD-2-Clause */
/* ykvirt - what the files of the program share. */
#ifndef VIRTUAL_YKVIRT_H
#define VIRTUAL_YKVIRT_H

#include "virtual/vkey.h"

/* run - a key behind a vpcd reader until SIGTERM or SIGINT. ready_fd gets "ready\n" and is closed
 * once the reader has seen the key; -1: none. 0 after a signal; -1 with a message. */
int run_loop(
    struct vkey *v, const char *state, uint16_t port, int ready_fd, char *msg, size_t msg_len);

/*
 * control - the Unix socket STATE.sock of a running key: one line in, one text out.
 *
 *   insert | remove | fault SPEC | status
 *
 * The answer is "ok", JSON (status), or "error: " and a sentence.
 */
/* The server's end: a listening socket, or -1 with a message. */
int control_listen(const char *state, char *msg, size_t msg_len);
void control_unlink(const char *state);

/* Serves one client that waits on the listening socket. */
void control_serve(int listen_fd, struct vkey *v);

/* The client's end: 0 with the answer (freed by the caller); 1 nobody runs that key; -1. */
int control_ask(const char *state, const char *line, char **ret_answer, char *msg, size_t msg_len);

#endif
