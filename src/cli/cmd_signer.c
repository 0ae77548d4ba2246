/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

/* A program of its own, which this one becomes; the descriptors that a service manager handed over
 * are for this process number. */
int
cmd_signer(int argc, const char **argv, struct err *err)
{
	(void)argc;
	argv[0] = "ykenroll-signer";
	return signer_exec((char *const *)argv, err);
}
