/* SPDX-License-Identifier: BSD-2-Clause */
/* reload: run a command that an operator gave. */
#ifndef DESK_RELOAD_H
#define DESK_RELOAD_H

#include "ykenroll/err.h"

/* Words are parted by spaces; '…' and "…" keep them together, and a backslash takes the next
 * character as it is (popt). Nothing else has a meaning: no shell.
 * Standard input is empty, standard output is standard error. Errors: ERR_USAGE no such words;
 * ERR_INTERNAL it could not be run, or did not end with 0. */
MUST_CHECK int reload_run(const char *command, struct err *err);
/* Are these words at all? */
MUST_CHECK int reload_check(const char *command, struct err *err);

#endif
