/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "key/evp.h"
#include "testbend.h"

#define ARC "1.3.6.1.4.1.41482.3."

void
attempt_wipe(struct attempt *a)
{
	EVP_PKEY_free(a->f9_key);
	EVP_PKEY_free(a->stranger);
	key_freep(&a->key);
	key_freep(&a->other);
	blob_wipe(&a->csr);
	blob_wipe(&a->leaf_der);
	blob_wipe(&a->f9_der);
}

#define IS(n, field, l)                                      \
	(struct test_ext)                                    \
	{                                                    \
		.name = ARC n, .der = (a->field), .len = (l) \
	}

void
attempt_new(struct attempt *a, const struct ca *ca, enum key_alg alg)
{
	*a = (struct attempt){.leaf_firmware = {5, 7, 1},
	    .f9_firmware = {5, 7, 1},
	    .serial = {2, 4, 0x00, 0xbc, 0x61, 0x4e}, /* TESTATTEST_SERIAL */
	    .policy = {PIN_ONCE, TOUCH_NEVER},
	    .form = {1},
	    .f9_key = EVP_EC_gen("P-256"),
	    .stranger = EVP_EC_gen("P-256")};
	assert_int_equal(key_generate(alg, &a->key, NULL), 0);
	assert_int_equal(key_generate(KEY_P256, &a->other, NULL), 0);
	assert_int_equal(csr_make(a->key, "alice", &a->csr, NULL), 0);
	a->leaf_ext[0] = IS("3", leaf_firmware, 3);
	a->leaf_ext[1] = IS("8", policy, 2);
	a->leaf_ext[2] = IS("9", form, 1);
	a->leaf_ext[3] = IS("7", serial, 6);
	a->f9_ext[0] =
	    (struct test_ext){.name = "basicConstraints", .text = "critical,CA:TRUE,pathlen:0"};
	a->f9_ext[1] = IS("3", f9_firmware, 3);
	a->f9 = (struct test_cert){.subject = "Yubico PIV Attestation",
	    .issuer = "Test PIV Root CA",
	    .pub = a->f9_key,
	    .signer = testsigner_token.root.key,
	    .ext = a->f9_ext,
	    .n_ext = 2};
	a->leaf = (struct test_cert){.subject = "YubiKey PIV Attestation 9a",
	    .issuer = "Yubico PIV Attestation",
	    .pub = key_evp_public(a->key),
	    .signer = a->f9_key,
	    .ext = a->leaf_ext,
	    .n_ext = 4};
	assert_int_equal(rules_profile(ca->rules, "client", &a->profile, NULL), 0);
	a->r = (struct request){
	    .profile = "client", .holder.name = "alice", .token = TESTATTEST_SERIAL, .slot = 0x9a};
	a->shown_attestation = &a->leaf_der;
	a->shown_f9 = &a->f9_der;
}

static void
both_are(struct attempt *a, uint8_t major, uint8_t minor, uint8_t patch)
{
	const uint8_t v[3] = {major, minor, patch};

	memcpy(a->leaf_firmware, v, 3);
	memcpy(a->f9_firmware, v, 3);
}
void
attempt_bend(struct attempt *a, const struct bend *b)
{
	if (b->before != NULL)
		b->before(a);
	if (b->subject != NULL)
		a->leaf.subject = b->subject;
	if (b->firmware[0] != 0)
		both_are(a, b->firmware[0], b->firmware[1], b->firmware[2]);
	if (b->new_ecdsa)
		a->profile.old_ecdsa = false;
	if (b->policy[0] != 0)
		memcpy(a->policy, b->policy + 1, 2);
	if (b->resize != EXT_NONE)
		a->leaf_ext[b->resize - 1].len = b->len;
	if (b->without != EXT_NONE)
		a->leaf_ext[b->without - 1].name = ARC "98";
	if (b->twice != EXT_NONE)
		a->leaf_ext[a->leaf.n_ext++] = a->leaf_ext[b->twice - 1];
}

/* ---- what can be bent; each before the certificates are made, or after ---- */

static void
leaf_of_another_f9(struct attempt *a)
{
	a->leaf.signer = a->stranger;
}
static void
leaf_by_its_own_key(struct attempt *a)
{
	a->leaf.signer = key_evp(a->key);
}
static void
leaf_by_the_root(struct attempt *a)
{
	a->leaf.signer = testsigner_token.root.key;
	a->leaf.issuer = "Test PIV Root CA";
}
static void
f9_of_another_root(struct attempt *a)
{
	a->f9.signer = a->stranger;
}
static void
f9_by_itself(struct attempt *a)
{
	a->f9.signer = a->f9_key;
	a->f9.issuer = a->f9.subject;
}
static void
f9_names_yubico(struct attempt *a)
{
	a->f9.signer = a->stranger;
	a->f9.issuer = "Yubico PIV Root CA Serial 263751";
}
static void
f9_is_no_ca(struct attempt *a)
{
	a->f9_ext[0].text = "critical,CA:FALSE";
}
static void
f9_may_not_sign(struct attempt *a)
{
	a->f9_ext[2] = (struct test_ext){.name = "keyUsage", .text = "digitalSignature"};
	a->f9.n_ext = 3;
}
static void
f9_has_something_critical(struct attempt *a)
{
	a->f9_ext[2] = IS("99", form, 1);
	a->f9_ext[2].critical = true;
	a->f9.n_ext = 3;
}
static void
f9_has_firmware_twice(struct attempt *a)
{
	a->f9_ext[2] = a->f9_ext[1];
	a->f9.n_ext = 3;
}
static void
f9_has_no_firmware(struct attempt *a)
{
	a->f9.n_ext = 1;
}
static void
f9_is_older(struct attempt *a)
{
	a->f9_firmware[1] = 4;
}
static void
leaf_has_something_critical(struct attempt *a)
{
	a->leaf_ext[4] = IS("99", form, 1);
	a->leaf_ext[4].critical = true;
	a->leaf.n_ext = 5;
}
static void
serial_negative(struct attempt *a)
{
	a->serial[2] = 0x80;
}
static void
serial_no_integer(struct attempt *a)
{
	a->serial[0] = 4;
}
static void
serial_five_octets(struct attempt *a)
{
	a->serial[1] = 5;
	a->serial[2] = 1;
	a->leaf_ext[3].len = 7;
}
static void
serial_zero(struct attempt *a)
{
	memset(a->serial + 2, 0, 4);
}
static void
serial_of_another(struct attempt *a)
{
	a->serial[5] ^= 1;
}
static void
asked_for_another(struct attempt *a)
{
	a->r.token++;
}
static void
asked_for_none(struct attempt *a)
{
	a->r.token = 0;
}
static void
asked_for_9c(struct attempt *a)
{
	a->r.slot = 0x9c;
}
static void
another_key(struct attempt *a)
{
	a->leaf.pub = key_evp_public(a->other);
}
static void
f9s_own_key(struct attempt *a)
{
	a->leaf.pub = a->f9_key;
}
static void
pin_not_always(struct attempt *a)
{
	a->profile.pin = 1u << PIN_ALWAYS;
	a->profile.pin_word = "always";
}
static void
touch_not_always(struct attempt *a)
{
	a->profile.touch = 1u << TOUCH_ALWAYS;
	a->profile.touch_word = "always";
}
static void
firmware_4_without_serial(struct attempt *a)
{
	both_are(a, 4, 3, 5);
	a->leaf_ext[3] = a->leaf_ext[1];
	a->leaf_ext[1] = a->leaf_ext[3];
	a->leaf.n_ext = 3;
	a->profile.serial_needed = true;
}
static void
below_the_least(struct attempt *a)
{
	a->profile.firmware[0] = 5;
	a->profile.firmware[1] = 7;
	a->profile.firmware[2] = 4;
}
static void
form_not_accepted(struct attempt *a)
{
	a->profile.forms = 1u << 3;
}
static void
form_31_and_more(struct attempt *a)
{
	a->profile.forms = 1u << 1;
	a->form[0] = 0x3f;
}
static void
not_fips(struct attempt *a)
{
	a->profile.fips = true;
}
static void
fips_by_the_leaf_alone(struct attempt *a)
{
	a->profile.fips = true;
	a->form[0] = 0x81;
}

/* after */
static void
leaf_empty(struct attempt *a)
{
	a->leaf_der.len = 0;
}
static void
leaf_cut(struct attempt *a)
{
	a->leaf_der.len -= 1;
}
static void
leaf_damaged(struct attempt *a)
{
	a->leaf_der.data[a->leaf_der.len - 5] ^= 1;
}
static void
leaf_is_the_f9(struct attempt *a)
{
	a->shown_attestation = &a->f9_der;
}
static void
leaf_is_the_csr(struct attempt *a)
{
	a->shown_attestation = &a->csr;
}
static void
f9_empty(struct attempt *a)
{
	a->f9_der.len = 0;
}
static void
f9_cut(struct attempt *a)
{
	a->f9_der.len -= 1;
}
static void
f9_damaged(struct attempt *a)
{
	a->f9_der.data[a->f9_der.len - 5] ^= 1;
}
static void
f9_is_the_root(struct attempt *a)
{
	a->shown_f9 = &testsigner_token.root.der;
}
static void
f9_is_the_leaf(struct attempt *a)
{
	a->shown_f9 = &a->leaf_der;
}
static void
the_other_way_round(struct attempt *a)
{
	a->shown_f9 = &a->leaf_der;
	a->shown_attestation = &a->f9_der;
}
static void
f9_of_another_token(struct attempt *a)
{
	a->shown_f9 = &testsigner_token.f9;
}
static void
trailing(struct blob *b)
{
	uint8_t more[4096];

	assert_true(b->len < sizeof(more));
	memcpy(more, b->data, b->len);
	more[b->len] = 0;
	assert_int_equal(blob_set(b, more, b->len + 1, NULL), 0);
}
static void
leaf_trailing(struct attempt *a)
{
	trailing(&a->leaf_der);
}
static void
f9_trailing(struct attempt *a)
{
	trailing(&a->f9_der);
}

#define BEFORE(f, c, w)                                      \
	{                                                    \
		.name = #f, .before = f, .code = c, .why = w \
	}
#define AFTER(f, c, w)                                      \
	{                                                   \
		.name = #f, .after = f, .code = c, .why = w \
	}

const struct bend bends[] = {
    /* who signed it */
    BEFORE(leaf_of_another_f9, ERR_ATTEST, "not signed by this token's f9"),
    BEFORE(leaf_by_its_own_key, ERR_ATTEST, "not signed by this token's f9"),
    BEFORE(leaf_by_the_root, ERR_ATTEST, "not signed by this token's f9"),
    BEFORE(f9_of_another_root, ERR_ATTEST, "not signed by a known"),
    BEFORE(f9_by_itself, ERR_ATTEST, "not signed by a known"),
    BEFORE(f9_names_yubico, ERR_ATTEST, "not signed by a known"),
    BEFORE(f9_is_no_ca, ERR_ATTEST, "not a CA certificate"),
    BEFORE(f9_may_not_sign, ERR_ATTEST, "not a CA certificate"),
    AFTER(f9_is_the_root, ERR_ATTEST, ""),
    AFTER(f9_is_the_leaf, ERR_ATTEST, ""),
    AFTER(f9_of_another_token, ERR_ATTEST, "not signed by this token's f9"),
    AFTER(leaf_is_the_f9, ERR_ATTEST, ""),
    AFTER(leaf_is_the_csr, ERR_ATTEST, ""),
    AFTER(the_other_way_round, ERR_ATTEST, ""),
    /* bytes */
    AFTER(leaf_empty, ERR_ATTEST, ""),
    AFTER(leaf_cut, ERR_ATTEST, ""),
    AFTER(leaf_damaged, ERR_ATTEST, ""),
    AFTER(leaf_trailing, ERR_ATTEST, ""),
    AFTER(f9_empty, ERR_ATTEST, ""),
    AFTER(f9_cut, ERR_ATTEST, ""),
    AFTER(f9_damaged, ERR_ATTEST, ""),
    AFTER(f9_trailing, ERR_ATTEST, ""),
    /* extensions */
    BEFORE(f9_has_something_critical, ERR_ATTEST, "unknown critical"),
    BEFORE(f9_has_firmware_twice, ERR_ATTEST, "twice"),
    BEFORE(f9_has_no_firmware, ERR_ATTEST, "firmware"),
    BEFORE(f9_is_older, ERR_ATTEST, "firmware 5.7.1, the f9 certificate 5.4.1"),
    BEFORE(leaf_has_something_critical, ERR_ATTEST, "unknown critical"),
    {.name = "firmware_twice", .twice = EXT_FIRMWARE, .code = ERR_ATTEST, .why = "twice"},
    {.name = "policy_twice", .twice = EXT_POLICY, .code = ERR_ATTEST, .why = "twice"},
    {.name = "form_twice", .twice = EXT_FORM, .code = ERR_ATTEST, .why = "twice"},
    {.name = "serial_twice", .twice = EXT_SERIAL, .code = ERR_ATTEST, .why = "twice"},
    {.name = "no_firmware", .without = EXT_FIRMWARE, .code = ERR_ATTEST, .why = "firmware"},
    {.name = "no_policy", .without = EXT_POLICY, .code = ERR_ATTEST, .why = "policy"},
    {.name = "no_form", .without = EXT_FORM, .code = ERR_ATTEST, .why = "form factor"},
    {.name = "no_serial", .without = EXT_SERIAL, .code = ERR_ATTEST, .why = "serial"},
    {.name = "firmware_short",
	.resize = EXT_FIRMWARE,
	.len = 2,
	.code = ERR_ATTEST,
	.why = "firmware"},
    {.name = "firmware_long",
	.resize = EXT_FIRMWARE,
	.len = 4,
	.code = ERR_ATTEST,
	.why = "firmware"},
    {.name = "firmware_empty",
	.resize = EXT_FIRMWARE,
	.len = 0,
	.code = ERR_ATTEST,
	.why = "firmware"},
    {.name = "policy_short", .resize = EXT_POLICY, .len = 1, .code = ERR_ATTEST, .why = "policy"},
    {.name = "policy_long", .resize = EXT_POLICY, .len = 3, .code = ERR_ATTEST, .why = "policy"},
    {.name = "form_empty", .resize = EXT_FORM, .len = 0, .code = ERR_ATTEST, .why = "form factor"},
    {.name = "form_long", .resize = EXT_FORM, .len = 2, .code = ERR_ATTEST, .why = "form factor"},
    BEFORE(serial_negative, ERR_ATTEST, "serial"),
    BEFORE(serial_no_integer, ERR_ATTEST, "serial"),
    {.name = "serial_cut", .resize = EXT_SERIAL, .len = 5, .code = ERR_ATTEST, .why = "serial"},
    {.name = "serial_trailing",
	.resize = EXT_SERIAL,
	.len = 7,
	.code = ERR_ATTEST,
	.why = "serial"},
    BEFORE(serial_five_octets, ERR_ATTEST, "serial"),
    /* which token, slot and key */
    BEFORE(serial_zero, ERR_ATTEST, ""),
    BEFORE(serial_of_another, ERR_ATTEST, "from token 12345679"),
    BEFORE(asked_for_another, ERR_ATTEST, "request is for token 12345679"),
    BEFORE(asked_for_none, ERR_ATTEST, "token 0"),
    {.name = "slot_9c",
	.subject = "YubiKey PIV Attestation 9c",
	.code = ERR_ATTEST,
	.why = "slot 9C"},
    {.name = "slot_82",
	.subject = "YubiKey PIV Attestation 82",
	.code = ERR_ATTEST,
	.why = "slot 82"},
    {.name = "slot_f9", .subject = "YubiKey PIV Attestation f9", .code = ERR_ATTEST, .why = "slot"},
    {.name = "slot_none", .subject = "YubiKey PIV Attestation", .code = ERR_ATTEST, .why = "slot"},
    {.name = "slot_space",
	.subject = "YubiKey PIV Attestation 9a ",
	.code = ERR_ATTEST,
	.why = "slot"},
    {.name = "slot_somebody", .subject = "Somebody 9a", .code = ERR_ATTEST, .why = "slot"},
    BEFORE(asked_for_9c, ERR_CA, "slot 9A"),
    BEFORE(another_key, ERR_ATTEST, "different keys"),
    BEFORE(f9s_own_key, ERR_ATTEST, "different keys"),
    /* what the profile demands */
    {.name = "pin_never",
	.policy = {1, PIN_NEVER, TOUCH_NEVER},
	.code = ERR_ATTEST,
	.why = "PIN policy once, the attestation says never"},
    {.name = "pin_default", .policy = {1, 0, TOUCH_NEVER}, .code = ERR_ATTEST, .why = "policy"},
    {.name = "pin_unknown", .policy = {1, 77, TOUCH_NEVER}, .code = ERR_ATTEST, .why = "policy"},
    {.name = "touch_unknown", .policy = {1, PIN_ONCE, 77}, .code = ERR_ATTEST, .why = "policy"},
    BEFORE(pin_not_always, ERR_ATTEST, "PIN policy always"),
    BEFORE(touch_not_always, ERR_ATTEST, "touch policy always"),
    BEFORE(below_the_least, ERR_ATTEST, "requires firmware 5.7.4"),
    BEFORE(form_not_accepted, ERR_ATTEST, "this form factor"),
    BEFORE(form_31_and_more, ERR_ATTEST, "form"),
    BEFORE(not_fips, ERR_ATTEST, "FIPS"),
    BEFORE(fips_by_the_leaf_alone, ERR_ATTEST, "FIPS"),
    BEFORE(firmware_4_without_serial, ERR_ATTEST, "serial"),
    /* what is known of its firmware */
    {.name = "weak_4_4_2", .firmware = {4, 4, 2}, .code = ERR_ATTEST, .why = "YSA-2019-02"},
    {.name = "weak_4_4_4", .firmware = {4, 4, 4}, .code = ERR_ATTEST, .why = "YSA-2019-02"},
    {.name = "ecdsa_5_4_3",
	.firmware = {5, 4, 3},
	.new_ecdsa = true,
	.code = ERR_ATTEST,
	.why = "YSA-2024-03"},
    {.name = "ecdsa_5_6_9",
	.firmware = {5, 6, 9},
	.new_ecdsa = true,
	.code = ERR_ATTEST,
	.why = "YSA-2024-03"},
    {.name = "roca_4_2_6",
	.firmware = {4, 2, 6},
	.alg = KEY_RSA2048,
	.code = ERR_ATTEST,
	.why = "YSA-2017-01"},
    {.name = "roca_4_3_4",
	.firmware = {4, 3, 4},
	.alg = KEY_RSA2048,
	.code = ERR_ATTEST,
	.why = "YSA-2017-01"},
};

const size_t bends_n = sizeof(bends) / sizeof(bends[0]);
