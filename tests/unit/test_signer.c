/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the CA make what it promises, and only once? */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/utc.h"
#include "key/ossl.h"
#include "signer/process.h"
#include "testsigner.h"

#define DAY 86400

static void
textp(char **s)
{
	free(*s);
}

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static int64_t clock_offset;

static int64_t
shifted_now(void)
{
	return utc_now() + clock_offset;
}

static struct signer *
open_signer(const char *home)
{
	CLEAN(textp) char *spec = NULL;
	struct signer_open how = {.home = home};
	struct err err = ERR_INIT;
	struct signer *s = NULL;

	assert_true(asprintf(&spec, "file:%s", testsigner_path(home, "../pass")) > 0);
	how.ca_pass_spec = spec;
	OK(signer_open(&how, &s, &err));
	return s;
}

/* ---- certificates ---- */

static void
a_certificate_verifies_here_and_with_openssl(void **state)
{
	static const enum key_alg algs[] = {KEY_P256, KEY_P384, KEY_RSA2048, KEY_ED25519};
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		CLEAN(testsigner_request_wipe) struct testsigner_request q;
		CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
		CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
		CLEAN(blob_wipe) struct blob cert = {0}, pem = {0};

		testsigner_request(&q, algs[i], "Zoë Ångström 李");
		TESTSIGNER_SET(q.r.holder.email, "zoe@example.org");
		OK(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err));
		OK(issue_sign(ca, &desk, 1000, p.serial, &cert, &err));
		assert_true(cert.len <= p.cert_len_max && cert.len + 12 > p.cert_len_max);
		OK(testca_verify(&cert, ca->cert, 2, ca->crl, 2, utc_now(), &err));
		OK(pem_put(&cert, PEM_CERT, &pem, &err));
		OK(file_write(testsigner_path(home, "leaf.pem"), pem.data, pem.len, 0600, &err));
		testsigner_shell(0,
		    "cd %s && cat pub/*.crl > all.crl && openssl verify -x509_strict -purpose "
		    "sslclient "
		    "-crl_check_all -CAfile pub/root.crt -untrusted pub/issuing.crt -CRLfile "
		    "all.crl "
		    "leaf.pem >/dev/null",
		    home);
	}
}

static void
a_certificate_is_what_the_profile_says(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(x509_freep) X509 *x = NULL;
	const uint8_t *d;
	struct cert_info info;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_issue(ca, "alice", &p, &cert);
	OK(cert_read(cert.data, cert.len, &info, &err));
	assert_string_equal(info.subject, "CN=alice");
	assert_string_equal(info.issuer, "CN=REHEARSAL Example Issuing CA");
	assert_int_equal(info.serial_len, SIGNER_SERIAL_LEN);
	assert_memory_equal(info.serial, p.serial, SIGNER_SERIAL_LEN);
	assert_true(info.serial[0] >= 0x40 && info.serial[0] <= 0x7f);
	assert_int_equal(info.not_after - info.not_before, 365 * DAY - 1);
	assert_true(info.not_before >= utc_now() - 305 && info.not_before <= utc_now());
	assert_true(info.not_before == p.not_before && info.not_after == p.not_after);
	d = cert.data;
	x = d2i_X509(NULL, &d, (long)cert.len);
	assert_int_equal(X509_get_ext_count(x), 5);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_CLIENT);
	assert_int_equal(X509_check_ca(x), 0);
	assert_true(memmem(cert.data, cert.len, p.tbs.data, p.tbs.len) != NULL);
}

static void
a_certificate_never_outlives_the_issuing_ca(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	ca->now = shifted_now;
	clock_offset = 3500L * DAY;
	OK(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err));
	assert_int_equal(p.not_after, ca->not_after);
	clock_offset = 3700L * DAY;
	assert_int_equal(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err), ERR_CA);
	clock_offset = 0;
}

static int
stuck(void *to, size_t len)
{
	memset(to, 0x55, len);
	return 0;
}

static int
no_random(void *to, size_t len)
{
	(void)to;
	(void)len;
	return -1;
}

static void
a_serial_is_never_used_twice(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	uint8_t serial[SIGNER_SERIAL_LEN];

	(void)state;
	ca->random = stuck;
	testsigner_issue(ca, "alice", &p, &cert);
	assert_int_equal(p.serial[0], 0x55);
	assert_int_equal(ca_serial(ca->log, stuck, serial, NULL), ERR_INTERNAL);
	assert_int_equal(ca_serial(ca->log, no_random, serial, NULL), ERR_INTERNAL);
}

static void
serials_are_sixteen_octets_with_all_bits_in_use(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	uint8_t s[SIGNER_SERIAL_LEN];
	int ones[128] = {0}, i, bit;
	struct err err = ERR_INIT;

	(void)state;
	for (i = 0; i < 4000; i++) {
		OK(ca_serial(ca->log, ca_random, s, &err));
		assert_int_equal(s[0] & 0xc0, 0x40);
		for (bit = 0; bit < 128; bit++)
			ones[bit] += s[bit / 8] >> (7 - bit % 8) & 1;
	}
	for (bit = 2; bit < 128; bit++)
		assert_in_range(ones[bit], 1750, 2250); /* 2000 by 8 standard deviations */
}

/* ---- desk and signer ---- */

static void
a_desk_gets_a_certificate_once_and_finds_it_again(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(signer_closep) struct signer *s = open_signer(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0}, again = {0}, found = {0};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	OK(signer_ca(s, &ca, &err));
	assert_true(blob_equal(&ca.rehearsal_root, &testsigner_token.root.der));
	OK(signer_prepare(s, &q.r, &p, &err));
	assert_int_equal(signer_find(s, p.serial, &found, NULL, &err), ERR_ABSENT);
	OK(signer_sign(s, p.serial, &cert, &err));
	OK(testca_verify(&cert, ca.cas, 2, ca.crls, 2, utc_now(), &err));
	assert_true(signer_times(s).kdf_ns > 0 && signer_times(s).fsync_ns > 0);
	OK(signer_sign(s, p.serial, &again, &err));
	signer_closep(&s);
	s = open_signer(home);
	OK(signer_find(s, p.serial, &found, NULL, &err));
	assert_true(blob_equal(&cert, &again) && blob_equal(&cert, &found));
}

static void
a_revoked_certificate_is_on_the_list_when_revoke_returns(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(signer_closep) struct signer *s = open_signer(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	uint8_t never[SIGNER_SERIAL_LEN] = {0x41};
	struct crl_info crl;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	OK(signer_prepare(s, &q.r, &p, &err));
	OK(signer_sign(s, p.serial, &cert, &err));
	assert_int_equal(
	    signer_revoke(s, never, SIGNER_SERIAL_LEN, NULL, REASON_SUPERSEDED, &err), ERR_ABSENT);
	assert_int_equal(
	    signer_revoke(s, p.serial, SIGNER_SERIAL_LEN, NULL, (enum signer_reason)2, &err),
	    ERR_USAGE);
	OK(signer_revoke(s, p.serial, SIGNER_SERIAL_LEN, NULL, REASON_HOLD, &err));
	testsigner_shell(0,
	    "openssl crl -in %s/pub/issuing.crl -noout -text | grep -q 'Certificate Hold'", home);
	OK(signer_revoke(s, p.serial, SIGNER_SERIAL_LEN, NULL, REASON_SUPERSEDED, &err));
	OK(signer_revoke(s, p.serial, SIGNER_SERIAL_LEN, NULL, REASON_SUPERSEDED, &err));
	assert_int_equal(
	    signer_revoke(s, p.serial, SIGNER_SERIAL_LEN, NULL, REASON_CESSATION, &err), ERR_CA);
	OK(signer_revoke(s, p.serial, SIGNER_SERIAL_LEN, NULL, REASON_KEY_COMPROMISE, &err));
	OK(signer_ca(s, &ca, &err));
	OK(crl_read(ca.crls[0].data, ca.crls[0].len, &crl, &err));
	assert_int_equal(crl.entries, 1);
	assert_int_equal(crl.number, 4); /* init's, and one for each change */
	assert_int_equal(testca_verify(&cert, ca.cas, 2, ca.crls, 2, utc_now(), &err), ERR_PROOF);
}

static void
a_desk_can_ask_before_it_touches_the_token(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(signer_closep) struct signer *s = open_signer(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	memcpy(q.r.firmware, (const uint8_t[]){5, 7, 1}, 3);
	q.r.alg = KEY_P256;
	q.r.pin_policy = PIN_ONCE;
	q.r.touch_policy = TOUCH_NEVER;
	OK(signer_precheck(s, &q.r, &err));
	q.r.pin_policy = PIN_NEVER;
	assert_int_equal(signer_precheck(s, &q.r, &err), ERR_ATTEST);
	q.r.pin_policy = PIN_ONCE;
	q.r.alg = KEY_X25519;
	assert_int_equal(signer_precheck(s, &q.r, &err), ERR_ATTEST);
	q.r.alg = KEY_P256;
	TESTSIGNER_SET(q.r.holder.email, "not an address");
	assert_int_equal(signer_precheck(s, &q.r, &err), ERR_USAGE);
	TESTSIGNER_SET(q.r.holder.email, NULL);
	q.r.days = 400;
	assert_int_equal(signer_precheck(s, &q.r, &err), ERR_CA);
	q.r.days = 0;
	q.r.f9 = q.leaf;
	assert_int_equal(signer_precheck(s, &q.r, &err), ERR_ATTEST);
}

/* No passphrase, and no key: it is asked while the signer proper waits for somebody. */
static void
one_that_only_looks_prepares_and_never_signs(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(signer_closep) struct signer *s = NULL;
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	const struct signer_open how = {.home = home, .look = true};
	struct err err = ERR_INIT;

	(void)state;
	OK(signer_open(&how, &s, &err));
	testsigner_request(&q, KEY_P256, "alice");
	OK(signer_prepare(s, &q.r, &p, &err));
	assert_int_equal(signer_sign(s, p.serial, &cert, &err), ERR_CA);
	assert_int_equal(signer_find(s, p.serial, &cert, NULL, &err), ERR_ABSENT);
	assert_int_equal(signer_ca(s, &ca, &err), ERR_CA);
	assert_int_equal(signer_crl(s, false, &err), ERR_CA);
	assert_int_equal(
	    signer_revoke(s, p.serial, sizeof(p.serial), NULL, REASON_SUPERSEDED, &err), ERR_CA);
}

static void
opening_says_why_it_cannot(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *empty = testsigner_empty();
	struct signer_open how = {.home = empty, .ca_pass_spec = "prompt"};
	struct signer *s = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(signer_open(&how, &s, &err), ERR_CA);
	how.home = home;
	how.ca_pass_spec = NULL;
	assert_int_equal(signer_open(&how, &s, &err), ERR_PERSON);
	how.ca_pass_spec = "prompt"; /* which the test's signer cannot */
	assert_int_equal(signer_open(&how, &s, &err), ERR_PERSON);
	how.ca_pass_spec = "file:/proc/self/comm";
	assert_int_not_equal(signer_open(&how, &s, &err), 0);
	signer_set_program("/nonexistent");
	assert_int_equal(signer_open(&how, &s, &err), ERR_INTERNAL);
	signer_set_program("/bin/false");
	assert_int_equal(signer_open(&how, &s, &err), ERR_INTERNAL);
	signer_set_program("/proc/self/exe");
	assert_null(s);
}

static void
a_passphrase_comes_through_an_inherited_descriptor(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(signer_closep) struct signer *s = NULL;
	struct signer_open how = {.home = home};
	struct err err = ERR_INIT;
	char spec[16];
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	snprintf(spec, sizeof(spec), "fd:%d", p[0]);
	how.ca_pass_spec = spec;
	assert_int_equal(write(p[1], "wrong", 5), 5);
	assert_int_equal(signer_open(&how, &s, &err), ERR_CA);
	assert_int_equal(write(p[1], TESTSIGNER_PASS, strlen(TESTSIGNER_PASS)),
	    (ssize_t)strlen(TESTSIGNER_PASS));
	OK(signer_open(&how, &s, &err));
	close(p[0]);
	close(p[1]);
}

static void
one_signer_at_a_time_writes_the_log(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home), *other = NULL;
	CLEAN(secret_freep) struct secret *pass = secret_new();

	(void)state;
	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	assert_int_equal(ca_open(home, pass, 50, &other, NULL), ERR_CA);
	ca_closep(&ca);
	other = testsigner_open(home);
}

static void
what_was_prepared_long_ago_is_not_signed(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	OK(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err));
	ca->now = shifted_now;
	clock_offset = ISSUE_PREPARED_SEC + 5;
	assert_int_equal(issue_sign(ca, &desk, 1000, p.serial, &cert, &err), ERR_CA);
	clock_offset = 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_certificate_verifies_here_and_with_openssl),
	    cmocka_unit_test(a_certificate_is_what_the_profile_says),
	    cmocka_unit_test(a_certificate_never_outlives_the_issuing_ca),
	    cmocka_unit_test(a_serial_is_never_used_twice),
	    cmocka_unit_test(serials_are_sixteen_octets_with_all_bits_in_use),
	    cmocka_unit_test(a_desk_gets_a_certificate_once_and_finds_it_again),
	    cmocka_unit_test(a_revoked_certificate_is_on_the_list_when_revoke_returns),
	    cmocka_unit_test(a_desk_can_ask_before_it_touches_the_token),
	    cmocka_unit_test(one_that_only_looks_prepares_and_never_signs),
	    cmocka_unit_test(opening_says_why_it_cannot),
	    cmocka_unit_test(a_passphrase_comes_through_an_inherited_descriptor),
	    cmocka_unit_test(one_signer_at_a_time_writes_the_log),
	    cmocka_unit_test(what_was_prepared_long_ago_is_not_signed),
	};

	if (argc > 1 && (strcmp(argv[1], "--fd") == 0 || strcmp(argv[1], "--make") == 0))
		return testsigner_main(argc, argv);
	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
