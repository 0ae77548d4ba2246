/* SPDX-License-Identifier: BSD-2-Clause */
/* ykvirt - what the files of the program share. */
#ifndef VIRTUAL_YKVIRT_H
#define VIRTUAL_YKVIRT_H

#include "virtual/vkey.h"

/* run - a key behind a vpcd reader until SIGTERM or SIGINT. */
struct run_config {
	const char *state;
	uint16_t port;
	int ready_fd; /* gets "ready\n" and is closed once the reader has seen the key; -1: none */
};

/* 0 after a signal; -1 with a message. */
int run_loop(const struct run_config *c, struct vkey *v, char *msg, size_t msg_len);

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

/*
 * vpcd - the card's end of the virtual smart card reader's socket.
 *
 * Messages are a big-endian 16-bit length and a payload; a payload of one byte is a control
 * (power off 0, on 1, reset 2, ATR 4), of which only the last is answered. To insert the card is
 * to connect, to remove it is to close. Functions return 0 or -1 with errno, unless noted.
 */
/* A socket connected to 127.0.0.1, or -1. */
int vpcd_connect(uint16_t port);

enum vpcd_event {
	VPCD_CLOSED = -1, /* the reader is gone, or does not keep to the protocol */
	VPCD_SERVED = 0,
	VPCD_ATR = 1,	  /* served; the reader has seen the card */
	VPCD_REMOVED = 2, /* the key went away: close */
};

/* Serves one message, which is there to be read. */
enum vpcd_event vpcd_serve(int fd, struct vkey *v);

#endif
