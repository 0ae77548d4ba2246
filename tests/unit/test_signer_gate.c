/* SPDX-License-Identifier: BSD-2-Clause */
/* What does the gate refuse, with which code, and does it say why? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/gate.h"
#include "signer/names.h"
#include "testsigner.h"

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static void
textp(char **s)
{
	free(*s);
}

static char *home;
static struct ca *ca;

static int
setup(void **state)
{
	testsigner_setup(state);
	home = testsigner_home();
	ca = testsigner_open(home);
	return 0;
}

static int
teardown(void **state)
{
	ca_closep(&ca);
	free(home);
	return testsigner_teardown(state);
}

/* ---- names ---- */

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static int
named(const char *cn, const char *email)
{
	CLEAN(names_wipe) struct names names = {0};
	struct profile client;

	TESTSIGNER_SET(names.who.name, cn);
	TESTSIGNER_SET(names.who.email, email);
	assert_int_equal(rules_profile(ca->rules, "client", &client, NULL), 0);
	return names_check(ca, &client, &names, NULL);
}

static void
only_names_that_read_as_what_they_are_are_certified(void **state)
{
	static const struct {
		const char *cn;
		int rc;
	} names[] = {
	    {"alice", 0},
	    {"Zoë Ångström", 0},
	    {"李小龍", 0},
	    {"O'Neil, Jr. <x> \"q\" + = #;", 0},
	    {X64, 0},
	    {"é" X16 X16 X16 "xxxxxxxxxxxxxxx", 0},
	    {"", ERR_USAGE},
	    {X64 "x", ERR_USAGE},
	    {" alice", ERR_USAGE},
	    {"alice ", ERR_USAGE},
	    {"al\033[31mice", ERR_USAGE},
	    {"al\nice", ERR_USAGE},
	    {"al\xe2\x80\xae"
	     "ice",
		ERR_USAGE}, /* right-to-left override */
	    {"al\xe2\x80\x8b"
	     "ice",
		ERR_USAGE}, /* zero-width space */
	    {"al\xff"
	     "ice",
		ERR_USAGE},
	    {"\xc0\xaf", ERR_USAGE}, /* overlong */
	    {"REHEARSAL Example Issuing CA", ERR_USAGE},
	    {"REHEARSAL Example Root CA", ERR_USAGE},
	    {"rehearsal  example ROOT ca", ERR_USAGE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (named(names[i].cn, NULL) != names[i].rc)
			fail_msg("name %zu", i);
}

static void
only_plain_mail_addresses_are_certified(void **state)
{
	static const struct {
		const char *email;
		int rc;
	} mails[] = {
	    {"a@b", 0},
	    {"zoe+x@mail.example.org", 0},
	    {"o'neil@xn--bcher-kva.example", 0},
	    {"zoe", ERR_USAGE},
	    {"@example.org", ERR_USAGE},
	    {"zoe@", ERR_USAGE},
	    {"zoe@@example.org", ERR_USAGE},
	    {"zoe@ex@ample.org", ERR_USAGE},
	    {"zoe@example..org", ERR_USAGE},
	    {"zoe@.example.org", ERR_USAGE},
	    {"zoe@example.org.", ERR_USAGE},
	    {"zoe@-example.org", ERR_USAGE},
	    {"zoe@exam_ple.org", ERR_USAGE},
	    {".zoe@example.org", ERR_USAGE},
	    {"z..oe@example.org", ERR_USAGE},
	    {"zoë@example.org", ERR_USAGE},
	    {"zo e@example.org", ERR_USAGE},
	    {"zoe@example.org\n", ERR_USAGE},
	    {"\"zoe\"@example.org", ERR_USAGE},
	    {"zoe@example.org,eve@example.org", ERR_USAGE},
	    {X64 "@b", 0},
	    {X64 "x@b", ERR_USAGE},
	    {"a@" X64, ERR_USAGE},
	    {"a@" X16 X16 X16 "." X16 X16 X16 "." X16 X16 X16 "." X16 X16 X16 "." X16 X16 X16
	     "." X16,
		ERR_USAGE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mails) / sizeof(mails[0]); i++)
		if (named("alice", mails[i].email) != mails[i].rc)
			fail_msg("%s", mails[i].email);
}

static void
only_names_of_servers_are_certified(void **state)
{
	static const struct {
		const char *name;
		int rc;
	} t[] = {
	    {"www.example.org", 0},
	    {"localhost", 0},
	    {"*.example.org", 0},
	    {"*.org", ERR_USAGE},
	    {"*", ERR_USAGE},
	    {"www.*.org", ERR_USAGE},
	    {"*w.example.org", ERR_USAGE},
	    {"a..b", ERR_USAGE},
	    {"192.0.2.1", ERR_USAGE},
	    {"1234", ERR_USAGE},
	    {"", ERR_USAGE},
	};
	struct profile server;
	size_t i;

	(void)state;
	assert_int_equal(rules_profile(ca->rules, "server", &server, NULL), 0);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CLEAN(names_wipe) struct names names = {.dns = {t[i].name}, .n_dns = 1};

		TESTSIGNER_SET(names.who.name, "web server");
		if (names_check(ca, &server, &names, NULL) != t[i].rc)
			fail_msg("%s", t[i].name);
	}
}

/* ---- attestations ---- */

static void
the_profile_decides_over_what_the_attestation_says(void **state)
{
	enum { ONCE = 1u << PIN_ONCE | 1u << PIN_ALWAYS, T_ANY = 15 };
	static const struct profile base = {
	    .name = "client", .pin = ONCE, .pin_word = "once", .touch = T_ANY, .touch_word = "any"};
	static const struct {
		uint8_t firmware[3], slot, pin, touch;
		uint32_t serial;
		enum key_alg alg;
		bool old_ecdsa, serial_needed;
		unsigned pins, touches;
		int rc;
	} t[] = {
	    {{5, 7, 1}, 0x9a, PIN_ONCE, TOUCH_NEVER, 7, KEY_P256, false, false, ONCE, T_ANY, 0},
	    {{5, 7, 1}, 0x9a, PIN_ALWAYS, TOUCH_ALWAYS, 7, KEY_ED25519, false, true, ONCE, T_ANY,
		0},
	    {{5, 7, 1}, 0x9a, PIN_NEVER, TOUCH_NEVER, 7, KEY_P256, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 7, 1}, 0x9a, PIN_MATCH_ONCE, TOUCH_NEVER, 7, KEY_P256, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 7, 1}, 0x9a, 77, TOUCH_NEVER, 7, KEY_P256, true, false, ~0u, T_ANY, ERR_ATTEST},
	    {{5, 7, 1}, 0x9a, PIN_ONCE, 77, 7, KEY_P256, true, false, ONCE, ~0u, ERR_ATTEST},
	    {{5, 7, 1}, 0x9a, PIN_ONCE, TOUCH_NEVER, 7, KEY_P256, true, false, ONCE,
		1u << TOUCH_ALWAYS, ERR_ATTEST},
	    {{5, 7, 1}, 0x9c, PIN_ONCE, TOUCH_NEVER, 7, KEY_P256, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 7, 1}, 0x9a, PIN_ONCE, TOUCH_NEVER, 8, KEY_P256, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 7, 1}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_P256, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 7, 1}, 0x9a, PIN_ONCE, TOUCH_NEVER, 7, KEY_X25519, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 4, 3}, 0x9a, PIN_ONCE, TOUCH_NEVER, 7, KEY_P256, true, false, ONCE, T_ANY, 0},
	    {{5, 4, 3}, 0x9a, PIN_ONCE, TOUCH_NEVER, 7, KEY_P256, false, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 6, 9}, 0x9a, PIN_ONCE, TOUCH_NEVER, 7, KEY_P384, false, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{5, 4, 3}, 0x9a, PIN_ONCE, TOUCH_NEVER, 7, KEY_RSA2048, false, false, ONCE, T_ANY, 0},
	    {{4, 3, 4}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_RSA2048, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{4, 2, 0}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_RSA4096, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{4, 3, 5}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_RSA2048, true, false, ONCE, T_ANY, 0},
	    {{4, 3, 5}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_RSA2048, true, true, ONCE, T_ANY,
		ERR_ATTEST},
	    {{4, 3, 4}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_P256, true, false, ONCE, T_ANY, 0},
	    {{4, 4, 4}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_P256, true, false, ONCE, T_ANY,
		ERR_ATTEST},
	    {{4, 4, 5}, 0x9a, PIN_ONCE, TOUCH_NEVER, 0, KEY_P256, true, false, ONCE, T_ANY, 0},
	};
	const struct request r = {.slot = 0x9a, .token = 7};
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct profile p = base;
		struct attestation a = {.slot = t[i].slot,
		    .serial = t[i].serial,
		    .alg = t[i].alg,
		    .pin_policy = t[i].pin,
		    .touch_policy = t[i].touch};

		memcpy(a.firmware, t[i].firmware, 3);
		p.old_ecdsa = t[i].old_ecdsa;
		p.serial_needed = t[i].serial_needed;
		p.pin = t[i].pins;
		p.touch = t[i].touches;
		if (gate_attestation(&p, &r, &a, &err) != t[i].rc)
			fail_msg("case %zu: %s", i, err.text);
	}
}

/* Prepare; the reason must be in the text. */
static void
expect(const struct testsigner_request *q, int code, const char *reason)
{
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	struct err err = ERR_INIT;

	assert_int_equal(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q->r, &p, &err), code);
	if (code != 0 && strstr(err.text, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, reason);
	assert_true(code == 0 || p.tbs.len == 0);
}

static void
a_request_that_fits_is_prepared(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	expect(&q, 0, "");
	TESTSIGNER_SET(q.r.holder.email, "alice@example.org");
	q.r.days = 1;
	expect(&q, 0, "");
}

static void
a_key_that_no_trusted_token_made_is_refused(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q, other;
	CLEAN(testattest_wipe) struct testattest rogue;
	CLEAN(blob_wipe) struct blob leaf = {0};
	const struct testattest_leaf good = TESTATTEST_GOOD;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	testsigner_request(&other, KEY_P256, "alice");
	q.r.attestation = other.leaf; /* of another key in the same token */
	expect(&q, ERR_ATTEST, "different keys");
	testattest_init(&rogue, 5, 7, 1); /* the same names, another root */
	testattest_leaf(&rogue, rogue.f9_key, &good, &leaf);
	q.r.attestation = leaf;
	q.r.f9 = rogue.f9;
	expect(&q, ERR_ATTEST, "");
	q.r.f9 = testsigner_token.f9;
	expect(&q, ERR_ATTEST, "");
	q.r.attestation = testsigner_token.f9; /* not a leaf at all */
	expect(&q, ERR_ATTEST, "");
	q.r.attestation = q.csr;
	expect(&q, ERR_ATTEST, "");
}

static void
an_attestation_for_something_else_is_refused(void **state)
{
	static const struct {
		struct testattest_leaf leaf;
		const char *reason;
	} t[] = {
	    {{0x9c, TESTATTEST_SERIAL, PIN_ONCE, TOUCH_NEVER}, "slot 9C"},
	    {{0x9a, TESTATTEST_SERIAL + 1, PIN_ONCE, TOUCH_NEVER}, "12345679"},
	    {{0x9a, 0, PIN_ONCE, TOUCH_NEVER}, "serial"},
	    {{0x9a, TESTATTEST_SERIAL, PIN_NEVER, TOUCH_NEVER}, "PIN policy once"},
	};
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	size_t i;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		testsigner_attest(&q, &t[i].leaf);
		expect(&q, ERR_ATTEST, t[i].reason);
	}
}

static void
a_request_of_the_wrong_kind_is_refused(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	TESTSIGNER_SET(q.r.profile, "brewer");
	expect(&q, ERR_USAGE, "[profile brewer]");
	TESTSIGNER_SET(q.r.profile, "software");
	expect(&q, ERR_CA, "software keys");
	TESTSIGNER_SET(q.r.profile, "../x");
	expect(&q, ERR_USAGE, "profile");
	TESTSIGNER_SET(q.r.profile, "client");
	q.r.days = 366;
	expect(&q, ERR_CA, "at most 365");
	q.r.days = 0;
	q.r.slot = 0x9c;
	expect(&q, ERR_CA, "slot 9A");
	q.r.slot = 0x9a;
	TESTSIGNER_SET(q.r.holder.name, "");
	expect(&q, ERR_USAGE, "empty");
	TESTSIGNER_SET(q.r.holder.name, "alice");
	q.csr.data[q.csr.len - 1] ^= 1;
	expect(&q, ERR_CA, "");
	q.csr.data[q.csr.len - 1] ^= 1;
	expect(&q, 0, "");
}

static void
a_certificate_that_no_token_has_room_for_does_not_fit(void **state)
{
	(void)state;
	assert_int_equal(issue_fits(ISSUE_CERT_MAX, NULL), 0);
	assert_int_equal(issue_fits(ISSUE_CERT_MAX + 1, NULL), ERR_FIT);
}

/* ---- rules ---- */

static void
rules_that_are_not_understood_are_refused(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} t[] = {
	    {"[profile client]\ndays = 30\npin_policy = always\ntouch_policy = cached\n", 0},
	    {"[workflow]\nanything = goes\n[ca]\ncrl_days = 3\n[profile client]\ndays = 1\n", 0},
	    {"[profile client]\nold_ecdsa = refuse\ntoken_serial = required\n", 0},
	    {"", 0},
	    {"[profile client]\ndays = 0\n", ERR_CA},
	    {"[profile client]\ndays = 10 years\n", ERR_CA},
	    {"[profile client]\ndays = -1\n", ERR_CA},
	    {"[profile client]\ndays = 99999999999999999999\n", ERR_CA},
	    {"[profile client]\npin_policy = never\n", ERR_CA},
	    {"[profile client]\npin_polcy = always\n", ERR_CA},
	    {"[profile client]\ntouch_policy = yes\n", ERR_CA},
	    {"[profile client]\ndays = 1\n[ca]\ncrl_days = 91\n", ERR_CA},
	    {"[profile client\n", ERR_CA},
	};
	CLEAN(rules_freep) struct rules *rules = NULL;
	CLEAN(textp) char *path = NULL;
	struct profile p;
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	assert_true(asprintf(&path, "%s/t.conf", home) > 0);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rules_freep(&rules);
		OK(file_write(path, t[i].text, strlen(t[i].text), 0600, &err));
		if (rules_load(path, &rules, &err) != t[i].rc)
			fail_msg("case %zu: %s", i, err.text);
	}
	OK(file_write(path, rules_default, strlen(rules_default), 0600, &err));
	OK(rules_load(path, &rules, &err));
	OK(rules_profile(rules, "client", &p, &err));
	assert_true(p.days == 365 && p.old_ecdsa && !p.serial_needed &&
		    rules_crl_days(rules, true) == 7 && rules_crl_days(rules, false) == 90);
	testsigner_shell(0, "chmod 666 %s", path);
	rules_freep(&rules);
	assert_int_equal(rules_load(path, &rules, &err), ERR_CA);
}

/* Whose keys are certified that are in no token: root's, the signer's own, and whom the rules name.
 */
static void
software_keys_are_certified_for_those_named_alone(void **state)
{
	static const char text[] = "[ca]\nsoftware_peers = 4242, 4243\n";
	const uint32_t own = (uint32_t)geteuid();
	const struct {
		bool named; /* by the rules */
		const char *profile;
		uint32_t uid;
		int rc;
	} t[] = {
	    {false, "software", 0, 0},
	    {false, "software", own, 0},
	    {false, "software", 4242, ERR_CA},
	    {false, "server", 4242, ERR_CA},
	    {false, "client", 0, ERR_CA},
	    {true, "software", 4242, 0},
	    {true, "ocsp", 4243, 0},
	    {true, "software", 4244, ERR_CA},
	    {true, "client", 4242, ERR_CA},
	};
	const char *path = testsigner_path(home, "peers.conf");
	struct rules *const was = ca->rules;
	struct rules *named = NULL;
	struct err err = ERR_INIT;
	struct profile p;
	size_t i;

	(void)state;
	OK(file_write(path, text, sizeof(text) - 1, 0600, &err));
	OK(rules_load(path, &named, &err));
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ca->rules = t[i].named ? named : was;
		OK(rules_profile(ca->rules, t[i].profile, &p, &err));
		if (gate_peer(ca, &p, t[i].uid, &err) != t[i].rc)
			fail_msg("case %zu: uid %u", i, t[i].uid);
	}
	ca->rules = was;
	rules_freep(&named);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_names_that_read_as_what_they_are_are_certified),
	    cmocka_unit_test(only_plain_mail_addresses_are_certified),
	    cmocka_unit_test(only_names_of_servers_are_certified),
	    cmocka_unit_test(the_profile_decides_over_what_the_attestation_says),
	    cmocka_unit_test(a_request_that_fits_is_prepared),
	    cmocka_unit_test(a_key_that_no_trusted_token_made_is_refused),
	    cmocka_unit_test(an_attestation_for_something_else_is_refused),
	    cmocka_unit_test(a_request_of_the_wrong_kind_is_refused),
	    cmocka_unit_test(a_certificate_that_no_token_has_room_for_does_not_fit),
	    cmocka_unit_test(rules_that_are_not_understood_are_refused),
	    cmocka_unit_test(software_keys_are_certified_for_those_named_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
