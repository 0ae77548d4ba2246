/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

/* Like mkdir -p; only the last component must be private, and is checked. */
int
make_home(struct err *err)
{
	char path[sizeof(opt.home_path)], *p;

	memcpy(path, opt.home_path, sizeof(path));
	for (p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			return err_errno(err, ERR_INTERNAL, "cannot create %s", path);
		*p = '/';
	}
	return file_private_dir(opt.home_path, err);
}

bool
make_has(const char *below)
{
	char path[4096];

	return file_join(path, sizeof(path), opt.home_path, below, NULL) == 0 &&
	       access(path, F_OK) == 0;
}

/* One that a crash left half published is made anew (signer.h). */
bool
make_has_ca(void)
{
	return make_has("ca/issuing.key") && !make_has("ca/unfinished");
}

int
make_registry(const char *recovery_out, const char *recovery_pass, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	const struct prompt ask = {
	    recovery_pass, "passphrase for the recovery key", "--recovery-pass", true, NULL};
	const struct registry_init init = {opt.home_path, "ykenroll recovery", recovery_out, pass};
	int rc;

	if (make_has("registry.db") && make_has_ca())
		return err_set(err, ERR_OCCUPIED,
		    "there is a CA in %s already; another one needs another --home", opt.home_path);
	if (make_has("registry.db"))
		return 0;
	if ((rc = prompt_secret(&ask, pass, err)) != 0)
		return rc;
	return registry_init(&init, err);
}
