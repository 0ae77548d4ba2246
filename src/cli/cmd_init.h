/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_init: between the two files of init. */
#ifndef CLI_CMD_INIT_H
#define CLI_CMD_INIT_H

#include <stdbool.h>

#include "ykenroll/err.h"

/* ca_options: one was given that only a CA has. Errors: ERR_USAGE. */
MUST_CHECK int init_desk_check(const char *socket, bool ca_options, struct err *err);
/* The home is there. Errors: ERR_OCCUPIED; ERR_CA. */
MUST_CHECK int init_desk(
    const char *socket, const char *recovery_out, const char *recovery_pass, struct err *err);

#endif
