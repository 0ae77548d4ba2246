/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/evp.h>

#include "key/evp.h"
#include "ykenroll/x509.h"

int
x509_sha256(const struct blob *data, uint8_t ret[static X509_SHA256_LEN], struct err *err)
{
	if (EVP_Digest(data->data, data->len, ret, NULL, EVP_sha256(), NULL) != 1)
		return evp_err(err, ERR_INTERNAL, "SHA-256");
	return 0;
}
