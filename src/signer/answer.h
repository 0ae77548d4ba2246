/* SPDX-License-Identifier: BSD-2-Clause */
/* answer: one request of a desk to one reply. */
#ifndef SIGNER_ANSWER_H
#define SIGNER_ANSWER_H

#include "signer/issue.h"
#include "signer/message.h"

struct answer_times {
	int64_t kdf_ns, fsync_ns; /* spent for this connection */
	int64_t wait_ns;	  /* waiting for the passphrase */
};

/* Do what the message asks and make the frame that says so, or why not. Errors: ERR_INTERNAL no
 * frame could be made; close the connection. */
MUST_CHECK int answer_request(struct ca *ca, struct issue_desk *desk, uint32_t peer,
    const struct message *m, struct answer_times *times, struct blob *ret_frame);

MUST_CHECK int answer_hello(const struct answer_times *times, struct blob *ret_frame);
MUST_CHECK int answer_error(
    int code, const struct err *why, const struct answer_times *times, struct blob *ret_frame);

#endif
