/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "virtual/applet.h"
#include "virtual/vattest.h"
#include "virtual/vcrypt.h"

#define ID_ATTESTATION 0x5FFF01

#define OID_FIRMWARE "1.3.6.1.4.1.41482.3.3"
#define OID_SERIAL "1.3.6.1.4.1.41482.3.7"
#define OID_POLICY "1.3.6.1.4.1.41482.3.8"
#define OID_FORM "1.3.6.1.4.1.41482.3.9"
#define OID_FIPS "1.3.6.1.4.1.41482.3.10"
#define F9_RSA "f9-rsa2048.key"

/* From the top down; each is issued by the one before it. */
static const struct ca {
	const char *file, *subject, *from;
	int path_len;
} cas[] = {
    {"root", "ykvirt attestation root (TEST)", "20160101000000Z", 3},
    {"TEST_Attestation_Intermediate_B_1", "ykvirt Attestation Intermediate B 1 (TEST)",
	"20241201000000Z", 2},
    {"TEST_PIV_Attestation_B_1", "ykvirt PIV Attestation B 1 (TEST)", "20241201000000Z", 1},
};

#define N_CAS (sizeof(cas) / sizeof(cas[0]))

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};

struct vroot {
	X509 *issuer; /* of F9: the root, or an intermediate */
	EVP_PKEY *issuer_key;
	EVP_PKEY *f9_rsa; /* if asked for */
};

/* ---- the CAs ---- */

/* len bytes; the first is 1, so that the number is positive and of full length. */
static int
random_serial(X509 *x, size_t len)
{
	uint8_t buf[16] = {1};
	BIGNUM *bn = NULL;
	int rc = -1;

	if (RAND_bytes(buf + 1, (int)len - 1) == 1 &&
	    (bn = BN_bin2bn(buf, (int)len, NULL)) != NULL &&
	    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL)
		rc = 0;
	BN_free(bn);
	return rc;
}

/* Version 3 with subject CN and serial. */
static X509 *
vroot_cert(const char *subject, EVP_PKEY *key, size_t serial_len)
{
	X509 *x = X509_new();
	X509_NAME *name = x != NULL ? X509_get_subject_name(x) : NULL;

	if (name == NULL || X509_set_version(x, X509_VERSION_3) != 1 ||
	    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
		(const unsigned char *)subject, -1, -1, 0) != 1 ||
	    X509_set_pubkey(x, key) != 1 || random_serial(x, serial_len) != 0) {
		X509_free(x);
		return NULL;
	}
	return x;
}

/* YYYYMMDDHHMMSSZ */
static int
vroot_validity(X509 *x, const char *from, const char *until)
{
	return ASN1_TIME_set_string_X509(X509_getm_notBefore(x), from) == 1 &&
		       ASN1_TIME_set_string_X509(X509_getm_notAfter(x), until) == 1
		   ? 0
		   : -1;
}

static int
add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx = {0};
	X509_EXTENSION *e;
	int rc;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	rc = e != NULL && X509_add_ext(x, e, -1) == 1 ? 0 : -1;
	X509_EXTENSION_free(e);
	return rc;
}

static int
vroot_ca(X509 *x, int path_len)
{
	char value[40];

	snprintf(value, sizeof(value), "critical,CA:TRUE,pathlen:%d", path_len);
	return add_ext(x, x, NID_basic_constraints, value);
}

/* issuer NULL: by itself. */
static int
make(const struct ca *ca, const struct pair *issuer, struct pair *ret)
{
	EVP_PKEY *key = vcrypt_generate(vcrypt_alg(NULL, VCRYPT_P256));
	X509 *x = key != NULL ? vroot_cert(ca->subject, key, 16) : NULL;
	X509 *above = issuer != NULL ? issuer->cert : x;

	ret->key = key;
	ret->cert = x;
	if (x == NULL || X509_set_issuer_name(x, X509_get_subject_name(above)) != 1 ||
	    vroot_validity(x, ca->from, "99991231235959Z") != 0 ||
	    /* what the vendor's CAs have, and F9 has not */
	    add_ext(x, above, NID_subject_key_identifier, "hash") != 0 ||
	    add_ext(x, above, NID_authority_key_identifier, "keyid") != 0 ||
	    add_ext(x, above, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign") !=
		0 ||
	    vroot_ca(x, ca->path_len) != 0 ||
	    X509_sign(x, issuer != NULL ? issuer->key : key, EVP_sha256()) == 0)
		return -1;
	return 0;
}

static int
path_in(char ret[static PATH_MAX], const char *dir, const char *name, const char *suffix)
{
	int n = snprintf(ret, PATH_MAX, "%s/%s%s", dir, name, suffix);

	return n > 0 && n < PATH_MAX ? 0 : -1;
}

static FILE *
open_in(const char *dir, const char *name, const char *suffix, int flags, mode_t mode)
{
	char path[PATH_MAX];
	FILE *f = NULL;
	int fd = -1;

	if (path_in(path, dir, name, suffix) == 0)
		fd = open(path, flags | O_CLOEXEC, mode);
	if (fd >= 0 && (f = fdopen(fd, (flags & O_WRONLY) ? "w" : "r")) == NULL)
		close(fd);
	return f;
}

static EVP_PKEY *
read_key(FILE *f)
{
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

	fclose(f);
	return key;
}

static int
write_key(const char *dir, const char *name, const char *suffix, EVP_PKEY *key)
{
	FILE *f = open_in(dir, name, suffix, O_WRONLY | O_CREAT | O_EXCL, 0600);
	int ok = f != NULL && PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;

	if (f != NULL && fclose(f) != 0)
		ok = 0;
	return ok ? 0 : -1;
}

/* The first n of a chain. At once: it may be read. */
static int
write_certs(const char *dir, const char *name, const struct pair *chain, size_t n)
{
	char from[PATH_MAX], to[PATH_MAX];
	FILE *f = open_in(dir, name, ".new", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	int ok = f != NULL;

	for (size_t i = 0; ok && i < n; i++)
		ok = PEM_write_X509(f, chain[i].cert) == 1;
	if (f != NULL && fclose(f) != 0)
		ok = 0;
	return ok && path_in(from, dir, name, ".new") == 0 && path_in(to, dir, name, ".pem") == 0
		   ? rename(from, to)
		   : -1;
}

/* 0 read; 1 there is none yet; -1 broken. */
static int
read_pair(const char *dir, const struct ca *ca, struct pair *ret)
{
	FILE *kf = open_in(dir, ca->file, ".key", O_RDONLY, 0);
	FILE *cf = open_in(dir, ca->file, ".pem", O_RDONLY, 0);
	bool fresh = kf == NULL && cf == NULL;

	if (kf != NULL)
		ret->key = read_key(kf);
	if (cf != NULL) {
		ret->cert = PEM_read_X509(cf, NULL, NULL, NULL);
		fclose(cf);
	}
	if (fresh)
		return 1;
	/* A root of before there were intermediates cannot have any. */
	return ret->key != NULL && ret->cert != NULL &&
		       X509_check_private_key(ret->cert, ret->key) == 1 &&
		       X509_get_pathlen(ret->cert) == ca->path_len
		   ? 0
		   : -1;
}

static int
read_or_make(const char *dir, const struct ca *ca, const struct pair *issuer, struct pair *ret)
{
	int rc = dir != NULL ? read_pair(dir, ca, ret) : 1;

	if (rc <= 0)
		return rc;
	if (make(ca, issuer, ret) != 0)
		return -1;
	return dir == NULL || (write_key(dir, ca->file, ".key", ret->key) == 0 &&
				  write_certs(dir, ca->file, ret, 1) == 0)
		   ? 0
		   : -1;
}

/* Made once: real keys share theirs by the batch, and this one takes a moment. */
static EVP_PKEY *
shared_f9(const char *dir)
{
	FILE *f = dir != NULL ? open_in(dir, F9_RSA, "", O_RDONLY, 0) : NULL;
	EVP_PKEY *key;

	if (f != NULL)
		return read_key(f);
	key = vcrypt_generate(vcrypt_alg(NULL, VCRYPT_RSA2048));
	if (key != NULL && dir != NULL && write_key(dir, F9_RSA, "", key) != 0) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

/* Down the chain to whoever issues F9. NULL, or the file that is to blame. */
static const char *
fill(const char *dir, size_t depth, bool f9_rsa, struct vroot *ret)
{
	struct pair chain[N_CAS] = {0}, *last = &chain[depth - 1];
	const char *bad = NULL;

	for (size_t i = 0; bad == NULL && i < depth; i++)
		if (read_or_make(dir, &cas[i], i > 0 ? &chain[i - 1] : NULL, &chain[i]) != 0)
			bad = cas[i].file;
	/* Whoever is told of root.pem alone shall find the whole chain there. */
	if (bad == NULL && dir != NULL && depth > 1 &&
	    write_certs(dir, cas[0].file, chain, depth) != 0)
		bad = cas[0].file;
	if (bad == NULL && f9_rsa && (ret->f9_rsa = shared_f9(dir)) == NULL)
		bad = F9_RSA;
	ret->issuer = last->cert;
	ret->issuer_key = last->key;
	for (struct pair *p = chain; p < last; p++) {
		EVP_PKEY_free(p->key);
		X509_free(p->cert);
	}
	return bad;
}

static void
vroot_wipe(struct vroot *r)
{
	X509_free(r->issuer);
	EVP_PKEY_free(r->issuer_key);
	EVP_PKEY_free(r->f9_rsa);
	*r = (struct vroot){0};
}

/* dir NULL: in memory only. 0, or -1 with a message. */
static int
vroot_open(
    const char *dir, bool intermediates, bool f9_rsa, struct vroot *ret, char *msg, size_t msg_len)
{
	size_t depth = intermediates ? N_CAS : 1;
	const char *bad = "root.lock";
	FILE *lock = NULL;

	*ret = (struct vroot){0};
	if (dir == NULL)
		bad = fill(NULL, depth, f9_rsa, ret);
	else if ((mkdir(dir, 0700) == 0 || errno == EEXIST) &&
		 (lock = open_in(dir, "root.lock", "", O_WRONLY | O_CREAT, 0600)) != NULL &&
		 flock(fileno(lock), LOCK_EX) == 0)
		bad = fill(dir, depth, f9_rsa, ret);
	if (lock != NULL)
		fclose(lock);
	if (bad == NULL)
		return 0;
	snprintf(msg, msg_len, "%s: cannot read or make %s (of the attestation CAs)",
	    dir != NULL ? dir : "attestation", bad);
	vroot_wipe(ret);
	return -1;
}

/* ---- F9 and what it says ---- */

static void
x509_clean(X509 **x)
{
	X509_free(*x);
}

/* A non-critical extension with these bytes as the content of its OCTET STRING. */
static int
add_oid(X509 *x, const char *oid, const uint8_t *bytes, size_t len)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *val = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	int rc = -1;

	if (obj != NULL && val != NULL && ASN1_OCTET_STRING_set(val, bytes, (int)len) == 1 &&
	    (ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, val)) != NULL &&
	    X509_add_ext(x, ext, -1) == 1)
		rc = 0;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(val);
	ASN1_OBJECT_free(obj);
	return rc;
}

/* 70 certificate, 71 00 (not compressed), FE: the form of every certificate object. */
static int
store_f9(struct state *st, X509 *x)
{
	struct vbuf obj = {0};
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	uint8_t plain = 0;

	if (len <= 0)
		return -1;
	vtlv_put(&obj, 0x70, der, (size_t)len);
	vtlv_put(&obj, 0x71, &plain, 1);
	vtlv_put(&obj, 0xFE, NULL, 0);
	OPENSSL_free(der);
	return obj.bad ? -1 : state_object_set(st, ID_ATTESTATION, obj.b, obj.len);
}

/* The new hierarchy began with 5.7.4: another name, another validity. */
static int
issue_f9(struct state *st, EVP_PKEY *key, EVP_PKEY *issuer_key, X509 *issuer)
{
	static const uint8_t fips[] = {0x02, 0x01, 0x07};
	bool newer = state_fw(st, 5, 7, 4);
	VTLV_CLEAN(x509_clean)
	X509 *x = vroot_cert(newer ? "YubiKey PIV Attestation" : "Yubico PIV Attestation", key, 8);

	if (x == NULL || X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1 ||
	    vroot_validity(x, newer ? "20241201000000Z" : "20160314000000Z",
		newer ? "99991231235959Z" : "20520417000000Z") != 0 ||
	    add_oid(x, OID_FIRMWARE, st->firmware, sizeof(st->firmware)) != 0 ||
	    (state_is_fips(st) && add_oid(x, OID_FIPS, fips, sizeof(fips)) != 0) ||
	    vroot_ca(x, 0) != 0 || X509_sign(x, issuer_key, EVP_sha256()) == 0)
		return -1;
	return store_f9(st, x);
}

int
vattest_provision(struct state *st, const char *dir, bool rsa, char *msg, size_t msg_len)
{
	const uint8_t alg = rsa ? VCRYPT_RSA2048 : VCRYPT_P256;
	struct vroot r;
	EVP_PKEY *key;
	int rc;

	if (vroot_open(dir, state_fw(st, 5, 7, 4), rsa, &r, msg, msg_len) != 0)
		return -1;
	key = rsa ? r.f9_rsa : vcrypt_generate(vcrypt_alg(NULL, alg));
	r.f9_rsa = NULL;
	rc = key != NULL ? issue_f9(st, key, r.issuer_key, r.issuer) : -1;
	/* A factory key reads as imported, PIN once, touch never. */
	if (rc == 0)
		state_slot_fill(state_slot(st, SLOT_ATTESTATION), alg, key, PIN_ONCE, POLICY_NEVER,
		    STATE_IMPORTED);
	else
		snprintf(msg, msg_len, "cannot create the attestation key");
	if (rc != 0)
		EVP_PKEY_free(key);
	vroot_wipe(&r);
	return rc;
}

static X509 *
read_f9(const struct state *st)
{
	const struct state_object *o = state_object(st, ID_ATTESTATION);
	const uint8_t *p;
	struct vtlv t;

	if (o == NULL || !vtlv_find(o->data, o->len, 0x70, &t))
		return NULL;
	p = t.val;
	return d2i_X509(NULL, &p, (long)t.len);
}

/* Serial and form factor joined with firmware 5. */
static int
leaf_extensions(X509 *x, const struct state *st, const struct state_slot *slot)
{
	uint32_t s = st->serial;
	/* A DER INTEGER that real tokens always write with four bytes. */
	const uint8_t serial[] = {
	    0x02, 0x04, (uint8_t)(s >> 24), (uint8_t)(s >> 16), (uint8_t)(s >> 8), (uint8_t)s};
	const uint8_t policy[] = {slot->pin_policy, slot->touch_policy};
	bool five = state_fw(st, 5, 0, 0);

	if (add_oid(x, OID_FIRMWARE, st->firmware, sizeof(st->firmware)) != 0 ||
	    (five && add_oid(x, OID_SERIAL, serial, sizeof(serial)) != 0) ||
	    add_oid(x, OID_POLICY, policy, sizeof(policy)) != 0)
		return -1;
	return five ? add_oid(x, OID_FORM, &st->form_factor, 1) : 0;
}

int
vattest_leaf(struct state *st, const struct state_slot *slot, struct vbuf *out)
{
	const struct state_slot *f9 = state_slot(st, SLOT_ATTESTATION);
	VTLV_CLEAN(x509_clean) X509 *ca = read_f9(st);
	VTLV_CLEAN(x509_clean) X509 *x = NULL;
	unsigned char *der = NULL;
	char subject[40];
	int len;

	snprintf(subject, sizeof(subject), "YubiKey PIV Attestation %02x", slot->id);
	if (ca == NULL || f9->alg == 0 || (x = vroot_cert(subject, slot->key, 16)) == NULL ||
	    X509_set_issuer_name(x, X509_get_subject_name(ca)) != 1 ||
	    X509_set1_notBefore(x, X509_get0_notBefore(ca)) != 1 ||
	    X509_set1_notAfter(x, X509_get0_notAfter(ca)) != 1 ||
	    leaf_extensions(x, st, slot) != 0 || X509_sign(x, f9->key, EVP_sha256()) == 0)
		return -1;
	len = i2d_X509(x, &der);
	if (len <= 0)
		return -1;
	vtlv_raw(out, der, (size_t)len);
	OPENSSL_free(der);
	return 0;
}
