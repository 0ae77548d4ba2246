/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever a PKCS #11 module answers: is there a clear error, one login at most, and no second
 * signature for one intent? */
#include "testp11.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "signer/sign.h"

#define KEY "pkcs11:token=mock;object=ca"

static const unsigned long codes[] = {CKR_HOST_MEMORY, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED,
    CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_NOT_SUPPORTED,
    CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID,
    CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN, CKR_CRYPTOKI_NOT_INITIALIZED};

#define N_CODES (sizeof(codes) / sizeof(codes[0]))

/* ---- it works ---- */

static void
it_signs_with_one_login_and_one_call_each(void **state)
{
	CLEAN(blob_wipe) struct blob tbs = {0}, der = {0};
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	(void)state;
	testp11_no_fault();
	if (testp11_open_with(KEY, "471199", &key, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(key_algorithm(key), KEY_P256);
	assert_int_equal(blob_set(&tbs, "\x30\x01x", 3, NULL), 0);
	if (sign_tbs(key, &tbs, &der, &err) != 0 || sign_tbs(key, &tbs, &der, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(testp11_count("C_Login"), 1);
	assert_int_equal(testp11_count("C_Sign"), 2);
}

static void
a_new_key_is_named_by_its_id(void **state)
{
	CLEAN(key_freep) struct key *key = NULL, *again = NULL, *other = NULL;
	struct err err = ERR_INIT;

	(void)state;
	testp11_no_fault();
	if (testp11_generate("pkcs11:token=mock;object=new", &key, &err) != 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(key_p11_uri(key), "id=%"));
	assert_non_null(strstr(key_p11_uri(key), "module-path="));
	assert_int_equal(
	    testp11_generate("pkcs11:token=mock;object=new", &other, &err), ERR_OCCUPIED);
	if (testp11_open_with("pkcs11:token=mock;object=new", "", &again, &err) != 0)
		fail_msg("%s", err.text); /* logged in already */
	assert_int_equal(testp11_count("C_Login"), 1);
}

static void
a_file_names_the_key_and_has_no_pin(void **state)
{
	CLEAN(key_freep) struct key *key = NULL, *again = NULL;
	CLEAN(secret_freep) struct secret *none = secret_new();
	CLEAN(blob_wipe) struct blob text = {0};
	enum key_secret kind = KEY_SECRET_PASSPHRASE;
	struct err err = ERR_INIT;
	char path[64], with_source[256];
	struct stat st;

	(void)state;
	testp11_no_fault();
	snprintf(path, sizeof(path), "%s/name", testp11_dir);
	snprintf(with_source, sizeof(with_source), KEY "?pin-source=file:%s", testp11_pins);
	assert_int_equal(file_write(testp11_pins, "471199\n", 7, 0600, NULL), 0);
	if (testp11_open_with(with_source, "wrong", &key, &err) != 0 ||
	    key_file_save(key, path, none, &err) != 0)
		fail_msg("%s", err.text);
	key_freep(&key);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_read(path, &text, NULL), 0);
	assert_null(memmem(text.data, text.len, "471199", 6));
	assert_int_equal(key_file_secret(path, &kind, &err), 0);
	assert_int_equal(kind, KEY_SECRET_NONE);
	if (key_file_load(path, none, &again, &err) != 0)
		fail_msg("%s", err.text);
}

/* ---- it fails ---- */

/* 0: an error with a text, at most one login, no signature. */
static int
opening_fails(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;
	const int rc = testp11_open_with(KEY, "471199", &key, &err);

	return rc != 0 && err.text[0] != '\0' && key == NULL && testp11_count("C_Login") <= 1 &&
		       testp11_count("C_Sign") == 0
		   ? 0
		   : 1;
}

static void
each_code_of_each_call_is_an_error_when_opening(void **state)
{
	static const char *const names[] = {"C_Initialize", "C_GetSlotList", "C_GetSlotInfo",
	    "C_GetTokenInfo", "C_OpenSession", "C_GetSessionInfo", "C_Login", "C_FindObjectsInit",
	    "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue"};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (k = 0; k < N_CODES; k++) {
			testp11_fault_code(names[i], codes[k]);
			if (testp11_apart(opening_fails) != 0)
				fail_msg("%s, 0x%lx", names[i], codes[k]);
			assert_true(testp11_count(names[i]) > 0);
		}
}

static int
generating_fails(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;
	const int rc = testp11_generate("pkcs11:token=mock;object=new", &key, &err);

	return rc != 0 && err.text[0] != '\0' && key == NULL &&
		       testp11_count("C_GenerateKeyPair") == 1
		   ? 0
		   : 1;
}

static void
each_code_is_an_error_when_generating(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < N_CODES; k++) {
		testp11_fault_code("C_GenerateKeyPair", codes[k]);
		if (testp11_apart(generating_fails) != 0)
			fail_msg("0x%lx", codes[k]);
	}
}

/* One failed signature, and a second one that is not asked for. */
static int
signing_fails(void)
{
	CLEAN(blob_wipe) struct blob tbs = {0}, der = {0};
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;
	unsigned asked;

	if (testp11_open_with(KEY, "471199", &key, &err) != 0 ||
	    blob_set(&tbs, "\x30\x01x", 3, NULL) != 0)
		return 1;
	if (sign_tbs(key, &tbs, &der, &err) != ERR_CA || strstr(err.text, "HSM") == NULL)
		return 2;
	asked = testp11_count("C_Sign") + testp11_count("C_SignInit");
	err = (struct err)ERR_INIT;
	if (sign_tbs(key, &tbs, &der, &err) != ERR_CA || strstr(err.text, "not tried") == NULL)
		return 3;
	if (testp11_count("C_Sign") + testp11_count("C_SignInit") != asked ||
	    testp11_count("C_Sign") > 1)
		return 4;
	return der.len == 0 && testp11_count("C_Login") == 1 ? 0 : 5;
}

static void
each_code_is_the_last_signature(void **state)
{
	static const char *const names[] = {"C_SignInit", "C_Sign"};
	size_t i, k;
	int r;

	(void)state;
	for (i = 0; i < 2; i++)
		for (k = 0; k < N_CODES; k++) {
			testp11_fault_code(names[i], codes[k]);
			if ((r = testp11_apart(signing_fails)) != 0)
				fail_msg("%s, 0x%lx: %d", names[i], codes[k], r);
		}
}

static int
signature_is_refused(void)
{
	CLEAN(blob_wipe) struct blob tbs = {0}, der = {0};
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	if (testp11_open_with(KEY, "471199", &key, &err) != 0 ||
	    blob_set(&tbs, "\x30\x01x", 3, NULL) != 0)
		return 1;
	return sign_tbs(key, &tbs, &der, &err) == ERR_CA && der.len == 0 ? 0 : 2;
}

static void
a_corrupt_signature_does_not_leave(void **state)
{
	(void)state;
	testp11_fault("C_Sign", "corrupt");
	assert_int_equal(testp11_apart(signature_is_refused), 0);
}

static void
an_endless_call_ends_the_process(void **state)
{
	(void)state;
	p11_sec = 1;
	testp11_fault("C_Sign", "hang");
	assert_int_equal(testp11_apart(signature_is_refused), -SIGALRM);
	testp11_fault("C_Login", "hang");
	assert_int_equal(testp11_apart(opening_fails), -SIGALRM);
	p11_sec = 45;
}

/* ---- PINs ---- */

static int
wrong_pin(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	if (testp11_open_with(KEY, "000000", &key, &err) != ERR_CA ||
	    strstr(err.text, "PIN") == NULL || strstr(err.text, "000000") != NULL)
		return 1;
	/* not even the right one: it may be a loop that guesses */
	if (testp11_open_with(KEY, "471199", &key, &err) != ERR_CA)
		return 2;
	return testp11_count("C_Login") == 1 ? 0 : 3;
}

static int
no_login(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	return testp11_open_with(KEY, "471199", &key, &err) == ERR_CA &&
		       testp11_count("C_Login") == 0
		   ? 0
		   : 1;
}

static int
pinpad(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	/* the mock refuses the absent PIN; it was asked without one */
	return testp11_open_with(KEY, "471199", &key, &err) == ERR_CA &&
		       testp11_count("C_Login") == 1
		   ? 0
		   : 1;
}

static void
a_pin_is_tried_once_and_never_the_last_time(void **state)
{
	(void)state;
	testp11_no_fault();
	assert_int_equal(testp11_apart(wrong_pin), 0);
	testp11_no_fault();
	setenv("MOCK_FLAGS", "20000", 1); /* CKF_USER_PIN_FINAL_TRY */
	assert_int_equal(testp11_apart(no_login), 0);
	setenv("MOCK_FLAGS", "40000", 1); /* CKF_USER_PIN_LOCKED */
	assert_int_equal(testp11_apart(no_login), 0);
	setenv("MOCK_FLAGS", "100", 1); /* CKF_PROTECTED_AUTHENTICATION_PATH */
	assert_int_equal(testp11_apart(pinpad), 0);
	testp11_no_fault();
}

static int
pin_file_refused(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;
	char text[256];

	snprintf(text, sizeof(text), KEY "?pin-source=file:%s", testp11_pins);
	return testp11_open_with(text, "471199", &key, &err) == ERR_USAGE &&
		       testp11_count("C_Login") == 0
		   ? 0
		   : 1;
}

static void
a_pin_file_must_be_its_owners_alone(void **state)
{
	(void)state;
	testp11_no_fault();
	assert_int_equal(file_write(testp11_pins, "471199\n", 7, 0644, NULL), 0);
	assert_int_equal(testp11_apart(pin_file_refused), 0);
	unlink(testp11_pins);
	assert_int_equal(testp11_apart(pin_file_refused), 0);
}

/* ---- URIs ---- */

static void
uris_that_say_too_much_or_too_little_are_refused(void **state)
{
	static const char *const bad[] = {"", "ca", "file:/etc/passwd",
	    "pkcs11:", "pkcs11:token=mock", "pkcs11:token=mock;object=ca?pin-value=471199",
	    "pkcs11:object=ca;type=cert", "pkcs11:object=ca;colour=red",
	    "pkcs11:object=ca?pin-source=relative", "pkcs11:object=ca?pin-source=%7Ccat%20/pin",
	    "pkcs11:object=ca?module-path=mock.so", "pkcs11:object=ca?module-path=/nonexistent",
	    "pkcs11:object=%ZZ"};
	enum key_secret kind;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = (struct err)ERR_INIT;
		if (key_p11_secret(bad[i], &kind, &err) != ERR_USAGE)
			fail_msg("%s", bad[i]);
		assert_null(strstr(err.text, "471199"));
	}
	assert_int_equal(key_p11_secret("pkcs11:object=ca", &kind, NULL), 0);
	assert_int_equal(kind, KEY_SECRET_PIN);
	assert_int_equal(key_p11_secret("pkcs11:id=%01?pin-source=/run/pin", &kind, NULL), 0);
	assert_int_equal(kind, KEY_SECRET_NONE);
}

static void
a_module_that_others_can_change_is_refused(void **state)
{
	enum key_secret kind;

	(void)state;
	assert_int_equal(key_p11_secret(testp11_uri(KEY), &kind, NULL), 0);
	assert_int_equal(chmod(testp11_module, 0720), 0);
	assert_int_equal(key_p11_secret(testp11_uri(KEY), &kind, NULL), ERR_USAGE);
	assert_int_equal(chmod(testp11_module, 0702), 0);
	assert_int_equal(key_p11_secret(testp11_uri(KEY), &kind, NULL), ERR_USAGE);
	assert_int_equal(chmod(testp11_module, 0700), 0);
	assert_int_equal(chmod(testp11_dir, 0777), 0);
	assert_int_equal(key_p11_secret(testp11_uri(KEY), &kind, NULL), ERR_USAGE);
	assert_int_equal(chmod(testp11_dir, 0700), 0);
	if (geteuid() == 0)
		return;
	p11_owner = (uid_t)-1;
	assert_int_equal(key_p11_secret(testp11_uri(KEY), &kind, NULL), ERR_USAGE);
	p11_owner = geteuid();
}

/* Two tokens or keys of one name are not chosen from. */
static int
wrong_name(void)
{
	static const struct {
		const char *uri;
		int rc;
	} cases[] = {{"pkcs11:token=other;object=ca", ERR_CA}, {"pkcs11:object=other", ERR_CA},
	    {"pkcs11:serial=2;object=ca", ERR_CA}, {"pkcs11:slot-id=1;object=ca", ERR_CA}};
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (testp11_open_with(cases[i].uri, "471199", &key, &err) != cases[i].rc)
			return (int)i + 1;
	return 0;
}

static void
what_the_uri_names_must_be_there(void **state)
{
	(void)state;
	testp11_no_fault();
	assert_int_equal(testp11_apart(wrong_name), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_signs_with_one_login_and_one_call_each),
	    cmocka_unit_test(a_new_key_is_named_by_its_id),
	    cmocka_unit_test(a_file_names_the_key_and_has_no_pin),
	    cmocka_unit_test(each_code_of_each_call_is_an_error_when_opening),
	    cmocka_unit_test(each_code_is_an_error_when_generating),
	    cmocka_unit_test(each_code_is_the_last_signature),
	    cmocka_unit_test(a_corrupt_signature_does_not_leave),
	    cmocka_unit_test(an_endless_call_ends_the_process),
	    cmocka_unit_test(a_pin_is_tried_once_and_never_the_last_time),
	    cmocka_unit_test(a_pin_file_must_be_its_owners_alone),
	    cmocka_unit_test(uris_that_say_too_much_or_too_little_are_refused),
	    cmocka_unit_test(a_module_that_others_can_change_is_refused),
	    cmocka_unit_test(what_the_uri_names_must_be_there),
	};

	return cmocka_run_group_tests(tests, testp11_setup, testp11_teardown);
}
