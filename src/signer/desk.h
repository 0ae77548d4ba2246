/* SPDX-License-Identifier: BSD-2-Clause */
/* desk: one desk's connection in the signer's process. It never blocks, never holds more than
 * one request, and answers one before it reads the next. */
#ifndef SIGNER_DESK_H
#define SIGNER_DESK_H

#include "signer/answer.h"

#define DESK_STALL_MS 10000 /* a half-sent frame or an unread answer ends the connection */

struct desk {
	int fd;
	uint32_t peer; /* uid: SO_PEERCRED */
	uint8_t head[MESSAGE_HEAD];
	uint8_t *body;
	size_t have, len; /* of head and body; of the body */
	struct blob out;
	size_t sent;
	bool last;	    /* close when out is sent */
	int64_t stalled_ns; /* since when something is half done; 0: nothing is */
	struct issue_desk desk;
	struct answer_times times;
};

/* Takes fd over, also on failure, and says hello. */
MUST_CHECK int desk_new(
    int fd, const struct answer_times *times, struct desk **ret, struct err *err);
void desk_freep(struct desk **s);

short desk_events(const struct desk *s); /* for poll */
/* Go on with what poll found (0: only look at the clock). Returns 0, or -1: the connection is over.
 */
int desk_step(struct desk *s, struct ca *ca, short revents);

#endif
