/* SPDX-License-Identifier: BSD-2-Clause */
/* Are key files strong, exchangeable with openssl(1), and refused when they are not? */
#include "testca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "key/evp.h"
#include "key/ossl.h"

static struct secret *
pass(const char *text)
{
	struct secret *s = secret_new();

	assert_int_equal(secret_set(s, text, strlen(text), NULL), 0);
	return s;
}

/* Runs a shell command in the test's directory. */
static void
sh(const char *command)
{
	char line[1024];

	snprintf(
	    line, sizeof(line), "cd %s && umask 077 && { %s; } 2>/dev/null", test_dir(), command);
	if (system(line) != 0)
		fail_msg("failed: %s", command);
}

static int
load(const char *name, const char *phrase, struct key **ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *s = pass(phrase);
	char path[512];

	*err = (struct err)ERR_INIT;
	return key_file_load(test_path(path, sizeof(path), name), s, ret, err);
}

static int
save(const struct key *key, const char *name, const char *phrase, struct err *err)
{
	CLEAN(secret_freep) struct secret *s = pass(phrase);
	char path[512];

	*err = (struct err)ERR_INIT;
	return key_file_save(key, test_path(path, sizeof(path), name), s, err);
}

static void
refused(const char *name, int code, const char *why)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err;

	assert_int_equal(load(name, "secret", &key, &err), code);
	assert_null(key);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" is not about \"%s\"", err.text, why);
}

static void
what_is_saved_is_loaded(void **state)
{
	static const enum key_alg kinds[] = {KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA2048};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		CLEAN(key_freep) struct key *a = NULL;
		CLEAN(key_freep) struct key *b = NULL;
		const int64_t before = key_kdf_ns;
		struct stat st;
		struct err err;
		char path[512];

		assert_int_equal(key_generate(kinds[i], &a, &err), 0);
		assert_int_equal(save(a, "ours.pem", "secret", &err), 0);
		assert_int_equal(stat(test_path(path, sizeof(path), "ours.pem"), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(load("ours.pem", "secret", &b, &err), 0);
		assert_int_equal(key_algorithm(b), kinds[i]);
		assert_int_equal(EVP_PKEY_eq(key_evp(a), key_evp(b)), 1);
		assert_true(key_kdf_ns > before);
		sh("rm ours.pem");
	}
}

static void
openssl_reads_ours(void **state)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(KEY_P256, &key, &err), 0);
	assert_int_equal(save(key, "ours.pem", "secret", &err), 0);
	sh("openssl pkey -in ours.pem -passin pass:secret -noout -check");
	sh("openssl asn1parse -in ours.pem | grep -q :scrypt");
	sh("openssl asn1parse -in ours.pem | grep -q :aes-256-cbc");
	sh("! openssl pkey -in ours.pem -passin pass:other -noout");
}

static void
ours_is_never_written_over_a_file(void **state)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(KEY_P256, &key, &err), 0);
	sh("echo precious > there.pem");
	assert_int_equal(save(key, "there.pem", "secret", &err), ERR_OCCUPIED);
	sh("grep -q precious there.pem");
	assert_int_equal(save(key, "new.pem", "", &err), ERR_USAGE);
	sh("test ! -e new.pem");
}

static void
a_key_that_is_elsewhere_is_not_saved(void **state)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct testkey k;
	struct err err;

	(void)state;
	testkey_new(KEY_P256, &k, &key);
	assert_int_equal(save(key, "token.pem", "secret", &err), ERR_INTERNAL);
	assert_int_equal(k.calls, 0);
	key_freep(&key);
	testkey_wipe(&k);
}

static void
openssls_are_read(void **state)
{
	CLEAN(key_freep) struct key *a = NULL;
	CLEAN(key_freep) struct key *b = NULL;
	struct err err;

	(void)state;
	sh("openssl pkcs8 -topk8 -scrypt -in plain.pem -passout pass:secret -out s.pem");
	assert_int_equal(load("s.pem", "secret", &a, &err), 0);
	assert_int_equal(key_algorithm(a), KEY_P384);
	sh("openssl pkcs8 -topk8 -scrypt -v2 aes-128-cbc -in plain.pem -passout pass:secret "
	   "-out s128.pem");
	assert_int_equal(load("s128.pem", "secret", &b, &err), 0);
}

static void
a_wrong_passphrase_is_said_to_be_one(void **state)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err;

	(void)state;
	assert_int_equal(load("s.pem", "Secret", &key, &err), ERR_CA);
	assert_non_null(strstr(err.text, "wrong passphrase"));
	assert_int_equal(load("s.pem", "", &key, &err), ERR_CA);
	assert_null(key);
}

static void
an_unencrypted_key_is_refused(void **state)
{
	(void)state;
	refused("plain.pem", ERR_USAGE, "not an encrypted");
	sh("openssl ecparam -name prime256v1 -genkey -noout -out old.pem");
	refused("old.pem", ERR_USAGE, "not an encrypted");
	sh("openssl ec -in old.pem -aes256 -passout pass:secret -out oldenc.pem");
	refused("oldenc.pem", ERR_USAGE, "not an encrypted");
}

static void
a_weak_derivation_is_refused(void **state)
{
	(void)state;
	sh("openssl pkcs8 -topk8 -in plain.pem -passout pass:secret -out pbkdf2.pem");
	refused("pbkdf2.pem", ERR_USAGE, "not scrypt");
	sh("openssl pkcs8 -topk8 -iter 1000000 -in plain.pem -passout pass:secret -out many.pem");
	refused("many.pem", ERR_USAGE, "not scrypt");
	sh("openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in plain.pem -passout pass:secret -out v1.pem");
	refused("v1.pem", ERR_USAGE, "not scrypt");
	sh("openssl pkcs8 -topk8 -scrypt -scrypt_N 8192 -in plain.pem -passout pass:secret "
	   "-out n.pem");
	refused("n.pem", ERR_USAGE, "weaker");
	sh("openssl pkcs8 -topk8 -scrypt -scrypt_r 1 -in plain.pem -passout pass:secret -out "
	   "r.pem");
	refused("r.pem", ERR_USAGE, "weaker");
	sh("openssl pkcs8 -topk8 -scrypt -v2 des3 -in plain.pem -passout pass:secret -out des.pem");
	refused("des.pem", ERR_USAGE, "not AES");
}

static void
an_open_file_is_refused(void **state)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err;

	(void)state;
	assert_int_equal(key_generate(KEY_P256, &key, &err), 0);
	assert_int_equal(save(key, "closed.pem", "secret", &err), 0);
	sh("cp closed.pem open.pem && chmod 640 open.pem");
	refused("open.pem", ERR_USAGE, "chmod 600");
	sh("ln -s closed.pem link.pem");
	refused("link.pem", ERR_USAGE, "link.pem");
}

static void
what_is_no_key_is_refused(void **state)
{
	(void)state;
	refused("absent.pem", ERR_ABSENT, "does not exist");
	sh("echo hello > text.pem; : > empty.pem");
	refused("text.pem", ERR_USAGE, "not a PEM");
	refused("empty.pem", ERR_USAGE, "not a PEM");
	sh("openssl pkey -in plain.pem -pubout -out pub.pem");
	refused("pub.pem", ERR_USAGE, "PUBLIC KEY");
	sh("sed '2s/^....//' s.pem > cut.pem");
	refused("cut.pem", ERR_USAGE, "cut.pem");
	sh("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out k1.pem");
	sh("openssl pkcs8 -topk8 -scrypt -in k1.pem -passout pass:secret -out k.pem");
	refused("k.pem", ERR_FIT, "ECCP256");
}

static int
setup(void **state)
{
	(void)state;
	sh("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out plain.pem");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_saved_is_loaded),
	    cmocka_unit_test(openssl_reads_ours),
	    cmocka_unit_test(ours_is_never_written_over_a_file),
	    cmocka_unit_test(a_key_that_is_elsewhere_is_not_saved),
	    cmocka_unit_test(openssls_are_read),
	    cmocka_unit_test(a_wrong_passphrase_is_said_to_be_one),
	    cmocka_unit_test(an_unencrypted_key_is_refused),
	    cmocka_unit_test(a_weak_derivation_is_refused),
	    cmocka_unit_test(an_open_file_is_refused),
	    cmocka_unit_test(what_is_no_key_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
