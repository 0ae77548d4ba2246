/* SPDX-License-Identifier: BSD-2-Clause */
/* term: what our programs write for people and ask them: everything that others wrote is escaped
 * here, and secrets are read here. */
#ifndef TERM_TERM_H
#define TERM_TERM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ykenroll/err.h"
#include "ykenroll/secret.h"

/* ---- render.c ---- */

extern const char *render_program;	      /* whose errors they are: "ykenroll" */
void render_line(FILE *to, const char *text); /* escaped, with a newline */
void render_error(const struct err *err);     /* "ykenroll: …" on stderr */
const char *render_escaped(const char *text); /* one of a few static buffers */

/* ---- prompt.c ---- */

/* SPEC: NULL (asked where there is a terminal), "prompt", "file:PATH", "fd:N". what: "CA
 * passphrase". option: "--ca-pass". check may be NULL; a typed value that it refuses is asked for
 * again. Errors: ERR_PERSON nobody can be asked; ERR_USAGE a literal value, a file that is too
 * open. */
#define PROMPT_TRIES 3 /* of a passphrase that is typed */
struct prompt {
	const char *spec, *what, *option;
	bool twice;
	int (*check)(const struct secret *value, struct err *err);
};
MUST_CHECK int prompt_secret(const struct prompt *p, struct secret *ret, struct err *err);
/* Is this a SPEC at all, and its file there and private? Known before anything is done. NULL is.
 * Errors: ERR_USAGE. */
MUST_CHECK int prompt_check_spec(const char *spec, const char *option, struct err *err);
/* Show it and have "yes" typed, unless yes is said already (--yes). Errors: ERR_PERSON. */
MUST_CHECK int prompt_yes(const char *question, bool yes, struct err *err);
/* Is it a person who gives that, and not a file that would say the same again? */
bool prompt_is_person(const char *spec);
/* Above each prompt: for whom, and which token. NULL: nothing is. */
extern const char *prompt_about;
/* Behind "interrupted": what state was left, and what finishes it. */
extern const char *prompt_left;
extern bool prompt_nobody; /* --non-interactive: nobody is to be asked */
extern int64_t prompt_ns;  /* time in which a person was waited for */

#endif
