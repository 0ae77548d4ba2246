/* SPDX-License-Identifier: BSD-2-Clause */
/* init --signer: a desk whose CA is elsewhere, on this host or behind an ssh. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"

#define CONF "ykenroll.conf"

/* What config(5ssl) reads as itself. */
static int
check_path(const char *path, struct err *err)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@";

	if (path[0] != '/' || path[strspn(path, plain)] != '\0')
		return err_set(err, ERR_USAGE,
		    "--signer must be an absolute path of letters, digits and /._-+@");
	return 0;
}

static int
vacant(struct err *err)
{
	if (make_has("ca"))
		return err_set(err, ERR_OCCUPIED,
		    "%s contains a CA; use another --home for a desk of another CA", opt.home_path);
	if (make_has("registry.db") && make_has(CONF))
		return err_set(err, ERR_OCCUPIED,
		    "%s already contains a desk; use another --home for another one",
		    opt.home_path);
	return 0;
}

/* Its CA goes into pub/. */
static int
ask_signer(const char *socket, struct err *err)
{
	const struct signer_open open = {.home = opt.home_path, .socket = socket};
	CLEAN(signer_closep) struct signer *s = NULL;
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	int rc = signer_open(&open, &s, err);

	return rc != 0 ? rc : signer_ca(s, &ca, err);
}

static int
configure(const char *socket, struct err *err)
{
	char path[4096], text[4096];
	int rc, n;

	n = snprintf(text, sizeof(text),
	    "# ykenroll.conf of a desk: OpenSSL's configuration syntax, config(5ssl).\n\n[desk]\n"
	    "# The signer's socket, here or forwarded from its host by ssh.\nsigner = %s\n",
	    socket);
	if (n < 0 || (size_t)n >= sizeof(text))
		return err_set(err, ERR_USAGE, "--signer: the path is too long");
	rc = file_join(path, sizeof(path), opt.home_path, CONF, err);
	return rc != 0 ? rc : file_write(path, text, (size_t)n, 0600, err);
}

int
init_desk_check(const char *socket, bool ca_options, struct err *err)
{
	if (ca_options)
		return err_set(err, ERR_USAGE,
		    "with --signer the CA is elsewhere: --name, --rehearsal and the options for "
		    "CA keys are for the init of that CA");
	return check_path(socket, err);
}

int
init_desk(const char *socket, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(file_closep) int lock = -1;
	int rc;

	if ((rc = vacant(err)) != 0 || (rc = make_check(false, err)) != 0 ||
	    (rc = make_begin(&lock, err)) != 0 || (rc = ask_signer(socket, err)) != 0 ||
	    (rc = make_ask_recovery(pass, err)) != 0 || (rc = make_registry(pass, err)) != 0)
		return rc;
	return configure(socket, err);
}
