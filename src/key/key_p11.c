/* SPDX-License-Identifier: BSD-2-Clause */
/* key_p11: a struct key whose private half is on a PKCS #11 token. */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/ec.h>

#include "base/file.h"
#include "key/evp.h"
#include "key/key_priv.h"
#include "key/ossl.h"
#include "key/p11.h"

/* ---- URIs: RFC 7512, narrowed to what names one private key and gives no PIN away ---- */

uid_t p11_owner = (uid_t)-1;

/* Root is whoever owns "/": in a user namespace that need not be 0. A directory that all may write
 * to is safe when it is sticky: what is root's in it cannot be replaced. */
static bool
trusted(const char *path, uid_t root)
{
	struct stat st;

	if (lstat(path, &st) != 0 || (st.st_uid != root && st.st_uid != p11_owner))
		return false;
	return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
	       (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0);
}

/* Is this a module that only root can have put there? */
static int
uri_module(const char *path, struct err *err)
{
	char real[PATH_MAX], *slash;
	struct stat root;
	bool ok;

	if (path[0] != '/')
		return err_set(err, ERR_USAGE, "module-path must be absolute: %s", path);
	if (realpath(path, real) == NULL || stat("/", &root) != 0)
		return err_errno(err, ERR_USAGE, "module-path %s", path);
	for (ok = trusted(real, root.st_uid); ok && (slash = strrchr(real, '/')) != real;) {
		*slash = '\0';
		ok = trusted(real, root.st_uid);
	}
	if (!ok)
		return err_set(err, ERR_USAGE,
		    "module-path %s is refused: users other than root can change %s, and its code "
		    "would see the PIN",
		    path, real);
	return 0;
}

static int
judge(P11KitUri *uri, struct err *err)
{
	CK_ATTRIBUTE *class = p11_kit_uri_get_attribute(uri, CKA_CLASS);
	const char *pin = p11_kit_uri_get_pin_source(uri);

	if (p11_kit_uri_get_pin_value(uri) != NULL)
		return err_set(err, ERR_USAGE,
		    "a PIN in the URI is visible to every user; use pin-source=file:PATH, or "
		    "leave it out and be asked");
	if (p11_kit_uri_any_unrecognized(uri))
		return err_set(err, ERR_USAGE, "the URI has an unknown attribute");
	if (class != NULL && *(const CK_OBJECT_CLASS *)class->pValue != CKO_PRIVATE_KEY)
		return err_set(
		    err, ERR_USAGE, "the URI must name a private key: type=private, or no type");
	if (p11_kit_uri_get_attribute(uri, CKA_LABEL) == NULL &&
	    p11_kit_uri_get_attribute(uri, CKA_ID) == NULL)
		return err_set(
		    err, ERR_USAGE, "the URI names no key: give object=LABEL or id=%%XX");
	if (pin != NULL && pin[0] != '/' && strncmp(pin, "file:/", 6) != 0)
		return err_set(err, ERR_USAGE, "pin-source must be file:/PATH or /PATH");
	return 0;
}

static int
uri_parse(const char *text, P11KitUri **ret, struct err *err)
{
	CLEAN(p11_uri_freep) P11KitUri *uri = p11_kit_uri_new();
	const char *path;
	int rc;

	if (uri == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri)) != P11_KIT_URI_OK)
		return err_set(
		    err, ERR_USAGE, "not a PKCS #11 URI (RFC 7512): %s", p11_kit_uri_message(rc));
	if ((rc = judge(uri, err)) != 0)
		return rc;
	path = p11_kit_uri_get_module_path(uri);
	if (path != NULL && (rc = uri_module(path, err)) != 0)
		return rc;
	*ret = TAKE(uri);
	return 0;
}

static int
uri_text(P11KitUri *uri, char **ret, struct err *err)
{
	const int rc = p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, ret);

	return rc == P11_KIT_URI_OK ? 0
				    : err_set(err, ERR_INTERNAL, "cannot write the URI: %s",
					  p11_kit_uri_message(rc));
}

/* The PIN out of the file that pin-source names, or given, or NULL when there is none. file_pin:
 * room for the former. */
static int
uri_pin(const P11KitUri *uri, const struct secret *given, struct secret *file_pin,
    const struct secret **ret, struct err *err)
{
	const char *source = p11_kit_uri_get_pin_source(uri);
	int rc;

	if (source == NULL) {
		*ret = given == NULL || given->len == 0 ? NULL : given;
		return 0;
	}
	/* RFC 7512, 2.4: a file by its URI, or by its path */
	if (strncmp(source, "file://", 7) == 0)
		source += 7;
	else if (strncmp(source, "file:", 5) == 0)
		source += 5;
	if ((rc = file_read_secret(source, file_pin, err)) != 0) {
		err_wrap(err, "pin-source");
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	}
	*ret = file_pin;
	return 0;
}

/* ---- the key ---- */

struct p11_key {
	struct p11 p;
	CK_OBJECT_HANDLE handle;
	enum key_alg alg;
	char *uri;
	struct err broken; /* code 0: not */
};

static void
p11_key_free(void *ctx)
{
	CLEAN(p11_guard_leave) struct p11_guard guard = p11_guard_enter(p11_sec);
	struct p11_key *k = ctx;

	(void)guard;
	p11_wipe(&k->p);
	free(k->uri);
	free(k);
}

static void
p11_key_freep(struct p11_key **k)
{
	if (*k != NULL)
		p11_key_free(*k);
	*k = NULL;
}

/* ---- signing ---- */

/* It is not known what the token did with what it was asked. It is not asked again, neither for
 * this nor for anything else: whoever starts anew begins by closing what is open. */
static int
latch(struct p11_key *k, const char *what, CK_RV rv, struct err *err)
{
	p11_err(&k->broken, what, rv);
	if (err != NULL)
		*err = k->broken;
	err_hint(err, "this process does not use the HSM again: check the HSM, then restart");
	return ERR_CA;
}

static int
still_broken(const struct p11_key *k, struct err *err)
{
	if (err != NULL)
		*err = k->broken;
	err_wrap(err, "not tried, because it failed before");
	err_hint(err, "check the HSM, then restart the signer");
	return ERR_CA;
}

static CK_MECHANISM_TYPE
mechanism(enum key_alg alg)
{
	if (alg == KEY_ED25519)
		return CKM_EDDSA;
	return alg == KEY_P256 || alg == KEY_P384 ? CKM_ECDSA : CKM_RSA_PKCS;
}

/* What is in a block of type 1 (RFC 8017, 9.2): the token pads again. A block of another form (PSS)
 * goes as it is, to be raised only. */
static CK_MECHANISM_TYPE
unpad(const uint8_t **in, size_t *len)
{
	const uint8_t *em = *in;
	size_t i = 2;

	while (i < *len && em[i] == 0xff)
		i++;
	if (*len < 11 || em[0] != 0 || em[1] != 1 || i < 10 || i >= *len || em[i] != 0)
		return CKM_RSA_X_509;
	*in = em + i + 1;
	*len -= i + 1;
	return CKM_RSA_PKCS;
}

/* r and s of the field's size each (PKCS #11 2.40, 2.3.1) to DER. */
static int
to_der(const uint8_t *raw, size_t len, uint8_t *sig, size_t *sig_len, struct err *err)
{
	CLEAN(bignum_freep) BIGNUM *r = BN_bin2bn(raw, (int)len / 2, NULL);
	CLEAN(bignum_freep) BIGNUM *s = BN_bin2bn(raw + len / 2, (int)len / 2, NULL);
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	ECDSA_SIG *both = ECDSA_SIG_new();
	int n = -1;

	if (r != NULL && s != NULL && both != NULL && ECDSA_SIG_set0(both, r, s) == 1) {
		r = s = NULL;
		n = i2d_ECDSA_SIG(both, &der);
	}
	ECDSA_SIG_free(both);
	if (n <= 0 || (size_t)n > *sig_len)
		return evp_err(err, ERR_INTERNAL, "cannot encode the signature");
	memcpy(sig, der, (size_t)n);
	*sig_len = (size_t)n;
	return 0;
}

static int
put(const struct p11_key *k, const uint8_t *raw, size_t len, uint8_t *sig, size_t *sig_len,
    struct err *err)
{
	const size_t field = k->alg == KEY_P256 ? 32 : k->alg == KEY_P384 ? 48 : 0;

	if ((field != 0 && len != 2 * field) || len > *sig_len)
		return err_set(
		    err, ERR_CA, "HSM: a signature of unexpected length (%zu bytes)", len);
	if (field != 0)
		return to_der(raw, len, sig, sig_len, err);
	memcpy(sig, raw, len);
	*sig_len = len;
	return 0;
}

static int
p11_key_sign(
    void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len, struct err *err)
{
	CLEAN(p11_guard_leave) struct p11_guard guard = p11_guard_enter(p11_sec);
	struct p11_key *k = ctx;
	CK_MECHANISM m = {mechanism(k->alg), NULL, 0};
	uint8_t raw[KEY_SIG_MAX];
	CK_ULONG len = sizeof(raw);
	CK_RV rv;

	(void)guard;
	if (k->broken.code != 0)
		return still_broken(k, err);
	if (m.mechanism == CKM_RSA_PKCS)
		m.mechanism = unpad(&in, &in_len);
	if ((rv = k->p.module->C_SignInit(k->p.session, &m, k->handle)) != CKR_OK)
		return latch(k, "C_SignInit", rv, err);
	rv = k->p.module->C_Sign(
	    k->p.session, (CK_BYTE *)(uintptr_t)in, (CK_ULONG)in_len, raw, &len);
	if (rv != CKR_OK || len > sizeof(raw))
		return latch(k, "C_Sign", rv != CKR_OK ? rv : CKR_BUFFER_TOO_SMALL, err);
	return put(k, raw, len, sig, sig_len, err);
}

static const struct key_ops ops = {p11_key_sign, p11_key_free};

/* ---- finding it ---- */

/* A PIN for each signature would have to be kept for as long as the signer runs. */
static int
usable(const struct p11_key *k, struct err *err)
{
	CLEAN(blob_wipe) struct blob a = {0};
	int rc = p11_attribute(&k->p, k->handle, CKA_ALWAYS_AUTHENTICATE, &a, err);

	if (rc != 0)
		return rc == ERR_ABSENT ? 0 : rc;
	return a.len == 1 && a.data[0] != 0
		   ? err_set(err, ERR_CA,
			 "HSM: the key requires the PIN for every signature "
			 "(CKA_ALWAYS_AUTHENTICATE), which a CA key must not")
		   : 0;
}

static int
open_key(struct p11_key **kp, struct key **ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob spki = {0};
	struct p11_key *k = *kp;
	int rc;

	if ((rc = p11_find_private(&k->p, &k->handle, err)) != 0 || (rc = usable(k, err)) != 0 ||
	    (rc = p11_public(&k->p, k->handle, &spki, err)) != 0 ||
	    (rc = uri_text(k->p.uri, &k->uri, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_CA,
					      "HSM: no private key on the token matches the URI")
					: rc;
	k->alg = evp_spki_alg(spki.data, spki.len);
	*kp = NULL; /* key_extern takes it, whatever comes */
	return key_extern(spki.data, spki.len, &ops, k, ret, err);
}

static int
start(const char *text, const struct secret *pin, enum key_alg alg, const struct key_note *note,
    struct key **ret, struct err *err)
{
	CLEAN(p11_guard_leave)
	struct p11_guard guard = p11_guard_enter(alg == KEY_NONE ? p11_sec : P11_GENERATE_SEC);
	CLEAN(secret_freep) struct secret *file_pin = secret_new();
	CLEAN(p11_key_freep) struct p11_key *k = calloc(1, sizeof(*k));
	CLEAN(p11_uri_freep) P11KitUri *uri = NULL;
	int rc;

	(void)guard;
	if (k == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	k->broken.tries = -1;
	if ((rc = uri_parse(text, &uri, err)) != 0 ||
	    (rc = uri_pin(uri, pin, file_pin, &pin, err)) != 0 ||
	    (rc = p11_connect(TAKE(uri), pin, alg != KEY_NONE, &k->p, err)) != 0)
		return rc;
	if (alg != KEY_NONE && (rc = p11_make(&k->p, alg, note, err)) != 0)
		return rc;
	return open_key(&k, ret, err);
}

int
key_p11_open(const char *uri, const struct secret *pin, struct key **ret, struct err *err)
{
	return start(uri, pin, KEY_NONE, NULL, ret, err);
}

int
key_p11_generate(const char *uri, enum key_alg alg, const struct secret *pin,
    const struct key_note *note, struct key **ret, struct err *err)
{
	if (alg == KEY_NONE || alg == KEY_X25519 || alg == KEY_RSA2048)
		return err_set(
		    err, ERR_USAGE, "%s keys cannot be generated on an HSM", key_alg_name(alg));
	return start(uri, pin, alg, note, ret, err);
}

int
key_p11_secret(const char *text, enum key_secret *ret, struct err *err)
{
	CLEAN(p11_uri_freep) P11KitUri *uri = NULL;
	int rc;

	if ((rc = uri_parse(text, &uri, err)) != 0)
		return rc;
	*ret = p11_kit_uri_get_pin_source(uri) == NULL ? KEY_SECRET_PIN : KEY_SECRET_NONE;
	return 0;
}

const char *
key_p11_uri(const struct key *key)
{
	return key->ops == &ops ? ((const struct p11_key *)key->ctx)->uri : NULL;
}

bool
key_broken(const struct key *key)
{
	return key->ops == &ops && ((const struct p11_key *)key->ctx)->broken.code != 0;
}

bool
key_outside(const struct key *key)
{
	return key->ops == &ops;
}
