/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signer/sandbox.h"
#include "ykenroll/signer.h"

int
sandbox_landlock_abi(void)
{
	const long abi =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

bool
signer_landlock(void)
{
	return sandbox_landlock_abi() > 0;
}
