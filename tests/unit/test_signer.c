/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the CA do what it promises, and only once, and does the log know all of it? */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/crl.h"
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

/* ---- init ---- */

static void
init_twice_is_refused(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *root = testsigner_root();
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(testsigner_init(home, root, &err), ERR_OCCUPIED);
}

static void
an_interrupted_init_is_made_anew(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *root = testsigner_root();
	CLEAN(ca_closep) struct ca *ca = NULL;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "touch %s/ca/unfinished; mkdir -m 700 %s/ca.new; touch %s/ca.new/x",
	    home, home, home);
	assert_int_equal(ca_there(home, &err), ERR_CA);
	OK(testsigner_init(home, root, &err));
	assert_int_not_equal(access(testsigner_path(home, "ca.new"), F_OK), 0);
	ca = testsigner_open(home);
}

static void
init_does_not_replace_the_certificates_of_a_ca_that_is_elsewhere(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "mv %s/ca %s/ca.away", home, home);
	assert_int_equal(testsigner_init(home, NULL, &err), ERR_OCCUPIED);
}

static void
init_says_rehearsal_in_both_subjects_only_when_it_is_one(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *other = testsigner_empty();
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0,
	    "for f in root issuing; do openssl x509 -in %s/pub/$f.crt -noout -subject | "
	    "grep -q REHEARSAL || exit 1; done",
	    home);
	OK(testsigner_init(other, NULL, &err));
	testsigner_shell(1,
	    "cat %s/pub/*.crt | openssl storeutl -noout -text -certs /dev/stdin | grep REHEARSAL",
	    other);
	testsigner_shell(0, "test $(stat -c %%a %s/ca)$(stat -c %%a %s/pub) = 700755", home, home);
	testsigner_shell(0, "! find %s/ca -type f -perm /077 | grep .", home);
	testsigner_shell(0, "grep -q 'ENCRYPTED PRIVATE KEY' %s/ca/root.key", home);
}

static void
init_takes_only_sensible_words(void **state)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct signer_init init = {.home = "/nonexistent", .name = "Example", .pass = pass};

	(void)state;
	assert_int_equal(signer_init(&init, NULL), ERR_USAGE); /* passphrase */
	assert_int_equal(secret_set(pass, "x", 1, NULL), 0);
	assert_int_equal(signer_init(&init, NULL), ERR_USAGE); /* no home */
	init.home = "relative";
	assert_int_equal(signer_init(&init, NULL), ERR_USAGE);
	init.home = "/tmp";
	init.name = "bad\033name";
	assert_int_equal(signer_init(&init, NULL), ERR_USAGE);
	init.name = " ";
	assert_int_equal(signer_init(&init, NULL), ERR_USAGE);
	init.name = "Example";
	init.root_days = 1;
	init.issuing_days = 2;
	assert_int_equal(signer_init(&init, NULL), ERR_USAGE);
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
		CLEAN(issue_desk_wipe) struct issue_desk desk = {0};
		CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
		CLEAN(blob_wipe) struct blob cert = {0}, pem = {0};

		testsigner_request(&q, algs[i], "Zoë Ångström 李");
		q.r.email = "zoe@example.org";
		OK(issue_prepare(ca, &desk, &q.r, &p, &err));
		OK(issue_sign(ca, &desk, 1000, p.serial, &cert, &err));
		assert_true(cert.len <= p.cert_len_max && cert.len + 12 > p.cert_len_max);
		OK(cert_verify(&cert, ca->cert, 2, ca->crl, 2, utc_now(), &err));
		OK(cert_to_pem(&cert, &pem, &err));
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
	CLEAN(issue_desk_wipe) struct issue_desk desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	ca->now = shifted_now;
	clock_offset = 3500L * DAY;
	OK(issue_prepare(ca, &desk, &q.r, &p, &err));
	assert_int_equal(p.not_after, ca->not_after);
	clock_offset = 3700L * DAY;
	assert_int_equal(issue_prepare(ca, &desk, &q.r, &p, &err), ERR_CA);
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
	assert_int_equal(signer_find(s, p.serial, &found, &err), ERR_ABSENT);
	OK(signer_sign(s, p.serial, &cert, &err));
	OK(cert_verify(&cert, ca.cas, 2, ca.crls, 2, utc_now(), &err));
	assert_true(signer_times(s).kdf_ns > 0 && signer_times(s).fsync_ns > 0);
	OK(signer_sign(s, p.serial, &again, &err));
	signer_closep(&s);
	s = open_signer(home);
	OK(signer_find(s, p.serial, &found, &err));
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
	assert_int_equal(signer_revoke(s, never, REASON_SUPERSEDED, &err), ERR_ABSENT);
	assert_int_equal(signer_revoke(s, p.serial, (enum signer_reason)2, &err), ERR_USAGE);
	OK(signer_revoke(s, p.serial, REASON_HOLD, &err));
	testsigner_shell(0,
	    "openssl crl -in %s/pub/issuing.crl -noout -text | grep -q 'Certificate Hold'", home);
	OK(signer_revoke(s, p.serial, REASON_SUPERSEDED, &err));
	OK(signer_revoke(s, p.serial, REASON_SUPERSEDED, &err));
	assert_int_equal(signer_revoke(s, p.serial, REASON_CESSATION, &err), ERR_CA);
	OK(signer_revoke(s, p.serial, REASON_KEY_COMPROMISE, &err));
	OK(signer_ca(s, &ca, &err));
	OK(crl_read(ca.crls[0].data, ca.crls[0].len, &crl, &err));
	assert_int_equal(crl.entries, 1);
	assert_int_equal(crl.number, 4); /* init's, and one for each change */
	assert_int_equal(cert_verify(&cert, ca.cas, 2, ca.crls, 2, utc_now(), &err), ERR_PROOF);
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

/* ---- the log ---- */

struct counts {
	int intents, signatures, lines;
};

/* Walk the log with nothing of the signer's: the chain, and an intent before each signature. */
static struct counts
audit(const char *home)
{
	FILE *f = fopen(testsigner_path(home, CA_LOG), "r");
	char *line = NULL, want[65] = "", key[256];
	struct counts c = {0};
	json_t *open = json_object(), *j;
	uint8_t md[32];
	size_t size = 0;
	ssize_t n;

	memset(want, '0', 64);
	while ((n = getline(&line, &size, f)) > 0) {
		const char *what;
		bool intent, end;

		assert_int_equal(line[n - 1], '\n');
		assert_non_null(j = json_loadb(line, (size_t)n - 1, 0, NULL));
		assert_string_equal(json_string_value(json_object_get(j, "prev")), want);
		assert_int_equal(json_integer_value(json_object_get(j, "n")), ++c.lines);
		what = json_string_value(json_object_get(j, "what"));
		snprintf(key, sizeof(key), "%s/%lld", json_string_value(json_object_get(j, "ca")),
		    json_integer_value(json_object_get(j, "number")));
		if (json_object_get(j, "serial") != NULL)
			snprintf(key, sizeof(key), "%s",
			    json_string_value(json_object_get(j, "serial")));
		intent = strcmp(what, "intent") == 0 || strcmp(what, "crl-intent") == 0;
		end = strcmp(what, "signed") == 0 || strcmp(what, "crl-signed") == 0;
		c.intents += intent;
		c.signatures += end;
		if (intent)
			json_object_set_new(open, key, json_true());
		if (end)
			assert_int_equal(json_object_del(open, key), 0);
		EVP_Digest(line, (size_t)n - 1, md, NULL, EVP_sha256(), NULL);
		text_hex(md, 32, want);
		json_decref(j);
	}
	free(line);
	fclose(f);
	json_decref(open);
	return c;
}

struct counting {
	struct key *real;
	int calls;
	enum { WORK, FAIL, DIE } then;
};

static int
counting_sign(
    void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *len, struct err *err)
{
	struct counting *c = ctx;
	CLEAN(pkey_ctx_freep) EVP_PKEY_CTX *p = EVP_PKEY_CTX_new(key_evp(c->real), NULL);

	c->calls++;
	if (c->then == DIE)
		_exit(99);
	if (c->then == FAIL)
		return err_set(err, ERR_INTERNAL, "the HSM is gone");
	assert_int_equal(EVP_PKEY_sign_init(p), 1);
	return EVP_PKEY_sign(p, sig, len, in, in_len) == 1 ? 0 : ERR_INTERNAL;
}

/* Put a key before the CA's own that counts. */
static void
count_signatures(struct ca *ca, struct counting *c)
{
	static const struct key_ops ops = {.sign = counting_sign};
	CLEAN(blob_wipe) struct blob spki = {0};

	*c = (struct counting){.real = ca->key};
	assert_int_equal(key_spki(ca->key, &spki, NULL), 0);
	assert_int_equal(key_extern(spki.data, spki.len, &ops, c, &ca->key, NULL), 0);
}

static void
no_signature_is_outside_the_log(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct counting key;
	struct counts before = audit(home), after;
	struct err err = ERR_INIT;
	int i;

	(void)state;
	assert_int_equal(before.signatures, 4); /* two CAs, two CRLs */
	count_signatures(ca, &key);
	for (i = 0; i < 5; i++) {
		CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
		CLEAN(blob_wipe) struct blob cert = {0};

		testsigner_issue(ca, "alice", &p, &cert);
		OK(issue_revoke(ca, 1000, p.serial, REASON_SUPERSEDED, &err));
	}
	after = audit(home);
	assert_int_equal(key.calls, 10);
	assert_int_equal(after.signatures - before.signatures, key.calls);
	assert_int_equal(after.intents - before.intents, key.calls);
	ca_closep(&ca);
	key_freep(&key.real);
}

static void
expect_abandoned(const char *home, size_t entries)
{
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct crl_info crl;
	struct err err = ERR_INIT;

	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.entries, entries);
	assert_int_equal(ca->log->open, 0);
	testsigner_shell(
	    0, "grep -c '\"what\":\"abandoned\"' %s/ca/issuance.log | grep -qx %zu", home, entries);
	testsigner_shell(0,
	    "openssl crl -in %s/pub/issuing.crl -noout -text | grep -q 'Serial Number: 55'", home);
	audit(home);
}

static void
a_crash_between_intent_and_signature_puts_the_serial_on_the_list(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct ca *ca = testsigner_open(home);
		struct counting key;
		struct signer_prepared p = {0};
		struct blob cert = {0};

		ca->random = stuck;
		count_signatures(ca, &key);
		key.then = DIE;
		testsigner_issue(ca, "alice", &p, &cert);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 99);
	expect_abandoned(home, 1);
	expect_abandoned(home, 1);
}

static void
a_key_that_fails_puts_the_serial_on_the_list(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_desk_wipe) struct issue_desk desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct counting key;
	struct err err = ERR_INIT;

	(void)state;
	ca->random = stuck;
	count_signatures(ca, &key);
	testsigner_request(&q, KEY_P256, "alice");
	OK(issue_prepare(ca, &desk, &q.r, &p, &err));
	key.then = FAIL;
	assert_int_not_equal(issue_sign(ca, &desk, 1000, p.serial, &cert, &err), 0);
	assert_non_null(strstr(err.text, "the HSM is gone"));
	assert_int_equal(cert.len, 0);
	assert_int_equal(issue_find(ca, p.serial, &cert, &err), ERR_ABSENT);
	assert_int_equal(issue_sign(ca, &desk, 1000, p.serial, &cert, &err), ERR_ABSENT);
	ca_closep(&ca);
	key_freep(&key.real);
	expect_abandoned(home, 1);
}

/* Can it be opened after what the shell did to the log? */
static int
open_after(const char *what)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct err err = ERR_INIT;
	int rc;

	testsigner_issue(ca, "alice", &p, &cert);
	ca_closep(&ca);
	testsigner_shell(0, "cd %s/ca && cp issuance.log old && %s", home, what);
	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	rc = ca_open(home, pass, 0, &ca, &err);
	if (rc == 0)
		audit(home);
	return rc;
}

static void
a_log_that_was_tampered_with_is_refused(void **state)
{
	(void)state;
	assert_int_equal(open_after("true"), 0);
	assert_int_equal(open_after("sed -i 2s/time/timE/ issuance.log"), ERR_CA);
	assert_int_equal(open_after("sed -i 3d issuance.log"), ERR_CA);
	assert_int_equal(open_after("sed -i '3{h;d};4{G}' issuance.log"), ERR_CA);
	assert_int_equal(open_after("sed -i 4p issuance.log"), ERR_CA);
	assert_int_equal(open_after("sed -i '$s/signed/signeD/' issuance.log"), ERR_CA);
	assert_int_equal(open_after("echo '{}' >> issuance.log"), ERR_CA);
	assert_int_equal(open_after("echo >> issuance.log"), ERR_CA);
	assert_int_equal(open_after(": > issuance.log"), ERR_CA);
	assert_int_equal(open_after("rm issuance.log"), ERR_CA);
	assert_int_equal(open_after("chmod 644 issuance.log"), ERR_CA);
	assert_int_equal(
	    open_after("head -c 60000 /dev/zero | tr '\\0' x >> issuance.log && echo >> "
		       "issuance.log"),
	    ERR_CA);
}

static void
a_line_that_a_crash_cut_off_is_closed_safely(void **state)
{
	(void)state;
	assert_int_equal(open_after("truncate -s -1 issuance.log"), 0);
	assert_int_equal(open_after("truncate -s -400 issuance.log"), 0);
	assert_int_equal(open_after("printf '{\"n\":' >> issuance.log"), 0);
	assert_int_equal(open_after("printf 'ab\\0\\0\\0\\n' >> issuance.log"), 0);
	assert_int_equal(open_after("printf 'ab\\0\\n{}\\n' >> issuance.log"), ERR_CA);
}

static void
a_log_from_a_backup_is_refused_when_a_newer_crl_is_out(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "cp %s/ca/issuance.log %s/backup", home, home);
	OK(crl_renew(ca, 0, true, &err));
	ca_closep(&ca);
	testsigner_shell(0, "cp %s/backup %s/ca/issuance.log", home, home);
	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	assert_int_equal(ca_open(home, pass, 0, &ca, &err), ERR_CA);
	assert_non_null(strstr(err.text, "backup"));
}

static void
a_clock_behind_the_log_is_refused(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_desk_wipe) struct issue_desk desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	ca->now = shifted_now;
	clock_offset = -200;
	OK(issue_prepare(ca, &desk, &q.r, &p, &err));
	OK(crl_renew(ca, 0, true, &err));
	clock_offset = -1000;
	assert_int_equal(issue_prepare(ca, &desk, &q.r, &p, &err), ERR_CA);
	assert_non_null(strstr(err.text, "clock"));
	assert_int_equal(crl_renew(ca, 0, true, &err), ERR_CA);
	clock_offset = 0;
	audit(home);
}

/* ---- CRLs ---- */

static void
the_crl_is_renewed_at_half_its_life_and_its_number_rises(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct crl_info crl;
	struct err err = ERR_INIT;

	(void)state;
	ca->now = shifted_now;
	clock_offset = 3 * DAY;
	OK(crl_renew(ca, 0, false, &err));
	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.number, 1);
	clock_offset = 4 * DAY;
	OK(crl_renew(ca, 0, false, &err));
	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.number, 2);
	assert_int_equal(crl.next_update, utc_now() + 11 * DAY);
	OK(crl_read(ca->crl[1].data, ca->crl[1].len, &crl, &err));
	assert_in_range(crl.next_update - utc_now(), 395 * DAY - 60, 395 * DAY);
	clock_offset = 0;
}

static void
a_crl_that_was_lost_or_could_not_be_published_is_made_again(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = NULL;
	struct crl_info crl;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "echo junk > %s/pub/issuing.crl", home);
	ca = testsigner_open(home);
	OK(crl_renew(ca, 0, false, &err));
	testsigner_shell(0, "mv %s/pub %s/pub2", home, home);
	assert_int_equal(crl_renew(ca, 0, true, &err), ERR_INTERNAL);
	testsigner_shell(0, "mv %s/pub2 %s/pub", home, home);
	OK(crl_renew(ca, 0, false, &err));
	OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
	assert_int_equal(crl.number, 4);
	testsigner_shell(
	    0, "openssl crl -in %s/pub/issuing.crl -noout -crlnumber | grep -q =0x04", home);
}

static void
an_expired_certificate_leaves_the_crl_after_a_while(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct crl_info crl;
	struct err err = ERR_INIT;
	const struct {
		int day;
		size_t entries;
	} at[] = {{0, 1}, {364, 1}, {370, 1}, {390, 0}};
	size_t i;

	(void)state;
	testsigner_issue(ca, "alice", &p, &cert);
	OK(issue_revoke(ca, 1000, p.serial, REASON_KEY_COMPROMISE, &err));
	ca->now = shifted_now;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		clock_offset = at[i].day * DAY;
		OK(crl_renew(ca, 0, true, &err));
		OK(crl_read(ca->crl[0].data, ca->crl[0].len, &crl, &err));
		assert_int_equal(crl.entries, at[i].entries);
	}
	clock_offset = 0;
}

static void
what_was_prepared_long_ago_is_not_signed(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_desk_wipe) struct issue_desk desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	OK(issue_prepare(ca, &desk, &q.r, &p, &err));
	ca->now = shifted_now;
	clock_offset = ISSUE_PREPARED_SEC + 5;
	assert_int_equal(issue_sign(ca, &desk, 1000, p.serial, &cert, &err), ERR_CA);
	clock_offset = 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(init_twice_is_refused),
	    cmocka_unit_test(an_interrupted_init_is_made_anew),
	    cmocka_unit_test(init_does_not_replace_the_certificates_of_a_ca_that_is_elsewhere),
	    cmocka_unit_test(init_says_rehearsal_in_both_subjects_only_when_it_is_one),
	    cmocka_unit_test(init_takes_only_sensible_words),
	    cmocka_unit_test(a_certificate_verifies_here_and_with_openssl),
	    cmocka_unit_test(a_certificate_is_what_the_profile_says),
	    cmocka_unit_test(a_certificate_never_outlives_the_issuing_ca),
	    cmocka_unit_test(a_serial_is_never_used_twice),
	    cmocka_unit_test(serials_are_sixteen_octets_with_all_bits_in_use),
	    cmocka_unit_test(a_desk_gets_a_certificate_once_and_finds_it_again),
	    cmocka_unit_test(a_revoked_certificate_is_on_the_list_when_revoke_returns),
	    cmocka_unit_test(opening_says_why_it_cannot),
	    cmocka_unit_test(a_passphrase_comes_through_an_inherited_descriptor),
	    cmocka_unit_test(one_signer_at_a_time_writes_the_log),
	    cmocka_unit_test(no_signature_is_outside_the_log),
	    cmocka_unit_test(a_crash_between_intent_and_signature_puts_the_serial_on_the_list),
	    cmocka_unit_test(a_key_that_fails_puts_the_serial_on_the_list),
	    cmocka_unit_test(a_log_that_was_tampered_with_is_refused),
	    cmocka_unit_test(a_line_that_a_crash_cut_off_is_closed_safely),
	    cmocka_unit_test(a_log_from_a_backup_is_refused_when_a_newer_crl_is_out),
	    cmocka_unit_test(a_clock_behind_the_log_is_refused),
	    cmocka_unit_test(the_crl_is_renewed_at_half_its_life_and_its_number_rises),
	    cmocka_unit_test(a_crl_that_was_lost_or_could_not_be_published_is_made_again),
	    cmocka_unit_test(an_expired_certificate_leaves_the_crl_after_a_while),
	    cmocka_unit_test(what_was_prepared_long_ago_is_not_signed),
	};

	if (argc > 1 && strcmp(argv[1], "signer") == 0)
		return testsigner_main(argc, argv);
	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
