/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a signer that nobody asks keep its CRL fresh, whatever the clock and the key do, and say
 * what somebody has to know? */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/crl.h"
#include "signer/keeper.h"
#include "testsigner.h"
#include "ykenroll/x509.h"

#define DAY 86400

static int64_t clock_offset;
static char said[4096];
static int lines;

static int64_t
shifted_now(void)
{
	return utc_now() + clock_offset;
}

static void
hear(void *ctx, const char *line)
{
	(void)ctx;
	lines++;
	snprintf(said, sizeof(said), "%s", line);
}

static struct keeper
keeper(void)
{
	clock_offset = 0;
	lines = 0;
	said[0] = '\0';
	return (struct keeper){.say = hear};
}

static void
textp(char **s)
{
	free(*s);
}

struct broken {
	struct key *real;
	int calls;
};

static int
broken_sign(void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *len, struct err *err)
{
	(void)in;
	(void)in_len;
	(void)sig;
	(void)len;
	((struct broken *)ctx)->calls++;
	return err_set(err, ERR_CA, "the HSM is gone");
}

static void
half_of_its_life_is_enough(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct keeper k = keeper();
	const uint64_t first = ca->log->sums.crls[LOG_ISSUING].number;
	CLEAN(blob_wipe) struct blob there = {0}, der = {0};
	uint8_t md[LOG_HASH_LEN];
	int64_t life;

	(void)state;
	ca->now = shifted_now;
	keeper_turn(&k, ca);
	assert_int_equal(ca->log->sums.crls[LOG_ISSUING].number, first);
	life = ca->crls[LOG_ISSUING].until - ca->crls[LOG_ISSUING].from;
	clock_offset = life / 2 - DAY / 4;
	keeper_turn(&k, ca);
	assert_int_equal(lines, 0);
	clock_offset = life / 2 + 60;
	keeper_turn(&k, ca);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(said, "published"));
	assert_int_equal(ca->log->sums.crls[LOG_ISSUING].signed_number, first + 1);
	/* in the file, too */
	assert_int_equal(file_read(testsigner_path(home, "pub/issuing.crl"), &there, NULL), 0);
	assert_int_equal(crl_from_pem(&there, &der, NULL), 0);
	assert_int_equal(EVP_Digest(der.data, der.len, md, NULL, EVP_sha256(), NULL), 1);
	assert_true(crl_is_last(ca->log, LOG_ISSUING, md));
	keeper_turn(&k, ca);
	assert_int_equal(ca->log->sums.crls[LOG_ISSUING].number, first + 1);
	assert_int_equal(lines, 1);
}

static void
a_key_that_fails_is_asked_again_but_not_at_every_turn(void **state)
{
	static const struct key_ops ops = {.sign = broken_sign};
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(blob_wipe) struct blob spki = {0}, before = {0}, after = {0};
	struct broken broken = {.real = ca->key};
	struct keeper k = keeper();
	int64_t pause = 0;
	int i;

	(void)state;
	ca->now = shifted_now;
	assert_int_equal(file_read(testsigner_path(home, "pub/issuing.crl"), &before, NULL), 0);
	assert_int_equal(key_spki(ca->key, &spki, NULL), 0);
	assert_int_equal(key_extern(spki.data, spki.len, &ops, &broken, &ca->key, NULL), 0);
	clock_offset = (ca->crls[LOG_ISSUING].until - ca->crls[LOG_ISSUING].from) / 2 + 60;
	for (i = 1; i < 12; i++) {
		keeper_turn(&k, ca);
		assert_int_equal(broken.calls, i);
		assert_int_equal(lines, i);
		assert_non_null(strstr(said, "the HSM is gone"));
		assert_true(k.pause > pause || k.pause == KEEPER_PAUSE_MAX);
		pause = k.pause;
		keeper_turn(&k, ca);
		keeper_turn(&k, ca);
		assert_int_equal(broken.calls, i);
		k.next_ns = 1; /* the pause is over */
	}
	assert_int_equal(pause, KEEPER_PAUSE_MAX);
	/* what is out is still the last one */
	assert_int_equal(file_read(testsigner_path(home, "pub/issuing.crl"), &after, NULL), 0);
	assert_true(blob_equal(&before, &after));
	key_freep(&ca->key);
	ca->key = broken.real;
	k.next_ns = 1;
	keeper_turn(&k, ca);
	assert_non_null(strstr(said, "published"));
	assert_int_equal(k.pause, 0);
}

static void
a_step_of_the_clock_ends_the_pause(void **state)
{
	static const struct key_ops ops = {.sign = broken_sign};
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(blob_wipe) struct blob spki = {0};
	struct broken broken = {.real = ca->key};
	struct keeper k = keeper();

	(void)state;
	ca->now = shifted_now;
	assert_int_equal(key_spki(ca->key, &spki, NULL), 0);
	assert_int_equal(key_extern(spki.data, spki.len, &ops, &broken, &ca->key, NULL), 0);
	clock_offset = (ca->crls[LOG_ISSUING].until - ca->crls[LOG_ISSUING].from) / 2 + 60;
	keeper_turn(&k, ca);
	keeper_turn(&k, ca);
	assert_int_equal(broken.calls, 1);
	clock_offset += 3600;
	keeper_turn(&k, ca);
	assert_int_equal(broken.calls, 2);
	key_freep(&ca->key);
	ca->key = broken.real;
}

static void
a_clock_behind_is_said_once_and_only_looking_goes_on(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0}, more = {0};
	CLEAN(blob_wipe) struct blob cert = {0}, again = {0};
	const uint64_t number = ca->log->sums.crls[LOG_ISSUING].number;
	struct keeper k = keeper();

	(void)state;
	testsigner_issue(ca, "Alice", &p, &cert);
	ca->now = shifted_now;
	keeper_turn(&k, ca);
	clock_offset = -3600;
	keeper_turn(&k, ca);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(said, "set the clock"));
	keeper_turn(&k, ca);
	assert_int_equal(lines, 1);
	testsigner_request(&q, KEY_P256, "Bob");
	assert_int_equal(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &more, NULL), ERR_CA);
	assert_int_equal(issue_revoke(ca, 0, p.serial, 16, REASON_SUPERSEDED, NULL), ERR_CA);
	assert_int_equal(issue_find(ca, p.serial, &again, NULL, NULL), 0);
	assert_true(blob_equal(&cert, &again));
	assert_int_equal(ca->log->sums.crls[LOG_ISSUING].number, number);
	clock_offset = 0;
	keeper_turn(&k, ca);
	assert_int_equal(lines, 2);
	assert_int_equal(testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &more, NULL), 0);
}

static void
the_roots_crl_is_spoken_of_once_a_day(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct keeper k = keeper();
	int i;

	(void)state;
	ca->now = shifted_now;
	clock_offset = (CA_CRL_ROOT_DAYS / 2 - 1) * DAY;
	keeper_turn(&k, ca); /* the issuing CA's is made */
	assert_null(strstr(said, "root"));
	for (i = 1; i < 4; i++) {
		clock_offset += 2 * DAY;
		keeper_turn(&k, ca);
		keeper_turn(&k, ca);
	}
	/* three times the root, once or twice the CRL in between */
	assert_in_range(shifted_now() - k.root_at, 0, 5);
	assert_in_range(lines, 4, 6);
	clock_offset = CA_CRL_ROOT_DAYS * DAY + DAY;
	keeper_turn(&k, ca);
	assert_in_range(shifted_now() - k.root_at, 0, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(half_of_its_life_is_enough),
	    cmocka_unit_test(a_key_that_fails_is_asked_again_but_not_at_every_turn),
	    cmocka_unit_test(a_step_of_the_clock_ends_the_pause),
	    cmocka_unit_test(a_clock_behind_is_said_once_and_only_looking_goes_on),
	    cmocka_unit_test(the_roots_crl_is_spoken_of_once_a_day),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
