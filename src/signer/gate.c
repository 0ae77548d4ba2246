/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <sys/stat.h>

#include "signer/gate.h"

#define SLOT_AUTHENTICATION 0x9a

static int
recode(struct err *err, int code)
{
	if (err != NULL)
		err->code = code;
	return code;
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
	"RSA keys of this firmware can be factored (YSA-2017-01, ROCA); generate ECCP256 or "
	"ECCP384, or use a newer token"},
    {VERSION(4, 4, 2), VERSION(4, 4, 5), SIGNS, false,
	"this firmware generates weak keys (YSA-2019-02); Yubico replaces such tokens, use "
	"another one"},
    {VERSION(0, 0, 0), VERSION(5, 7, 0), ECDSA, true,
	"the profile refuses ECDSA keys of firmware before 5.7 (YSA-2024-03, EUCLEAK); use a "
	"newer token, or an RSA key"},
};

static int
check_firmware(const struct profile *p, const struct attestation *a, struct err *err)
{
	const unsigned v = VERSION(a->firmware[0], a->firmware[1], a->firmware[2]);
	size_t i;

	if (v < VERSION(p->firmware[0], p->firmware[1], p->firmware[2]))
		return err_set(err, ERR_ATTEST,
		    "profile %s requires firmware %u.%u.%u or newer, the attestation says "
		    "%u.%u.%u; use a newer token",
		    p->name, p->firmware[0], p->firmware[1], p->firmware[2], a->firmware[0],
		    a->firmware[1], a->firmware[2]);
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
		    "the attestation is from token %u but the request is for token %u; attest on "
		    "the token that is enrolled",
		    a->serial, wanted);
	/* The extension came with firmware 5. */
	if (a->firmware[0] >= 5)
		return err_set(err, ERR_ATTEST, "the attestation names no token");
	if (p->serial_needed)
		return err_set(err, ERR_ATTEST,
		    "the profile requires the token's serial number in the attestation, which "
		    "firmware %u.%u.%u does not include",
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
		    "profile %s requires PIN policy %s, the attestation says %s; generate the key "
		    "again",
		    p->name, p->pin_word, policy_name(pins, 6, a->pin_policy));
	if (a->touch_policy > TOUCH_CACHED || (p->touch & 1u << a->touch_policy) == 0)
		return err_set(err, ERR_ATTEST,
		    "profile %s requires touch policy %s, the attestation says %s; generate the "
		    "key again",
		    p->name, p->touch_word, policy_name(touches, 4, a->touch_policy));
	return 0;
}

/* Known only from the attestation; firmware 4 attests neither. */
static int
check_model(const struct profile *p, const struct attestation *a, struct err *err)
{
	if (p->forms != 0 && (a->form_factor > 31 || (p->forms & 1u << a->form_factor) == 0))
		return err_set(err, ERR_ATTEST,
		    "profile %s does not accept this form factor (%u); see form_factor in "
		    "ykenroll.conf",
		    p->name, a->form_factor);
	if (p->fips && !a->fips)
		return err_set(err, ERR_ATTEST,
		    "profile %s requires a FIPS series token, and the attestation is not from one",
		    p->name);
	return 0;
}

int
gate_attestation(const struct profile *profile, const struct request *request,
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
		return err_set(err, ERR_ATTEST, "a %s key cannot sign", key_alg_name(a->alg));
	if ((rc = check_serial(profile, request->token, a, err)) != 0 ||
	    (rc = check_firmware(profile, a, err)) != 0)
		return rc;
	return check_policies(profile, a, err);
}

/* ---- all of it ---- */

struct trust {
	struct attest_trust trust;
	struct ca_name dir;
};

static void
trusted(const struct ca *ca, struct trust *t)
{
	struct stat st;

	memset(&t->trust, 0, sizeof(t->trust));
	t->dir = ca_name(ca->home, CA_INTERMEDIATES);
	if (ca->rehearsal_root.len > 0)
		t->trust.rehearsal_root = &ca->rehearsal_root;
	if (stat(t->dir.at, &st) == 0)
		t->trust.intermediates_dir = t->dir.at;
}

int
gate_tokens(const struct profile *profile, struct err *err)
{
	if (!profile->software)
		return 0;
	return err_set(
	    err, ERR_CA, "profile %s is for software keys; use: ykenroll ca issue", profile->name);
}

int
gate_planned(const struct ca *ca, const struct profile *profile, const struct request *request,
    struct err *err)
{
	struct attestation a = {
	    .serial = request->token,
	    .slot = request->slot,
	    .pin_policy = request->pin_policy,
	    .touch_policy = request->touch_policy,
	    .alg = (enum key_alg)request->alg,
	};
	char anchor[X509_TEXT_MAX];
	struct trust t;
	int rc;

	memcpy(a.firmware, request->firmware, sizeof(a.firmware));
	/* firmware 4 will attest no serial; that is for the profile to say */
	if (a.firmware[0] < 5)
		a.serial = 0;
	if ((rc = gate_attestation(profile, request, &a, err)) != 0)
		return rc;
	trusted(ca, &t);
	rc = attest_check_f9(&request->f9, &t.trust, anchor, err);
	return rc == 0 || rc == ERR_INTERNAL ? rc : recode(err, ERR_ATTEST);
}

int
gate_check(const struct ca *ca, const struct profile *profile, const struct request *request,
    struct blob *ret_spki, struct err *err)
{
	CLEAN(attestation_wipe) struct attestation a = {0};
	CLEAN(blob_wipe) struct blob spki = {0};
	enum key_alg alg;
	struct trust t;
	int rc;

	if ((rc = csr_read(request->csr.data, request->csr.len, &spki, &alg, err)) != 0)
		return rc == ERR_INTERNAL ? rc : recode(err, ERR_CA);
	trusted(ca, &t);
	if ((rc = attest_verify(&request->attestation, &request->f9, &t.trust, &a, err)) != 0)
		return rc == ERR_INTERNAL ? rc : recode(err, ERR_ATTEST);
	if (!blob_equal(&spki, &a.spki))
		return err_set(err, ERR_ATTEST,
		    "request and attestation are for different keys; make both with the same key");
	if ((rc = gate_attestation(profile, request, &a, err)) != 0 ||
	    (rc = check_model(profile, &a, err)) != 0)
		return rc;
	blob_move(ret_spki, &spki);
	return 0;
}

/* ---- keys that are in no token ---- */

int
gate_peer(const struct ca *ca, const struct profile *profile, uint32_t peer, struct err *err)
{
	if (!profile->software)
		return err_set(err, ERR_CA,
		    "profile %s is for keys in tokens; use: ykenroll enroll. Software keys have "
		    "the profiles software, server, ocsp, and those of ykenroll.conf with key = "
		    "software",
		    profile->name);
	if (!rules_software_peer(ca->rules, peer))
		return err_set(err, ERR_CA,
		    "uid %u may not have software keys certified; do it as root or as the "
		    "signer's user, or add the uid to software_peers in [ca] of ykenroll.conf",
		    peer);
	return 0;
}

int
gate_software(const struct blob *csr, struct blob *ret_spki, struct err *err)
{
	CLEAN(blob_wipe) struct blob spki = {0};
	enum key_alg alg;
	int rc;

	if ((rc = csr_read(csr->data, csr->len, &spki, &alg, err)) != 0)
		return rc == ERR_INTERNAL ? rc : recode(err, ERR_CA);
	if ((ALG(alg) & SIGNS) == 0)
		return err_set(err, ERR_CA, "a %s key cannot sign", key_alg_name(alg));
	blob_move(ret_spki, &spki);
	return 0;
}
