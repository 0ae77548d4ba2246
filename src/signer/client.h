/* SPDX-License-Identifier: BSD-2-Clause */
/* client: the desk's side of the connection: client.c has the connection and the short requests,
 * client_request.c those that ask for a certificate. */
#ifndef SIGNER_CLIENT_H
#define SIGNER_CLIENT_H

#include "signer/message.h"
#include "ykenroll/signer.h"

/* Send a frame and hear the answer, which must be of this type; *m points into *body. */
MUST_CHECK int client_ask(struct signer *s, struct blob *frame, uint8_t type, struct blob *body,
    struct message *m, struct err *err);
/* A copy of a field; absent: *ret stays. */
MUST_CHECK int client_take(const struct message *m, uint8_t tag, struct blob *ret, struct err *err);

#endif
