/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile: what a token may answer that it should not, the commands that are answered so, and the
 * error code that must come of each pair.
 *
 * The code is looked for in the command's exceptions first, and is the answer's own otherwise.
 * HARMLESS: the operation succeeds, and the exception is there to say so.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include "device_rig.h"

#define HARMLESS 0

enum hostile_name {
	/* length */
	A_NOTHING,
	A_ONE_BYTE,
	A_BARE_OK,
	A_258,
	A_261,
	A_3072,
	A_65535,
	/* the template's length field */
	A_LEN_80,
	A_LEN_81,
	A_LEN_82,
	A_LEN_83,
	A_LEN_84,
	A_LEN_FF,
	A_LEN_HUGE,
	A_LEN_PLUS,
	A_LEN_MINUS,
	A_INDEFINITE,
	/* form */
	A_NESTED,
	A_WRONG_TAG,
	A_LONG_TAG,
	A_TRAILING_BYTE,
	A_TRAILING_TLV,
	A_TWICE,
	A_CUT_LAST,
	A_HALF,
	A_ZEROS,
	A_ONES,
	A_NO_CONTENT,
	/* without end */
	A_MORE,
	A_MORE_BARE,
	A_MORE_00,
	A_LE,
	A_LE_00,
	/* status words */
	A_SW_6283,
	A_SW_6300,
	A_SW_63C0,
	A_SW_63C1,
	A_SW_63C5,
	A_SW_63CF,
	A_SW_63FF,
	A_SW_6400,
	A_SW_6581,
	A_SW_6700,
	A_SW_6882,
	A_SW_6982,
	A_SW_6983,
	A_SW_6985,
	A_SW_6A80,
	A_SW_6A81,
	A_SW_6A82,
	A_SW_6A84,
	A_SW_6A86,
	A_SW_6A88,
	A_SW_6B00,
	A_SW_6D00,
	A_SW_6E00,
	A_SW_6F00,
	A_SW_8F00,
	A_SW_9001,
	A_SW_9100,
	A_SW_0000,
	A_SW_FFFF,
	A_DATA_6F00,
	HOSTILE_ANSWERS
};

struct hostile_answer {
	const char *name;
	enum hostile_form {
		FORM_LENGTH,  /* arg bytes in all; from 258 on with 9000 at the end */
		FORM_SW,      /* arg alone */
		FORM_DATA_SW, /* arg behind the true data */
		FORM_LEN,     /* the byte behind the tag is arg */
		FORM_OTHER,   /* hostile_spoil knows */
	} form;
	unsigned arg;
	int code;
};
extern const struct hostile_answer hostile_answers[HOSTILE_ANSWERS];

/* Change an answer (room: VKEY_ANSWER_MAX) into this one. */
void hostile_spoil(enum hostile_name how, uint8_t *out, size_t *len);

struct hostile_except {
	enum hostile_name answer;
	int code;
};

struct hostile_command {
	const char *name, *firmware;
	int ins, p2;	 /* of the APDU whose answer is spoilt; p2 -1: any */
	unsigned nth;	 /* the first of them that is spoilt; all that follow are */
	bool once;	 /* none that follow */
	bool slow;	 /* for the answers made for it only */
	bool admin, pin; /* authenticated, verified before */
	unsigned apdus;	 /* at most so many in the operation; 0: the usual */
	int (*call)(struct rig *r);
	const struct hostile_except *except;
	size_t n_except;
};
extern const struct hostile_command hostile_commands[];
extern const size_t hostile_commands_n;

int hostile_code(const struct hostile_command *c, enum hostile_name how);

/* One answer to one command, made for it. */
struct hostile_special {
	const char *name, *command;
	const char *hex; /* without the status word, which is 9000; NULL: make */
	size_t (*make)(uint8_t out[static VKEY_ANSWER_MAX]);
	int code;
};
extern const struct hostile_special hostile_specials[];
extern const size_t hostile_specials_n;

/* The operations. */
int call_open(struct rig *r), call_pin_state(struct rig *r), call_puk_state(struct rig *r),
    call_mgm_state(struct rig *r), call_slot(struct rig *r), call_config(struct rig *r),
    call_authenticate(struct rig *r), call_set_mgmkey(struct rig *r), call_verify(struct rig *r),
    call_change_pin(struct rig *r), call_change_puk(struct rig *r), call_unblock(struct rig *r),
    call_set_retries(struct rig *r), call_reset(struct rig *r), call_generate(struct rig *r),
    call_generate_rsa(struct rig *r), call_attest(struct rig *r), call_sign(struct rig *r),
    call_sign_ed(struct rig *r), call_move(struct rig *r), call_delete(struct rig *r),
    call_get_cert(struct rig *r), call_get_f9(struct rig *r), call_get_guid(struct rig *r),
    call_get_admin(struct rig *r), call_get_printed(struct rig *r), call_put_ccc(struct rig *r),
    call_put_chuid(struct rig *r), call_put_cert(struct rig *r), call_delete_cert(struct rig *r);

/* A key in 9A and one in 9C (Ed25519, from 5.7 on), a certificate, CHUID, ADMIN and PRINTED; then
 * what the command wants before it. */
void hostile_prepare(struct rig *r, const struct hostile_command *c);

#endif
