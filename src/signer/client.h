/* SPDX-License-Identifier: BSD-2-Clause */
/* client: between the two files of a desk's side. */
#ifndef SIGNER_CLIENT_H
#define SIGNER_CLIENT_H

#include <limits.h>

#include "signer/message.h"
#include "ykenroll/signer.h"

struct signer {
	char home[PATH_MAX / 2];
	int fd;	   /* -1: the connection is lost */
	pid_t pid; /* of the one we started, or 0 */
	struct signer_times times;
};

/* What is asked. */
struct call {
	enum message_type type;
	const uint8_t *serial; /* SIGNER_SERIAL_LEN octets; NULL: none */
	const int64_t *reason;
	const struct signer_audit *audit;
	const uint8_t *any; /* a serial of any length */
	size_t any_len;
	const struct blob *cert;
	const struct request *request;
};

/* The next frame, which must be of this type; *m points into *body. */
MUST_CHECK int client_hear(struct signer *s, int timeout_ms, uint8_t type, struct blob *body,
    struct message *m, struct err *err);
/* Ask, and hear the answer; *m points into *body. */
MUST_CHECK int client_call(
    struct signer *s, const struct call *c, struct blob *body, struct message *m, struct err *err);

#endif
