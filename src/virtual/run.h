/* SPDX-License-Identifier: BSD-2-Clause */
/* run - a key behind a vpcd reader until SIGTERM or SIGINT. */
#ifndef VIRTUAL_RUN_H
#define VIRTUAL_RUN_H

#include <stdint.h>

#include "virtual/vkey.h"

struct run_config {
	const char *state;
	uint16_t port;
	int ready_fd; /* gets "ready\n" and is closed once the reader has seen the key; -1: none */
};

/* 0 after a signal; -1 with a message. */
int run_loop(const struct run_config *c, struct vkey *v, char *msg, size_t msg_len);

#endif
