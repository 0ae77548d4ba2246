/* SPDX-License-Identifier: BSD-2-Clause */
/* receipt: evidence of one enrolment. */
#include <jansson.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "desk/home.h"
#include "desk/session.h"
#include "ykenroll/workflow.h"

static void
json_freep(json_t **p)
{
	json_decref(*p);
}

/* PEM, which every reader has a tool for. Nothing where there is nothing. */
static int
put_pem(json_t *o, const char *name, const struct blob *der, const char *block, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	int rc;

	if (der->len == 0)
		return 0;
	if ((rc = pem_put(der, block, &pem, err)) != 0)
		return rc;
	return json_object_set_new(o, name, json_stringn((const char *)pem.data, pem.len)) == 0
		   ? 0
		   : err_set(err, ERR_INTERNAL, "out of memory");
}

static int
put_ca(json_t *o, const char *home, const char *name, const char *file, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	const int rc = home_pem(home, file, cert_from_pem, &der, err);

	if (rc != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE, "there is no %s/%s", home, file)
					: rc;
	return put_pem(o, name, &der, PEM_CERT, err);
}

static json_t *
claims(const struct registry_receipt *r)
{
	char at[UTC_TEXT_LEN], firmware[16], hash[65];

	utc_text(r->at, at);
	snprintf(firmware, sizeof(firmware), "%u.%u.%u", r->token.firmware[0], r->token.firmware[1],
	    r->token.firmware[2]);
	text_hex(r->audit.head, sizeof(r->audit.head), hash);
	return json_pack("{s:s, s:I, s:s, s:{s:s, s:s, s:s, s:s}, s:s, s:s, s:s, s:{s:I, s:s}}",
	    "type", "ykenroll-receipt-1", "token", (json_int_t)r->token.serial, "firmware",
	    firmware, "holder", "name", r->holder.name, "id", r->holder.key, "email",
	    r->holder.email, "upn", r->holder.upn, "operator", r->operator_, "at", at, "proof",
	    r->proof, "audit", "row", (json_int_t)r->audit.rows, "hash", hash);
}

static int
write_text(
    const struct desk *w, const struct registry_receipt *r, struct blob *ret, struct err *err)
{
	CLEAN(json_freep) json_t *o = claims(r);
	char *text;
	int rc;

	if (o == NULL)
		return err_set(err, ERR_INTERNAL, "cannot write the receipt: a name is not UTF-8");
	if ((rc = put_pem(o, "certificate", &r->cert, PEM_CERT, err)) != 0 ||
	    (rc = put_pem(o, "request", &r->csr, PEM_REQUEST, err)) != 0 ||
	    (rc = put_pem(o, "attestation", &r->attestation, PEM_CERT, err)) != 0 ||
	    (rc = put_pem(o, "f9", &r->f9, PEM_CERT, err)) != 0 ||
	    (rc = put_ca(o, w->home, "issuing", "pub/issuing.crt", err)) != 0 ||
	    (rc = put_ca(o, w->home, "root", "pub/root.crt", err)) != 0)
		return rc;
	if ((text = json_dumps(o, JSON_INDENT(1) | JSON_ENSURE_ASCII)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	rc = blob_set(ret, text, strlen(text), err);
	free(text);
	return rc;
}

int
workflow_receipt(const struct desk *w, uint32_t token, struct blob *ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(registry_receipt_wipe) struct registry_receipt receipt = {0};
	CLEAN(blob_wipe) struct blob text = {0};
	int rc;

	if ((rc = session_open_registry(w, &r, err)) != 0)
		return rc;
	rc = registry_receipt(r, token, &receipt, err);
	if (rc == ERR_ABSENT)
		return err_set(
		    err, ERR_USAGE, "token %u has no active certificate", (unsigned)token);
	if (rc != 0 || (rc = write_text(w, &receipt, &text, err)) != 0)
		return rc;
	return registry_receipt_sign(r, &text, ret, err);
}
