/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a CRL never older or shorter than the one that servers have, what crl_scan reads what the log
 * says, and is every line of another CA's records understood or refused? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"
#include "signer/crl.h"
#include "signer/import.h"
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

static void
issue(struct ca *ca, uint8_t serial[static SIGNER_SERIAL_LEN])
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};

	testsigner_issue(ca, "alice", &p, &cert);
	memcpy(serial, p.serial, SIGNER_SERIAL_LEN);
}

/* Open the home again; what it says when it will not. */
static int
opens(const char *home, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(ca_closep) struct ca *ca = NULL;

	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	return ca_open(home, pass, 0, &ca, err);
}

/* The log alone comes back from before the revocation, with as many CRLs after it as there were
 * since: the number does not tell. */
static void
restore_and_ask(enum signer_reason reason)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct err err = ERR_INIT;

	issue(ca, serial);
	ca_closep(&ca);
	testsigner_shell(0, "cd %s && cp -p ca/issuance.db before && cp pub/issuing.crl crl", home);
	ca = testsigner_open(home);
	OK(issue_revoke(ca, 0, serial, sizeof(serial), reason, &err));
	ca_closep(&ca);
	testsigner_shell(0,
	    "cd %s && cp pub/issuing.crl newest && cp -p before ca/issuance.db && "
	    "cp crl pub/issuing.crl",
	    home);
	ca = testsigner_open(home);
	OK(crl_renew(ca, 0, true, &err));
	OK(crl_renew(ca, 0, true, &err));
	testsigner_shell(0, "cd %s && cp newest pub/issuing.crl", home);
	assert_int_equal(crl_renew(ca, 0, true, &err), ERR_CA);
	assert_non_null(strstr(err.text, "lists 1 revoked certificate "));
	/* the log says nothing of a signature that was not made */
	assert_int_equal(
	    ca->log->sums.crls[LOG_ISSUING].number, ca->log->sums.crls[LOG_ISSUING].signed_number);
	OK(issue_revoke(ca, 0, serial, sizeof(serial), reason, &err));
}

static void
a_restored_log_cannot_let_anybody_in_again(void **state)
{
	(void)state;
	restore_and_ask(REASON_KEY_COMPROMISE);
	/* that a hold is not in the log does not mean that it was released */
	restore_and_ask(REASON_HOLD);
}

static void
a_restored_home_that_is_behind_by_number_does_not_open(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = NULL;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "cp -rp %s/ca %s/backup", home, home);
	ca = testsigner_open(home);
	OK(crl_renew(ca, 0, true, &err));
	ca_closep(&ca);
	testsigner_shell(0, "rm -r %s/ca; mv %s/backup %s/ca", home, home, home);
	assert_int_equal(opens(home, &err), ERR_CA);
	assert_non_null(strstr(err.text, "backup"));
}

/* Of the number that comes next, by the same key: a copy of the home made it. */
static void
another_list_of_the_next_number_is_not_replaced(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = NULL, *twin = NULL;
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct err err = ERR_INIT;
	char copy[512];

	(void)state;
	snprintf(copy, sizeof(copy), "%s/twin", home);
	testsigner_shell(0, "cd %s && mkdir -m 700 twin && cp -rp ca pub ykenroll.conf twin", home);
	ca = testsigner_open(home);
	issue(ca, serial);
	twin = testsigner_open(copy);
	OK(crl_renew(twin, 0, true, &err));
	testsigner_shell(0, "cp %s/pub/issuing.crl %s/pub/issuing.crl", copy, home);
	assert_int_equal(crl_renew(ca, 0, true, &err), ERR_CA);
	/* nor is a revocation done that cannot be published: the list that is out does not count */
	assert_int_equal(
	    issue_revoke(ca, 0, serial, sizeof(serial), REASON_KEY_COMPROMISE, &err), ERR_CA);
	assert_true(ca->log->sums.stale);
	assert_false(crl_fresh(ca));
}

static void
what_a_crash_kept_from_the_list_is_on_it_after_the_next_start(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct log_who who;
	struct err err = ERR_INIT;

	(void)state;
	issue(ca, serial);
	who = ca_who(ca, 0);
	OK(log_of_serial(
	    ca->log, &who, "revoked", serial, sizeof(serial), REASON_SUPERSEDED, &err));
	ca_closep(&ca);
	ca = testsigner_open(home);
	testsigner_shell(0,
	    "openssl crl -in %s/pub/issuing.crl -noout -text | grep -c 'Serial Number' | grep -qx 1",
	    home);
}

static void
the_root_s_key_is_gone_after_its_one_list(void **state)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(crl_root_renew(ca, 0, &err), ERR_CA);
	OK(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), &err));
	OK(crl_root_unlock(ca, pass, &err));
	OK(crl_root_renew(ca, 0, &err));
	assert_null(ca->root_key);
	assert_int_equal(crl_root_renew(ca, 0, &err), ERR_CA);
}

static void
a_released_hold_may_leave(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct err err = ERR_INIT;

	(void)state;
	issue(ca, serial);
	OK(issue_revoke(ca, 0, serial, sizeof(serial), REASON_HOLD, &err));
	testsigner_shell(0, "cp %s/pub/issuing.crl %s/held", home, home);
	OK(issue_revoke(ca, 0, serial, sizeof(serial), REASON_RELEASE, &err));
	testsigner_shell(0, "cp %s/held %s/pub/issuing.crl", home, home);
	OK(crl_renew(ca, 0, true, &err));
	assert_int_equal(ca->crls[LOG_ISSUING].entries, 0);
}

/* What is no CRL of this CA is replaced: it is nobody's word. */
static void
another_ca_s_crl_does_not_count(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *other = testsigner_empty();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct err err = ERR_INIT;

	(void)state;
	OK(testsigner_init(other, NULL, &err));
	testsigner_shell(0, "cp %s/pub/root.crl %s/pub/issuing.crl", other, home);
	OK(crl_renew(ca, 0, true, &err));
	testsigner_shell(0,
	    "openssl crl -in %s/pub/issuing.crl -noout -CAfile %s/pub/issuing.crt 2>&1 | "
	    "grep -q 'verify OK'",
	    home, home);
}

static void
the_audit_head_is_in_the_issuing_crl(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct log_who who;
	struct crl_scan s;
	struct err err = ERR_INIT;

	(void)state;
	issue(ca, serial);
	who = ca_who(ca, 0);
	who.audit = (struct signer_audit){.rows = 258, .head = {7, 8, 9}};
	OK(log_of_serial(
	    ca->log, &who, "revoked", serial, sizeof(serial), REASON_SUPERSEDED, &err));
	OK(crl_renew(ca, 0, true, &err));
	OK(crl_file_from_pem(testsigner_path(home, "pub/issuing.crl"), home, &f, &err));
	OK(crl_scan_begin(&f, NULL, &s, &err));
	assert_int_equal(s.audit.rows, 258);
	assert_memory_equal(s.audit.head, who.audit.head, sizeof(who.audit.head));
	assert_int_equal(s.other, 0);
	testsigner_shell(0,
	    "openssl asn1parse -in %s/pub/issuing.crl | grep -q 'HEX DUMP.:04280000000000000102070809'",
	    home);
	testsigner_shell(0, "certtool --crl-info --infile %s/pub/issuing.crl >/dev/null", home);
}

/* Serials of every length, dates around 2050, every reason: OpenSSL reads what was meant. */
static void
every_kind_of_entry_is_read_by_openssl(void **state)
{
	static const uint8_t reasons[] = {0, 1, 2, 3, 4, 5, 6, 9, 10};
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	const struct log_who who = ca_who(ca, 0);
	struct log_cert in = {0};
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < 40; i++) {
		memset(&in, 0, sizeof(in));
		in.serial[i / 2] = i % 2 == 0 ? 0x80 : 0x7f;
		in.serial[19] |= 1;
		in.not_after = INT64_C(4102444800);
		in.revoked_at = INT64_C(2524607990) + (int64_t)i; /* the last of 2049 */
		in.reason = reasons[i % sizeof(reasons)];
		if (i == 38) /* 0x80 | 1 is 0x81: there */
			in.serial[19] = 0x42;
		OK(testsigner_import(ca->log, &who, &in, &err));
	}
	OK(log_sync(ca->log, &err));
	OK(crl_renew(ca, 0, true, &err));
	testsigner_shell(0,
	    "openssl crl -in %s/pub/issuing.crl -noout -text >%s/text && [ $(grep -c 'Serial Number' "
	    "%s/text) = 40 ] && [ $(grep -c 'Dec 31 23:59:5. 2049' %s/text) = 10 ] && "
	    "[ $(grep -c 'Jan  1 00:00:.. 2050' %s/text) = 30 ] && ! grep -q 'Number: -' %s/text && "
	    "[ $(grep -c 'Reason Code' %s/text) = 35 ]",
	    home, home, home, home, home, home, home);
	testsigner_shell(0,
	    "openssl asn1parse -in %s/pub/issuing.crl | grep -c GENERALIZEDTIME | grep -qx 30",
	    home);
}

/* ---- index.txt ---- */

static const char *
line(const char *text, struct import_line *l)
{
	static char copy[512];

	snprintf(copy, sizeof(copy), "%s", text);
	return import_index_line(copy, l);
}

static void
lines_of_an_index_that_are_understood(void **state)
{
	static const struct {
		const char *text;
		char status;
		uint8_t reason, last; /* octet of the serial */
		bool revoked, invalidity;
	} good[] = {
	    {"V\t270101000000Z\t\t01\tunknown\t/CN=a", 'V', 0, 1, false, false},
	    {"V\t20500101000000Z\t\t1000\tunknown\t/CN=a", 'V', 0, 0, false, false},
	    {"E\t200229000000Z\t\tFF\tunknown\t/CN=a", 'E', 0, 0xff, false, false},
	    {"R\t270101000000Z\t260101000000Z\t0A\tunknown\t/CN=a", 'R', 0, 10, true, false},
	    {"R\t270101000000Z\t260101000000Z,keyCompromise\ta\tunknown\t/", 'R', 1, 10, true,
		false},
	    {"R\t270101000000Z\t260101000000Z,CERTIFICATEHOLD\t0b\tx\t", 'R', 6, 11, true, false},
	    {"R\t270101000000Z\t260101000000Z,CAkeyTime,20240229120000Z\t0b\tx\t", 'R', 2, 11, true,
		true},
	    {"R\t270101000000Z\t260101000000Z,holdInstruction,holdInstructionReject\t0b\tx\t", 'R',
		6, 11, true, false},
	    {"V\t270101000000Z\t\t000000000000000000000000000000000000000000000C\tx\t", 'V', 0, 12,
		false, false},
	    {"V\t270101000000Z\t\t0D\tx\t/CN=a\\\tb", 'V', 0, 13, false, false},
	};
	struct import_line l;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if ((why = line(good[i].text, &l)) != NULL)
			fail_msg("%s: %s", good[i].text, why);
		assert_int_equal(l.status, good[i].status);
		assert_int_equal(l.cert.reason, good[i].reason);
		assert_int_equal(l.cert.serial[19], good[i].last);
		assert_int_equal(l.cert.revoked_at != 0, good[i].revoked);
		assert_int_equal(l.invalidity, good[i].invalidity);
	}
	assert_string_equal(l.subject, "/CN=a\\x09b");
}

static void
lines_of_an_index_that_are_not(void **state)
{
	static const char *const bad[] = {
	    "",
	    "V",
	    "V\t270101000000Z\t\t01\tunknown",
	    "V\t270101000000Z\t\t01\tunknown\t/CN=a\tx",
	    "\t270101000000Z\t\t01\tunknown\t/",
	    "VV\t270101000000Z\t\t01\tunknown\t/",
	    "S\t270101000000Z\t\t01\tunknown\t/",
	    "v\t270101000000Z\t\t01\tunknown\t/",
	    "V\t270101000000\t\t01\tunknown\t/",
	    "V\t270230000000Z\t\t01\tunknown\t/",
	    "V\t271301000000Z\t\t01\tunknown\t/",
	    "V\t270101250000Z\t\t01\tunknown\t/",
	    "V\t2701010000Z\t\t01\tunknown\t/",
	    "V\t-70101000000Z\t\t01\tunknown\t/",
	    "V\t270101000000Z\t260101000000Z\t01\tunknown\t/",
	    "E\t270101000000Z\t260101000000Z\t01\tunknown\t/",
	    "R\t270101000000Z\t\t01\tunknown\t/",
	    "R\t270101000000Z\tx\t01\tunknown\t/",
	    "R\t270101000000Z\t600101000000Z\t01\tunknown\t/",
	    "R\t270101000000Z\t260101000000Z,\t01\tunknown\t/",
	    "R\t270101000000Z\t260101000000Z,removeFromCRL\t01\tunknown\t/",
	    "R\t270101000000Z\t260101000000Z,keyCompromise,1\t01\tunknown\t/",
	    "R\t270101000000Z\t260101000000Z,keyTime\t01\tunknown\t/",
	    "R\t270101000000Z\t260101000000Z,keyTime,x\t01\tunknown\t/",
	    "V\t270101000000Z\t\t\tunknown\t/",
	    "V\t270101000000Z\t\t-1\tunknown\t/",
	    "V\t270101000000Z\t\t0x01\tunknown\t/",
	    "V\t270101000000Z\t\t01 \tunknown\t/",
	    "V\t270101000000Z\t\t100000000000000000000000000000000000000000\tunknown\t/",
	};
	struct import_line l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (line(bad[i], &l) == NULL)
			fail_msg("taken: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_restored_log_cannot_let_anybody_in_again),
	    cmocka_unit_test(a_restored_home_that_is_behind_by_number_does_not_open),
	    cmocka_unit_test(another_list_of_the_next_number_is_not_replaced),
	    cmocka_unit_test(what_a_crash_kept_from_the_list_is_on_it_after_the_next_start),
	    cmocka_unit_test(the_root_s_key_is_gone_after_its_one_list),
	    cmocka_unit_test(a_released_hold_may_leave),
	    cmocka_unit_test(another_ca_s_crl_does_not_count),
	    cmocka_unit_test(the_audit_head_is_in_the_issuing_crl),
	    cmocka_unit_test(every_kind_of_entry_is_read_by_openssl),
	    cmocka_unit_test(lines_of_an_index_that_are_understood),
	    cmocka_unit_test(lines_of_an_index_that_are_not),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
