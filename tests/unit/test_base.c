/* SPDX-License-Identifier: BSD-2-Clause */
/* Do the small promises hold on which all the rest builds: wiped, scrubbed, refused, counted?
 * explicit_bzero is this file's: it notes what it was called for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/file.h"
#include "base/text.h"
#include "ykenroll/secret.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct {
	const void *at;
	size_t len;
} wiped[64];
static size_t n_wiped;

void
explicit_bzero(void *p, size_t len)
{
	volatile uint8_t *b = p;
	size_t i;

	for (i = 0; i < len; i++)
		b[i] = 0;
	if (n_wiped < LEN(wiped)) {
		wiped[n_wiped].at = p;
		wiped[n_wiped++].len = len;
	}
}

/* What _FORTIFY_SOURCE makes of it. */
void __explicit_bzero_chk(void *p, size_t len, size_t room);

void
__explicit_bzero_chk(void *p, size_t len, size_t room)
{
	assert_true(len <= room);
	explicit_bzero(p, len);
}

static bool
was_wiped(uintptr_t at, size_t len)
{
	size_t i;

	for (i = 0; i < n_wiped; i++)
		if ((uintptr_t)wiped[i].at <= at &&
		    (uintptr_t)wiped[i].at + wiped[i].len >= at + len)
			return true;
	return false;
}

static void
a_secret_is_wiped_when_its_scope_ends(void **state)
{
	struct secret *s = secret_new();
	const uintptr_t at = (uintptr_t)s->bytes;

	(void)state;
	assert_int_equal(secret_set(s, "482913", 6, NULL), 0);
	n_wiped = 0;
	secret_freep(&s);
	assert_true(was_wiped(at, 6));
}

static void
what_grows_is_wiped_where_it_was(void **state)
{
	char path[] = "/tmp/ykenroll-base.XXXXXX";
	static char text[40000];
	struct blob b = {0};
	struct stat st;
	uintptr_t at;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(blob_set(&b, "482913", 6, NULL), 0);
	at = (uintptr_t)b.data;
	n_wiped = 0;
	assert_int_equal(blob_append(&b, "x", 1, NULL), 0);
	assert_true(was_wiped(at, 6));
	blob_wipe(&b);
	/* 16 KiB, 32 KiB: each piece of a file that is longer than the room for it */
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	n_wiped = 0;
	assert_int_equal(file_read(path, &b, NULL), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(b.len, st.st_size);
	assert_int_equal(n_wiped, 2);
	assert_true(wiped[0].len == 16384 && wiped[1].len == 32768);
	blob_wipe(&b);
	close(fd);
	unlink(path);
}

static void
what_anybody_tries_first_is_known_as_that(void **state)
{
	static const struct {
		const char *digits;
		bool trivial;
	} t[] = {{"123456", true}, {"87654321", true}, {"000000", true}, {"482913", false},
	    {"123455", false}, {"112233", false}};
	struct secret *s = secret_new();
	size_t i;

	(void)state;
	for (i = 0; i < LEN(t); i++) {
		assert_int_equal(secret_set(s, t[i].digits, strlen(t[i].digits), NULL), 0);
		if (secret_is_trivial(s) != t[i].trivial)
			fail_msg("%s", t[i].digits);
	}
	secret_freep(&s);
}

static void
a_hardened_process_leaves_no_core(void **state)
{
	struct rlimit core;

	(void)state;
	assert_int_equal(secret_harden(NULL), 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	assert_true(core.rlim_cur == 0 && core.rlim_max == 0);
}

static void
a_private_directory_is_its_owner_s_alone(void **state)
{
	static const mode_t others[] = {0701, 0704, 0710, 0740, 0720};
	char dir[] = "/tmp/ykenroll-base.XXXXXX";
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(file_private_dir(dir, NULL), 0);
	for (i = 0; i < LEN(others); i++) {
		assert_int_equal(chmod(dir, others[i]), 0);
		assert_int_equal(file_private_dir(dir, NULL), ERR_USAGE);
	}
	rmdir(dir);
}

static void
the_environment_chooses_no_code(void **state)
{
	static const char *const bad[] = {"LD_PRELOAD", "LD_LIBRARY_PATH", "PCSCLITE_CSOCK_NAME",
	    "P11_KIT_DEBUG", "PKCS11SPY", "OPENSSL_CONF", "SSL_CERT_FILE", "SQLITE_TMPDIR"};
	size_t i;

	(void)state;
	for (i = 0; i < LEN(bad); i++)
		assert_int_equal(setenv(bad[i], "/x", 1), 0);
	setenv("YKENROLL_HOME", "/y", 1);
	env_scrub();
	for (i = 0; i < LEN(bad); i++)
		if (getenv(bad[i]) != NULL)
			fail_msg("%s", bad[i]);
	assert_string_equal(getenv("YKENROLL_HOME"), "/y");
}

static void
a_number_is_digits_and_within_its_limit(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1e3", "366",
	    "18446744073709551616", "-18446744073709551615"};
	unsigned long n = 7;
	size_t i;

	(void)state;
	for (i = 0; i < LEN(bad); i++)
		if (text_number(bad[i], "days", 365, &n, NULL) != ERR_USAGE || n != 7)
			fail_msg("%s", bad[i]);
	assert_int_equal(text_number("365", "days", 365, &n, NULL), 0);
	assert_int_equal(n, 365);
}

static void
only_well_formed_text_is_plain(void **state)
{
	static const char *const bad[] = {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
	    "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xe2\x80\xae", "\x7f", "a\nb",
	    "\xef\xb7\x90", "\xef\xbf\xbe", "\xf0\x9f\xbf\xbf"};
	size_t i;

	(void)state;
	for (i = 0; i < LEN(bad); i++)
		if (text_is_plain(bad[i]))
			fail_msg("%zu", i);
	assert_true(text_is_plain("Zoë 李 \xf0\x9f\x94\x91"));
}

static void
each_code_is_an_exit_status_of_its_own(void **state)
{
	int code;

	(void)state;
	for (code = ERR_BATCH; code <= 0; code++)
		assert_int_equal(err_exit_status(code), -code);
	assert_int_equal(err_exit_status(ERR_HELD), 20);
	assert_int_equal(err_exit_status(ERR_ABSENT), 1);
	assert_int_equal(err_exit_status(ERR_BATCH - 1), 1);
	assert_null(err_name(0));
	assert_string_equal(err_name(ERR_BATCH - 1), err_name(ERR_INTERNAL));
	for (code = ERR_BATCH; code < ERR_INTERNAL; code++)
		assert_string_not_equal(err_name(code), err_name(code + 1));
}

static void
a_secret_s_line_is_the_same_however_it_was_saved(void **state)
{
	static const char *const good[] = {
	    "482913", "482913\n", "482913\r\n", "482913\nmore", "\357\273\277482913\r\n"};
	static const char *const bad[] = {
	    "", "\n", "\r\n", "\xef\xbb\xbf\r\n", "\377\3764", "\xfe\xff"};
	CLEAN(secret_freep) struct secret *s = secret_new();
	size_t i;

	(void)state;
	for (i = 0; i < LEN(good); i++)
		if (file_secret_line("x", (const uint8_t *)good[i], strlen(good[i]), s, NULL) !=
			0 ||
		    s->len != 6 || memcmp(s->bytes, "482913", 6) != 0)
			fail_msg("%zu", i);
	for (i = 0; i < LEN(bad); i++)
		if (file_secret_line("x", (const uint8_t *)bad[i], strlen(bad[i]), s, NULL) !=
		    ERR_USAGE)
			fail_msg("%zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_is_wiped_when_its_scope_ends),
	    cmocka_unit_test(what_grows_is_wiped_where_it_was),
	    cmocka_unit_test(what_anybody_tries_first_is_known_as_that),
	    cmocka_unit_test(a_hardened_process_leaves_no_core),
	    cmocka_unit_test(a_private_directory_is_its_owner_s_alone),
	    cmocka_unit_test(the_environment_chooses_no_code),
	    cmocka_unit_test(a_number_is_digits_and_within_its_limit),
	    cmocka_unit_test(only_well_formed_text_is_plain),
	    cmocka_unit_test(a_secret_s_line_is_the_same_however_it_was_saved),
	    cmocka_unit_test(each_code_is_an_exit_status_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
