/* SPDX-License-Identifier: BSD-2-Clause */
/* Landlock by its system calls: glibc has no functions for it, and Debian 12's headers know ABI 3
 * of it at most (landlock(7)). */
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/file.h"
#include "signer/ca.h"
#include "signer/sandbox.h"

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_TCP (1ULL << 0 | 1ULL << 1) /* bind, connect */
#define SCOPES (1ULL << 0 | 1ULL << 1)	/* abstract Unix sockets, signals */

#define SECURE_HEAP 65536 /* bytes: an RSA-4096 key needs a tenth */
#define SECURE_LEAST 32

#define FS_FIRST ((1ULL << 13) - 1) /* ABI 1 */
#define FS_FILES                                                          \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |     \
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

struct attr { /* landlock_ruleset_attr, with what came later */
	uint64_t fs, net, scoped;
};

int
sandbox_harden(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot give up privileges");
	/* OpenSSL keeps private numbers there: locked, not dumped. Where that cannot be locked it
	 * is used all the same. */
	(void)CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_LEAST);
	return secret_harden(err);
}

/* What this ABI knows of it. */
static uint64_t
known(uint64_t fs, int abi)
{
	const uint64_t all = FS_FIRST | (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) |
			     (abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0) |
			     (abi >= 5 ? FS_IOCTL_DEV : 0);

	return fs & all;
}

static int
allow(int rules, const char *path, uint64_t what, struct err *err)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = what};
	CLEAN(file_closep) int fd = open(path, O_PATH | O_CLOEXEC);

	beneath.parent_fd = fd;
	if (fd < 0 ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
		return err_errno(err, ERR_INTERNAL, "sandbox: cannot allow %s", path);
	return 0;
}

/* The directory in which the socket's name goes away. */
static int
allow_socket(int rules, const char *socket, struct err *err)
{
	char dir[PATH_MAX];
	char *slash;

	if (socket == NULL)
		return 0;
	if (snprintf(dir, sizeof(dir), "%s", socket) >= (int)sizeof(dir))
		return err_set(err, ERR_USAGE, "path too long: %s", socket);
	if ((slash = strrchr(dir, '/')) == NULL)
		return allow(rules, ".", LANDLOCK_ACCESS_FS_REMOVE_FILE, err);
	slash[slash == dir] = '\0';
	return allow(rules, dir, LANDLOCK_ACCESS_FS_REMOVE_FILE, err);
}

static int
allow_home(int rules, const struct sandbox *s, int abi, struct err *err)
{
	static const char *const below[] = {CA_DIR, CA_PUB};
	size_t i;
	int rc;

	for (i = 0; i < sizeof(below) / sizeof(below[0]); i++)
		if ((rc = allow(rules, ca_name(s->home, below[i]).at, known(FS_FILES, abi), err)) !=
		    0)
			return rc;
	return allow_socket(rules, s->socket, err);
}

static int
landlock(const struct sandbox *s, int abi, struct err *err)
{
	struct attr attr = {.fs = LANDLOCK_ACCESS_FS_EXECUTE};
	CLEAN(file_closep) int rules = -1;
	const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	int rc;

	if (!s->hsm)
		attr = (struct attr){known(~0ULL, abi), NET_TCP, SCOPES};
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (rules < 0)
		return err_errno(err, ERR_INTERNAL, "sandbox: Landlock");
	if (!s->hsm && (rc = allow_home(rules, s, abi, err)) != 0)
		return rc;
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return err_errno(err, ERR_INTERNAL, "sandbox: Landlock");
	return 0;
}

int
sandbox_enter(const struct sandbox *s, struct sandbox_in_force *ret, struct err *err)
{
	struct sandbox_in_force f = {.landlock = sandbox_landlock_abi()};
	int rc;

	if (f.landlock > 0 && (rc = landlock(s, f.landlock, err)) != 0)
		return rc;
	if ((rc = sandbox_filter(s->hsm, &f.filter, err)) != 0)
		return rc;
	*ret = f;
	return 0;
}
