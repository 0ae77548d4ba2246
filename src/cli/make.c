/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

#define PASS_MIN 8 /* characters: NIST SP 800-63B, 5.1.1.1 */

char *make_recovery_out;
static char *recovery_spec;
static int weak;

struct poptOption make_recovery[] = {
    {"recovery-out", 0, POPT_ARG_STRING, &make_recovery_out, 0,
	"write the recovery key to this file; keep it offline, not in the home", "FILE"},
    {"recovery-pass", 0, POPT_ARG_STRING, &recovery_spec, 0,
	"passphrase of the recovery key: prompt, file:PATH or fd:N", "SPEC"},
    {"weak", 0, POPT_ARG_NONE, &weak, 0,
	"with --rehearsal: also accept passphrases of fewer than 8 characters", NULL},
    POPT_TABLEEND,
};

static const struct registry_init registry = {
    .home = opt.home_path, .recovery_cert_name = "ykenroll recovery", .anew = true};

bool
make_has(const char *below)
{
	char path[4096];

	return file_join(path, sizeof(path), opt.home_path, below, NULL) == 0 &&
	       access(path, F_OK) == 0;
}

/* Nobody has used a CA that is not finished. */
static int
vacant(struct err *err)
{
	return make_has("ca/issuing.key") && !make_has("ca/unfinished")
		   ? err_set(err, ERR_OCCUPIED,
			 "%s already contains a CA; use another --home for another one",
			 opt.home_path)
		   : 0;
}

static int
check_registry(const struct secret *pass, struct err *err)
{
	struct registry_init init = registry;

	init.recovery_out = make_recovery_out;
	init.recovery_pass = pass;
	return registry_init_check(&init, err);
}

int
make_check(bool rehearsal, struct err *err)
{
	int rc;

	if (make_recovery_out == NULL)
		return err_set(err, ERR_USAGE,
		    "--recovery-out FILE is required: the key that opens the escrowed PUKs and "
		    "management keys is written there, preferably to a medium that is kept "
		    "offline");
	if (weak && !rehearsal)
		return err_set(err, ERR_USAGE, "--weak can be used only with --rehearsal");
	if ((rc = vacant(err)) != 0)
		return rc;
	return check_registry(NULL, err);
}

int
make_pass_check(const struct secret *pass, struct err *err)
{
	size_t i, n = 0;

	for (i = 0; i < pass->len; i++)
		n += (pass->bytes[i] & 0xc0) != 0x80; /* UTF-8 */
	return weak || n >= PASS_MIN
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "a passphrase has at least %d characters, best several words: who has a copy "
			 "of the key tries short ones by the million",
			 PASS_MIN);
}

int
make_ask_recovery(struct secret *ret, struct err *err)
{
	const struct prompt ask = {recovery_spec, "passphrase for the recovery key",
	    "--recovery-pass", true, make_pass_check};
	const int rc = prompt_secret(&ask, ret, err);

	return rc != 0 ? rc : check_registry(ret, err);
}

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

int
make_begin(int *ret_lock, struct err *err)
{
	CLEAN(file_closep) int lock = -1;
	int rc;

	if ((rc = make_home(err)) != 0)
		return rc;
	if ((lock = open(opt.home_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_errno(err, ERR_USAGE, "cannot open %s", opt.home_path);
	if (flock(lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(
		    err, ERR_OCCUPIED, "another ykenroll init is running in %s", opt.home_path);
	if ((rc = vacant(err)) != 0)
		return rc;
	*ret_lock = lock;
	lock = -1;
	return 0;
}

int
make_registry(const struct secret *recovery_pass, struct err *err)
{
	struct registry_init init = registry;

	init.recovery_out = make_recovery_out;
	init.recovery_pass = recovery_pass;
	return registry_init(&init, err);
}
