/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdriver - drives a virtual key in cmocka tests: hexadecimal APDUs in, answers out, and the
 * steps that most tests begin with. Whatever goes wrong fails the test.
 */
#ifndef TESTS_VDRIVER_H
#define TESTS_VDRIVER_H

#include "virtual/vkey.h"

#define SELECT_PIV "00A4040005A000000308"
#define PIN_OK "0020008008313233343536FFFF"
#define PIN_WRONG "0020008008393939393939FFFF"
#define PIN_QUERY "00200080"
#define FACTORY_MGM "010203040506070801020304050607080102030405060708"

struct vdriver_answer {
	uint8_t data[VKEY_ANSWER_MAX];
	size_t len; /* without the status word */
	unsigned sw;
	int rc; /* of vkey_apdu */
};

struct vdriver_answer vdriver_raw(struct vkey *v, const uint8_t *apdu, size_t len);
struct vdriver_answer vdriver_send(struct vkey *v, const char *hex);

/* The status word alone. */
unsigned vdriver_sw(struct vkey *v, const char *hex);

/* 9000 with exactly these data. */
void vdriver_assert_answer(struct vkey *v, const char *hex, const char *want);

/* A clock that nobody waits for: sleeping moves it. A key can be taken out of a sleep. */
struct vdriver_clock {
	struct vkey_clock clock;
	int64_t now_ms;
	unsigned slept_ms;   /* since it was last set to 0 */
	struct vkey *remove; /* taken out in a sleep from now: */
	unsigned remove_at;  /* 0 the next, 1 the one after... */
};
void vdriver_clock_init(struct vdriver_clock *c);

/* Powered; with PIV selected too, and serial 00BADA55. */
struct vkey *vdriver_open(const struct vkey_config *config);
struct vkey *vdriver_fresh(const char *firmware);

void vdriver_hex(const char *hex, uint8_t *out, size_t cap);
void vdriver_ecb(
    const char *cipher, const uint8_t *key, bool enc, const uint8_t *in, uint8_t *out, int len);

/* Mutual authentication as clients do it; trailing: with the 82 00 that most leave out. */
unsigned vdriver_authenticate(struct vkey *v, uint8_t alg, const char *key_hex, bool trailing);

/* ... with the factory's management key, which must succeed. */
void vdriver_admin(struct vkey *v, const char *firmware);

#endif
