/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile_commands: who is lied to, and what comes of it. */
#include "hostile.h"

#define FW "5.7.1"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define EXCEPT(list) .except = list, .n_except = COUNT(list)

#define FORM_IN_PLACE(code)                                                                       \
	{A_LEN_80, code}, {A_LEN_81, code}, {A_LEN_82, code}, {A_LEN_83, code}, {A_LEN_84, code}, \
	    {A_LEN_FF, code}, {A_LEN_PLUS, code}, {A_LEN_MINUS, code}, {A_WRONG_TAG, code},       \
	    {A_LONG_TAG, code}, {A_ZEROS, code},                                                  \
	{                                                                                         \
		A_ONES, code                                                                      \
	}

#define FORM_ANY(code)                                                                           \
	{A_BARE_OK, code}, {A_258, code}, {A_261, code}, {A_3072, code}, FORM_IN_PLACE(code),    \
	    {A_LEN_HUGE, code}, {A_INDEFINITE, code}, {A_NESTED, code}, {A_TRAILING_BYTE, code}, \
	    {A_TRAILING_TLV, code}, {A_TWICE, code}, {A_CUT_LAST, code}, {A_HALF, code},         \
	{                                                                                        \
		A_NO_CONTENT, code                                                               \
	}

#define SW_NAMED(code)                                                                  \
	{A_SW_6581, code}, {A_SW_6700, code}, {A_SW_6982, code}, {A_SW_6983, code},     \
	    {A_SW_6985, code}, {A_SW_6A80, code}, {A_SW_6A81, code}, {A_SW_6A82, code}, \
	    {A_SW_6A84, code}, {A_SW_6A86, code}, {A_SW_6A88, code}, {A_SW_6B00, code}, \
	{                                                                               \
		A_SW_6D00, code                                                         \
	}

#define SW_ANY(code)                                                                         \
	SW_NAMED(code), {A_LE, code}, {A_LE_00, code}, {A_SW_6283, code}, {A_SW_6300, code}, \
	    {A_SW_63C0, code}, {A_SW_63C1, code}, {A_SW_63C5, code}, {A_SW_63CF, code},      \
	    {A_SW_63FF, code}, {A_SW_6400, code}, {A_SW_6882, code}, {A_SW_6E00, code},      \
	    {A_SW_6F00, code}, {A_SW_8F00, code}, {A_SW_9001, code}, {A_SW_9100, code},      \
	    {A_SW_0000, code}, {A_SW_FFFF, code},                                            \
	{                                                                                    \
		A_DATA_6F00, code                                                            \
	}

/* What is inside the template is not looked at. */
static const struct hostile_except select_except[] = {{A_SW_6A82, ERR_NO_TOKEN},
    {A_NESTED, HARMLESS}, {A_TRAILING_TLV, HARMLESS}, {A_NO_CONTENT, HARMLESS}};

/* Any bytes of the right number are a version, and a serial. */
static const struct hostile_except version_except[] = {FORM_IN_PLACE(HARMLESS)};
static const struct hostile_except serial_except[] = {FORM_IN_PLACE(HARMLESS), SW_NAMED(ERR_GONE)};

/* Later firmware may tell more. */
static const struct hostile_except metadata_except[] = {{A_TRAILING_TLV, HARMLESS}};

static const struct hostile_except slot_except[] = {
    {A_TRAILING_TLV, HARMLESS}, {A_SW_6A88, ERR_ABSENT}};

/* A Bio has no PUK. */
static const struct hostile_except puk_except[] = {
    {A_TRAILING_TLV, HARMLESS}, {A_SW_6A88, ERR_ABSENT}};
static const struct hostile_except no_puk_except[] = {
    {A_TRAILING_TLV, HARMLESS}, {A_SW_6A88, ERR_USAGE}};

/* 63Cx is the truth about tries as far as anybody can know. */
static const struct hostile_except pin_except[] = {{A_BARE_OK, HARMLESS}, {A_SW_63C0, ERR_BLOCKED},
    {A_SW_63C1, ERR_PIN}, {A_SW_63C5, ERR_PIN}, {A_SW_63CF, ERR_PIN}};

/* 9000: verified already, and the tries are not told, so none is spent. */
static const struct hostile_except ask_except[] = {{A_BARE_OK, ERR_PIN}, {A_SW_63C0, ERR_BLOCKED},
    {A_SW_63C1, ERR_PIN}, {A_SW_63C5, HARMLESS}, {A_SW_63CF, HARMLESS}};

static const struct hostile_except delete_except[] = {
    {A_BARE_OK, HARMLESS}, {A_SW_6A88, ERR_ABSENT}};
static const struct hostile_except retries_except[] = {{A_BARE_OK, HARMLESS}, {A_SW_6982, ERR_PIN}};
static const struct hostile_except mgm_except[] = {{A_SW_6A80, ERR_MGMKEY}};
static const struct hostile_except no_answer_except[] = {{A_BARE_OK, HARMLESS}};
static const struct hostile_except attest_except[] = {
    {A_SW_6A82, ERR_ABSENT}, {A_SW_6A88, ERR_ABSENT}, {A_SW_6A80, ERR_ABSENT}};

static const struct hostile_except sign_except[] = {
    {A_SW_6A88, ERR_ABSENT}, {A_SW_6982, ERR_PIN}, {A_SW_6A80, ERR_ABSENT}};

/* An object that is empty is one that is not there. 82 is the truth about these two's length. */
static const struct hostile_except cert_except[] = {{A_SW_6A82, ERR_ABSENT},
    {A_SW_6A88, ERR_ABSENT}, {A_SW_6982, ERR_PIN}, {A_NO_CONTENT, ERR_ABSENT}, {A_NESTED, ERR_FIT},
    {A_LEN_82, HARMLESS}};

static const struct hostile_except guid_except[] = {{A_SW_6A82, ERR_ABSENT},
    {A_SW_6A88, ERR_ABSENT}, {A_SW_6982, ERR_PIN}, {A_NO_CONTENT, ERR_ABSENT},
    {A_NESTED, ERR_ABSENT}};
static const struct hostile_except object_except[] = {{A_SW_6A82, ERR_ABSENT},
    {A_SW_6A88, ERR_ABSENT}, {A_SW_6982, ERR_PIN}, {A_NO_CONTENT, ERR_ABSENT},
    {A_NESTED, HARMLESS}};

static const struct hostile_except move_except[] = {
    {A_SW_6A88, ERR_ABSENT}, {A_BARE_OK, HARMLESS}, {A_SW_6A80, ERR_OCCUPIED}};

/* Says that it is blocked when it is not: then RESET is refused. */
static const struct hostile_except block_except[] = {{A_SW_6983, ERR_USAGE}};

/* Whoever does not tell about itself is not known; the PIV application is selected again. */
static const struct hostile_except management_except[] = {FORM_ANY(HARMLESS), SW_ANY(HARMLESS)};

/* Its first byte is a length, the second a tag, and there are tags that nobody asked for. What
 * refuses to tell is not known. */
static const struct hostile_except config_except[] = {{A_LEN_80, HARMLESS}, {A_LEN_81, HARMLESS},
    {A_LEN_82, HARMLESS}, {A_LEN_83, HARMLESS}, {A_LEN_84, HARMLESS}, {A_LEN_PLUS, HARMLESS},
    {A_LEN_MINUS, HARMLESS}, {A_SW_6985, HARMLESS}, {A_SW_6A80, HARMLESS}, {A_SW_6A82, HARMLESS},
    {A_SW_6A86, HARMLESS}, {A_SW_6B00, HARMLESS}, {A_SW_6D00, HARMLESS}};

const struct hostile_command hostile_commands[] = {
    {"SELECT", FW, 0xa4, -1, 1, .call = call_open, EXCEPT(select_except)},
    {"GET VERSION", FW, 0xfd, -1, 1, .call = call_open, EXCEPT(version_except)},
    {"GET SERIAL", FW, 0xf8, -1, 1, .call = call_open, EXCEPT(serial_except)},
    {"GET METADATA 80", FW, 0xf7, 0x80, 1, .call = call_pin_state, EXCEPT(metadata_except)},
    {"GET METADATA 81", FW, 0xf7, 0x81, 1, .call = call_puk_state, EXCEPT(puk_except)},
    {"GET METADATA 9B", FW, 0xf7, 0x9b, 1, .call = call_mgm_state, EXCEPT(metadata_except)},
    {"GET METADATA 9A", FW, 0xf7, 0x9a, 1, .call = call_slot, EXCEPT(slot_except)},
    {"GET METADATA before VERIFY", FW, 0xf7, 0x80, 1, .call = call_verify, EXCEPT(metadata_except)},
    {"GET METADATA before CHANGE", FW, 0xf7, 0x80, 1, .call = call_change_pin,
	EXCEPT(metadata_except)},
    {"GET METADATA before the PUK's CHANGE", FW, 0xf7, 0x81, 1, .call = call_change_puk,
	EXCEPT(no_puk_except)},
    {"GET METADATA before RESET RETRY", FW, 0xf7, 0x81, 1, .call = call_unblock,
	EXCEPT(no_puk_except)},
    {"GET METADATA before AUTHENTICATE", FW, 0xf7, 0x9b, 1, .call = call_authenticate,
	EXCEPT(metadata_except)},
    {"VERIFY", FW, 0x20, 0x80, 1, .call = call_verify, EXCEPT(pin_except)},
    {"VERIFY that asks", "5.2.4", 0x20, 0x80, 1, .once = true, .call = call_verify,
	EXCEPT(ask_except)},
    {"CHANGE REFERENCE DATA of the PIN", FW, 0x24, 0x80, 1, .call = call_change_pin,
	EXCEPT(pin_except)},
    {"CHANGE REFERENCE DATA of the PUK", FW, 0x24, 0x81, 1, .call = call_change_puk,
	EXCEPT(pin_except)},
    {"RESET RETRY COUNTER", FW, 0x2c, 0x80, 1, .call = call_unblock, EXCEPT(pin_except)},
    {"SET PIN RETRIES", FW, 0xfa, -1, 1, .admin = true, .pin = true, .call = call_set_retries,
	EXCEPT(retries_except)},
    {"AUTHENTICATE, first", FW, 0x87, 0x9b, 1, .once = true, .call = call_authenticate,
	EXCEPT(mgm_except)},
    {"AUTHENTICATE, second", FW, 0x87, 0x9b, 2, .call = call_authenticate, EXCEPT(mgm_except)},
    {"AUTHENTICATE, first, 3DES", "5.2.4", 0x87, 0x9b, 1, .once = true, .call = call_authenticate,
	EXCEPT(mgm_except)},
    {"AUTHENTICATE, second, 3DES", "5.2.4", 0x87, 0x9b, 2, .call = call_authenticate,
	EXCEPT(mgm_except)},
    {"SET MANAGEMENT KEY", FW, 0xff, -1, 1, .admin = true, .call = call_set_mgmkey,
	EXCEPT(no_answer_except)},
    {"GENERATE", FW, 0x47, 0x9a, 1, .admin = true, .call = call_generate},
    {"GENERATE, RSA", FW, 0x47, 0x9a, 1, .slow = true, .admin = true, .call = call_generate_rsa},
    {"ATTEST", FW, 0xf9, -1, 1, .call = call_attest, EXCEPT(attest_except)},
    {"GENERAL AUTHENTICATE, ECDSA", FW, 0x87, 0x9a, 1, .pin = true, .call = call_sign,
	EXCEPT(sign_except)},
    {"GENERAL AUTHENTICATE, Ed25519", FW, 0x87, 0x9c, 1, .pin = true, .call = call_sign_ed,
	EXCEPT(sign_except)},
    {"GET DATA, certificate", FW, 0xcb, -1, 1, .call = call_get_cert, EXCEPT(cert_except)},
    {"GET DATA, F9", FW, 0xcb, -1, 1, .call = call_get_f9, EXCEPT(cert_except)},
    {"GET DATA, CHUID", FW, 0xcb, -1, 1, .call = call_get_guid, EXCEPT(guid_except)},
    {"GET DATA, ADMIN", FW, 0xcb, -1, 1, .call = call_get_admin, EXCEPT(object_except)},
    {"GET DATA, PRINTED", FW, 0xcb, -1, 1, .pin = true, .call = call_get_printed,
	EXCEPT(object_except)},
    {"PUT DATA, CCC", FW, 0xdb, -1, 1, .admin = true, .call = call_put_ccc,
	EXCEPT(no_answer_except)},
    {"PUT DATA, CHUID", FW, 0xdb, -1, 1, .admin = true, .call = call_put_chuid,
	EXCEPT(no_answer_except)},
    {"PUT DATA, certificate", FW, 0xdb, -1, 1, .admin = true, .call = call_put_cert,
	EXCEPT(no_answer_except)},
    {"PUT DATA, nothing", FW, 0xdb, -1, 1, .admin = true, .call = call_delete_cert,
	EXCEPT(no_answer_except)},
    {"MOVE KEY", FW, 0xf6, -1, 1, .admin = true, .call = call_move, EXCEPT(move_except)},
    {"DELETE KEY", FW, 0xf6, -1, 1, .admin = true, .call = call_delete, EXCEPT(delete_except)},
    {"RESET, the PIN's tries", FW, 0x20, -1, 1, .apdus = 300, .call = call_reset,
	EXCEPT(block_except)},
    {"RESET, the PUK's tries", FW, 0x2c, -1, 1, .apdus = 300, .call = call_reset,
	EXCEPT(block_except)},
    {"RESET", FW, 0xfb, -1, 1, .call = call_reset, EXCEPT(no_answer_except)},
    {"SELECT, Management", FW, 0xa4, -1, 1, .once = true, .call = call_config,
	EXCEPT(management_except)},
    {"READ CONFIG", FW, 0x1d, -1, 1, .call = call_config, EXCEPT(config_except)},
    {"SELECT, PIV again", FW, 0xa4, -1, 2, .call = call_config, EXCEPT(select_except)},
};

const size_t hostile_commands_n = COUNT(hostile_commands);
