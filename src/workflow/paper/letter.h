/* SPDX-License-Identifier: BSD-2-Clause */
/* letter: what enrolment.c does with one. */
#ifndef WORKFLOW_LETTER_H
#define WORKFLOW_LETTER_H

#include "workflow/run/enrolment.h"

/* Can it be written? Before anything is done. Errors: ERR_OCCUPIED the file is there; ERR_USAGE. */
MUST_CHECK int letter_check(const struct desk *w, struct err *err);
/* The PIN that is kept for this token, or a new one. */
MUST_CHECK int letter_pin(struct enrolment *e, struct secret *ret, struct err *err);
/* Before the token gets it. */
MUST_CHECK int letter_keep(struct enrolment *e, struct err *err);
/* All is done: write the letter, or forget one whose PIN is not on the token any more. */
MUST_CHECK int letter_finish(struct enrolment *e, struct err *err);

#endif
