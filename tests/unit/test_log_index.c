/* SPDX-License-Identifier: BSD-2-Clause */
/* Is every serial found where it is, and none that is not there, whatever the serials are like? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "signer/log_index.h"

#define RANDOM 200000
#define ALIKE 3000

static const uint8_t *
at(const void *array, size_t position)
{
	return (const uint8_t *)array + position * LOG_SERIAL_LEN;
}

static void
ask(const uint8_t *serials, size_t n)
{
	struct log_index x = {0};
	size_t i;

	assert_int_equal(log_index_find(&x, serials, at, serials), SIZE_MAX);
	for (i = 0; i < n; i++) {
		assert_int_equal(log_index_find(&x, serials, at, at(serials, i)), SIZE_MAX);
		assert_int_equal(log_index_put(&x, serials, at, i, NULL), 0);
	}
	for (i = 0; i < n; i++)
		assert_int_equal(log_index_find(&x, serials, at, at(serials, i)), i);
	assert_true(x.size >= 2 * x.n);
	log_index_wipe(&x);
	assert_int_equal(log_index_find(&x, serials, at, serials), SIZE_MAX);
}

static void
random_serials(void **state)
{
	uint8_t *serials = calloc(RANDOM, LOG_SERIAL_LEN);
	uint64_t seed = 1;
	size_t i;

	(void)state;
	assert_non_null(serials);
	for (i = 0; i < (size_t)RANDOM * LOG_SERIAL_LEN; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		serials[i] = (uint8_t)(seed >> 56);
	}
	ask(serials, RANDOM);
	free(serials);
}

/* As another CA counts them, or as somebody would choose them who knows the function. */
static void
serials_alike(void **state)
{
	uint8_t *serials = calloc(ALIKE, LOG_SERIAL_LEN);
	size_t i;

	(void)state;
	assert_non_null(serials);
	for (i = 0; i < ALIKE; i++) {
		serials[i * LOG_SERIAL_LEN + 18] = (uint8_t)(i >> 8);
		serials[i * LOG_SERIAL_LEN + 19] = (uint8_t)(i & 0xff);
	}
	ask(serials, ALIKE);
	for (i = 0; i < ALIKE; i++) /* now all have the same home */
		memcpy(serials + i * LOG_SERIAL_LEN + 4, serials + i * LOG_SERIAL_LEN + 12, 8);
	ask(serials, ALIKE);
	free(serials);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_serials),
	    cmocka_unit_test(serials_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
