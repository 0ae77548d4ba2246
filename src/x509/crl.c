/* SPDX-License-Identifier: BSD-2-Clause */
/* crl: entry by entry. OpenSSL reads all but the list, of which it would make an object each, and
 * says which digest is signed. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

#define FORGET 1048576 /* bytes: more is read before the pages go */

static int
unreadable(struct err *err)
{
	ERR_clear_error();
	return err_set(err, ERR_FIT, "this is not a valid CRL");
}

/* der[0..upto) was read. */
static void
forget(const struct crl *c, size_t upto)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), der = (uintptr_t)c->der;
	const uintptr_t from = der / page * page, to = (der + upto) / page * page;

	if (c->mapped)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/* ---- the frame ---- */

struct element {
	int tag; /* universal; -1: of another class */
	const uint8_t *raw, *value, *end;
};

static int
element(const uint8_t **at, const uint8_t *end, struct element *ret)
{
	struct element e = {.raw = *at, .value = *at};
	int class, how;
	long len;

	if (*at >= end)
		return -1;
	how = ASN1_get_object(&e.value, &len, &e.tag, &class, end - *at);
	if ((how & 0x81) != 0) /* malformed, or without a length */
		return -1;
	if (class == V_ASN1_UNIVERSAL &&
	    (e.tag == V_ASN1_SEQUENCE || e.tag == V_ASN1_SET) != ((how & V_ASN1_CONSTRUCTED) != 0))
		return -1;
	if (class != V_ASN1_UNIVERSAL)
		e.tag = -1;
	*at = e.end = e.value + len;
	*ret = e;
	return 0;
}

static int
expect(const uint8_t **at, const uint8_t *end, int tag, struct element *ret)
{
	const uint8_t *p = *at;

	if (element(&p, end, ret) != 0 || ret->tag != tag)
		return -1;
	*at = p;
	return 0;
}

static bool
is_time(const struct element *e)
{
	return e->tag == V_ASN1_UTCTIME || e->tag == V_ASN1_GENERALIZEDTIME;
}

/* RFC 5280, 5.1. What is around the list is OpenSSL's to read. */
static int
find_list(struct crl *c)
{
	const uint8_t *at = c->der, *end = c->der + c->len, *in;
	struct element outer, tbs, alg, e;

	if (expect(&at, end, V_ASN1_SEQUENCE, &outer) != 0 || at != end)
		return -1;
	at = outer.value;
	if (expect(&at, outer.end, V_ASN1_SEQUENCE, &tbs) != 0)
		return -1;
	c->tbs = tbs.raw;
	c->tbs_value = in = tbs.value;
	c->tbs_end = tbs.end;
	(void)!expect(&in, tbs.end, V_ASN1_INTEGER, &e);
	if (expect(&in, tbs.end, V_ASN1_SEQUENCE, &alg) != 0 ||
	    expect(&at, outer.end, V_ASN1_SEQUENCE, &e) != 0 || /* 5.1.1.2: the same */
	    e.end - e.raw != alg.end - alg.raw ||
	    memcmp(e.raw, alg.raw, (size_t)(e.end - e.raw)) != 0 ||
	    expect(&in, tbs.end, V_ASN1_SEQUENCE, &e) != 0 || element(&in, tbs.end, &e) != 0 ||
	    !is_time(&e))
		return -1;
	c->list = c->list_end = c->at = in;
	if (element(&in, tbs.end, &e) == 0 && is_time(&e))
		c->list = c->list_end = c->at = in;
	if (expect(&c->list_end, tbs.end, V_ASN1_SEQUENCE, &e) == 0)
		c->at = e.value;
	c->first = c->at;
	return 0;
}

/* The same CRL without its list, which has no valid signature. */
static int
without_list(const struct crl *c, X509_CRL **ret, struct err *err)
{
	const size_t before = (size_t)(c->list - c->tbs_value),
		     after = (size_t)(c->tbs_end - c->list_end),
		     tail = (size_t)(c->der + c->len - c->tbs_end);
	CLEAN(blob_wipe) struct blob b = {0};
	unsigned char *p;
	int tbs, all;

	if (before + after + tail > INT_MAX / 2)
		return unreadable(err);
	tbs = ASN1_object_size(1, (int)(before + after), V_ASN1_SEQUENCE);
	all = ASN1_object_size(1, tbs + (int)tail, V_ASN1_SEQUENCE);
	if ((b.data = p = malloc((size_t)all)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	b.len = (size_t)all;
	ASN1_put_object(&p, 1, tbs + (int)tail, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	ASN1_put_object(&p, 1, (int)(before + after), V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	memcpy(p, c->tbs_value, before);
	memcpy(p + before, c->list_end, after);
	memcpy(p + before + after, c->tbs_end, tail);
	return crl_parse(b.data, b.len, ret, err);
}

/* ---- entries ---- */

/* As numbers: without zeros in front, the negative ones of other CAs before all others. */
static int
order(const struct crl_item *a, const struct crl_item *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->len != b->len ? (a->len < b->len ? -1 : 1) : memcmp(a->serial, b->serial, a->len);
}

static void
trim(struct crl_item *e)
{
	for (; e->len > 0 && e->serial[0] == 0; e->serial++)
		e->len--;
}

int
crl_next(struct crl *c, struct crl_item *ret, struct err *err)
{
	struct element e, serial, when;
	const uint8_t *at;

	if (c->at == c->list_end) {
		forget(c, (size_t)(c->at - c->der));
		return 0;
	}
	if (expect(&c->at, c->list_end, V_ASN1_SEQUENCE, &e) != 0)
		return unreadable(err);
	at = e.value;
	if (expect(&at, e.end, V_ASN1_INTEGER, &serial) != 0 || serial.value == serial.end ||
	    element(&at, e.end, &when) != 0 || !is_time(&when) ||
	    (at != e.end && expect(&at, e.end, V_ASN1_SEQUENCE, &when) != 0) || at != e.end)
		return unreadable(err);
	*ret = (struct crl_item){.der = e.raw,
	    .der_len = (size_t)(e.end - e.raw),
	    .negative = (serial.value[0] & 0x80) != 0,
	    .serial = serial.value,
	    .len = (size_t)(serial.end - serial.value)};
	trim(ret);
	if ((size_t)(c->at - c->der) - c->forgotten > FORGET)
		forget(c, c->forgotten = (size_t)(e.raw - c->der));
	return 1;
}

static void
rewind_to_first(struct crl *c)
{
	c->at = c->first;
	c->forgotten = 0;
	c->before = c->last = (struct crl_item){.serial = NULL};
}

int
crl_frame(const uint8_t *der, size_t len, bool mapped, struct crl *ret, struct err *err)
{
	struct crl c = {.der = der, .len = len, .mapped = mapped};
	CLEAN(crl_freep) X509_CRL *head = NULL;
	int rc;

	if (len > LONG_MAX || find_list(&c) != 0)
		return unreadable(err);
	/* what is around the list is a CRL, and there is no second list */
	if ((rc = without_list(&c, &head, err)) != 0)
		return rc;
	if (X509_CRL_get_REVOKED(head) != NULL)
		return unreadable(err);
	*ret = c;
	return 0;
}

int
crl_open(const uint8_t *der, size_t len, bool mapped, struct crl *ret, struct err *err)
{
	struct crl_item e, last = {.serial = NULL};
	struct crl c;
	int rc;

	if ((rc = crl_frame(der, len, mapped, &c, err)) != 0)
		return rc;
	c.sorted = true;
	while ((rc = crl_next(&c, &e, err)) == 1) {
		if (c.entries++ > 0 && order(&last, &e) >= 0)
			c.sorted = false;
		last = e;
	}
	rewind_to_first(&c);
	if (rc == 0)
		*ret = c;
	return rc;
}

/* In a list that is in order, whoever asks in order is answered in one walk: between the last entry
 * and the one before it is nothing. */
int
crl_has(struct crl *c, const uint8_t *serial, size_t len, bool *ret, struct err *err)
{
	struct crl_item want = {.serial = serial, .len = len}, next;
	int rc = 1, at = -1;

	trim(&want);
	if (!c->sorted || (c->before.serial != NULL && order(&c->before, &want) >= 0))
		rewind_to_first(c);
	while (rc == 1) {
		at = c->last.serial == NULL ? -1 : order(&c->last, &want);
		if (at == 0 || (at > 0 && c->sorted))
			break;
		if ((rc = crl_next(c, &next, err)) != 1)
			break;
		c->before = c->last;
		c->last = next;
	}
	/* removeFromCRL: it is listed to say that it is released */
	if (rc >= 0)
		*ret =
		    rc == 1 && at == 0 && crl_item_reason(&c->last) != CRL_REASON_REMOVE_FROM_CRL;
	return rc < 0 ? rc : 0;
}

/* When it was revoked, in an order of bytes: of UTCTime the century is added (RFC 5280, 4.1.2.5.1).
 */
#define WHEN_LEN 15
static void
item_when(const struct crl_item *e, char ret[static WHEN_LEN + 1])
{
	const uint8_t *at = e->der, *end = e->der + e->der_len;
	struct element all, serial, when;
	bool utc;

	ret[0] = '\0';
	if (expect(&at, end, V_ASN1_SEQUENCE, &all) != 0)
		return;
	at = all.value;
	if (element(&at, end, &serial) != 0 || element(&at, end, &when) != 0)
		return;
	utc = when.tag == V_ASN1_UTCTIME && when.end > when.value;
	snprintf(ret, WHEN_LEN + 1, "%s%.*s",
	    !utc		  ? ""
	    : when.value[0] < '5' ? "20"
				  : "19",
	    (int)(when.end - when.value), (const char *)when.value);
}

/* Was nobody revoked after the one that crl_has has found last? */
static int
is_last(struct crl *c, bool *ret, struct err *err)
{
	const uint8_t *own_der = c->last.der;
	char own[WHEN_LEN + 1], when[WHEN_LEN + 1];
	struct crl_item e;
	int rc;

	item_when(&c->last, own);
	rewind_to_first(c);
	*ret = true;
	while ((rc = crl_next(c, &e, err)) == 1) {
		item_when(&e, when);
		*ret = *ret && (strcmp(when, own) < 0 || e.der == own_der);
	}
	return rc;
}

int
crl_lists(const struct blob *crl, const uint8_t *serial, size_t len, bool *ret, bool *ret_last,
    struct err *err)
{
	struct crl c;
	int rc;

	if ((rc = crl_open(crl->data, crl->len, false, &c, err)) != 0 ||
	    (rc = crl_has(&c, serial, len, ret, err)) != 0 || !*ret || ret_last == NULL)
		return rc;
	return is_last(&c, ret_last, err);
}

int
crl_item_reason(const struct crl_item *e)
{
	const unsigned char *p = e->der;
	X509_REVOKED *one = d2i_X509_REVOKED(NULL, &p, (long)e->der_len);
	ASN1_ENUMERATED *n =
	    one == NULL ? NULL : X509_REVOKED_get_ext_d2i(one, NID_crl_reason, NULL, NULL);
	const int reason = n == NULL ? 0 : (int)ASN1_ENUMERATED_get(n);

	ASN1_ENUMERATED_free(n);
	X509_REVOKED_free(one);
	return reason;
}

/* ---- what it says, and who says it ---- */

/* 0 where the CRL has none: RFC 5280, 5.2.3 wants it, but other CAs leave it out. */
static int
read_number(const X509_CRL *crl, uint64_t *ret)
{
	CLEAN(asn1_integer_freep) ASN1_INTEGER *n = NULL;
	int crit;

	n = X509_CRL_get_ext_d2i(crl, NID_crl_number, &crit, NULL);
	*ret = 0;
	if (n == NULL)
		return crit == -1 ? 0 : -1; /* -1: absent; else malformed or there twice */
	return ASN1_INTEGER_get_uint64(ret, n) ? 0 : -1;
}

int
crl_says(const struct crl *c, struct crl_info *ret, struct err *err)
{
	CLEAN(crl_freep) X509_CRL *crl = NULL;
	struct crl_info info = {.entries = c->entries};
	int rc;

	if ((rc = without_list(c, &crl, err)) != 0)
		return rc;
	/* nextUpdate must be there: RFC 5280, 5.1.2.5 */
	if (cert_time(X509_CRL_get0_lastUpdate(crl), &info.this_update) != 0 ||
	    cert_time(X509_CRL_get0_nextUpdate(crl), &info.next_update) != 0)
		return evp_err(err, ERR_FIT, "the CRL's dates are malformed or missing");
	if (read_number(crl, &info.number) != 0)
		return evp_err(err, ERR_FIT, "the CRL's number is malformed");
	cert_name_text(X509_CRL_get_issuer(crl), info.issuer);
	*ret = info;
	return 0;
}

int
crl_read(const uint8_t *der, size_t len, struct crl_info *ret, struct err *err)
{
	struct crl c;
	const int rc = crl_open(der, len, false, &c, err);

	return rc != 0 ? rc : crl_says(&c, ret, err);
}

/* With a digest piece by piece; Ed25519 in one; RSASSA-PSS (of other CAs' roots) by OpenSSL. */
static bool
signed_by(const struct crl *c, const X509_CRL *head, EVP_PKEY *key)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CLEAN(crl_freep) X509_CRL *whole = NULL;
	const size_t len = (size_t)(c->tbs_end - c->tbs);
	const ASN1_BIT_STRING *sig;
	const X509_ALGOR *alg;
	size_t at, n;
	const EVP_MD *digest = NULL;
	bool ed;
	int md, pk;

	X509_CRL_get0_signature(head, &sig, &alg);
	ed = EVP_PKEY_is_a(key, "ED25519") && OBJ_obj2nid(alg->algorithm) == NID_ED25519;
	if ((sig->flags & 7) != 0) /* bits that do not count */
		return false;
	if (!ed && (OBJ_find_sigid_algs(OBJ_obj2nid(alg->algorithm), &md, &pk) != 1 ||
		       md == NID_undef || !EVP_PKEY_is_a(key, OBJ_nid2sn(pk))))
		return crl_parse(c->der, c->len, &whole, NULL) == 0 &&
		       X509_CRL_verify(whole, key) == 1;
	if (ctx == NULL || (!ed && (digest = EVP_get_digestbynid(md)) == NULL) ||
	    EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key) != 1)
		return false;
	if (ed)
		return EVP_DigestVerify(ctx, ASN1_STRING_get0_data(sig),
			   (size_t)ASN1_STRING_length(sig), c->tbs, len) == 1;
	for (at = 0; at < len; at += n) {
		n = len - at < FORGET ? len - at : FORGET;
		if (EVP_DigestVerifyUpdate(ctx, c->tbs + at, n) != 1)
			return false;
		forget(c, (size_t)(c->tbs - c->der) + at);
	}
	return EVP_DigestVerifyFinal(
		   ctx, ASN1_STRING_get0_data(sig), (size_t)ASN1_STRING_length(sig)) == 1;
}

int
crl_verify(const struct crl *c, const struct blob *ca, struct err *err)
{
	CLEAN(x509_freep) X509 *issuer = NULL;
	CLEAN(crl_freep) X509_CRL *head = NULL;
	EVP_PKEY *key;
	int rc;

	if ((rc = cert_parse(ca->data, ca->len, &issuer, err)) != 0 ||
	    (rc = without_list(c, &head, err)) != 0)
		return rc;
	if (X509_NAME_cmp(X509_CRL_get_issuer(head), X509_get_subject_name(issuer)) != 0)
		return err_set(err, ERR_PROOF, "the CRL was issued by another CA");
	if ((key = X509_get0_pubkey(issuer)) == NULL || !signed_by(c, head, key))
		return evp_err(
		    err, ERR_PROOF, "the CRL's signature does not verify with this CA's key");
	return 0;
}
