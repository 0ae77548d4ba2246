/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * desk: where people are served: its home, who acts there, and how they are asked. Below workflow
 * and relying, which are both done at one; with device, signer and registry it opens what they use
 * (src/desk/session.h).
 *
 * A struct desk is filled once, by the program, and only read after that. Its strings are the
 * caller's. Nothing prints or prompts but struct desk_ui.
 */
#ifndef YKENROLL_DESK_H
#define YKENROLL_DESK_H

#include "ykenroll/device.h"
#include "ykenroll/registry.h"
#include "ykenroll/signer.h"
#include "ykenroll/x509.h"

enum desk_secret {
	DESK_NEW_PIN,	  /* the holder's, asked twice where it is typed */
	DESK_CURRENT_PIN, /* of a token that is not as it left the factory */
	DESK_CURRENT_PUK,
	DESK_CURRENT_MGMKEY,
	DESK_NEW_PUK,
	DESK_NEW_MGMKEY,
	DESK_HOLDER_PIN,  /* of the holder, who is here */
	DESK_ESCROW_PASS, /* of the escrow key */
};

enum desk_step_state { STEP_WAITS, STEP_ALREADY, STEP_DONE, STEP_FAILED };

struct desk_step {	  /* one line of the plan, for showing */
	const char *name; /* "management-key" */
	char what[160];	  /* "set a random management key (AES-192)" */
	bool irreversible;
	enum desk_step_state state;
	double ms;
};

struct desk_ui {
	/* Each time that a step is finished, skipped or failed. */
	void (*step)(void *ctx, const struct desk_step *step);
	/* Anything a person should read while it happens. */
	void (*say)(void *ctx, const char *text);
	/* Get a secret. Errors: ERR_PERSON none was given and nobody can be asked; ERR_ABSENT none
	 * was given and it is one that is only given explicitly (the CURRENT ones). */
	int (*secret)(void *ctx, enum desk_secret which, struct secret *ret, struct err *err);
	/* From here on: for whom and about which token anybody is asked; and, for who interrupts
	 * that, what state is left and what finishes it. Both are copied. May be NULL. */
	void (*about)(void *ctx, const char *whom, const char *left);
	/* Was what a person has typed wrong, and may it be typed again? Then why was said. NULL:
	 * never. */
	bool (*again)(void *ctx, enum desk_secret which, const struct err *why);
	/* What a file gives can be known before anybody is asked: is it a value that may be?
	 * Nothing given, or not by a file: 0. May be NULL. Errors: ERR_USAGE. */
	int (*check)(void *ctx, enum desk_secret which, struct err *err);
	/* May this be done? For the verbs of workflow_token.h. Errors: ERR_PERSON no, or nobody can
	 * be asked. */
	int (*confirm)(void *ctx, const char *question, struct err *err);
	void *ctx;
};

struct desk {
	const char *home;
	const char *actor; /* for the audit rows */
	const char *ca_pass_spec;
	struct device_choice choice;
	const struct device_ui *device_ui;
	struct desk_ui ui;
	const char *letter; /* the new PIN is made here, for a letter in this file; NULL: typed */
	const char *letter_to; /* with letter: sealed to this certificate (PEM file); NULL: open */
	bool dry_run, last_try, force;
	const char *escrow_key; /* file, or PKCS #11 URI, of a key that opens the escrow; or NULL */
	/* Called when certificates have ended: the servers of ykenroll.conf know before the command
	 * returns. again: this command has told them already; who has nothing new is not reloaded.
	 * *ret_n of them, which may be none. */
	int (*tell_servers)(const struct desk *desk, bool again, size_t *ret_n, struct err *err);
};

/* May this be a holder's PIN? Length, the factory's value, trivial ones. Errors: ERR_USAGE. */
MUST_CHECK int desk_pin_check(const struct secret *pin, struct err *err);

#endif
