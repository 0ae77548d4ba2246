/* SPDX-License-Identifier: BSD-2-Clause */
/* escrow: secrets, sealed. */
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "registry/room.h"
#include "x509/sealed.h"
#include "ykenroll/x509.h"

/* "algorithm 0A\nvalue " */
#define ALG_LEN (sizeof("algorithm 0A\nvalue ") - 1)
#define HEAD_MAX 128

static const char *const kind_names[] = {
    [SECRET_MGMKEY] = "management-key",
    [SECRET_PUK] = "puk",
    [SECRET_PIN] = "pin",
};

const char *
registry_secret_kind_name(enum registry_secret_kind k)
{
	return (unsigned)k <= SECRET_PIN ? kind_names[k] : "unknown";
}

int
registry_secret_kind_read(
    struct db_stmt *st, int col, enum registry_secret_kind *ret, struct err *err)
{
	const int i =
	    registry_word(st, col, kind_names, SECRET_KINDS, "a secret has an unknown type", err);

	if (i < 0)
		return i;
	*ret = (enum registry_secret_kind)i;
	return 0;
}

/* What every sealed text of this label starts with. */
static size_t
head(const struct escrow_label *label, char ret[static HEAD_MAX])
{
	return (size_t)snprintf(ret, HEAD_MAX,
	    "ykenroll-secret 1\nserial %u\nkind %s\nversion %u\n", (unsigned)label->serial,
	    registry_secret_kind_name(label->kind), label->version);
}

/* A PUK goes in as it is: it must not be able to write further lines. */
static bool
is_one_word(const struct secret *s)
{
	size_t i;

	for (i = 0; i < s->len; i++)
		if (s->bytes[i] <= 0x20 || s->bytes[i] >= 0x7f)
			return false;
	return true;
}

int
escrow_text_write(const struct escrow_label *label, const struct secret *secret,
    struct secret *ret_text, struct err *err)
{
	const bool hex = label->kind == SECRET_MGMKEY;
	const size_t value_len = hex ? 2 * secret->len : secret->len;
	char start[HEAD_MAX], alg[ALG_LEN + 1];
	const size_t n = head(label, start);
	char *p = (char *)ret_text->bytes;

	if (secret->len == 0 || n + ALG_LEN + value_len + 2 > SECRET_MAX)
		return err_set(err, ERR_USAGE, "a %s of %zu bytes is too long to be sealed",
		    registry_secret_kind_name(label->kind), secret->len);
	if (!hex && !is_one_word(secret))
		return err_set(err, ERR_USAGE, "a %s must be printable ASCII without spaces",
		    registry_secret_kind_name(label->kind));
	snprintf(alg, sizeof(alg), "algorithm %02X\nvalue ", label->alg);
	memcpy(p, start, n);
	memcpy(p + n, alg, ALG_LEN);
	if (hex)
		text_hex(secret->bytes, secret->len, p + n + ALG_LEN);
	else
		memcpy(p + n + ALG_LEN, secret->bytes, secret->len);
	p[n + ALG_LEN + value_len] = '\n';
	ret_text->len = n + ALG_LEN + value_len + 1;
	return 0;
}

static int
other(const struct escrow_label *label, struct err *err)
{
	return err_set(err, ERR_INTERNAL,
	    "the sealed secret is not %s %u of token %u: the registry was edited or damaged",
	    registry_secret_kind_name(label->kind), label->version, (unsigned)label->serial);
}

int
escrow_text_read(
    struct secret *text, struct escrow_label *label, struct secret *ret, struct err *err)
{
	char start[HEAD_MAX], *p = (char *)text->bytes;
	const size_t n = head(label, start);
	size_t len;
	uint8_t alg;

	if (text->len < n + ALG_LEN + 2 || text->len > SECRET_MAX || memcmp(p, start, n) != 0 ||
	    p[text->len - 1] != '\n' || memchr(p, '\0', text->len) != NULL)
		return other(label, err);
	p[text->len - 1] = '\0';
	p += n;
	if (memcmp(p, "algorithm ", 10) != 0 || memcmp(p + 12, "\nvalue ", 7) != 0)
		return other(label, err);
	p[12] = '\0';
	if (text_unhex(p + 10, &alg, 1) != 0)
		return other(label, err);
	p += ALG_LEN;
	len = strlen(p);
	label->alg = alg;
	if (label->kind != SECRET_MGMKEY)
		return secret_set(ret, p, len, err);
	if (len % 2 != 0 || text_unhex(p, ret->bytes, len / 2) != 0)
		return other(label, err);
	ret->len = len / 2;
	return 0;
}

/* ---- sealed ---- */

#define RSA_BITS_MIN 2048

struct escrow {
	X509 *to[REGISTRY_RECIPIENTS_MAX], *flight;
	size_t n;
	EVP_PKEY *flight_key;
};

static int
parse_cert(const struct blob *der, X509 **ret, struct err *err)
{
	const unsigned char *p = der->data;

	*ret = d2i_X509(NULL, &p, (long)der->len);
	return *ret != NULL ? 0 : evp_err(err, ERR_INTERNAL, "cannot read an escrow certificate");
}

int
escrow_cert_file(const char *path, struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	const int rc = file_read(path, &pem, err);

	if (rc != 0)
		return rc;
	return cert_from_pem(&pem, ret_der, NULL) == 0
		   ? 0
		   : err_set(err, ERR_USAGE, "%s is not a certificate in PEM", path);
}

int
escrow_cert_write(const char *path, const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	const int rc = pem_put(der, PEM_CERT, &pem, err);

	return rc != 0 ? rc : file_write(path, pem.data, pem.len, 0600, err);
}

bool
escrow_cert_fits(const struct blob *der, const struct key *key)
{
	const unsigned char *p = der->data;
	CLEAN(x509_freep) X509 *cert = d2i_X509(NULL, &p, (long)der->len);

	return cert != NULL && EVP_PKEY_eq(X509_get0_pubkey(cert), key_evp_public(key)) == 1;
}

static int
load_flight_cert(const char *home, X509 **ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), home, ESCROW_FLIGHT_CERT, err)) != 0 ||
	    (rc = escrow_cert_file(path, &der, err)) != 0)
		return rc;
	return parse_cert(&der, ret, err);
}

static int
load_plain_key(const char *home, const char *file, EVP_PKEY **ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), home, file, err)) != 0 ||
	    (rc = file_read_private(path, &pem, err)) != 0)
		return rc;
	if ((*ret = sealed_key(&pem)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read a private key");
	return 0;
}

static int
parse_certs(const struct registry_recipients *to, struct escrow *e, struct err *err)
{
	int rc;

	for (; e->n < to->n; e->n++)
		if ((rc = parse_cert(&to->list[e->n].der, &e->to[e->n], err)) != 0)
			return rc;
	return 0;
}

int
escrow_load(
    const char *home, const struct registry_recipients *to, struct escrow **ret, struct err *err)
{
	CLEAN(escrow_freep) struct escrow *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = parse_certs(to, e, err)) != 0 ||
	    (rc = load_flight_cert(home, &e->flight, err)) != 0 ||
	    (rc = load_plain_key(home, ESCROW_FLIGHT_KEY, &e->flight_key, err)) != 0) {
		/* to the callers "absent" means that nothing is pending: a second secret would be
		 * made, and the first one may be on the token */
		if (rc != ERR_ABSENT)
			return rc;
		(void)err_wrap(err, "restore the in-flight key from a backup");
		if (err != NULL)
			err->code = ERR_USAGE;
		return ERR_USAGE;
	}
	/* sealed to another key, the pending secrets could not be read after a crash */
	if (EVP_PKEY_eq(X509_get0_pubkey(e->flight), e->flight_key) != 1)
		return err_set(err, ERR_USAGE, "%s/%s and %s do not match", home,
		    ESCROW_FLIGHT_CERT, ESCROW_FLIGHT_KEY);
	*ret = TAKE(e);
	return 0;
}

void
escrow_freep(struct escrow **e)
{
	size_t i;

	if (*e == NULL)
		return;
	for (i = 0; i < (*e)->n; i++)
		X509_free((*e)->to[i]);
	X509_free((*e)->flight);
	EVP_PKEY_free((*e)->flight_key);
	free(*e);
	*e = NULL;
}

static int
seal(X509 *const *certs, size_t n, const void *text, size_t len, struct blob *ret, struct err *err)
{
	CLEAN(cms_freep) CMS_ContentInfo *cms = sealed_make(certs, n, text, len);

	return evp_der(cms, ASN1_ITEM_rptr(CMS_ContentInfo), "cannot seal a secret", ret, err);
}

int
escrow_seal_to(
    const struct blob *cert_der, const struct blob *text, struct blob *ret, struct err *err)
{
	CLEAN(x509_freep) X509 *cert = NULL;
	const int rc = parse_cert(cert_der, &cert, err);

	return rc != 0 ? rc : seal(&cert, 1, text->data, text->len, ret, err);
}

int
escrow_seal(const struct escrow *e, const struct escrow_label *label, const struct secret *secret,
    struct blob *ret_recovery, struct blob *ret_flight, struct err *err)
{
	CLEAN(secret_freep) struct secret *text = secret_new();
	int rc;

	if ((rc = escrow_text_write(label, secret, text, err)) != 0 ||
	    (ret_recovery != NULL &&
		(rc = seal(e->to, e->n, text->bytes, text->len, ret_recovery, err)) != 0))
		return rc;
	return ret_flight == NULL ? 0
				  : seal(&e->flight, 1, text->bytes, text->len, ret_flight, err);
}

static CMS_ContentInfo *
parse(const struct blob *sealed)
{
	const unsigned char *p = sealed->data;
	CLEAN(cms_freep)
	CMS_ContentInfo *cms = sealed_take(d2i_CMS_ContentInfo(NULL, &p, (long)sealed->len));

	return cms == NULL || p != sealed->data + sealed->len ? NULL : TAKE(cms);
}

int
escrow_open_flight(const struct escrow *e, const struct blob *sealed, struct escrow_label *label,
    struct secret *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *text = secret_new();
	CLEAN(cms_freep) CMS_ContentInfo *cms = parse(sealed);

	if (cms == NULL || sealed_open(cms, e->flight_key, e->flight, text) != 0)
		return evp_err(err, ERR_INTERNAL, "cannot open a sealed secret");
	return escrow_text_read(text, label, ret, err);
}

/* Is this certificate's key identifier among the recipients'? */
static bool
is_recipient(CMS_ContentInfo *cms, X509 *cert)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
	STACK_OF(CMS_RecipientEncryptedKey) * keys;
	CMS_RecipientInfo *ri;
	int i;

	for (i = 0; i < sk_CMS_RecipientInfo_num(all); i++) {
		ri = sk_CMS_RecipientInfo_value(all, i);
		if (CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_TRANS &&
		    CMS_RecipientInfo_ktri_cert_cmp(ri, cert) == 0)
			return true;
		if (CMS_RecipientInfo_type(ri) != CMS_RECIPINFO_AGREE)
			continue;
		keys = CMS_RecipientInfo_kari_get0_reks(ri);
		if (sk_CMS_RecipientEncryptedKey_num(keys) == 1 &&
		    CMS_RecipientEncryptedKey_cert_cmp(
			sk_CMS_RecipientEncryptedKey_value(keys, 0), cert) == 0)
			return true;
	}
	return false;
}

int
escrow_open(const struct key *key, const struct blob *cert_der, const struct blob *sealed,
    struct escrow_label *label, struct secret *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *text = secret_new();
	CLEAN(cms_freep) CMS_ContentInfo *cms = parse(sealed);
	CLEAN(x509_freep) X509 *cert = NULL;
	int rc;

	if ((rc = parse_cert(cert_der, &cert, err)) != 0)
		return rc;
	if (cms == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot open a sealed secret");
	if (!is_recipient(cms, cert))
		return err_set(err, ERR_FIT, "the secret is not sealed to this key");
	if (sealed_open(cms, key_evp(key), cert, text) != 0)
		return evp_key_err(err, ERR_INTERNAL, key, "cannot open a sealed secret");
	return escrow_text_read(text, label, ret, err);
}

static bool
is_usable(const EVP_PKEY *key)
{
	char curve[32] = "";

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
	       (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "secp384r1") == 0);
}

int
escrow_cert_check(const struct blob *der, char *ret_name, size_t size, struct err *err)
{
	CLEAN(x509_freep) X509 *cert = NULL;
	EVP_PKEY *key;
	int rc;

	if ((rc = parse_cert(der, &cert, err)) != 0) {
		if (err != NULL)
			err->code = ERR_USAGE;
		return ERR_USAGE;
	}
	if ((key = X509_get0_pubkey(cert)) == NULL)
		return evp_err(err, ERR_USAGE, "cannot read the certificate's key");
	if (!is_usable(key))
		return err_set(err, ERR_USAGE,
		    "a recipient's key must be ECCP256, ECCP384, or RSA of %d bits or more",
		    RSA_BITS_MIN);
	if (X509_get0_subject_key_id(cert) == NULL)
		return err_set(err, ERR_USAGE,
		    "the certificate has no subject key identifier; create one that has (openssl "
		    "req -x509 does)");
	if (X509_NAME_get_text_by_NID(
		X509_get_subject_name(cert), NID_commonName, ret_name, (int)size) <= 0)
		snprintf(ret_name, size, "%s", "(no name)");
	return 0;
}

int
escrow_receipt_sign(const char *home, const struct blob *cert_der, const struct blob *text,
    struct blob *ret_cms, struct err *err)
{
	CLEAN(pkey_freep) EVP_PKEY *key = NULL;
	CLEAN(x509_freep) X509 *cert = NULL;
	CLEAN(bio_freep) BIO *in = BIO_new_mem_buf(text->data, (int)text->len);
	CLEAN(cms_freep) CMS_ContentInfo *cms = NULL;
	int rc;

	if ((rc = load_plain_key(home, ESCROW_RECEIPT_KEY, &key, err)) != 0 ||
	    (rc = parse_cert(cert_der, &cert, err)) != 0)
		return rc;
	if (EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
		return err_set(err, ERR_USAGE, "%s/%s and %s do not match", home,
		    ESCROW_RECEIPT_CERT, ESCROW_RECEIPT_KEY);
	if (in != NULL)
		cms = CMS_sign(cert, key, NULL, in, CMS_BINARY | CMS_NOSMIMECAP);
	return evp_der(
	    cms, ASN1_ITEM_rptr(CMS_ContentInfo), "cannot sign the receipt", ret_cms, err);
}
