/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/cli.h"

/* A program of its own, which this one becomes; the descriptors that a service manager handed over
 * are for this process number. */
static int
become(const char **argv, struct err *err)
{
	argv[0] = "ykenroll-signer";
	return signer_exec((char *const *)argv, err);
}

const struct command cmd_signer = {.name = "signer",
    .what = "run the signer, which holds the CA key, behind a socket",
    .become = become};
