/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attest_chain: the path from an f9 certificate to an anchor, checked by hand. X509_verify_cert()
 * is of no use: genuine chains have neither key identifiers nor keyUsage below the intermediates,
 * and are valid to the year 9999 or for as long as the vendor cared to say. Times are not looked
 * at.
 *
 *     leaf <- f9 <- Yubico PIV Root CA                                           to firmware 5.7.2
 *     leaf <- f9 <- Yubico PIV Attestation X <- Intermediate Y <- Attestation Root 1    from 5.7.4
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/attest_chain.h"
#include "x509/parse.h"

#define MAX_LATER 64 /* certificates in the directory of later intermediates */

#define CN_PIV "Yubico PIV Attestation "
#define CN_INTERMEDIATE "Yubico Attestation Intermediate "

struct later { /* what the directory holds */
	X509 *cert[MAX_LATER];
	size_t n;
};

OSSL_FREEP(bits_freep, ASN1_BIT_STRING, ASN1_BIT_STRING_free)
OSSL_FREEP(constraints_freep, BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)

static void
later_free(struct later *l)
{
	while (l->n > 0)
		X509_free(l->cert[--l->n]);
}

int
attest_chain_refuse(struct err *err, const char *what)
{
	err_wrap(err, "%s", what);
	if (err != NULL)
		err->code = ERR_ATTEST;
	return ERR_ATTEST;
}

const uint8_t *
attest_chain_cn(const X509_NAME *name, size_t *ret_len)
{
	const X509_NAME_ENTRY *entry;
	const ASN1_STRING *value;
	int type;

	if (X509_NAME_entry_count(name) != 1)
		return NULL;
	entry = X509_NAME_get_entry(name, 0);
	if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName)
		return NULL;
	value = X509_NAME_ENTRY_get_data(entry);
	type = ASN1_STRING_type(value);
	if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING)
		return NULL;
	*ret_len = (size_t)ASN1_STRING_length(value);
	return ASN1_STRING_get0_data(value);
}

static bool
cn_starts(const X509 *cert, const char *prefix)
{
	size_t len = 0;
	const uint8_t *cn = attest_chain_cn(X509_get_subject_name(cert), &len);

	return cn != NULL && len > strlen(prefix) && memcmp(cn, prefix, strlen(prefix)) == 0;
}

static bool
same_name(const X509_NAME *a, const X509_NAME *b)
{
	const unsigned char *x, *y;
	size_t x_len, y_len;

	/* Byte for byte: stricter than RFC 5280, 7.1, and what these issuers do. */
	return X509_NAME_get0_der(a, &x, &x_len) && X509_NAME_get0_der(b, &y, &y_len) &&
	       x_len == y_len && memcmp(x, y, x_len) == 0;
}

bool
attest_chain_signed(X509 *cert, const X509_NAME *issuer, EVP_PKEY *key)
{
	int bits = 0;
	const bool ok = key != NULL && same_name(X509_get_issuer_name(cert), issuer) &&
			X509_get_signature_info(cert, NULL, NULL, &bits, NULL) && bits >= 112 &&
			X509_verify(cert, key) == 1;

	ERR_clear_error();
	return ok;
}

bool
attest_chain_is_ca(const X509 *cert, long depth, bool must)
{
	CLEAN(constraints_freep) BASIC_CONSTRAINTS *bc = NULL;
	CLEAN(bits_freep) ASN1_BIT_STRING *usage = NULL;
	int crit;

	bc = X509_get_ext_d2i(cert, NID_basic_constraints, &crit, NULL);
	if (bc == NULL && (must || crit != -1)) /* -1: absent; else malformed or there twice */
		return false;
	if (bc != NULL && !bc->ca)
		return false;
	if (bc != NULL && bc->pathlen != NULL && ASN1_INTEGER_get(bc->pathlen) < depth)
		return false;
	usage = X509_get_ext_d2i(cert, NID_key_usage, &crit, NULL);
	if (usage == NULL)
		return crit == -1;
	return ASN1_BIT_STRING_get_bit(usage, 5) == 1; /* keyCertSign: RFC 5280, 4.2.1.3 */
}

static bool
by_anchor(X509 *cert, const struct attest_anchor *a)
{
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();
	CLEAN(pkey_freep) EVP_PKEY *key = NULL;
	CLEAN(blob_wipe) struct blob spki = {0};
	uint8_t modulus[256];

	/* The name first: it is cheap, and decides. */
	return name != NULL &&
	       X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
		   (const unsigned char *)a->cn, -1, -1, 0) == 1 &&
	       same_name(X509_get_issuer_name(cert), name) &&
	       text_unhex(a->modulus, modulus, sizeof(modulus)) == 0 &&
	       evp_spki(KEY_RSA2048, modulus, sizeof(modulus), &spki, NULL) == 0 &&
	       evp_public(spki.data, spki.len, &key, NULL, NULL) == 0 &&
	       attest_chain_signed(cert, name, key);
}

static bool
by_cert(X509 *cert, const X509 *issuer)
{
	return attest_chain_signed(cert, X509_get_subject_name(issuer), X509_get0_pubkey(issuer));
}

/* ---- intermediates that came later ---- */

static int
later_add_file(struct later *l, const char *path, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	CLEAN(bio_freep) BIO *bio = NULL;
	int rc;

	if ((rc = file_read(path, &pem, err)) != 0)
		return rc;
	if (pem.len == 0 || pem.len > INT32_MAX)
		return 0;
	if ((bio = BIO_new_mem_buf(pem.data, (int)pem.len)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read PEM");
	while ((rc = pem_next(bio, PEM_CERT, &der, err)) == 1) {
		if (l->n == MAX_LATER)
			return err_set(err, ERR_ATTEST, "too many intermediate certificates");
		if ((rc = cert_parse(der.data, der.len, &l->cert[l->n], err)) != 0)
			return err_wrap(err, "%s", path), rc;
		l->n++;
	}
	return rc;
}

static int
later_load(struct later *l, const char *path, struct err *err)
{
	CLEAN(file_dir_closep) DIR *dir = opendir(path);
	const struct dirent *e;
	char file[4096];
	size_t len;
	int rc;

	if (dir == NULL && errno == ENOENT)
		return 0;
	if (dir == NULL)
		return err_errno(err, ERR_ATTEST, "cannot open %s", path);
	while ((e = readdir(dir)) != NULL) {
		len = strlen(e->d_name);
		if (len < 5 || e->d_name[0] == '.' || strcmp(e->d_name + len - 4, ".pem") != 0)
			continue;
		if ((rc = file_join(file, sizeof(file), path, e->d_name, err)) != 0 ||
		    (rc = later_add_file(l, file, err)) != 0)
			return rc;
	}
	return 0;
}

/* Is this an intermediate of any product, signed by a built-in root? */
static bool
is_later_intermediate(X509 *cert)
{
	const struct attest_anchor *a;
	size_t i, n;

	if (!cn_starts(cert, CN_INTERMEDIATE) || !attest_chain_is_ca(cert, 2, true))
		return false;
	a = attest_anchors(&n);
	for (i = 0; i < n; i++)
		if (a[i].root && !a[i].issues_f9 && by_anchor(cert, &a[i]))
			return true;
	return false;
}

/* Is this a PIV intermediate, signed by a built-in or by a later intermediate? The name matters:
 * the same intermediates issue those of other products, whose keys sign what we cannot know. */
static bool
is_later_piv(const struct later *l, X509 *cert)
{
	const struct attest_anchor *a;
	size_t i, n;

	if (!cn_starts(cert, CN_PIV) || !attest_chain_is_ca(cert, 1, true))
		return false;
	a = attest_anchors(&n);
	for (i = 0; i < n; i++)
		if (!a[i].root && !a[i].issues_f9 && by_anchor(cert, &a[i]))
			return true;
	for (i = 0; i < l->n; i++)
		if (by_cert(cert, l->cert[i]) && is_later_intermediate(l->cert[i]))
			return true;
	return false;
}

static const X509 *
by_later(X509 *f9, const struct later *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (by_cert(f9, l->cert[i]) && is_later_piv(l, l->cert[i]))
			return l->cert[i];
	return NULL;
}

/* ---- the anchor ---- */

/* f9 <- PIV intermediate <- intermediate <- the rehearsal root: any names, the same depth. */
static bool
by_rehearsal_later(X509 *f9, const struct later *l, const X509 *root)
{
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		if (!by_cert(f9, l->cert[i]) || !attest_chain_is_ca(l->cert[i], 1, true))
			continue;
		for (k = 0; k < l->n; k++)
			if (by_cert(l->cert[i], l->cert[k]) &&
			    attest_chain_is_ca(l->cert[k], 2, true) && by_cert(l->cert[k], root))
				return true;
	}
	return false;
}

int
attest_chain_anchor(X509 *f9, const struct attest_trust *trust, char ret_name[static X509_TEXT_MAX],
    bool *ret_rehearsal, struct err *err)
{
	const struct blob *der = trust->rehearsal_root;
	CLEAN(x509_freep) X509 *root = NULL;
	CLEAN(later_free) struct later l = {0};
	const struct attest_anchor *a;
	const X509 *top;
	size_t i, n;

	*ret_rehearsal = false;
	a = attest_anchors(&n);
	for (i = 0; i < n; i++) {
		if (!a[i].issues_f9 || !by_anchor(f9, &a[i]))
			continue;
		snprintf(ret_name, X509_TEXT_MAX, "CN=%s", a[i].cn);
		return 0;
	}
	if (der != NULL && cert_parse(der->data, der->len, &root, err) != 0)
		return attest_chain_refuse(err, "rehearsal root");
	*ret_rehearsal = root != NULL && by_cert(f9, root);
	if (!*ret_rehearsal && trust->intermediates_dir != NULL) {
		if (later_load(&l, trust->intermediates_dir, err) != 0)
			return attest_chain_refuse(err, "intermediates");
		*ret_rehearsal = root != NULL && by_rehearsal_later(f9, &l, root);
	}
	top = *ret_rehearsal ? root : by_later(f9, &l);
	cert_name_text(
	    top == NULL ? X509_get_issuer_name(f9) : X509_get_subject_name(top), ret_name);
	return top != NULL ? 0
			   : err_set(err, ERR_ATTEST,
				 "the f9 certificate is not signed by a known attestation CA (its "
				 "issuer is %s)",
				 ret_name);
}
