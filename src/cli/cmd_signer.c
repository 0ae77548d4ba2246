/* SPDX-License-Identifier: BSD-2-Clause */
#include <unistd.h>

#include "cli/cli.h"

static char *socket_path;
static char *root_pass;
static int fd = -1, root;

static const struct poptOption table[] = {
    {"socket", 0, POPT_ARG_STRING, &socket_path, 0, "listen here (HOME/signer.sock)", "PATH"},
    {"fd", 0, POPT_ARG_INT | POPT_ARGFLAG_DOC_HIDDEN, &fd, 0, NULL, NULL},
    {"root", 0, POPT_ARG_NONE | POPT_ARGFLAG_DOC_HIDDEN, &root, 0, NULL, NULL},
    {"root-pass", 0, POPT_ARG_STRING | POPT_ARGFLAG_DOC_HIDDEN, &root_pass, 0, NULL, NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_ca, 0, NULL, NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_common, 0, "Common options:", NULL},
    POPT_AUTOHELP POPT_TABLEEND,
};

static int
pass(void *ctx, const char *what, struct secret *ret, struct err *err)
{
	const struct prompt ask = {opt.ca_pass, what, "--ca-pass", false, NULL};

	(void)ctx;
	return prompt_secret(&ask, ret, err);
}

static int
pass_of_root(void *ctx, const char *what, struct secret *ret, struct err *err)
{
	const struct prompt ask = {root_pass, what, "--root-pass", false, NULL};

	(void)ctx;
	return prompt_secret(&ask, ret, err);
}

static void
say(void *ctx, const char *line)
{
	(void)ctx;
	render_line(stderr, line);
}

int
cmd_signer(int argc, const char **argv, struct err *err)
{
	static const struct signer_pass ask = {pass, NULL}, ask_root = {pass_of_root, NULL};
	struct signer_serve serve = {.pass = &ask};
	const char *args[1];
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "signer", "[OPTION...]", table, args, 0, &n, err)) != 0 ||
	    (rc = prompt_check_spec(opt.ca_pass, "--ca-pass", err)) != 0 ||
	    (rc = prompt_check_spec(root_pass, "--root-pass", err)) != 0)
		return rc;
	if (fd < 0 && root)
		return err_set(err, ERR_USAGE,
		    "a signer that listens does not hold the root's key; use: ykenroll ca crl --root");
	serve.home = opt.home_path;
	serve.fd = fd;
	serve.socket = socket_path;
	serve.say = say;
	serve.root = root != 0;
	serve.root_pass = root_pass == NULL ? NULL : &ask_root;
	rc = signer_serve(&serve, err);
	/* The desk has its error by the socket, and says it; twice it would confuse. */
	if (fd >= 0)
		_exit(err_exit_status(rc));
	return rc;
}
