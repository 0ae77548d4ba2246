/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile_special: answers of the right form with the wrong content, and the right ones beside
 * them, which show that it is the content that is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/tlv.h"
#include "hostile.h"

#define BOMB_BYTES (2 * 1024 * 1024)
#define X4(s) s s s s
#define X16(s) X4(X4(s))
#define X32(s) X16(s) X16(s)
#define X64(s) X4(X16(s))
#define X255(s) X64(s) X64(s) X64(s) X32(s) X16(s) X4(s) X4(s) X4(s) s s s

/* ---- public keys ---- */

/* SEC 2, 2.4.2: the generator of P-256 */
#define GX "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
#define GY "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"
#define GY_OFF "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F4"
#define PRIME "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"

#define SLOT(policy) \
	"010111"     \
	"0202" policy "030101"
#define IN_SLOT(point) \
	SLOT("0201")   \
	"0443"         \
	"8641" point
#define GENERATED(point) \
	"7F4943"         \
	"8641" point
#define RSA_SLOT(rest) \
	"010107"       \
	"02020201"     \
	"030101"       \
	"04820109" rest
#define RSA_GENERATED(rest) "7F49820109" rest
#define RSA_N(last) "81820100" X255("FF") last
#define E65537 "8203010001"

/* ---- objects ---- */

static size_t
object(uint8_t out[static VKEY_ANSWER_MAX], const uint8_t *cert, size_t len, uint8_t info)
{
	CLEAN(blob_wipe) struct blob inner = {0};
	CLEAN(blob_wipe) struct blob outer = {0};

	assert_int_equal(tlv_put(&inner, 0x70, cert, len, NULL), 0);
	assert_int_equal(tlv_put(&inner, 0x71, &info, 1, NULL), 0);
	assert_int_equal(tlv_put(&inner, 0xfe, NULL, 0, NULL), 0);
	assert_int_equal(tlv_put(&outer, 0x53, inner.data, inner.len, NULL), 0);
	assert_true(outer.len < VKEY_ANSWER_MAX - 2);
	memcpy(out, outer.data, outer.len);
	return outer.len;
}

/* len bytes, all but the first two or four of a SEQUENCE's head 0, as gzip */
static size_t
zip(size_t len, uint8_t *out, size_t room)
{
	static uint8_t plain[BOMB_BYTES];
	z_stream z = {.next_in = plain, .next_out = out};

	memset(plain, 0, sizeof(plain));
	memcpy(plain, "\x30\x82", 2);
	plain[2] = (uint8_t)((len - 4) >> 8);
	plain[3] = (uint8_t)(len - 4);
	z.avail_in = (uInt)len;
	z.avail_out = (uInt)room;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&z), Z_OK);
	return room - z.avail_out;
}

static size_t
zipped(uint8_t out[static VKEY_ANSWER_MAX], size_t len, size_t cut, uint8_t info)
{
	uint8_t gz[3000];
	const size_t n = zip(len, gz, sizeof(gz));

	return object(out, gz, n - cut, info);
}

static size_t
zip_good(uint8_t out[static VKEY_ANSWER_MAX])
{
	return zipped(out, 4000, 0, 1);
}

static size_t
zip_bomb(uint8_t out[static VKEY_ANSWER_MAX])
{
	return zipped(out, BOMB_BYTES, 0, 1);
}

static size_t
zip_cut(uint8_t out[static VKEY_ANSWER_MAX])
{
	return zipped(out, 4000, 1, 1);
}

static size_t
zip_unmarked(uint8_t out[static VKEY_ANSWER_MAX])
{
	return zipped(out, 4000, 0, 0);
}

static size_t
zip_odd_flag(uint8_t out[static VKEY_ANSWER_MAX])
{
	return zipped(out, 4000, 0, 2);
}

static size_t
zip_of_zip(uint8_t out[static VKEY_ANSWER_MAX])
{
	uint8_t gz[3000], twice[3000];
	const size_t n = zip(4000, gz, sizeof(gz));
	z_stream z = {.next_in = gz, .avail_in = (uInt)n, .next_out = twice, .avail_out = 3000};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&z), Z_OK);
	return object(out, twice, sizeof(twice) - z.avail_out, 1);
}

/* ---- all ---- */

#define M80 "GET METADATA 80"
#define M81 "GET METADATA 81"
#define M9B "GET METADATA before AUTHENTICATE"
#define M9A "GET METADATA 9A"
#define GEN "GENERATE"
#define SIG "GENERAL AUTHENTICATE, ECDSA"
#define ED "GENERAL AUTHENTICATE, Ed25519"
#define CERT "GET DATA, certificate"
#define CONFIG "READ CONFIG"
#define VER "GET VERSION"
#define SER "GET SERIAL"
#define AUTH1 "AUTHENTICATE, first"
#define AUTH2 "AUTHENTICATE, second"
#define CHUID "GET DATA, CHUID"

const struct hostile_special hostile_specials[] = {
    {"a point", M9A, IN_SLOT("04" GX GY), NULL, HARMLESS},
    {"a point off the curve", M9A, IN_SLOT("04" GX GY_OFF), NULL, ERR_GONE},
    {"the point 0, 0", M9A, IN_SLOT("04" X64("00")), NULL, ERR_GONE},
    {"a point of FF", M9A, IN_SLOT("04" X64("FF")), NULL, ERR_GONE},
    {"x not below p", M9A, IN_SLOT("04" PRIME GY), NULL, ERR_GONE},
    {"a hybrid point", M9A, IN_SLOT("07" GX GY), NULL, ERR_GONE},
    {"the point at infinity", M9A, SLOT("0201") "0403860100", NULL, ERR_GONE},
    {"infinity, 65 bytes", M9A, IN_SLOT("00" X64("00")), NULL, ERR_GONE},
    {"a compressed point", M9A, SLOT("0201") "0423862103" GX, NULL, ERR_GONE},
    {"no point", M9A, SLOT("0201") "04028600", NULL, ERR_GONE},
    {"an empty public key", M9A, SLOT("0201") "0400", NULL, ERR_GONE},
    {"no public key", M9A, SLOT("0201"), NULL, HARMLESS},
    {"two points", M9A,
	SLOT("0201") "0446"
		     "8641"
		     "04" GX GY "860100",
	NULL, ERR_GONE},
    {"policies 00", M9A, SLOT("0000"), NULL, HARMLESS},
    {"policies FF", M9A, SLOT("FFFF"), NULL, HARMLESS},
    {"one policy", M9A,
	"010111"
	"020102"
	"030101",
	NULL, ERR_GONE},
    {"three policies", M9A,
	"010111"
	"0203020101"
	"030101",
	NULL, ERR_GONE},
    {"no policies", M9A,
	"010111"
	"030101",
	NULL, ERR_GONE},
    {"no algorithm", M9A,
	"02020201"
	"030101",
	NULL, ERR_GONE},
    {"two algorithms", M9A, "010111" SLOT("0201"), NULL, ERR_GONE},
    {"an unknown algorithm", M9A,
	"010199"
	"02020201"
	"030101"
	"0403860100",
	NULL, HARMLESS},
    {"RSA", M9A, RSA_SLOT(RSA_N("FF") E65537), NULL, HARMLESS},
    {"an even modulus", M9A, RSA_SLOT(RSA_N("FE") E65537), NULL, ERR_GONE},
    {"a modulus 0", M9A, RSA_SLOT("81820100" X255("00") "00" E65537), NULL, ERR_GONE},
    {"a modulus of 2040 bits", M9A, RSA_SLOT("8182010000" X255("FF") E65537), NULL, ERR_GONE},
    {"e = 1", M9A, RSA_SLOT(RSA_N("FF") "8203000001"), NULL, ERR_GONE},
    {"e = 0", M9A, RSA_SLOT(RSA_N("FF") "8203000000"), NULL, ERR_GONE},
    {"e = 65536", M9A, RSA_SLOT(RSA_N("FF") "8203010000"), NULL, ERR_GONE},
    {"e before n", M9A, RSA_SLOT(E65537 RSA_N("FF")), NULL, ERR_GONE},
    {"no e", M9A,
	"010107"
	"02020201"
	"030101"
	"04820104" RSA_N("FF"),
	NULL, ERR_GONE},

    {"a point", GEN, GENERATED("04" GX GY), NULL, HARMLESS},
    {"a point off the curve", GEN, GENERATED("04" GX GY_OFF), NULL, ERR_GONE},
    {"the point 0, 0", GEN, GENERATED("04" X64("00")), NULL, ERR_GONE},
    {"the point at infinity", GEN, "7F4903860100", NULL, ERR_GONE},
    {"a compressed point", GEN, "7F4923862103" GX, NULL, ERR_GONE},
    {"a hybrid point", GEN, GENERATED("07" GX GY), NULL, ERR_GONE},
    {"an RSA key for P-256", GEN, RSA_GENERATED(RSA_N("FF") E65537), NULL, ERR_GONE},
    {"RSA", "GENERATE, RSA", RSA_GENERATED(RSA_N("FF") E65537), NULL, HARMLESS},
    {"e = 1", "GENERATE, RSA", RSA_GENERATED(RSA_N("FF") "8203000001"), NULL, ERR_GONE},
    {"a point for RSA", "GENERATE, RSA", GENERATED("04" GX GY), NULL, ERR_GONE},

    {"true tries", M80,
	"0101FF"
	"050101"
	"06020303",
	NULL, HARMLESS},
    {"one number of tries", M80,
	"0101FF"
	"050101"
	"060103",
	NULL, ERR_GONE},
    {"three numbers of tries", M80,
	"0101FF"
	"050101"
	"0603030303",
	NULL, ERR_GONE},
    {"no tries", M80,
	"0101FF"
	"050101",
	NULL, ERR_GONE},
    {"tries twice", M80,
	"0101FF"
	"050101"
	"06020303"
	"06020F0F",
	NULL, ERR_GONE},
    {"factory 2", M80,
	"0101FF"
	"050102"
	"06020303",
	NULL, ERR_GONE},
    {"factory FF", M80,
	"0101FF"
	"0501FF"
	"06020303",
	NULL, ERR_GONE},
    {"factory of no byte", M80,
	"0101FF"
	"0500"
	"06020303",
	NULL, ERR_GONE},
    {"an algorithm for a PIN", M80,
	"010111"
	"050101"
	"06020303",
	NULL, ERR_GONE},
    {"a slot's metadata", M80, IN_SLOT("04" GX GY), NULL, ERR_GONE},
    {"a slot's metadata", M81, IN_SLOT("04" GX GY), NULL, ERR_GONE},
    {"no tries left", "GET METADATA before VERIFY",
	"0101FF"
	"050101"
	"06020300",
	NULL, ERR_BLOCKED},
    {"one try left", "GET METADATA before VERIFY",
	"0101FF"
	"050101"
	"06020301",
	NULL, ERR_PIN},
    {"no tries left", "GET METADATA before CHANGE",
	"0101FF"
	"050101"
	"06020300",
	NULL, ERR_BLOCKED},
    {"one try left", "GET METADATA before RESET RETRY",
	"0101FF"
	"050101"
	"06020301",
	NULL, ERR_PIN},

    {"an unknown algorithm", M9B,
	"010199"
	"02020001"
	"050101",
	NULL, ERR_GONE},
    {"algorithm 00", M9B,
	"010100"
	"02020001"
	"050101",
	NULL, ERR_GONE},
    {"P-256", M9B,
	"010111"
	"02020001"
	"050101",
	NULL, ERR_GONE},
    {"one policy", M9B,
	"01010A"
	"020101"
	"050101",
	NULL, ERR_GONE},
    {"factory 2", M9B,
	"01010A"
	"02020001"
	"050102",
	NULL, ERR_GONE},
    {"AES-128, and a key of 24 bytes", M9B,
	"010108"
	"02020001"
	"050101",
	NULL, ERR_MGMKEY},

    {"a witness of 8 bytes", AUTH1, "7C0A8008" X4("0102"), NULL, ERR_GONE},
    {"a witness of 17 bytes", AUTH1, "7C138011" X16("01") "01", NULL, ERR_GONE},
    {"a witness of no byte", AUTH1, "7C028000", NULL, ERR_GONE},
    {"a response for a witness", AUTH1, "7C128210" X16("01"), NULL, ERR_GONE},
    {"two witnesses", AUTH1, "7C248010" X16("01") "8010" X16("01"), NULL, ERR_GONE},
    {"a response that is not the key's", AUTH2, "7C128210" X16("01"), NULL, ERR_MGMKEY},
    {"a response of 0", AUTH2, "7C128210" X16("00"), NULL, ERR_MGMKEY},
    {"a response of 8 bytes", AUTH2, "7C0A8208" X4("0102"), NULL, ERR_GONE},
    {"a response of no byte", AUTH2, "7C028200", NULL, ERR_GONE},
    {"a witness again", AUTH2, "7C128010" X16("01"), NULL, ERR_GONE},

    {"a version of 2 bytes", VER, "0507", NULL, ERR_GONE},
    {"a version of 4 bytes", VER, "05070101", NULL, ERR_GONE},
    {"a version as text", VER, "352E372E31", NULL, ERR_GONE},
    {"a serial of 3 bytes", SER, "AB4130", NULL, ERR_GONE},
    {"a serial of 5 bytes", SER, "00AB413001", NULL, ERR_GONE},
    {"a serial of 8 bytes", SER, "0000000000AB4130", NULL, ERR_GONE},

    {"an empty SEQUENCE", "ATTEST", "3000", NULL, ERR_GONE},
    {"a SEQUENCE of nothing known", "ATTEST", "3006020101020101", NULL, ERR_GONE},
    {"a public key", "ATTEST",
	"3059301306072A8648CE3D020106082A8648CE3D030107034200"
	"04" GX GY,
	NULL, ERR_GONE},
    {"a certificate object", "ATTEST", "70023000710100FE00", NULL, ERR_GONE},

    {"a signature", SIG, "7C0A82083006020101020101", NULL, HARMLESS},
    {"r = 0", SIG, "7C0A82083006020100020101", NULL, ERR_GONE},
    {"s = 0", SIG, "7C0A82083006020101020100", NULL, ERR_GONE},
    {"r below 0", SIG, "7C0A820830060201FF020101", NULL, ERR_GONE},
    {"r of 257 bits", SIG, "7C2A8228302602210101" X16("00") X16("00") "020101", NULL, ERR_GONE},
    {"r with a zero too many", SIG, "7C0B8209300702020001020101", NULL, ERR_GONE},
    {"a signature and a byte", SIG, "7C0B8209300602010102010100", NULL, ERR_GONE},
    {"a signature in BER", SIG, "7C0C820A30800201010201010000", NULL, ERR_GONE},
    {"no signature", SIG, "7C028200", NULL, ERR_GONE},
    {"a signature of 64 bytes", ED, "7C428240" X64("01"), NULL, HARMLESS},
    {"a signature of 63 bytes", ED, "7C41823F" X32("01") X16("01") X4("0101") X4("01") "010101",
	NULL, ERR_GONE},
    {"a signature of 65 bytes", ED, "7C438241" X64("01") "01", NULL, ERR_GONE},
    {"no signature", ED, "7C028200", NULL, ERR_GONE},

    {"a certificate in gzip", CERT, NULL, zip_good, HARMLESS},
    {"a zip bomb", CERT, NULL, zip_bomb, ERR_FIT},
    {"a zip bomb", "GET DATA, F9", NULL, zip_bomb, ERR_FIT},
    {"gzip that is cut", CERT, NULL, zip_cut, ERR_FIT},
    {"gzip not marked as such", CERT, NULL, zip_unmarked, ERR_FIT},
    {"gzip in gzip", CERT, NULL, zip_of_zip, ERR_FIT},
    {"an unknown compression", CERT, NULL, zip_odd_flag, ERR_FIT},
    {"marked as gzip and not", CERT,
	"5309"
	"70023000"
	"710101"
	"FE00",
	NULL, ERR_FIT},
    {"a SEQUENCE", CERT,
	"5309"
	"70023000"
	"710100"
	"FE00",
	NULL, HARMLESS},
    {"no SEQUENCE", CERT,
	"5309"
	"70023100"
	"710100"
	"FE00",
	NULL, ERR_FIT},
    {"a SEQUENCE and a byte", CERT,
	"530A"
	"7003300041"
	"710100"
	"FE00",
	NULL, ERR_FIT},
    {"an empty certificate", CERT,
	"5307"
	"7000"
	"710100"
	"FE00",
	NULL, ERR_FIT},
    {"two certificates", CERT,
	"530D"
	"70023000"
	"70023000"
	"710100"
	"FE00",
	NULL, ERR_FIT},
    {"compression of two bytes", CERT,
	"530A"
	"70023000"
	"71020000"
	"FE00",
	NULL, ERR_FIT},
    {"a certificate longer than its object", CERT,
	"5309"
	"707F3000"
	"710100"
	"FE00",
	NULL, ERR_FIT},
    {"a CHUID", CHUID, "53123410" X16("07"), NULL, HARMLESS},
    {"a GUID of 15 bytes", CHUID, "5311340F" X4("07") X4("07") X4("07") "070707", NULL, ERR_ABSENT},
    {"two GUIDs", CHUID, "53243410" X16("07") "3410" X16("08"), NULL, ERR_ABSENT},

    {"no length", CONFIG, "", NULL, ERR_GONE},
    {"nothing inside", CONFIG, "00", NULL, HARMLESS},
    {"a length that is more", CONFIG, "04040101", NULL, ERR_GONE},
    {"a length that is less", CONFIG, "02040101", NULL, ERR_GONE},
    {"a field that is cut", CONFIG, "03040201", NULL, ERR_GONE},
    {"a field without a length", CONFIG, "0104", NULL, ERR_GONE},
    {"fields of no byte", CONFIG, "06040014001600", NULL, HARMLESS},
    {"more pages, for ever", CONFIG, "03100101", NULL, HARMLESS},
};

const size_t hostile_specials_n = sizeof(hostile_specials) / sizeof(hostile_specials[0]);
