/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/x509.h>

#include "base/text.h"
#include "key/ossl.h"
#include "signer/gate.h"

#define LOCAL_MAX 64 /* bytes before the @: RFC 5321, 4.5.3.1.1 */
#define LABEL_MAX 63 /* RFC 1035, 2.3.4 */
#define SLOT_AUTHENTICATION 0x9a
#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int
recode(struct err *err, int code)
{
	if (err != NULL)
		err->code = code;
	return code;
}

/* ---- names ---- */

/* dot-atom of RFC 5322, 3.2.3, without quoting and comments */
static bool
local_ok(const char *s, size_t len)
{
	size_t i;

	if (len < 1 || len > LOCAL_MAX || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (i = 0; i < len; i++) {
		if (strchr(ALNUM ".!#$%&'*+/=?^_`{|}~-", s[i]) == NULL)
			return false;
		if (s[i] == '.' && s[i + 1] == '.')
			return false;
	}
	return true;
}

/* letters, digits, hyphens between them, dots between labels */
static bool
domain_ok(const char *s)
{
	size_t n;

	for (;; s += n + 1) {
		n = strspn(s, ALNUM "-");
		if (n < 1 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (s[n] == '\0')
			return true;
		if (s[n] != '.')
			return false;
	}
}

static int
check_email(const char *email, struct err *err)
{
	const char *at = strchr(email, '@');

	if (strlen(email) > SIGNER_EMAIL_MAX || at == NULL ||
	    !local_ok(email, (size_t)(at - email)) || !domain_ok(at + 1))
		return err_set(err, ERR_USAGE,
		    "not an e-mail address that can be certified: ASCII, one @, at most %d bytes",
		    SIGNER_EMAIL_MAX);
	return 0;
}

static int
check_cn(const char *cn, struct err *err)
{
	const size_t len = strlen(cn);

	if (len == 0)
		return err_set(err, ERR_USAGE, "the name is empty");
	if (!text_is_plain(cn))
		return err_set(err, ERR_USAGE,
		    "the name has control or invisible characters, or is not UTF-8; type it anew");
	if (cn[0] == ' ' || cn[len - 1] == ' ')
		return err_set(err, ERR_USAGE, "the name begins or ends with a space");
	if (text_chars(cn) > SIGNER_CN_MAX)
		return err_set(err, ERR_USAGE,
		    "the name has %zu characters, a certificate has room for %d", text_chars(cn),
		    SIGNER_CN_MAX);
	return 0;
}

/* A holder called like a CA: chain builders look for issuers by name. Compared as X.509 does,
 * without case and double spaces (RFC 5280, 7.1). */
static int
not_a_ca(const struct blob *cert, const char *cn, struct err *err)
{
	const uint8_t *p = cert->data;
	CLEAN(x509_freep) X509 *x = d2i_X509(NULL, &p, (long)cert->len);
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();

	if (x == NULL || name == NULL ||
	    X509_NAME_add_entry_by_NID(
		name, NID_commonName, V_ASN1_UTF8STRING, (const uint8_t *)cn, -1, -1, 0) != 1)
		return err_set(err, ERR_INTERNAL, "cannot compare the name");
	if (X509_NAME_cmp(name, X509_get_subject_name(x)) == 0)
		return err_set(err, ERR_USAGE, "the name is the CA's own; choose another one");
	return 0;
}

int
gate_names(const struct ca *ca, const char *cn, const char *email, struct err *err)
{
	size_t i;
	int rc;

	if ((rc = check_cn(cn, err)) != 0)
		return rc;
	for (i = 0; i < LOG_CAS; i++)
		if ((rc = not_a_ca(&ca->cert[i], cn, err)) != 0)
			return rc;
	return email == NULL ? 0 : check_email(email, err);
}

/* ---- what the attestation says ---- */

#define VERSION(a, b, c) ((unsigned)(a) << 16 | (unsigned)(b) << 8 | (unsigned)(c))
#define ALG(a) (1u << (a))
#define RSA (ALG(KEY_RSA2048) | ALG(KEY_RSA3072) | ALG(KEY_RSA4096))
#define ECDSA (ALG(KEY_P256) | ALG(KEY_P384))
#define SIGNS (RSA | ECDSA | ALG(KEY_ED25519))

static const struct {
	unsigned from, before; /* firmware */
	unsigned algs;
	bool by_profile; /* old_ecdsa decides */
	const char *why;
} flaws[] = {
    {VERSION(4, 2, 0), VERSION(4, 3, 5), RSA, false,
	"RSA keys of this firmware can be factored (YSA-2017-01); generate ECCP256 or ECCP384, or "
	"use a newer key"},
    {VERSION(4, 4, 2), VERSION(4, 4, 5), SIGNS, false,
	"this firmware makes weak keys (YSA-2019-02); Yubico replaces it, use another key"},
    {VERSION(0, 0, 0), VERSION(5, 7, 0), ECDSA, true,
	"the profile refuses ECDSA keys of firmware before 5.7 (YSA-2024-03); use a newer key, or "
	"an RSA key"},
};

static int
check_firmware(const struct profile *p, const struct attestation *a, struct err *err)
{
	const unsigned v = VERSION(a->firmware[0], a->firmware[1], a->firmware[2]);
	size_t i;

	for (i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		if (v < flaws[i].from || v >= flaws[i].before ||
		    (flaws[i].algs & ALG(a->alg)) == 0 || (flaws[i].by_profile && p->old_ecdsa))
			continue;
		return err_set(err, ERR_ATTEST, "firmware %u.%u.%u: %s", a->firmware[0],
		    a->firmware[1], a->firmware[2], flaws[i].why);
	}
	return 0;
}

static int
check_serial(const struct profile *p, uint32_t wanted, const struct attestation *a, struct err *err)
{
	if (a->serial == wanted && wanted != 0)
		return 0;
	if (a->serial != 0)
		return err_set(err, ERR_ATTEST,
		    "the attestation is of token %u, the request is for token %u; attest on the "
		    "token that is enrolled",
		    a->serial, wanted);
	/* The extension came with firmware 5. */
	if (a->firmware[0] >= 5)
		return err_set(err, ERR_ATTEST, "the attestation names no token");
	if (p->serial_needed)
		return err_set(err, ERR_ATTEST,
		    "the profile needs the token's serial in the attestation, firmware %u.%u.%u "
		    "has none",
		    a->firmware[0], a->firmware[1], a->firmware[2]);
	return 0;
}

static const char *
policy_name(const char *const *names, size_t n, unsigned value)
{
	return value < n ? names[value] : "unknown";
}

static int
check_policies(const struct profile *p, const struct attestation *a, struct err *err)
{
	static const char *const pins[] = {
	    "default", "never", "once", "always", "match-once", "match-always"};
	static const char *const touches[] = {"default", "never", "always", "cached"};

	if (a->pin_policy > PIN_MATCH_ALWAYS || (p->pin & 1u << a->pin_policy) == 0)
		return err_set(err, ERR_ATTEST,
		    "profile %s wants PIN policy %s, the attestation says %s; generate the key "
		    "anew",
		    p->name, p->pin_word, policy_name(pins, 6, a->pin_policy));
	if (a->touch_policy > TOUCH_CACHED || (p->touch & 1u << a->touch_policy) == 0)
		return err_set(err, ERR_ATTEST,
		    "profile %s wants touch policy %s, the attestation says %s; generate the key "
		    "anew",
		    p->name, p->touch_word, policy_name(touches, 4, a->touch_policy));
	return 0;
}

int
gate_attestation(const struct profile *profile, const struct signer_request *request,
    const struct attestation *a, struct err *err)
{
	int rc;

	if (request->slot != SLOT_AUTHENTICATION)
		return err_set(err, ERR_CA, "profile %s is for slot 9A, not %02X", profile->name,
		    request->slot);
	if (a->slot != request->slot)
		return err_set(err, ERR_ATTEST,
		    "the attestation is for slot %02X, the request for %02X", a->slot,
		    request->slot);
	if ((ALG(a->alg) & SIGNS) == 0)
		return err_set(err, ERR_ATTEST, "a key of %s cannot sign", key_alg_name(a->alg));
	if ((rc = check_serial(profile, request->token_serial, a, err)) != 0 ||
	    (rc = check_firmware(profile, a, err)) != 0)
		return rc;
	return check_policies(profile, a, err);
}

/* ---- all of it ---- */

struct trust {
	struct attest_trust trust;
	char dir[PATH_MAX];
};

static int
trusted(const struct ca *ca, struct trust *t, struct err *err)
{
	struct stat st;
	int rc;

	memset(&t->trust, 0, sizeof(t->trust));
	if ((rc = ca_path(ca->home, CA_INTERMEDIATES, t->dir, err)) != 0)
		return rc;
	if (ca->rehearsal_root.len > 0)
		t->trust.rehearsal_root = &ca->rehearsal_root;
	if (stat(t->dir, &st) == 0)
		t->trust.intermediates_dir = t->dir;
	return 0;
}

static int
verify(const struct ca *ca, const struct signer_request *request, struct attestation *ret,
    struct err *err)
{
	struct trust t;
	int rc;

	if ((rc = trusted(ca, &t, err)) != 0)
		return rc;
	rc = attest_verify(request->attestation, request->f9, &t.trust, ret, err);
	return rc == 0 || rc == ERR_INTERNAL ? rc : recode(err, ERR_ATTEST);
}

int
gate_planned(const struct ca *ca, const struct profile *profile,
    const struct signer_request *request, const struct signer_planned *planned, struct err *err)
{
	struct attestation a = {
	    .serial = request->token_serial,
	    .slot = request->slot,
	    .pin_policy = planned->pin_policy,
	    .touch_policy = planned->touch_policy,
	    .alg = planned->alg,
	};
	char anchor[X509_TEXT_MAX];
	struct trust t;
	int rc;

	memcpy(a.firmware, planned->firmware, sizeof(a.firmware));
	/* firmware 4 will attest no serial; that is for the profile to say */
	if (a.firmware[0] < 5)
		a.serial = 0;
	if ((rc = gate_names(ca, request->cn, request->email, err)) != 0 ||
	    (rc = gate_attestation(profile, request, &a, err)) != 0 ||
	    (rc = trusted(ca, &t, err)) != 0)
		return rc;
	rc = attest_check_f9(request->f9, &t.trust, anchor, err);
	return rc == 0 || rc == ERR_INTERNAL ? rc : recode(err, ERR_ATTEST);
}

int
gate_check(const struct ca *ca, const struct profile *profile, const struct signer_request *request,
    struct blob *ret_spki, struct err *err)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(blob_wipe) struct blob spki = {0};
	enum key_alg alg;
	int rc;

	if ((rc = gate_names(ca, request->cn, request->email, err)) != 0)
		return rc;
	if ((rc = csr_read(request->csr->data, request->csr->len, &spki, &alg, err)) != 0)
		return rc == ERR_INTERNAL ? rc : recode(err, ERR_CA);
	if ((rc = verify(ca, request, &a, err)) != 0)
		return rc;
	if (!blob_equal(&spki, &a.spki))
		return err_set(err, ERR_ATTEST,
		    "the request is for another key than the attestation; make both with the same "
		    "key");
	if ((rc = gate_attestation(profile, request, &a, err)) != 0)
		return rc;
	blob_move(ret_spki, &spki);
	return 0;
}
