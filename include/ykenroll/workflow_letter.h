/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_letter: the first PIN, made by the program, in a letter to the holder: the operator
 * never sees it. struct desk's letter asks for one wherever a plan sets a PIN; the PIN is kept
 * in the registry (registry_letter.h) from before the token gets it until it was handed over.
 */
#ifndef YKENROLL_WORKFLOW_LETTER_H
#define YKENROLL_WORKFLOW_LETTER_H

#include "ykenroll/registry_letter.h"
#include "ykenroll/workflow.h"

#define LETTER_DIGITS 6

/* Write the letter of a token once more, to w->letter (and w->letter_to). Errors: ERR_ABSENT none
 * is waiting; ERR_OCCUPIED the file is there; ERR_USAGE no PDF can be made of it, or of this build;
 * the certificate. */
MUST_CHECK int workflow_letter_write(const struct desk *w, uint32_t token, struct err *err);

/* The holder has it. Errors: ERR_ABSENT. */
MUST_CHECK int workflow_letter_handed(const struct desk *w, uint32_t token, struct err *err);

#endif
