/* SPDX-License-Identifier: BSD-2-Clause */
/* make: what init and ca import have in common. */
#ifndef CLI_MAKE_H
#define CLI_MAKE_H

#include <stdbool.h>

#include "ykenroll/err.h"

/* The home as a private directory, its parents too. Errors: ERR_USAGE; ERR_INTERNAL. */
MUST_CHECK int make_home(struct err *err);

bool make_has(const char *below); /* below the home */
/* Is there a whole CA? One that a crash left half published is made anew (signer.h). */
bool make_has_ca(void);

/* Registry and recovery key, unless a registry is there. Errors: ERR_OCCUPIED there is a CA, too;
 * those of registry_init. */
MUST_CHECK int make_registry(const char *recovery_out, const char *recovery_pass, struct err *err);

#endif
