/* SPDX-License-Identifier: BSD-2-Clause */
/* peer: one desk's connection in the signer's process. It never blocks, never holds more than one
 * request, and answers one before it reads the next. */
#ifndef SIGNER_PEER_H
#define SIGNER_PEER_H

#include "signer/issue.h"
#include "signer/message.h"

struct signer_peer {
	int fd;
	uint32_t uid; /* SO_PEERCRED */
	uint8_t head[MESSAGE_HEAD];
	uint8_t *body;
	size_t have, len; /* of head and body; of the body */
	struct blob out;
	size_t sent;
	bool last;	    /* close when out is sent */
	int64_t stalled_ns; /* since when something is half done; 0: nothing is */
	struct issue_peer own;
	struct signer_times times; /* spent for this connection */
};

/* Takes fd over, also on failure, and says hello. */
MUST_CHECK int peer_new(
    int fd, const struct signer_times *times, struct signer_peer **ret, struct err *err);
void peer_freep(struct signer_peer **s);

short peer_events(const struct signer_peer *s); /* for poll */
/* Go on with what poll found (0: only look at the clock). Returns 0, or -1: the connection is over.
 */
int peer_step(struct signer_peer *s, struct ca *ca, short revents);

/* The frame that says why not. Errors: ERR_INTERNAL it could not be made. */
MUST_CHECK int peer_error(
    int code, const struct err *why, const struct signer_times *times, struct blob *ret_frame);

#endif
