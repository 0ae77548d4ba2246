/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message: what desk and signer say to each other over a stream socket.
 *
 * A frame is a 4-byte big-endian length and that many bytes of body; a body is a type byte and
 * fields; a field is a tag byte, a 4-byte big-endian length and the value. A table says which
 * fields each type has, in ascending order of tags, each at most once: a body has one form or is
 * refused. Those of a certificate's request have tags of their own, from the table in
 * x509_request.h; one that is not given is not there. message_parse is pure and takes anything.
 */
#ifndef SIGNER_MESSAGE_H
#define SIGNER_MESSAGE_H

#include <stdint.h>

#include "ykenroll/blob.h"
#include "ykenroll/x509_request.h"

#define MESSAGE_VERSION 4
#define MESSAGE_HEAD 4			  /* bytes of length before the body */
#define MESSAGE_REQUEST_MAX (256u * 1024) /* bytes of a request's body */
#define MESSAGE_REPLY_MAX (1024u * 1024)  /* bytes of a reply's: it carries two short CRLs */
#define MESSAGE_FIELDS 24
#define MESSAGE_NUMBER_LEN 8

enum message_type {
	/* requests */
	MESSAGE_CA = 1,
	MESSAGE_PREPARE,
	MESSAGE_SIGN,
	MESSAGE_FIND,
	MESSAGE_REVOKE, /* with REASON_RELEASE: off hold */
	MESSAGE_PRECHECK,
	MESSAGE_CRL,
	MESSAGE_ROOT_CRL, /* carries nothing but the wish */
	MESSAGE_FORBID,
	MESSAGE_SOFTWARE, /* prepare, for a key that is in no token */
	MESSAGE_RENEW,
	MESSAGE_RENEW_ISSUING, /* carries nothing but the wish */
	MESSAGE_TELL,	       /* how far the desk's audit chain is */
	/* replies */
	MESSAGE_HELLO = 64, /* first on every connection: unlocked */
	MESSAGE_CA_IS,
	MESSAGE_PREPARED,
	MESSAGE_CERT,
	MESSAGE_DONE,
	MESSAGE_FORBIDDEN,
	MESSAGE_TOLD,
	MESSAGE_ERROR,
};
#define MESSAGE_IS_REQUEST(type) ((type) < MESSAGE_HELLO)

enum message_tag {
	TAG_SERIAL = 1,
	TAG_REASON,
	TAG_TBS,
	TAG_CERT_LEN_MAX,
	TAG_NOT_BEFORE,
	TAG_NOT_AFTER,
	TAG_CERT,
	TAG_CA_ISSUING,
	TAG_CA_ROOT,
	TAG_CRL_ISSUING,
	TAG_CRL_ROOT,
	TAG_REHEARSAL_ROOT,
	TAG_CRL_ISSUING_SHA256, /* of one that is too long: it is in pub/ */
	TAG_CRL_NUMBER,
	TAG_CRL_ENTRIES,
	TAG_CRL_FROM,
	TAG_CRL_UNTIL,
	TAG_CODE,
	TAG_TEXT,
	TAG_VERSION,
	TAG_SIGNED,
	TAG_AUDIT_ROWS,
	TAG_AUDIT_HEAD, /* hash of the last of them */
	TAG_KDF_NS,
	TAG_FSYNC_NS,
	TAG_WAIT_NS,
	TAG_ANY_SERIAL, /* also of an imported certificate */
	TAG_END
};
#define TAG_REQUEST 64 /* and the field's own tag */

struct message_field {
	uint8_t tag;
	const uint8_t *data; /* into the body */
	size_t len;
};

struct message {
	uint8_t type;
	size_t n;
	struct message_field fields[MESSAGE_FIELDS];
};

/* Check a body against the table. Returns 0, or -1 when it is not a message. *ret points into body.
 */
int message_parse(const uint8_t *body, size_t len, struct message *ret);

/* NULL when the message has none. */
const struct message_field *message_get(const struct message *m, uint8_t tag);
/* Of a field that the table demands. */
int64_t message_number(const struct message *m, uint8_t tag);
/* What is asked for, from a message's fields; the caller wipes it, also after a failure. Errors:
 * ERR_USAGE a value is not possible; ERR_INTERNAL. */
MUST_CHECK int message_request(const struct message *m, struct request *ret, struct err *err);

/* Build a frame: begin, put fields with rising tags, end. Errors: ERR_USAGE a value is longer than
 * the table allows; ERR_INTERNAL. */
MUST_CHECK int message_begin(struct blob *frame, uint8_t type, struct err *err);
MUST_CHECK int message_put(
    struct blob *frame, uint8_t tag, const void *data, size_t len, struct err *err);
MUST_CHECK int message_put_number(struct blob *frame, uint8_t tag, int64_t n, struct err *err);
/* All of it that a message of the frame's type carries. */
MUST_CHECK int message_put_request(
    struct blob *frame, const struct request *request, struct err *err);
void message_end(struct blob *frame);

/* Of a request: what is answered if all goes well; which form of struct request it carries, or 0.
 */
uint8_t message_reply(uint8_t type);
enum request_form message_form(uint8_t type);

/* The length in a frame's head, 0 when it is not 1..max. */
size_t message_len(const uint8_t head[static MESSAGE_HEAD], size_t max);

/* Blocking, for the desk. timeout_ms: for the whole frame, -1 for ever. Errors: ERR_INTERNAL. */
MUST_CHECK int message_receive(int fd, int timeout_ms, struct blob *ret_body, struct err *err);

/* A frame, or bytes that are none (make.h). No limit of time. Errors: ERR_INTERNAL. */
MUST_CHECK int message_write(int fd, const void *data, size_t len, struct err *err);
MUST_CHECK int message_read(int fd, void *to, size_t len, struct err *err);

#endif
