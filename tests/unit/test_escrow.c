/* SPDX-License-Identifier: BSD-2-Clause */
/* Can what is sealed be opened by whom it should, and by nobody and nothing else? */
#include "testreg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "registry/escrow.h"

#define TOKEN 4294967295u

static void
make_secret(struct secret *s, enum registry_secret_kind kind)
{
	if (kind == SECRET_PUK)
		assert_int_equal(secret_set(s, "24680135", 8, NULL), 0);
	else
		assert_int_equal(secret_set(s,
				     "\xde\xad\xbe\xef\x00\x01\x02\x03\x04\x05\x06\x07"
				     "\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
				     "\x14\x15\x16\x17\x18\x19\x1a\x1b",
				     32, NULL),
		    0);
}

/* Run a command and compare what it printed. */
static void
prints(const char *cmd, const char *want)
{
	FILE *f = popen(cmd, "r");
	char got[512];
	size_t n;

	assert_non_null(f);
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	assert_int_equal(pclose(f), 0);
	assert_string_equal(got, want);
}

static void
openssl_opens_it_with_the_recovery_key(void **state)
{
	struct testreg *t = *state;
	CLEAN(secret_freep) struct secret *s = secret_new();
	CLEAN(registry_sealed_wipe) struct registry_sealed sealed = {0};
	struct err err = ERR_INIT;
	char path[256], cmd[1024];

	make_secret(s, SECRET_MGMKEY);
	assert_int_equal(registry_seal(t->r, TOKEN, SECRET_MGMKEY, 12, s, &sealed, &err), 0);
	assert_int_equal(sealed.version, 1);
	snprintf(path, sizeof(path), "%s/sealed.der", t->dir);
	assert_int_equal(
	    file_write(path, sealed.recovery.data, sealed.recovery.len, 0600, &err), 0);
	snprintf(cmd, sizeof(cmd),
	    "openssl cms -decrypt -inform DER -in %s -inkey %s -recip %s/recovery.crt"
	    " -passin 'pass:" TESTREG_PASS "'",
	    path, t->key, t->home);
	prints(cmd, "ykenroll-secret 1\nserial 4294967295\nkind management-key\nversion 1\n"
		    "algorithm 0C\nvalue deadbeef000102030405060708090a0b0c0d0e0f101112131415"
		    "161718191a1b\n");
	snprintf(cmd, sizeof(cmd),
	    "openssl cms -cmsout -print -noout -inform DER -in %s | grep -c -e aes-256-gcm -e"
	    " 'authEnvelopedData (1' -e dhSinglePass-stdDH-sha384kdf-scheme",
	    path);
	prints(cmd, "3\n");
}

static void
the_recovery_certificate_is_what_openssl_expects(void **state)
{
	struct testreg *t = *state;
	char cmd[512];

	snprintf(cmd, sizeof(cmd),
	    "openssl verify -x509_strict -CAfile %s/recovery.crt -partial_chain %s/recovery.crt"
	    " | grep -c OK",
	    t->home, t->home);
	prints(cmd, "1\n");
	snprintf(cmd, sizeof(cmd),
	    "openssl x509 -in %s/recovery.crt -noout -nameopt RFC2253 -subject -enddate", t->home);
	prints(cmd, "subject=CN=Recovery of the test\nnotAfter=Dec 31 23:59:59 9999 GMT\n");
	snprintf(cmd, sizeof(cmd),
	    "openssl x509 -in %s/recovery.crt -noout -ext keyUsage,basicConstraints"
	    " | grep -c -e 'Key Agreement$' -e 'CA:FALSE$' -e 'critical$'",
	    t->home);
	prints(cmd, "4\n");
}

static void
a_pending_secret_opens_without_a_person(void **state)
{
	struct testreg *t = *state;
	CLEAN(secret_freep) struct secret *s = secret_new();
	struct err err = ERR_INIT;
	uint8_t alg = 99;

	assert_int_equal(registry_flight_open(t->r, TOKEN, SECRET_PUK, s, &alg, &err), ERR_ABSENT);
	assert_int_equal(testreg_begin(t, TOKEN, "alice", false, &err), 0);
	testreg_open(t);
	assert_int_equal(registry_flight_open(t->r, TOKEN, SECRET_PUK, s, &alg, &err), 0);
	assert_int_equal(alg, 0);
	assert_int_equal(s->len, 8);
	assert_memory_equal(s->bytes, "24680135", 8);
	assert_int_equal(registry_flight_open(t->r, TOKEN, SECRET_MGMKEY, s, NULL, &err), 0);
	assert_int_equal(s->len, 24);
}

static void
a_blob_moved_to_another_row_is_refused(void **state)
{
	struct testreg *t = *state;
	CLEAN(secret_freep) struct secret *s = secret_new();
	struct err err = ERR_INIT;

	assert_int_equal(testreg_begin(t, 1, "alice", false, &err), 0);
	assert_int_equal(testreg_begin(t, 2, "bob", false, &err), 0);
	assert_int_equal(testreg_sql(t, "UPDATE secrets SET flight = (SELECT flight FROM secrets"
					" WHERE token = 2 AND kind = 'puk') WHERE token = 1"),
	    0);
	assert_int_equal(registry_flight_open(t->r, 1, SECRET_PUK, s, NULL, &err), ERR_INTERNAL);
	assert_int_equal(registry_flight_open(t->r, 2, SECRET_PUK, s, NULL, &err), 0);
}

static void
the_text_must_be_that_of_the_label(void **state)
{
	const struct escrow_label label = {.serial = 7, .kind = SECRET_PUK, .version = 3, .alg = 1};
	const struct escrow_label others[] = {
	    {.serial = 77, .kind = SECRET_PUK, .version = 3},
	    {.serial = 7, .kind = SECRET_MGMKEY, .version = 3},
	    {.serial = 7, .kind = SECRET_PUK, .version = 31},
	    {.serial = 7, .kind = SECRET_PUK, .version = 2},
	};
	CLEAN(secret_freep) struct secret *s = secret_new();
	CLEAN(secret_freep) struct secret *text = secret_new();
	CLEAN(secret_freep) struct secret *back = secret_new();
	struct escrow_label l;
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	make_secret(s, SECRET_PUK);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		l = others[i];
		assert_int_equal(escrow_text_write(&label, s, text, &err), 0);
		assert_int_equal(escrow_text_read(text, &l, back, &err), ERR_INTERNAL);
	}
	l = label;
	l.alg = 0;
	assert_int_equal(escrow_text_write(&label, s, text, &err), 0);
	assert_int_equal(escrow_text_read(text, &l, back, &err), 0);
	assert_int_equal(s->len, back->len);
	assert_memory_equal(s->bytes, back->bytes, s->len);
	assert_int_equal(l.alg, 1);
	/* every cut of it is refused */
	for (i = 0; i < text->len; i++) {
		assert_int_equal(escrow_text_write(&label, s, text, &err), 0);
		text->len = i;
		assert_int_equal(escrow_text_read(text, &l, back, &err), ERR_INTERNAL);
	}
	assert_int_equal(secret_set(s, "1\nvalue 2", 9, &err), 0);
	assert_int_equal(escrow_text_write(&label, s, text, &err), ERR_USAGE);
	assert_int_equal(secret_set(s, "", 0, &err), 0);
	assert_int_equal(escrow_text_write(&label, s, text, &err), ERR_USAGE);
	memset(s->bytes, 'x', SECRET_MAX);
	s->len = SECRET_MAX;
	assert_int_equal(escrow_text_write(&label, s, text, &err), ERR_USAGE);
}

/* Any bit of a sealed secret that is flipped: an error, or (in fields that nobody reads) the same
 * secret. */
static void
a_flipped_bit_never_gives_another_secret(void **state)
{
	struct testreg *t = *state;
	CLEAN(escrow_freep) struct escrow *e = NULL;
	CLEAN(blob_wipe) struct blob crt = {0};
	struct registry_recipients to = {.n = 1};
	CLEAN(blob_wipe) struct blob a = {0};
	CLEAN(blob_wipe) struct blob b = {0};
	CLEAN(secret_freep) struct secret *s = secret_new();
	CLEAN(secret_freep) struct secret *back = secret_new();
	struct escrow_label label = {.serial = TOKEN, .kind = SECRET_PUK, .version = 1};
	struct err err = ERR_INIT;
	char path[256];
	size_t i, opened = 0;

	make_secret(s, SECRET_PUK);
	snprintf(path, sizeof(path), "%s/recovery.crt", t->home);
	assert_int_equal(escrow_cert_file(path, &crt, &err), 0);
	to.list[0].der = crt;
	assert_int_equal(escrow_load(t->home, &to, &e, &err), 0);
	assert_int_equal(escrow_seal(e, &label, s, &a, &b, &err), 0);
	/* not for us */
	assert_int_equal(escrow_open_flight(e, &a, &label, back, &err), ERR_INTERNAL);
	for (i = 0; i < b.len * 8; i++) {
		b.data[i / 8] ^= (uint8_t)(1u << i % 8);
		if (escrow_open_flight(e, &b, &label, back, &err) == 0) {
			opened++;
			assert_int_equal(s->len, back->len);
			assert_memory_equal(s->bytes, back->bytes, s->len);
		}
		b.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	print_message("%zu of %zu flips opened to the same secret\n", opened, b.len * 8);
	assert_int_equal(escrow_open_flight(e, &b, &label, back, &err), 0);
}

static void
an_exchanged_recovery_certificate_is_refused(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	char cmd[512], path[256];

	registry_closep(&t->r);
	snprintf(cmd, sizeof(cmd), "cp %s/flight.crt %s/recovery.crt", t->home, t->home);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(registry_open(t->home, "test", &t->r, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "recovery.crt"));
	snprintf(path, sizeof(path), "%s/recovery.crt", t->home);
	assert_int_equal(file_write(path, "junk", 4, 0600, &err), 0);
	assert_int_equal(registry_open(t->home, "test", &t->r, &err), ERR_USAGE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(registry_open(t->home, "test", &t->r, &err), ERR_USAGE);
}

static void
an_exchanged_flight_certificate_is_refused(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "cp %s/recovery.crt %s/flight.crt", t->home, t->home);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(testreg_begin(t, 1, "alice", false, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "flight.crt"));
}

static void
no_secret_is_in_any_file(void **state)
{
	struct testreg *t = *state;
	struct err err = ERR_INIT;
	char cmd[512];

	assert_int_equal(testreg_begin(t, 1, "alice", false, &err), 0);
	snprintf(cmd, sizeof(cmd),
	    "grep -r -a -l -e 24680135 -e 0102030405060708 -e '0A0B0C0D0E0F' %s | wc -l", t->dir);
	prints(cmd, "0\n");
}

#define CLAIM(f) cmocka_unit_test_setup_teardown(f, testreg_setup, testreg_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CLAIM(openssl_opens_it_with_the_recovery_key),
	    CLAIM(the_recovery_certificate_is_what_openssl_expects),
	    CLAIM(a_pending_secret_opens_without_a_person),
	    CLAIM(a_blob_moved_to_another_row_is_refused),
	    cmocka_unit_test(the_text_must_be_that_of_the_label),
	    CLAIM(a_flipped_bit_never_gives_another_secret),
	    CLAIM(an_exchanged_recovery_certificate_is_refused),
	    CLAIM(an_exchanged_flight_certificate_is_refused),
	    CLAIM(no_secret_is_in_any_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
