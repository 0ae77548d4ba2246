/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "base/file.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/crl.h"
#include "signer/crl_root.h"
#include "signer/der.h"
#include "signer/seal.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)
#define BACKDATE 300 /* seconds: a server whose clock is behind refuses a CRL of the future */
#define ISSUING_CRL CA_PUB "/issuing.crl"
#define ENTRY_MAX 64 /* bytes of one revokedCertificates entry */

static const uint8_t version_2[] = {0x02, 0x01, 0x01};
static const uint8_t aki_head[] = {
    0x30, 0x1f, 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14};
static const uint8_t number_oid[] = {0x06, 0x03, 0x55, 0x1d, 0x14};
/* crlEntryExtensions with reasonCode alone (5.3.1); the reason follows */
static const uint8_t reason_head[] = {
    0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01};

/* An expired certificate stays for one more CRL after its end (RFC 5280, 3.3), and a day. */
static bool
listed(const struct log_cert *c, const struct crl_plan *plan)
{
	const int64_t life = plan->next_update - plan->this_update;

	return c->ca == plan->ca && c->revoked_at != 0 &&
	       c->not_after + 2 * life + DAY > plan->this_update;
}

static int
put_entry(struct blob *to, const struct log_cert *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob e = {0};
	uint8_t serial[LOG_SERIAL_LEN + 1] = {0};
	size_t skip = 0;
	int rc;

	memcpy(serial + 1, c->serial, LOG_SERIAL_LEN);
	while (skip < LOG_SERIAL_LEN && serial[skip] == 0 && (serial[skip + 1] & 0x80) == 0)
		skip++;
	if ((rc = der_put(&e, DER_INTEGER, serial + skip, sizeof(serial) - skip, err)) != 0 ||
	    (rc = der_put_time(&e, c->revoked_at, err)) != 0)
		return rc;
	/* unspecified is said by saying nothing: 5.3.1 */
	if (c->reason != REASON_UNSPECIFIED &&
	    ((rc = blob_append(&e, reason_head, sizeof(reason_head), err)) != 0 ||
		(rc = blob_append(&e, &c->reason, 1, err)) != 0))
		return rc;
	return der_put(to, DER_SEQUENCE, e.data, e.len, err);
}

/* revokedCertificates, absent when there are none (5.1.2.6). */
static int
put_entries(struct blob *to, const struct log *log, const struct crl_plan *plan, struct err *err)
{
	CLEAN(blob_wipe) struct blob all = {0}, one = {0};
	CLEAN(log_walk_end) struct log_walk walk = {0};
	struct log_cert c;
	int rc;

	if ((all.data = malloc(log->sums.certs * ENTRY_MAX + 1)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = log_walk_begin(log, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(&walk, &c, err)) == 1) {
		if (!listed(&c, plan))
			continue;
		blob_wipe(&one);
		if ((rc = put_entry(&one, &c, err)) != 0)
			return rc;
		memcpy(all.data + all.len, one.data, one.len);
		all.len += one.len;
	}
	return rc != 0 || all.len == 0 ? rc : der_put(to, DER_SEQUENCE, all.data, all.len, err);
}

/* CRLNumber (5.2.3), not critical. */
static int
put_number(struct blob *to, uint64_t number, struct err *err)
{
	CLEAN(blob_wipe) struct blob e = {0}, n = {0};
	uint8_t raw[9] = {0};
	size_t i, skip = 0;
	int rc;

	for (i = 0; i < 8; i++)
		raw[8 - i] = (uint8_t)(number >> (8 * i) & 0xff);
	while (skip < 8 && raw[skip] == 0 && (raw[skip + 1] & 0x80) == 0)
		skip++;
	if ((rc = der_put(&n, DER_INTEGER, raw + skip, sizeof(raw) - skip, err)) != 0 ||
	    (rc = blob_append(&e, number_oid, sizeof(number_oid), err)) != 0 ||
	    (rc = der_put(&e, DER_OCTET_STRING, n.data, n.len, err)) != 0)
		return rc;
	return der_put(to, DER_SEQUENCE, e.data, e.len, err);
}

static int
put_extensions(struct blob *to, const struct der_cert *issuer, uint64_t number, struct err *err)
{
	CLEAN(blob_wipe) struct blob list = {0}, all = {0};
	int rc;

	if (issuer->ski.len != 20)
		return err_set(err, ERR_CA, "the CA's key identifier has another length");
	if ((rc = blob_append(&list, aki_head, sizeof(aki_head), err)) != 0 ||
	    (rc = blob_append(&list, issuer->ski.value, issuer->ski.len, err)) != 0 ||
	    (rc = put_number(&list, number, err)) != 0 ||
	    (rc = der_put(&all, DER_SEQUENCE, list.data, list.len, err)) != 0)
		return rc;
	return der_put(to, DER_CONTEXT_0, all.data, all.len, err);
}

static int
build(const struct log *log, const struct crl_plan *plan, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0}, tbs = {0};
	struct der_cert issuer;
	const uint8_t *alg;
	size_t alg_len;
	int rc, nid;

	if ((rc = der_cert(plan->issuer, &issuer, err)) != 0 ||
	    (rc = seal_algorithm(key_algorithm(plan->key), &alg, &alg_len, &nid, err)) != 0 ||
	    (rc = blob_append(&b, version_2, sizeof(version_2), err)) != 0 ||
	    (rc = blob_append(&b, alg, alg_len, err)) != 0 ||
	    (rc = blob_append(&b, issuer.subject.raw, issuer.subject.raw_len, err)) != 0 ||
	    (rc = der_put_time(&b, plan->this_update, err)) != 0 ||
	    (rc = der_put_time(&b, plan->next_update, err)) != 0 ||
	    (rc = put_entries(&b, log, plan, err)) != 0 ||
	    (rc = put_extensions(&b, &issuer, plan->number, err)) != 0 ||
	    (rc = der_put(&tbs, DER_SEQUENCE, b.data, b.len, err)) != 0)
		return rc;
	blob_move(ret, &tbs);
	return 0;
}

/* ---- what OpenSSL reads in it ---- */

static bool
has(X509_CRL *crl, const struct log_cert *c)
{
	CLEAN(bignum_freep) BIGNUM *n = BN_bin2bn(c->serial, LOG_SERIAL_LEN, NULL);
	CLEAN(asn1_integer_freep)
	ASN1_INTEGER *serial = n == NULL ? NULL : BN_to_ASN1_INTEGER(n, NULL);
	X509_REVOKED *entry;

	return serial != NULL && X509_CRL_get0_by_serial(crl, &entry, serial) == 1;
}

/* Everyone who should be in it. */
static int
check(const struct log *log, const struct crl_plan *plan, const struct blob *der, struct err *err)
{
	const uint8_t *p = der->data;
	CLEAN(crl_freep) X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der->len);
	CLEAN(log_walk_end) struct log_walk walk = {0};
	struct crl_info info;
	struct log_cert c;
	size_t n = 0;
	int rc;

	if (crl == NULL || p != der->data + der->len ||
	    X509_CRL_verify(crl, key_evp_public(plan->key)) != 1)
		return evp_err(err, ERR_CA, "the CRL does not verify");
	if ((rc = log_walk_begin(log, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(&walk, &c, err)) == 1) {
		n += listed(&c, plan);
		if (listed(&c, plan) && !has(crl, &c))
			return err_set(err, ERR_CA, "the CRL lacks a revoked certificate");
	}
	if (rc != 0 || (rc = crl_read(der->data, der->len, &info, err)) != 0)
		return rc;
	if (info.entries != n || info.number != plan->number ||
	    info.this_update != plan->this_update || info.next_update != plan->next_update)
		return err_set(err, ERR_CA, "the CRL does not say what it should");
	return 0;
}

static int
sha256(const struct blob *b, uint8_t ret[static LOG_HASH_LEN], struct err *err)
{
	return EVP_Digest(b->data, b->len, ret, NULL, EVP_sha256(), NULL) == 1
		   ? 0
		   : err_set(err, ERR_INTERNAL, "cannot hash");
}

int
crl_sign(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob tbs = {0}, der = {0};
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if ((rc = build(log, plan, &tbs, err)) != 0 || (rc = sha256(&tbs, hash, err)) != 0 ||
	    (rc = log_crl_intent(log, who, plan->ca, plan->number, hash, err)) != 0 ||
	    (rc = seal_sign(plan->key, &tbs, &der, err)) != 0 ||
	    (rc = seal_verify(plan->key, &der, &tbs, err)) != 0 ||
	    (rc = check(log, plan, &der, err)) != 0)
		return err == NULL ? rc : err_wrap(err, "CRL");
	blob_move(ret_der, &der);
	return 0;
}

int
crl_issue(struct log *log, const struct log_who *who, const struct crl_plan *plan,
    struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	if ((rc = crl_sign(log, who, plan, &der, err)) != 0 ||
	    (rc = sha256(&der, hash, err)) != 0 ||
	    (rc = log_crl_signed(log, who, plan->ca, plan->number, hash, err)) != 0)
		return rc;
	blob_move(ret_der, &der);
	return 0;
}

/* ---- files ---- */

int
crl_file_read(const char *home, const char *name, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_path(home, name, path, err)) != 0 || (rc = file_read(path, &pem, err)) != 0)
		return rc;
	rc = crl_from_pem(&pem, ret, err);
	return rc == ERR_FIT ? err_set(err, ERR_ABSENT, "no CRL in %s", path) : rc;
}

int
crl_file_write(
    const char *home, const char *name, const struct blob *der, mode_t mode, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_path(home, name, path, err)) != 0 || (rc = crl_to_pem(der, &pem, err)) != 0)
		return rc;
	return file_write(path, pem.data, pem.len, mode, err);
}

bool
crl_is_last(const struct log *log, enum log_ca ca, const struct blob *der)
{
	uint8_t md[LOG_HASH_LEN];

	return der->len > 0 && EVP_Digest(der->data, der->len, md, NULL, EVP_sha256(), NULL) == 1 &&
	       memcmp(md, log->sums.crls[ca].sha256, sizeof(md)) == 0;
}

static void
take(struct ca *ca, struct blob *der, int64_t from, int64_t until)
{
	blob_move(&ca->crl[LOG_ISSUING], der);
	ca->crl_from = from;
	ca->crl_until = until;
}

/* What is not there, or is damaged, is made again. */
static int
load_issuing(struct ca *ca, struct err *err)
{
	const struct log_crl *known = &ca->log->sums.crls[LOG_ISSUING];
	CLEAN(blob_wipe) struct blob der = {0};
	struct crl_info info;
	int rc;

	if ((rc = crl_file_read(ca->home, ISSUING_CRL, &der, err)) != 0)
		return rc == ERR_ABSENT ? 0 : rc;
	if (crl_read(der.data, der.len, &info, NULL) != 0)
		return 0;
	if (crl_is_last(ca->log, LOG_ISSUING, &der)) {
		take(ca, &der, info.this_update, info.next_update);
		return 0;
	}
	if (info.number <= known->number)
		return 0;
	/* A log that was restored from a backup would "un-revoke" what came after it. */
	return err_set(err, ERR_CA,
	    "%s/" ISSUING_CRL " has number %llu, the issuance log only %llu: the log was restored "
	    "from an old backup, restore the latest one",
	    ca->home, (unsigned long long)info.number, (unsigned long long)known->number);
}

int
crl_load(struct ca *ca, struct err *err)
{
	int rc = load_issuing(ca, err);

	return rc != 0 ? rc : crl_root_load(ca, err);
}

bool
crl_fresh(const struct ca *ca)
{
	return !ca->log->sums.stale && ca->crl[LOG_ISSUING].len > 0 &&
	       ca->now() - ca->crl_from < (ca->crl_until - ca->crl_from) / 2;
}

int
crl_renew(struct ca *ca, uint32_t peer, bool always, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	struct crl_plan plan = {
	    .ca = LOG_ISSUING,
	    .issuer = &ca->cert[LOG_ISSUING],
	    .key = ca->key,
	    .number = ca->log->sums.crls[LOG_ISSUING].number + 1,
	    /* never back: the log's last line is not after who.now */
	    .this_update = who.now - BACKDATE,
	    .next_update = who.now + (int64_t)rules_crl_days(ca->rules) * DAY,
	};
	CLEAN(blob_wipe) struct blob der = {0};
	int rc;

	if (!always && crl_fresh(ca))
		return 0;
	/* until the new one is out, there is none: not even when publishing fails */
	blob_wipe(&ca->crl[LOG_ISSUING]);
	if ((rc = crl_issue(ca->log, &who, &plan, &der, err)) != 0 ||
	    (rc = crl_file_write(ca->home, ISSUING_CRL, &der, 0644, err)) != 0)
		return rc;
	take(ca, &der, plan.this_update, plan.next_update);
	return 0;
}
