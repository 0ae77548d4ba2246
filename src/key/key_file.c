/* SPDX-License-Identifier: BSD-2-Clause */
/* key_file: private keys in encrypted PKCS#8 (RFC 5958, RFC 8018, RFC 7914), and files that name a
 * key elsewhere. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/utc.h"
#include "key/evp.h"
#include "key/key_priv.h"
#include "key/ossl.h"
#include "key/p11.h"

#define SCRYPT_R 8
#define SCRYPT_P 1
#define SALT_LEN 16

#define REWRITE "rewrite it: openssl pkcs8 -topk8 -scrypt -scrypt_N 16384 -in OLD -out NEW"

int64_t key_kdf_ns;
bool key_pass_wrong;

OSSL_FREEP(pbe2_freep, PBE2PARAM, PBE2PARAM_free)
OSSL_FREEP(scrypt_freep, SCRYPT_PARAMS, SCRYPT_PARAMS_free)

/* ---- writing ---- */

static int
encrypt(const struct key *key, const struct secret *pass, X509_SIG **ret, struct err *err)
{
	CLEAN(p8_freep) PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key->evp);
	X509_ALGOR *pbe;
	int64_t start;

	if (p8 == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot encode the private key");
	pbe = PKCS5_pbe2_set_scrypt(
	    EVP_aes_256_cbc(), NULL, SALT_LEN, NULL, KEY_SCRYPT_N, SCRYPT_R, SCRYPT_P);
	if (pbe == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot encrypt the private key");
	start = utc_monotonic_ns();
	*ret = PKCS8_set0_pbe((const char *)pass->bytes, (int)pass->len, p8, pbe);
	key_kdf_ns += utc_monotonic_ns() - start;
	if (*ret == NULL) {
		X509_ALGOR_free(pbe);
		return evp_err(err, ERR_INTERNAL, "cannot encrypt the private key");
	}
	return 0;
}

/* ---- a name instead of a key ---- */

static const char reference[] =
    "# this key is in the PKCS #11 token that this URI (RFC 7512) names\n";

static int
save_reference(const char *uri, const char *path, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	int rc;

	if ((rc = blob_append(&text, reference, sizeof(reference) - 1, err)) != 0 ||
	    (rc = blob_append(&text, uri, strlen(uri), err)) != 0 ||
	    (rc = blob_append(&text, "\n", 1, err)) != 0)
		return rc;
	return file_create(path, text.data, text.len, 0600, err);
}

/* The line of the text that is a URI, or NULL. The caller frees it. */
static char *
find_reference(const struct blob *text)
{
	const char *at = (const char *)text->data, *end, *eol;

	if (text->len == 0)
		return NULL;
	for (end = at + text->len; at < end; at = eol + 1) {
		if ((eol = memchr(at, '\n', (size_t)(end - at))) == NULL)
			eol = end;
		if (eol - at > 7 && memcmp(at, "pkcs11:", 7) == 0)
			return strndup(at, (size_t)(eol - at));
		if (at < eol && *at != '#')
			return NULL;
	}
	return NULL;
}

int
key_file_secret(const char *path, enum key_secret *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	CLEAN(file_line_freep) char *uri = NULL;
	int rc;

	if ((rc = file_read_private(path, &text, err)) != 0)
		return rc;
	if ((uri = find_reference(&text)) == NULL) {
		*ret = KEY_SECRET_PASSPHRASE;
		return 0;
	}
	if ((rc = key_p11_secret(uri, ret, err)) != 0)
		err_wrap(err, "%s", path);
	return rc;
}

/* ---- both ---- */

int
key_file_save(const struct key *key, const char *path, const struct secret *pass, struct err *err)
{
	CLEAN(x509_sig_freep) X509_SIG *sig = NULL;
	CLEAN(bio_freep) BIO *bio = NULL;
	char *text;
	long len;
	int rc;

	if (key_p11_uri(key) != NULL)
		return save_reference(key_p11_uri(key), path, err);
	if (pass->len == 0)
		return err_set(err, ERR_USAGE, "the passphrase for %s is empty", path);
	if (key->ops != NULL)
		return err_set(err, ERR_INTERNAL, "a key on a token cannot be saved to %s", path);
	if ((rc = encrypt(key, pass, &sig, err)) != 0)
		return rc;
	if ((bio = BIO_new(BIO_s_mem())) == NULL || !PEM_write_bio_PKCS8(bio, sig) ||
	    (len = BIO_get_mem_data(bio, &text)) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot encode the private key");
	return file_create(path, text, (size_t)len, 0600, err);
}

/* ---- reading ---- */

/* PBES2 with scrypt no weaker than ours, that OpenSSL has the memory to do, and AES-CBC. NULL when
 * it is, else what is wrong. */
static const char *
judge_scrypt(const X509_ALGOR *kdf)
{
	CLEAN(scrypt_freep) SCRYPT_PARAMS *s = NULL;
	uint64_t n, r, p;

	if (OBJ_obj2nid(kdf->algorithm) != NID_id_scrypt)
		return "its key derivation is not scrypt";
	s = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), kdf->parameter);
	if (s == NULL || !ASN1_INTEGER_get_uint64(&n, s->costParameter) ||
	    !ASN1_INTEGER_get_uint64(&r, s->blockSize) ||
	    !ASN1_INTEGER_get_uint64(&p, s->parallelizationParameter))
		return "its scrypt parameters are malformed";
	if (n < KEY_SCRYPT_N || r < SCRYPT_R)
		return "its key derivation is weaker than scrypt with N=16384, r=8";
	if (p > 16 || EVP_PBE_scrypt(NULL, 0, NULL, 0, n, r, p, 0, NULL, 0) != 1)
		return "its scrypt parameters need too much memory or time";
	return NULL;
}

static const char *
judge(const X509_SIG *sig)
{
	CLEAN(pbe2_freep) PBE2PARAM *pbe = NULL;
	const X509_ALGOR *alg;
	int cipher;

	X509_SIG_get0(sig, &alg, NULL);
	if (OBJ_obj2nid(alg->algorithm) != NID_pbes2)
		return "its key derivation is not scrypt";
	pbe = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);
	if (pbe == NULL)
		return "its encryption parameters are malformed";
	cipher = OBJ_obj2nid(pbe->encryption->algorithm);
	if (cipher != NID_aes_256_cbc && cipher != NID_aes_192_cbc && cipher != NID_aes_128_cbc)
		return "its cipher is not AES";
	return judge_scrypt(pbe->keyfunc);
}

/* The EncryptedPrivateKeyInfo in a PEM file, its parameters judged. */
static int
parse(const struct blob *pem, const char *path, X509_SIG **ret, struct err *err)
{
	CLEAN(bio_freep) BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	CLEAN(ossl_text_freep) char *name = NULL;
	CLEAN(ossl_text_freep) char *header = NULL;
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	CLEAN(x509_sig_freep) X509_SIG *sig = NULL;
	const unsigned char *p;
	const char *why;
	long len = 0;

	if (bio == NULL || !PEM_read_bio(bio, &name, &header, &der, &len)) {
		ERR_clear_error();
		return err_set(err, ERR_USAGE, "%s is not a PEM file", path);
	}
	p = der;
	if (strcmp(name, PEM_STRING_PKCS8) == 0 && *header == '\0')
		sig = d2i_X509_SIG(NULL, &p, len);
	else if (strstr(name, "PRIVATE KEY") == NULL)
		return err_set(
		    err, ERR_USAGE, "%s contains \"%s\" instead of a private key", path, name);
	else {
		OPENSSL_cleanse(der, (size_t)len);
		return err_set(
		    err, ERR_USAGE, "%s is not an encrypted PKCS#8 key; %s", path, REWRITE);
	}
	if (sig == NULL || p != der + len)
		why = "it is malformed";
	else
		why = judge(sig);
	ERR_clear_error();
	if (why != NULL)
		return err_set(err, ERR_USAGE, "%s is refused: %s; %s", path, why, REWRITE);
	*ret = TAKE(sig);
	return 0;
}

int
key_file_load(const char *path, const struct secret *pass, struct key **ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	CLEAN(x509_sig_freep) X509_SIG *sig = NULL;
	CLEAN(p8_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;
	CLEAN(file_line_freep) char *uri = NULL;
	EVP_PKEY *evp;
	int64_t start;
	int rc;

	key_pass_wrong = false;
	if ((rc = file_read_private(path, &pem, err)) != 0)
		return rc;
	if ((uri = find_reference(&pem)) != NULL)
		return key_p11_open(uri, pass, ret, err);
	if ((rc = parse(&pem, path, &sig, err)) != 0)
		return rc;
	start = utc_monotonic_ns();
	p8 = PKCS8_decrypt(sig, (const char *)pass->bytes, (int)pass->len);
	key_kdf_ns += utc_monotonic_ns() - start;
	if (p8 == NULL) {
		key_pass_wrong = true;
		ERR_clear_error();
		return err_set(err, ERR_CA, "wrong passphrase for %s", path);
	}
	if ((evp = EVP_PKCS82PKEY(p8)) == NULL)
		return evp_err(err, ERR_USAGE, path);
	if ((rc = key_software(evp, ret, err)) != 0)
		return err_wrap(err, "%s", path), rc;
	return 0;
}

/* ---- as other programs leave them, to be saved in our way ---- */

static bool
contains(const struct blob *text, const char *word)
{
	return text->len > 0 && memmem(text->data, text->len, word, strlen(word)) != NULL;
}

static int
read_pem(const char *path, struct blob *ret, struct err *err)
{
	int rc = file_read(path, ret, err);

	if (rc != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	if (!contains(ret, "PRIVATE KEY-----"))
		return err_set(err, ERR_USAGE, "%s is not a private key in PEM", path);
	return 0;
}

int
key_import_asks(const char *path, bool *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	int rc;

	if ((rc = read_pem(path, &pem, err)) != 0)
		return rc;
	*ret = contains(&pem, "ENCRYPTED");
	return 0;
}

static int
give_pass(char *to, int size, int writing, void *ctx)
{
	const struct secret *pass = ctx;

	(void)writing;
	if (pass == NULL || pass->len > (size_t)size)
		return -1;
	memcpy(to, pass->bytes, pass->len);
	return (int)pass->len;
}

/* The passphrase may be right all the same. */
static bool
cipher_is_unknown(void)
{
	bool unknown = false;
	unsigned long e;

	while ((e = ERR_get_error()) != 0)
		unknown = unknown ||
			  (ERR_GET_LIB(e) == ERR_LIB_EVP && ERR_GET_REASON(e) == ERR_R_UNSUPPORTED);
	return unknown;
}

int
key_import(const char *path, const struct secret *pass, struct key **ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	CLEAN(bio_freep) BIO *bio = NULL;
	EVP_PKEY *evp;
	int rc;

	if ((rc = read_pem(path, &pem, err)) != 0)
		return rc;
	if ((bio = BIO_new_mem_buf(pem.data, (int)pem.len)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read PEM");
	ERR_clear_error();
	evp = PEM_read_bio_PrivateKey(bio, NULL, give_pass, (void *)(uintptr_t)pass);
	if (evp == NULL && contains(&pem, "ENCRYPTED"))
		return cipher_is_unknown()
			   ? err_set(err, ERR_USAGE,
				 "%s is encrypted in an old way, for which OpenSSL wants its legacy "
				 "provider; encrypt it anew: openssl pkcs8 -topk8 -provider legacy "
				 "-provider default -in %s -out NEW",
				 path, path)
			   : err_set(err, ERR_CA, "wrong passphrase for %s", path);
	if (evp == NULL)
		return evp_err(err, ERR_USAGE, path);
	if ((rc = key_software(evp, ret, err)) != 0)
		return err_wrap(err, "%s", path), rc;
	return 0;
}
