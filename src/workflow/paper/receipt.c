/* SPDX-License-Identifier: BSD-2-Clause */
/* receipt: evidence of one enrolment. */
#include <jansson.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "desk/ca.h"
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

/* ---- verified with nothing but the receipt ---- */

struct parts {
	json_t *o;
	struct blob cert, csr, attestation, f9, issuing, root; /* DER */
};

static void
parts_wipe(struct parts *p)
{
	json_decref(p->o);
	blob_wipe(&p->cert);
	blob_wipe(&p->csr);
	blob_wipe(&p->attestation);
	blob_wipe(&p->f9);
	blob_wipe(&p->issuing);
	blob_wipe(&p->root);
}

static int
no_receipt(struct err *err, const char *what)
{
	return err_set(err, ERR_FIT, "this is not a ykenroll receipt: %s", what);
}

static int
take_pem(const json_t *o, const char *name, bool must,
    int (*from_pem)(const struct blob *pem, struct blob *ret, struct err *err), struct blob *ret,
    struct err *err)
{
	const json_t *s = json_object_get(o, name);
	const struct blob pem = {
	    .data = (uint8_t *)(uintptr_t)json_string_value(s), .len = json_string_length(s)};

	if (s == NULL)
		return must ? no_receipt(err, name) : 0;
	return pem.data == NULL ? no_receipt(err, name) : from_pem(&pem, ret, err);
}

static int
parse(const struct blob *text, struct parts *p, struct err *err)
{
	const json_t *type;
	int rc;

	p->o = json_loadb((const char *)text->data, text->len, JSON_REJECT_DUPLICATES, NULL);
	type = json_object_get(p->o, "type");
	if (!json_is_string(type) || strcmp(json_string_value(type), "ykenroll-receipt-1") != 0)
		return no_receipt(err, "type");
	if ((rc = take_pem(p->o, "certificate", true, cert_from_pem, &p->cert, err)) != 0 ||
	    (rc = take_pem(p->o, "request", false, csr_from_file, &p->csr, err)) != 0 ||
	    (rc = take_pem(p->o, "attestation", false, cert_from_pem, &p->attestation, err)) != 0 ||
	    (rc = take_pem(p->o, "f9", false, cert_from_pem, &p->f9, err)) != 0 ||
	    (rc = take_pem(p->o, "issuing", true, cert_from_pem, &p->issuing, err)) != 0)
		return rc;
	return take_pem(p->o, "root", true, cert_from_pem, &p->root, err);
}

/* ---- what is claimed ---- */

static void
put(char *ret, size_t size, const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	snprintf(ret, size, "%s", s == NULL ? "" : s);
}

static void
read_claims(const json_t *o, struct workflow_receipt_claims *c)
{
	const json_t *holder = json_object_get(o, "holder"), *audit = json_object_get(o, "audit");

	c->token = (uint32_t)json_integer_value(json_object_get(o, "token"));
	put(c->holder, sizeof(c->holder), holder, "name");
	put(c->id, sizeof(c->id), holder, "id");
	put(c->operator_, sizeof(c->operator_), o, "operator");
	put(c->at, sizeof(c->at), o, "at");
	c->audit_row = (uint64_t)json_integer_value(json_object_get(audit, "row"));
	put(c->audit_hash, sizeof(c->audit_hash), audit, "hash");
}

/* ---- what is proved ---- */

static int
check_cert(const struct parts *p, const struct workflow_receipt_trust *trust,
    struct workflow_receipt_claims *c, struct err *err)
{
	struct cert_info info;
	int rc;

	if (trust->root != NULL && !blob_equal(trust->root, &p->root))
		return err_set(err, ERR_PROOF,
		    "the receipt's root certificate is not the one given with --root");
	if ((rc = cert_read(p->cert.data, p->cert.len, &info, err)) != 0 ||
	    (rc = receipt_chain(&p->cert, &p->issuing, &p->root, info.not_before + 1, err)) != 0)
		return rc;
	snprintf(c->subject, sizeof(c->subject), "%s", info.subject);
	text_hex(info.serial, info.serial_len, c->serial);
	return 0;
}

static int
check_request(const struct parts *p, struct err *err)
{
	CLEAN(blob_wipe) struct blob requested = {0}, certified = {0};
	enum key_alg alg;
	int rc;

	if (p->csr.len == 0)
		return 0;
	if ((rc = csr_read(p->csr.data, p->csr.len, &requested, &alg, err)) != 0 ||
	    (rc = cert_spki(p->cert.data, p->cert.len, &certified, err)) != 0)
		return rc;
	return blob_equal(&requested, &certified)
		   ? 0
		   : err_set(err, ERR_PROOF, "the request and the certificate have different keys");
}

static int
check_attestation(const struct parts *p, const struct workflow_receipt_trust *trust,
    struct workflow_receipt_claims *c, struct err *err)
{
	const struct attest_trust anchors = {.rehearsal_root = trust->rehearsal};
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(blob_wipe) struct blob certified = {0};
	int rc;

	if (p->attestation.len == 0 || p->f9.len == 0)
		return err_set(err, ERR_ATTEST, "the receipt has no attestation");
	if ((rc = attest_verify(&p->attestation, &p->f9, &anchors, &a, err)) != 0 ||
	    (rc = cert_spki(p->cert.data, p->cert.len, &certified, err)) != 0)
		return rc;
	if (!blob_equal(&a.spki, &certified))
		return err_set(
		    err, ERR_PROOF, "the attestation and the certificate have different keys");
	if (a.serial != 0 && a.serial != c->token)
		return err_set(err, ERR_PROOF, "the attestation is from token %u, not %u",
		    (unsigned)a.serial, (unsigned)c->token);
	c->attested = true;
	c->rehearsal = a.rehearsal;
	snprintf(c->anchor, sizeof(c->anchor), "%s", a.anchor);
	return 0;
}

int
workflow_receipt_verify(const struct blob *receipt, const struct workflow_receipt_trust *trust,
    struct workflow_receipt_claims *ret, struct err *err)
{
	CLEAN(parts_wipe) struct parts p = {0};
	CLEAN(blob_wipe) struct blob text = {0}, signer = {0};
	struct workflow_receipt_claims c = {0};
	int rc;

	if ((rc = receipt_open(receipt, &text, &signer, err)) != 0 ||
	    (rc = x509_sha256(&signer, c.signer_sha256, err)) != 0 ||
	    (rc = parse(&text, &p, err)) != 0)
		return rc;
	read_claims(p.o, &c);
	if ((rc = check_cert(&p, trust, &c, err)) != 0 || (rc = check_request(&p, err)) != 0 ||
	    (rc = check_attestation(&p, trust, &c, err)) != 0)
		return rc;
	*ret = c;
	return 0;
}
