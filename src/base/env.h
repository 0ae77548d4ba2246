/* SPDX-License-Identifier: BSD-2-Clause */
/* env: what our programs take from their environment, and what they don't. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <limits.h>

#include "ykenroll/err.h"

#define ENV_HOME_MAX (PATH_MAX - 64) /* room for a name below it */

/* Take out of the environment what would let it choose code, another smart card daemon, or a log
 * with PINs in it. */
void env_scrub(void);

/* Where the home is: given (--home), $YKENROLL_HOME, /var/lib/ykenroll for root,
 * $XDG_DATA_HOME/ykenroll. It need not exist yet; the path is absolute, for other processes.
 * Errors: ERR_USAGE it is empty or too long. */
MUST_CHECK int env_home(const char *given, char ret[static PATH_MAX], struct err *err);

/* A program of ours by its name: beside the one that runs, else where it is installed
 * (installed: its whole path). Errors: ERR_INTERNAL it is in neither place. */
MUST_CHECK int env_program(
    const char *name, const char *installed, char ret[static PATH_MAX], struct err *err);

#endif
