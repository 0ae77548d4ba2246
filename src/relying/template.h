/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * template: the files of text/, compiled in, and values put into them.
 *
 * @NAME@ stands for a value; a name is of capitals and digits. Lines between "#if NAME" and "#end"
 * are there when that name has a value, those behind its "#else" when it has none. A value is taken
 * as it is: whoever gives it knows what it may be in that place.
 */
#ifndef RELYING_TEMPLATE_H
#define RELYING_TEMPLATE_H

#include "ykenroll/blob.h"

struct template
{
	const char *name, *text; /* "nginx.conf" */
};
extern const struct template templates[]; /* made by texts.awk; the last one has no name */
/* Its text, or NULL. */
const char *template_find(const char *name);

struct template_word {
	const char *name, *value; /* NULL: it has none */
};

/* words: the last one has no name. *ret: text without NUL. Errors: ERR_INTERNAL a name that is none
 * of words, or a section that does not close. */
MUST_CHECK int template_fill(
    const char *text, const struct template_word *words, struct blob *ret, struct err *err);

#endif
