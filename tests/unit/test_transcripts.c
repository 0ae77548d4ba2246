/* SPDX-License-Identifier: BSD-2-Clause */
/* Does the virtual YubiKey answer what real ones answered, byte for byte? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "vhooks.h"

#define EXIT_SKIP 77
#define HEX_MAX (2 * VKEY_ANSWER_MAX + 1)

static const char *
row_text(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	assert_non_null(text);
	return text;
}

static size_t
bytes_of(const char *hex, uint8_t *out, size_t cap)
{
	size_t len = 0;

	if (*hex != '\0')
		assert_int_equal(OPENSSL_hexstr2buf_ex(out, cap, &len, hex, '\0'), 1);
	return len;
}

static void
assert_row(struct vkey *v, const json_t *row)
{
	uint8_t in[VKEY_ANSWER_MAX], out[VKEY_ANSWER_MAX];
	const char *command = row_text(row, "Command");
	char want[HEX_MAX], got[HEX_MAX];
	size_t len = bytes_of(command, in, sizeof(in)), out_len = 0;

	assert_int_equal(vkey_apdu(v, in, len, out, sizeof(out), &out_len), VKEY_OK);
	assert_int_equal(OPENSSL_buf2hexstr_ex(got, sizeof(got), NULL, out, out_len, '\0'), 1);
	snprintf(want, sizeof(want), "%s%s", row_text(row, "Response"), row_text(row, "Sw"));
	if (strcmp(got, want) != 0)
		fail_msg("%s\n  real    %s\n  virtual %s", command, want, got);
}

static json_t *
load(const char *name)
{
	char path[4096];
	json_error_t err;
	json_t *rows;

	snprintf(path, sizeof(path), "%s/transcripts/%s.transcript.json", TESTDATA, name);
	rows = json_load_file(path, 0, &err);
	if (rows == NULL)
		fail_msg("%s: %s", path, err.text);
	return rows;
}

/* Version and serial of the key whose SELECT is row i. */
static struct vkey_config
captured(const json_t *rows, size_t i, char firmware[static 8])
{
	struct vkey_config config = {.firmware = firmware};
	uint8_t fw[3], serial[4];

	bytes_of(row_text(json_array_get(rows, i + 1), "Response"), fw, sizeof(fw));
	bytes_of(row_text(json_array_get(rows, i + 2), "Response"), serial, sizeof(serial));
	snprintf(firmware, 8, "%c.%c.%c", '0' + fw[0], '0' + fw[1], '0' + fw[2]);
	config.serial = (uint32_t)serial[0] << 24 | (uint32_t)serial[1] << 16 |
			(uint32_t)serial[2] << 8 | serial[3];
	return config;
}

/* The Bio key had its PIN changed before it was recorded. */
static void
change_pin(struct vkey *v)
{
	static const uint8_t select[] = {0, 0xA4, 4, 0, 5, 0xA0, 0, 0, 3, 8};
	static const uint8_t change[] = "\0\x24\0\x80\x10"
					"123456\xFF\xFF"
					"654321\xFF\xFF";
	uint8_t out[VKEY_ANSWER_MAX];
	size_t n;

	assert_int_equal(vkey_apdu(v, select, sizeof(select), out, sizeof(out), &n), VKEY_OK);
	assert_int_equal(vkey_apdu(v, change, sizeof(change) - 1, out, sizeof(out), &n), VKEY_OK);
	assert_int_equal(out[n - 2], 0x90);
	vkey_power(v, VKEY_POWER_RESET);
}

static struct vkey *
open_captured(const json_t *rows, size_t i)
{
	char firmware[8], msg[256] = "";
	struct vkey_config config = captured(rows, i, firmware);
	const char *query = row_text(json_array_get(rows, i + 3), "Sw");
	struct vkey *v = NULL;

	/* Eight tries, and no PUK further down: Bio, Multi-protocol Edition. */
	config.form_factor = strcmp(query, "63C8") == 0 ? 0x07 : 0x01;
	if (vkey_open(&config, &v, msg, sizeof(msg)) != VKEY_OK)
		fail_msg("%s", msg);
	assert_int_equal(vkey_power(v, VKEY_POWER_ON), VKEY_OK);
	if (config.form_factor == 0x07)
		change_pin(v);
	return v;
}

/* Row 0 of each capture is a reader whose token has no PIV: nothing for this key to answer. */
static size_t
replay(const json_t *rows, void (*prepare)(struct vkey *, const json_t *rows))
{
	struct vkey *v = NULL;
	size_t keys = 0;

	for (size_t i = 1; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		if (strcmp(row_text(row, "Label"), "SELECT PIV") == 0) {
			vkey_free(v);
			v = open_captured(rows, i);
			if (prepare != NULL)
				prepare(v, rows);
			keys++;
		}
		assert_row(v, row);
	}
	vkey_free(v);
	return keys;
}

static void
three_fresh_keys_of_three_firmwares(void **state)
{
	json_t *rows = load("piv-inventory");

	(void)state;
	assert_int_equal(replay(rows, NULL), 3);
	json_decref(rows);
}

static size_t
response_to(const json_t *rows, const char *command, uint8_t *out, size_t cap)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (strcmp(row_text(json_array_get(rows, i), "Command"), command) == 0)
			return bytes_of(row_text(json_array_get(rows, i), "Response"), out, cap);
	fail_msg("%s is not in the capture", command);
	return 0;
}

/* The recorded certificate into 9A's object, its public key into the slot. */
static void
provision_9a(struct vkey *v, const json_t *rows)
{
	uint8_t object[1024], *spki = NULL;
	size_t n = response_to(rows, "00CB3FFF055C035FC10500", object, sizeof(object));
	const uint8_t *p = object + 8; /* 53 82 xx xx 70 82 xx xx */
	X509 *cert;
	int len;

	n += response_to(rows, "00C000003D", object + n, sizeof(object) - n);
	assert_int_equal(vhook_object(v, 0x5FC105, object + 4, n - 4), 0);
	cert = d2i_X509(NULL, &p, (long)(n - 8));
	assert_non_null(cert);
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	assert_true(len > 0);
	assert_int_equal(vhook_slot(v, 0x9A, 2, 1, spki, (size_t)len), 0);
	OPENSSL_free(spki);
	X509_free(cert);
}

static void
a_key_with_a_certificate(void **state)
{
	json_t *rows = load("piv-provisioned");

	(void)state;
	assert_int_equal(replay(rows, provision_9a), 1);
	json_decref(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(three_fresh_keys_of_three_firmwares),
	    cmocka_unit_test(a_key_with_a_certificate),
	};

	if (access(TESTDATA "/transcripts", R_OK) != 0) {
		printf("no transcripts of real keys (meson option testdata)\n");
		return EXIT_SKIP;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
