/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever a PKCS #11 module answers: is there a clear error, one login at most, and no second
 * signature for one intent? */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "key/p11.h"
#include "signer/seal.h"

#define KEY "pkcs11:token=mock;object=ca"

static char dir[] = "/tmp/ykenroll-p11-XXXXXX";
static char module[64], calls[64], pins[64];

static const unsigned long codes[] = {CKR_HOST_MEMORY, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED,
    CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_NOT_SUPPORTED,
    CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID,
    CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN, CKR_CRYPTOKI_NOT_INITIALIZED};

#define N_CODES (sizeof(codes) / sizeof(codes[0]))

/* ---- around it ---- */

static const char *
uri(const char *text)
{
	static char full[512];

	snprintf(
	    full, sizeof(full), "%s%cmodule-path=%s", text, strchr(text, '?') ? '&' : '?', module);
	return full;
}

static unsigned
count(const char *call)
{
	FILE *f = fopen(calls, "re");
	char line[64];
	unsigned n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, call, strlen(call)) == 0 && line[strlen(call)] == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

static void
fault(const char *call, const char *what)
{
	char text[64];

	unlink(calls);
	snprintf(text, sizeof(text), "%s:1:%s", call, what);
	setenv("SHIM_FAULT", text, 1);
}

static void
fault_code(const char *call, unsigned long code)
{
	char text[32];

	snprintf(text, sizeof(text), "%lx", code);
	fault(call, text);
}

static int
open_with(const char *text, const char *pin, struct key **ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *s = secret_new();

	assert_int_equal(secret_set(s, pin, strlen(pin), NULL), 0);
	return key_p11_open(uri(text), s, ret, err);
}

static int
generate(const char *text, struct key **ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *s = secret_new();

	assert_int_equal(secret_set(s, "471199", 6, NULL), 0);
	return key_p11_generate(uri(text), KEY_P256, s, ret, err);
}

/* A refused login counts for the life of a process: each case has its own. Returns its status. */
static int
apart(int (*run)(void))
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
no_fault(void)
{
	unlink(calls);
	unsetenv("SHIM_FAULT");
	unsetenv("MOCK_FLAGS");
}

/* ---- it works ---- */

static void
it_signs_with_one_login_and_one_call_each(void **state)
{
	CLEAN(blob_wipe) struct blob tbs = {0}, der = {0};
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	(void)state;
	no_fault();
	if (open_with(KEY, "471199", &key, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(key_algorithm(key), KEY_P256);
	assert_int_equal(blob_set(&tbs, "\x30\x01x", 3, NULL), 0);
	if (seal_sign(key, &tbs, &der, &err) != 0 || seal_sign(key, &tbs, &der, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(count("C_Login"), 1);
	assert_int_equal(count("C_Sign"), 2);
}

static void
a_new_key_is_named_by_its_id(void **state)
{
	CLEAN(key_freep) struct key *key = NULL, *again = NULL, *other = NULL;
	struct err err = ERR_INIT;

	(void)state;
	no_fault();
	if (generate("pkcs11:token=mock;object=new", &key, &err) != 0)
		fail_msg("%s", err.text);
	assert_non_null(strstr(key_p11_uri(key), "id=%"));
	assert_non_null(strstr(key_p11_uri(key), "module-path="));
	assert_int_equal(generate("pkcs11:token=mock;object=new", &other, &err), ERR_OCCUPIED);
	if (open_with("pkcs11:token=mock;object=new", "", &again, &err) != 0)
		fail_msg("%s", err.text); /* logged in already */
	assert_int_equal(count("C_Login"), 1);
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
	no_fault();
	snprintf(path, sizeof(path), "%s/name", dir);
	snprintf(with_source, sizeof(with_source), KEY "?pin-source=file:%s", pins);
	assert_int_equal(file_write(pins, "471199\n", 7, 0600, NULL), 0);
	if (open_with(with_source, "wrong", &key, &err) != 0 ||
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
	const int rc = open_with(KEY, "471199", &key, &err);

	return rc != 0 && err.text[0] != '\0' && key == NULL && count("C_Login") <= 1 &&
		       count("C_Sign") == 0
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
			fault_code(names[i], codes[k]);
			if (apart(opening_fails) != 0)
				fail_msg("%s, 0x%lx", names[i], codes[k]);
			assert_true(count(names[i]) > 0);
		}
}

static int
generating_fails(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;
	const int rc = generate("pkcs11:token=mock;object=new", &key, &err);

	return rc != 0 && err.text[0] != '\0' && key == NULL && count("C_GenerateKeyPair") == 1 ? 0
												: 1;
}

static void
each_code_is_an_error_when_generating(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < N_CODES; k++) {
		fault_code("C_GenerateKeyPair", codes[k]);
		if (apart(generating_fails) != 0)
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

	if (open_with(KEY, "471199", &key, &err) != 0 || blob_set(&tbs, "\x30\x01x", 3, NULL) != 0)
		return 1;
	if (seal_sign(key, &tbs, &der, &err) != ERR_CA || strstr(err.text, "HSM") == NULL)
		return 2;
	asked = count("C_Sign") + count("C_SignInit");
	err = (struct err)ERR_INIT;
	if (seal_sign(key, &tbs, &der, &err) != ERR_CA || strstr(err.text, "not asked") == NULL)
		return 3;
	if (count("C_Sign") + count("C_SignInit") != asked || count("C_Sign") > 1)
		return 4;
	return der.len == 0 && count("C_Login") == 1 ? 0 : 5;
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
			fault_code(names[i], codes[k]);
			if ((r = apart(signing_fails)) != 0)
				fail_msg("%s, 0x%lx: %d", names[i], codes[k], r);
		}
}

static int
signature_is_refused(void)
{
	CLEAN(blob_wipe) struct blob tbs = {0}, der = {0};
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	if (open_with(KEY, "471199", &key, &err) != 0 || blob_set(&tbs, "\x30\x01x", 3, NULL) != 0)
		return 1;
	return seal_sign(key, &tbs, &der, &err) == ERR_CA && der.len == 0 ? 0 : 2;
}

static void
a_corrupt_signature_does_not_leave(void **state)
{
	(void)state;
	fault("C_Sign", "corrupt");
	assert_int_equal(apart(signature_is_refused), 0);
}

static void
an_endless_call_ends_the_process(void **state)
{
	(void)state;
	p11_sec = 1;
	fault("C_Sign", "hang");
	assert_int_equal(apart(signature_is_refused), -SIGALRM);
	fault("C_Login", "hang");
	assert_int_equal(apart(opening_fails), -SIGALRM);
	p11_sec = 45;
}

/* ---- PINs ---- */

static int
wrong_pin(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	if (open_with(KEY, "000000", &key, &err) != ERR_CA || strstr(err.text, "PIN") == NULL ||
	    strstr(err.text, "000000") != NULL)
		return 1;
	/* not even the right one: it may be a loop that guesses */
	if (open_with(KEY, "471199", &key, &err) != ERR_CA)
		return 2;
	return count("C_Login") == 1 ? 0 : 3;
}

static int
no_login(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	return open_with(KEY, "471199", &key, &err) == ERR_CA && count("C_Login") == 0 ? 0 : 1;
}

static int
pinpad(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;

	/* the mock refuses the absent PIN; it was asked without one */
	return open_with(KEY, "471199", &key, &err) == ERR_CA && count("C_Login") == 1 ? 0 : 1;
}

static void
a_pin_is_tried_once_and_never_the_last_time(void **state)
{
	(void)state;
	no_fault();
	assert_int_equal(apart(wrong_pin), 0);
	no_fault();
	setenv("MOCK_FLAGS", "20000", 1); /* CKF_USER_PIN_FINAL_TRY */
	assert_int_equal(apart(no_login), 0);
	setenv("MOCK_FLAGS", "40000", 1); /* CKF_USER_PIN_LOCKED */
	assert_int_equal(apart(no_login), 0);
	setenv("MOCK_FLAGS", "100", 1); /* CKF_PROTECTED_AUTHENTICATION_PATH */
	assert_int_equal(apart(pinpad), 0);
	no_fault();
}

static int
pin_file_refused(void)
{
	CLEAN(key_freep) struct key *key = NULL;
	struct err err = ERR_INIT;
	char text[256];

	snprintf(text, sizeof(text), KEY "?pin-source=file:%s", pins);
	return open_with(text, "471199", &key, &err) == ERR_USAGE && count("C_Login") == 0 ? 0 : 1;
}

static void
a_pin_file_must_be_its_owners_alone(void **state)
{
	(void)state;
	no_fault();
	assert_int_equal(file_write(pins, "471199\n", 7, 0644, NULL), 0);
	assert_int_equal(apart(pin_file_refused), 0);
	unlink(pins);
	assert_int_equal(apart(pin_file_refused), 0);
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
	assert_int_equal(key_p11_secret(uri(KEY), &kind, NULL), 0);
	assert_int_equal(chmod(module, 0720), 0);
	assert_int_equal(key_p11_secret(uri(KEY), &kind, NULL), ERR_USAGE);
	assert_int_equal(chmod(module, 0700), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(key_p11_secret(uri(KEY), &kind, NULL), ERR_USAGE);
	assert_int_equal(chmod(dir, 0700), 0);
	if (geteuid() == 0)
		return;
	p11_owner = (uid_t)-1;
	assert_int_equal(key_p11_secret(uri(KEY), &kind, NULL), ERR_USAGE);
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
		if (open_with(cases[i].uri, "471199", &key, &err) != cases[i].rc)
			return (int)i + 1;
	return 0;
}

static void
what_the_uri_names_must_be_there(void **state)
{
	(void)state;
	no_fault();
	assert_int_equal(apart(wrong_name), 0);
}

/* ---- */

static int
setup(void **state)
{
	CLEAN(blob_wipe) struct blob so = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(module, sizeof(module), "%s/shim.so", dir);
	snprintf(calls, sizeof(calls), "%s/calls", dir);
	snprintf(pins, sizeof(pins), "%s/pin", dir);
	assert_int_equal(file_read(P11_SHIM, &so, NULL), 0);
	assert_int_equal(file_write(module, so.data, so.len, 0700, NULL), 0);
	setenv("SHIM_LOG", calls, 1);
	p11_owner = geteuid();
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"shim.so", "calls", "pin", "name"};
	char path[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
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

	return cmocka_run_group_tests(tests, setup, teardown);
}
