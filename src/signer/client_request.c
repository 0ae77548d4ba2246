/* SPDX-License-Identifier: BSD-2-Clause */
/* client_request: requests for a certificate. */
#include <string.h>

#include "signer/client.h"

/* Send it, and take the answer apart. */
static int
prepared(struct signer *s, struct blob *frame, struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob body = {0}, tbs = {0};
	struct message m;
	int rc;

	if ((rc = client_ask(s, frame, MESSAGE_PREPARED, &body, &m, err)) != 0 ||
	    (rc = client_take(&m, TAG_TBS, &tbs, err)) != 0)
		return rc;
	memcpy(ret->serial, message_get(&m, TAG_SERIAL)->data, sizeof(ret->serial));
	ret->cert_len_max = (size_t)message_number(&m, TAG_CERT_LEN_MAX);
	ret->not_before = message_number(&m, TAG_NOT_BEFORE);
	ret->not_after = message_number(&m, TAG_NOT_AFTER);
	blob_move(&ret->tbs, &tbs);
	return 0;
}

static int
put(struct blob *frame, uint8_t type, enum request_form form, const struct request *request,
    struct err *err)
{
	const int rc = message_begin(frame, type, err);

	return rc != 0 ? rc : message_put_request(frame, form, request, err);
}

int
signer_precheck(struct signer *s, const struct request *request, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	struct message m;
	const int rc = put(&frame, MESSAGE_PRECHECK, REQUEST_PRECHECK, request, err);

	return rc != 0 ? rc : client_ask(s, &frame, MESSAGE_DONE, &body, &m, err);
}

int
signer_prepare(
    struct signer *s, const struct request *request, struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	const int rc = put(&frame, MESSAGE_PREPARE, REQUEST_PREPARE, request, err);

	return rc != 0 ? rc : prepared(s, &frame, ret, err);
}

int
signer_prepare_software(
    struct signer *s, const struct request *request, struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	const int rc = put(&frame, MESSAGE_SOFTWARE, REQUEST_SOFTWARE, request, err);

	return rc != 0 ? rc : prepared(s, &frame, ret, err);
}

int
signer_prepare_renewal(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    const struct request *request, struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = message_begin(&frame, MESSAGE_RENEW, err)) != 0 ||
	    (rc = message_put(&frame, TAG_SERIAL, serial, SIGNER_SERIAL_LEN, err)) != 0 ||
	    (rc = message_put_request(&frame, REQUEST_RENEW, request, err)) != 0)
		return rc;
	return prepared(s, &frame, ret, err);
}

int
signer_renew_issuing(struct signer *s, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	struct message m;
	int rc;

	if ((rc = message_begin(&frame, MESSAGE_RENEW_ISSUING, err)) != 0)
		return rc;
	return client_ask(s, &frame, MESSAGE_DONE, &body, &m, err);
}
