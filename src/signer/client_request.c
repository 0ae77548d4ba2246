/* SPDX-License-Identifier: BSD-2-Clause */
/* client_request: requests for a certificate. */
#include <string.h>

#include "signer/client.h"

static int
put_text(struct blob *frame, uint8_t tag, const char *text, struct err *err)
{
	return text == NULL ? 0 : message_put(frame, tag, text, strlen(text), err);
}

static int
put_blob(struct blob *frame, uint8_t tag, const struct blob *b, struct err *err)
{
	return message_put(frame, tag, b->data, b->len, err);
}

/* What every request has in front. */
static int
put_head(struct blob *frame, uint8_t type, const struct signer_request *r, struct err *err)
{
	int rc;

	if ((rc = message_begin(frame, type, err)) != 0 ||
	    (rc = put_text(frame, TAG_PROFILE, r->profile, err)) != 0 ||
	    (rc = put_text(frame, TAG_CN, r->cn, err)) != 0)
		return rc;
	return put_text(frame, TAG_EMAIL, r->email, err);
}

/* And behind, for tags go up. */
static int
put_names(struct blob *frame, const struct signer_request *r, struct err *err)
{
	int rc;

	if ((rc = put_text(frame, TAG_UPN, r->upn, err)) != 0 ||
	    (rc = put_text(frame, TAG_SID, r->sid, err)) != 0 ||
	    (r->guid != NULL &&
		(rc = message_put(frame, TAG_GUID, r->guid, SIGNER_GUID_LEN, err)) != 0) ||
	    (rc = put_text(frame, TAG_SUBJECT, r->subject, err)) != 0 ||
	    (rc = put_text(frame, TAG_NAMES, r->names, err)) != 0)
		return rc;
	return r->hours == 0 ? 0 : message_put_number(frame, TAG_HOURS, r->hours, err);
}

static int
put_token(struct blob *frame, const struct signer_request *r, struct err *err)
{
	int rc;

	if ((rc = message_put_number(frame, TAG_TOKEN, r->token_serial, err)) != 0 ||
	    (rc = message_put_number(frame, TAG_SLOT, r->slot, err)) != 0)
		return rc;
	return message_put_number(frame, TAG_DAYS, r->days, err);
}

int
signer_precheck(struct signer *s, const struct signer_request *request,
    const struct signer_planned *planned, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	struct message m;
	int rc;

	if ((rc = put_head(&frame, MESSAGE_PRECHECK, request, err)) != 0 ||
	    (rc = put_token(&frame, request, err)) != 0 ||
	    (rc = put_blob(&frame, TAG_F9, request->f9, err)) != 0 ||
	    (rc = message_put(&frame, TAG_FIRMWARE, planned->firmware, 3, err)) != 0 ||
	    (rc = message_put_number(&frame, TAG_ALG, planned->alg, err)) != 0 ||
	    (rc = message_put_number(&frame, TAG_PIN_POLICY, planned->pin_policy, err)) != 0 ||
	    (rc = message_put_number(&frame, TAG_TOUCH_POLICY, planned->touch_policy, err)) != 0 ||
	    (rc = put_names(&frame, request, err)) != 0)
		return rc;
	return client_ask(s, &frame, MESSAGE_DONE, &body, &m, err);
}

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

int
signer_prepare(struct signer *s, const struct signer_request *request, struct signer_prepared *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = put_head(&frame, MESSAGE_PREPARE, request, err)) != 0 ||
	    (rc = put_token(&frame, request, err)) != 0 ||
	    (rc = put_blob(&frame, TAG_CSR, request->csr, err)) != 0 ||
	    (rc = put_blob(&frame, TAG_ATTESTATION, request->attestation, err)) != 0 ||
	    (rc = put_blob(&frame, TAG_F9, request->f9, err)) != 0 ||
	    (rc = put_names(&frame, request, err)) != 0)
		return rc;
	return prepared(s, &frame, ret, err);
}

int
signer_prepare_software(struct signer *s, const struct signer_request *request,
    struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = put_head(&frame, MESSAGE_SOFTWARE, request, err)) != 0 ||
	    (rc = message_put_number(&frame, TAG_DAYS, request->days, err)) != 0 ||
	    (rc = put_blob(&frame, TAG_CSR, request->csr, err)) != 0 ||
	    (rc = put_names(&frame, request, err)) != 0)
		return rc;
	return prepared(s, &frame, ret, err);
}

int
signer_prepare_renewal(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    unsigned days, const struct blob *csr, struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob frame = {0};
	int rc;

	if ((rc = message_begin(&frame, MESSAGE_RENEW, err)) != 0 ||
	    (rc = message_put_number(&frame, TAG_DAYS, days, err)) != 0 ||
	    (csr != NULL && (rc = put_blob(&frame, TAG_CSR, csr, err)) != 0) ||
	    (rc = message_put(&frame, TAG_SERIAL, serial, SIGNER_SERIAL_LEN, err)) != 0)
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
