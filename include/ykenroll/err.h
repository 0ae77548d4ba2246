/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err: what went wrong, in one sentence, and a code that the caller may branch on.
 *
 * A struct err belongs to the caller (usually on the stack, `struct err err = ERR_INIT`) and is
 * passed last. Every function that can fail returns 0 or a negative enum err_code and leaves its
 * ret_ arguments untouched on failure. The text is a chain that grows outwards: the innermost
 * function says what happened (err_set), the outer ones put in front what they were doing
 * (err_wrap): "enrol: holder alice: pass file /x/pin is readable by others; chmod 600 it".
 * Libraries never print; the text is escaped where it is shown. A NULL struct err is allowed: then
 * only the code is kept.
 */
#ifndef YKENROLL_ERR_H
#define YKENROLL_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define ERR_TEXT_MAX 1024 /* bytes, with the NUL; a longer chain is cut */

#define ERR_NEXT_MAX 256 /* a longer one is left out */

#define MUST_CHECK __attribute__((warn_unused_result))

/* The program's exit status is the negated code (see err_exit_status). Stable: ykenroll(1), EXIT
 * STATUS. */
enum err_code {
	ERR_NONE = 0,
	ERR_INTERNAL = -1,  /* internal, I/O, disk full */
	ERR_USAGE = -2,	    /* the call's words are off */
	ERR_NO_TOKEN = -3,  /* no reader, no token, PIV disabled */
	ERR_PIN = -4,	    /* wrong PIN or PUK; tries in struct err */
	ERR_BLOCKED = -5,   /* PIN or PUK blocked */
	ERR_AMBIGUOUS = -6, /* more than one token or holder fits */
	ERR_MGMKEY = -7,    /* management key rejected */
	ERR_ATTEST = -8,    /* attestation refused */
	ERR_OCCUPIED = -9,  /* would overwrite */
	ERR_PERSON = -10,   /* needs a person: a prompt, a decision */
	ERR_CA = -11,	    /* the CA refused, or cannot be unlocked */
	ERR_FIT = -12,	    /* certificate does not fit or does not match */
	ERR_PROOF = -13,    /* the login proof failed */
	ERR_GONE = -14,	    /* token removed, swapped or silent: run recover */
	ERR_TOUCH = -15,    /* nobody touched the token in time */
	ERR_BATCH = -16,    /* a part of the batch failed */
	ERR_HELD = -20,	    /* the token is held by another process */
	ERR_ABSENT = -32,   /* asked for, not there; for callers, never an exit status */
};

struct err {
	int code;  /* the innermost enum err_code, or 0 */
	int tries; /* with ERR_PIN: tries left; else -1 */
	int why;   /* with ERR_NO_TOKEN: enum device_why; else 0 */
	char text[ERR_TEXT_MAX];
	char next[ERR_NEXT_MAX]; /* the command that text says to run, or "" */
};

#define ERR_INIT                       \
	{                              \
		.code = 0, .tries = -1 \
	}

/* Start the chain: remember code and say what happened. Returns code. A format that ends in
 * ": ykenroll VERB …", without punctuation behind it, has what is to be run next there; what an
 * argument brings in never counts, since others may have written it. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and strerror(errno) behind the text. */
int err_errno(struct err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "<fmt>: " in front of the chain. Returns err->code, or ERR_INTERNAL when err is NULL. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "; <fmt>" behind the chain: what to do next. */
void err_hint(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For a call of which one code is no failure but the answer no (ERR_ABSENT: it is not there): rc
 * and err are that call's. *ret: its answer was yes. Returns 0 for both, with nothing in *err, else
 * rc. */
MUST_CHECK int err_answer(int rc, int no, bool *ret, struct err *err);

/* "occupied": what a script calls the code; "internal" for unknown ones. ERR_NONE has none: NULL.
 */
const char *err_name(int code);

/* The exit status for a return value of any function here: 0 for 0, 1..20 for the codes, 1 for
 * unknown ones. */
int err_exit_status(int code);

#endif
