/* SPDX-License-Identifier: BSD-2-Clause */
/* receipt: a signed text, and the chain of a certificate that it tells of. */
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "x509/sealed.h"

static void
signers_freep(STACK_OF(X509) * *p)
{
	sk_X509_free(*p);
}

int
receipt_open(
    const struct blob *cms_der, struct blob *ret_text, struct blob *ret_signer, struct err *err)
{
	const unsigned char *p = cms_der->data;
	CLEAN(cms_freep)
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)cms_der->len);
	CLEAN(bio_freep) BIO *out = BIO_new(BIO_s_mem());
	CLEAN(signers_freep) STACK_OF(X509) *signers = NULL;
	char *text;
	long len;
	int rc;

	if (cms == NULL || p != cms_der->data + cms_der->len ||
	    OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		return evp_err(err, ERR_FIT, "this is not a signed receipt");
	/* whose certificate it is says the audit chain, not a CA */
	if (out == NULL ||
	    CMS_verify(cms, NULL, NULL, NULL, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
		return evp_err(
		    err, ERR_PROOF, "the receipt was changed: its signature does not verify");
	signers = CMS_get0_signers(cms);
	if (sk_X509_num(signers) != 1)
		return evp_err(err, ERR_FIT, "a receipt must have exactly one signer");
	len = BIO_get_mem_data(out, &text);
	if ((rc = evp_der(sk_X509_value(signers, 0), ASN1_ITEM_rptr(X509), "the signer", ret_signer,
		 err)) != 0)
		return rc;
	return blob_set(ret_text, text, (size_t)len, err);
}

static int
verify(X509 *cert, X509 *issuing, X509 *root, int64_t at)
{
	CLEAN(store_freep) X509_STORE *store = X509_STORE_new();
	CLEAN(store_ctx_freep) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	CLEAN(signers_freep) STACK_OF(X509) *between = sk_X509_new_null();

	if (store == NULL || ctx == NULL || between == NULL ||
	    sk_X509_push(between, issuing) <= 0 || X509_STORE_add_cert(store, root) != 1 ||
	    X509_STORE_CTX_init(ctx, store, cert, between) != 1)
		return -1;
	X509_STORE_CTX_set_time(ctx, 0, (time_t)at);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
	return X509_verify_cert(ctx) == 1 ? 0 : -1;
}

int
receipt_chain(const struct blob *cert_der, const struct blob *issuing_der,
    const struct blob *root_der, int64_t at, struct err *err)
{
	CLEAN(x509_freep) X509 *cert = NULL, *issuing = NULL, *root = NULL;

	if (cert_parse(cert_der->data, cert_der->len, &cert, NULL) != 0 ||
	    cert_parse(issuing_der->data, issuing_der->len, &issuing, NULL) != 0 ||
	    cert_parse(root_der->data, root_der->len, &root, NULL) != 0 ||
	    verify(cert, issuing, root, at) != 0)
		return evp_err(
		    err, ERR_PROOF, "the certificate was not issued by the receipt's CA");
	return 0;
}
