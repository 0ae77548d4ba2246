/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/pem.h> /* before cms.h, which then has its PEM functions */

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "x509/sealed.h"

static int
add_recipient(CMS_ContentInfo *cms, X509 *cert)
{
	/* by key identifier and with our KDF digest: OpenSSL's default for both is of 2002 (issuer
	 * and serial; SHA-1, RFC 5753 section 7.1.4) */
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, cert, CMS_USE_KEYID | CMS_KEY_PARAM);
	EVP_PKEY_CTX *ctx = ri == NULL ? NULL : CMS_RecipientInfo_get0_pkey_ctx(ri);

	if (ctx == NULL)
		return -1;
	if (EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) != EVP_PKEY_RSA)
		return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha384()) == 1 ? 0 : -1;
	/* with its default SHA-1, which is sound there and the only one that many HSMs have */
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 ? 0 : -1;
}

static int
add_recipients(CMS_ContentInfo *cms, X509 *const *to, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (add_recipient(cms, to[i]) != 0)
			return -1;
	return 0;
}

CMS_ContentInfo *
sealed_make(X509 *const *to, size_t n, const void *text, size_t len)
{
	CLEAN(cms_freep)
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), CMS_PARTIAL | CMS_BINARY);
	/* freed before cms, which owns what it writes to */
	CLEAN(bio_freep) BIO *content = NULL;

	/* not CMS_final: it would pass the plain text through buffers that are not wiped */
	if (cms == NULL || add_recipients(cms, to, n) != 0 ||
	    (content = CMS_dataInit(cms, NULL)) == NULL ||
	    BIO_write(content, text, (int)len) != (int)len || BIO_flush(content) != 1 ||
	    CMS_dataFinal(cms, content) != 1)
		return NULL;
	return TAKE(cms);
}

CMS_ContentInfo *
sealed_take(CMS_ContentInfo *cms)
{
	if (cms != NULL && OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData)
		return cms;
	CMS_ContentInfo_free(cms);
	return NULL;
}

int
sealed_open(CMS_ContentInfo *cms, EVP_PKEY *key, X509 *cert, struct secret *text)
{
	CLEAN(bio_freep) BIO *content = NULL;
	int n;

	if (CMS_decrypt_set1_pkey(cms, key, cert) != 1 ||
	    (content = CMS_dataInit(cms, NULL)) == NULL)
		return -1;
	while (text->len < SECRET_MAX &&
	       (n = BIO_read(content, text->bytes + text->len, (int)(SECRET_MAX - text->len))) > 0)
		text->len += (size_t)n;
	/* a full buffer is a text that we never wrote */
	return text->len < SECRET_MAX && BIO_get_cipher_status(content) == 1 ? 0 : -1;
}

EVP_PKEY *
sealed_key(const struct blob *pem)
{
	CLEAN(bio_freep) BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	CLEAN(p8_freep)
	PKCS8_PRIV_KEY_INFO *p8 =
	    /* not PEM_read_bio_PrivateKey: it tries every decoder that there is, ten times slower
	     */
	    bio == NULL ? NULL : PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio, NULL, NULL, NULL);

	return p8 == NULL ? NULL : EVP_PKCS82PKEY(p8);
}
