/* SPDX-License-Identifier: BSD-2-Clause */
/* sealed: a short text in a CMS AuthEnvelopedData (AES-256-GCM), for whoever has one of some keys.
 * Not EnvelopedData, which has no tag: anybody could change what is in it. */
#ifndef X509_SEALED_H
#define X509_SEALED_H

#include <openssl/cms.h>

#include "key/ossl.h"
#include "ykenroll/blob.h"
#include "ykenroll/err.h"
#include "ykenroll/secret.h"

OSSL_FREEP(cms_freep, CMS_ContentInfo, CMS_ContentInfo_free)

/* Named by key identifier, so that a certificate needs one. NULL: OpenSSL's queue has why. */
CMS_ContentInfo *sealed_make(X509 *const *to, size_t n, const void *text, size_t len);
/* Takes cms: it, when it has our form, else NULL. */
CMS_ContentInfo *sealed_take(CMS_ContentInfo *cms);
/* All of the text, and only when its tag is right. Returns 0 or -1. */
MUST_CHECK int sealed_open(CMS_ContentInfo *cms, EVP_PKEY *key, X509 *cert, struct secret *text);
/* An unencrypted private key in PEM (PKCS #8); NULL: it is none. */
EVP_PKEY *sealed_key(const struct blob *pem);

#endif
