/* SPDX-License-Identifier: BSD-2-Clause */
/* ocsp: what strangers ask, and the responder's answers. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "ykenroll/x509_ocsp.h"

#define OCSP_DIGESTS 4

OSSL_FREEP(ocsp_request_freep, OCSP_REQUEST, OCSP_REQUEST_free)
OSSL_FREEP(ocsp_response_freep, OCSP_RESPONSE, OCSP_RESPONSE_free)
OSSL_FREEP(asn1_time_freep, ASN1_TIME, ASN1_TIME_free)

struct ocsp_issuer { /* how requests name a CA with one of the digests: RFC 6960, 4.1.1 */
	int nid;
	unsigned len;
	uint8_t name[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE];
};

struct ocsp {
	struct ocsp_issuer issuer[OCSP_DIGESTS];
	X509 *cert;
	struct key *key; /* borrowed */
	int64_t until;
};

void
ocsp_freep(struct ocsp **o)
{
	if (*o == NULL)
		return;
	X509_free((*o)->cert);
	free(*o);
	*o = NULL;
}

void
ocsp_answer_wipe(struct ocsp_answer *a)
{
	blob_wipe(&a->der);
}

bool
ocsp_nocheck(const struct ocsp *o)
{
	return X509_get_ext_by_NID(o->cert, NID_id_pkix_OCSP_noCheck, -1) >= 0;
}

int64_t
ocsp_until(const struct ocsp *o)
{
	return o->until;
}

/* ---- the responder's certificate ---- */

static int
name_issuer(struct ocsp *o, X509 *ca, struct err *err)
{
	const EVP_MD *const digests[OCSP_DIGESTS] = {
	    EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
	struct ocsp_issuer *x;
	size_t i;

	for (i = 0; i < OCSP_DIGESTS; i++) {
		x = &o->issuer[i];
		x->nid = EVP_MD_get_type(digests[i]);
		if (X509_NAME_digest(X509_get_subject_name(ca), digests[i], x->name, NULL) != 1 ||
		    X509_pubkey_digest(ca, digests[i], x->key, &x->len) != 1)
			return evp_err(err, ERR_INTERNAL, "cannot hash the CA's name and key");
	}
	return 0;
}

static const char *
judge(X509 *cert, X509 *ca, const struct key *key)
{
	const EVP_PKEY *own = X509_get0_pubkey(cert);

	if (own == NULL || EVP_PKEY_eq(own, X509_get0_pubkey(ca)) == 1)
		return "it has the CA's own key; a responder needs a key of its own";
	if (X509_get_extension_flags(cert) & EXFLAG_INVALID)
		return "it is malformed";
	if ((X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) == 0 ||
	    (X509_get_extended_key_usage(cert) & XKU_OCSP_SIGN) == 0)
		return "its extended key usage is not OCSPSigning";
	if ((X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) == 0)
		return "its key usage lacks digitalSignature";
	if (EVP_PKEY_eq(own, key_evp_public(key)) != 1)
		return "it does not belong to this key";
	return NULL;
}

static int
check_cert(const struct blob *ca_der, const struct blob *der, X509 *cert, X509 *ca,
    const struct key *key, struct err *err)
{
	const char *why;
	int rc;

	if ((rc = cert_issued_by(der, ca_der, err)) != 0) {
		err_wrap(err, "the responder's certificate");
		return rc == ERR_PROOF ? ERR_FIT : rc;
	}
	if ((why = judge(cert, ca, key)) == NULL)
		return 0;
	ERR_clear_error();
	return err_set(err, ERR_FIT, "the responder's certificate is refused: %s", why);
}

static int
check_dates(const struct cert_info *info, int64_t now, struct err *err)
{
	char at[UTC_TEXT_LEN];

	utc_text(info->not_after < now ? info->not_after : info->not_before, at);
	if (info->not_after < now)
		return err_set(err, ERR_FIT, "the responder's certificate expired %s", at);
	if (info->not_before > now)
		return err_set(err, ERR_FIT, "the responder's certificate is valid from %s", at);
	return 0;
}

int
ocsp_new(const struct blob *ca, const struct blob *cert, struct key *key, int64_t now,
    struct ocsp **ret, struct err *err)
{
	CLEAN(ocsp_freep) struct ocsp *o = calloc(1, sizeof(*o));
	CLEAN(x509_freep) X509 *issuer = NULL;
	struct cert_info info;
	int rc;

	if (o == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = cert_parse(ca->data, ca->len, &issuer, err)) != 0 ||
	    (rc = cert_parse(cert->data, cert->len, &o->cert, err)) != 0 ||
	    (rc = check_cert(ca, cert, o->cert, issuer, key, err)) != 0 ||
	    (rc = cert_read(cert->data, cert->len, &info, err)) != 0 ||
	    (rc = check_dates(&info, now, err)) != 0 || (rc = name_issuer(o, issuer, err)) != 0)
		return rc;
	o->key = key;
	o->until = info.not_after;
	*ret = TAKE(o);
	return 0;
}

/* ---- requests ---- */

/* RFC 9654, 2.1 (which obsoletes RFC 8954): 1 to 128 octets in an OCTET STRING; what is shorter or
 * longer is a malformed request. */
static bool
nonce_is_good(X509_EXTENSION *nonce)
{
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(nonce);
	const unsigned char *p = ASN1_STRING_get0_data(value), *end;
	CLEAN(octets_freep) ASN1_OCTET_STRING *octets = NULL;

	end = p + ASN1_STRING_length(value);
	octets = d2i_ASN1_OCTET_STRING(NULL, &p, ASN1_STRING_length(value));
	return octets != NULL && p == end && ASN1_STRING_length(octets) >= 1 &&
	       ASN1_STRING_length(octets) <= OCSP_NONCE_MAX;
}

/* Each at most once (RFC 5280, 4.2), and none that is critical and means nothing to us (RFC 6960,
 * 4.4). */
static bool
extensions_are_good(OCSP_REQUEST *request)
{
	const int n = OCSP_REQUEST_get_ext_count(request);
	bool nonce = false;
	X509_EXTENSION *e;
	int i;

	for (i = 0; i < n; i++) {
		e = OCSP_REQUEST_get_ext(request, i);
		if (OBJ_obj2nid(X509_EXTENSION_get_object(e)) != NID_id_pkix_OCSP_Nonce) {
			if (X509_EXTENSION_get_critical(e))
				return false;
			continue;
		}
		if (nonce || !nonce_is_good(e))
			return false;
		nonce = true;
	}
	return true;
}

static bool
singles_are_good(OCSP_REQUEST *request)
{
	const int n = OCSP_request_onereq_count(request);
	OCSP_ONEREQ *one;
	int i, j;

	if (n < 1 || n > OCSP_SINGLES_MAX)
		return false;
	for (i = 0; i < n; i++) {
		one = OCSP_request_onereq_get0(request, i);
		for (j = 0; j < OCSP_ONEREQ_get_ext_count(one); j++)
			if (X509_EXTENSION_get_critical(OCSP_ONEREQ_get_ext(one, j)))
				return false;
	}
	return true;
}

/* A request that may be answered, or NULL: then it is malformed. */
static OCSP_REQUEST *
request_parse(const uint8_t *der, size_t len)
{
	CLEAN(ocsp_request_freep) OCSP_REQUEST *request = NULL;
	const unsigned char *p = der;
	bool good;

	if (len == 0 || len > OCSP_REQUEST_MAX)
		return NULL;
	request = d2i_OCSP_REQUEST(NULL, &p, (long)len);
	good = request != NULL && p == der + len && singles_are_good(request) &&
	       extensions_are_good(request);
	ERR_clear_error();
	return good ? TAKE(request) : NULL;
}

/* The one to be repeated, or NULL. Belongs to the request. */
static X509_EXTENSION *
request_nonce(OCSP_REQUEST *request)
{
	const int at = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);

	return at < 0 ? NULL : OCSP_REQUEST_get_ext(request, at);
}

static bool
equals(const ASN1_OCTET_STRING *s, const uint8_t *data, size_t len)
{
	return (size_t)ASN1_STRING_length(s) == len &&
	       memcmp(ASN1_STRING_get0_data(s), data, len) == 0;
}

/* Is this about a certificate of the CA? */
static bool
is_ours(const struct ocsp *o, OCSP_CERTID *id)
{
	ASN1_OCTET_STRING *name, *key;
	const struct ocsp_issuer *x;
	ASN1_OBJECT *digest;
	size_t i;

	if (OCSP_id_get0_info(&name, &digest, &key, NULL, id) != 1)
		return false;
	for (i = 0; i < OCSP_DIGESTS; i++) {
		x = &o->issuer[i];
		if (OBJ_obj2nid(digest) == x->nid)
			return equals(name, x->name, x->len) && equals(key, x->key, x->len);
	}
	return false;
}

/* ---- refusals ---- */

static int
encode(int status, OCSP_BASICRESP *basic, struct blob *ret, struct err *err)
{
	CLEAN(ocsp_response_freep) OCSP_RESPONSE *r = OCSP_response_create(status, basic);

	return evp_der(r, ASN1_ITEM_rptr(OCSP_RESPONSE), "cannot encode the response", ret, err);
}

int
ocsp_refusal(enum ocsp_why why, struct blob *ret, struct err *err)
{
	static const int statuses[] = {[OCSP_MALFORMED] = OCSP_RESPONSE_STATUS_MALFORMEDREQUEST,
	    [OCSP_TRY_LATER] = OCSP_RESPONSE_STATUS_TRYLATER,
	    [OCSP_UNAUTHORIZED] = OCSP_RESPONSE_STATUS_UNAUTHORIZED};

	return encode(statuses[why], NULL, ret, err);
}

/* ---- answers ---- */

struct answering {
	struct ocsp *o;
	const struct ocsp_source *source;
	OCSP_BASICRESP *basic;
	ASN1_TIME *from, *until;
};

static void
answering_wipe(struct answering *a)
{
	OCSP_BASICRESP_free(a->basic);
	ASN1_TIME_free(a->from);
	ASN1_TIME_free(a->until);
}

/* A number that no certificate of ours can have is as unknown as one that none has. */
static int
look(const struct answering *a, OCSP_CERTID *id, struct ocsp_status *ret, struct err *err)
{
	ASN1_INTEGER *serial;
	int len;

	*ret = (struct ocsp_status){.state = OCSP_IS_UNKNOWN};
	if (!is_ours(a->o, id))
		return 0;
	if (OCSP_id_get0_info(NULL, NULL, NULL, &serial, id) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot read the serial number");
	len = ASN1_STRING_length(serial);
	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len < 1 || len > X509_SERIAL_MAX)
		return 0;
	return a->source->status(
	    a->source->ctx, ASN1_STRING_get0_data(serial), (size_t)len, ret, err);
}

static int
add(const struct answering *a, OCSP_CERTID *id, const struct ocsp_status *s, struct err *err)
{
	static const int statuses[] = {[OCSP_IS_GOOD] = V_OCSP_CERTSTATUS_GOOD,
	    [OCSP_IS_REVOKED] = V_OCSP_CERTSTATUS_REVOKED,
	    [OCSP_IS_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN};
	CLEAN(asn1_time_freep) ASN1_TIME *when = NULL;

	if (s->state == OCSP_IS_REVOKED && (when = ASN1_TIME_set(NULL, s->revoked_at)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot encode the time");
	/* RFC 5280, 5.3.1: unspecified is said by saying nothing */
	if (OCSP_basic_add1_status(a->basic, id, statuses[s->state],
		s->reason > 0 ? s->reason : OCSP_REVOKED_STATUS_NOSTATUS, when, a->from,
		a->until) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot encode a status");
	return 0;
}

static int
add_all(const struct answering *a, OCSP_REQUEST *request, struct err *err)
{
	struct ocsp_status status;
	OCSP_CERTID *id;
	int i, rc;

	for (i = 0; i < OCSP_request_onereq_count(request); i++) {
		id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i));
		if ((rc = look(a, id, &status, err)) != 0 || (rc = add(a, id, &status, err)) != 0)
			return rc;
	}
	return 0;
}

static bool
all_foreign(const struct ocsp *o, OCSP_REQUEST *request)
{
	int i;

	for (i = 0; i < OCSP_request_onereq_count(request); i++)
		if (is_ours(o, OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i))))
			return false;
	return true;
}

static int
sign(const struct answering *a, X509_EXTENSION *nonce, struct blob *ret, struct err *err)
{
	struct key *key = a->o->key;

	if (nonce != NULL && OCSP_BASICRESP_add_ext(a->basic, nonce, -1) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot repeat the nonce");
	/* byKey is the shorter one: RFC 5019, 2.2.1 */
	if (OCSP_basic_sign(a->basic, a->o->cert, key_evp(key), evp_md(key_algorithm(key)), NULL,
		OCSP_RESPID_KEY) != 1)
		return evp_key_err(err, ERR_INTERNAL, key, "cannot sign the response");
	return encode(OCSP_RESPONSE_STATUS_SUCCESSFUL, a->basic, ret, err);
}

static int
answer(struct answering *a, OCSP_REQUEST *request, struct ocsp_answer *ret, struct err *err)
{
	X509_EXTENSION *nonce = request_nonce(request);
	int rc;

	a->basic = OCSP_BASICRESP_new();
	a->from = ASN1_TIME_set(NULL, ret->this_update);
	a->until = ASN1_TIME_set(NULL, ret->next_update);
	if (a->basic == NULL || a->from == NULL || a->until == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a response");
	if ((rc = add_all(a, request, err)) != 0 || (rc = sign(a, nonce, &ret->der, err)) != 0)
		return rc;
	ret->final = nonce == NULL;
	return 0;
}

static int
refuse(enum ocsp_why why, struct ocsp_answer *ret, struct err *err)
{
	int rc;

	if ((rc = ocsp_refusal(why, &ret->der, err)) != 0)
		return rc;
	ret->final = false;
	ret->this_update = ret->next_update = 0;
	return 0;
}

int
ocsp_answer(struct ocsp *o, const void *der, size_t len, const struct ocsp_source *source,
    int64_t now, unsigned valid_sec, struct ocsp_answer *ret, struct err *err)
{
	CLEAN(answering_wipe) struct answering a = {.o = o, .source = source};
	CLEAN(ocsp_request_freep) OCSP_REQUEST *request = request_parse(der, len);
	int64_t until = now + (int64_t)valid_sec;

	if (request == NULL)
		return refuse(OCSP_MALFORMED, ret, err);
	/* RFC 5019, 2.2.3: of other CAs' certificates alone nothing can be said that counts */
	if (all_foreign(o, request))
		return refuse(OCSP_UNAUTHORIZED, ret, err);
	if (now > o->until)
		return err_set(err, ERR_FIT, "the responder's certificate has expired");
	ret->this_update = now;
	ret->next_update = until < o->until ? until : o->until;
	return answer(&a, request, ret, err);
}
