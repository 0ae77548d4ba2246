/* SPDX-License-Identifier: BSD-2-Clause */
/* ykenroll-signer: the CA key, in a program that has nothing else in it. */
#include <getopt.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/text.h"
#include "term/term.h"
#include "ykenroll/signer_serve.h"

static const char usage[] =
    "usage: ykenroll-signer [OPTION...]     (or: ykenroll signer [OPTION...])\n"
    "\n"
    "  --socket=PATH      listen here (HOME/signer.sock)\n"
    "  --ca-pass=SPEC     passphrase of the CA key: prompt, file:PATH, fd:N or credential:NAME\n"
    "  --home=DIR         where CA and registry are\n"
    "  --non-interactive  fail (10) where a person would be asked\n"
    "  --help, --version\n"
    "\n"
    "It holds the CA key behind a socket; ykenroll-signer(1) tells the rest.\n";

enum word {
	SOCKET = 1,
	FD,
	MAKE,
	ROOT,
	ROOT_PASS,
	LOOK,
	ABOUT,
	CA_PASS,
	HOME,
	NOBODY,
	JSON,
	HELP,
	VERSION
};

static const struct option table[] = {
    {"socket", required_argument, NULL, SOCKET},
    {"fd", required_argument, NULL, FD},	       /* by ykenroll: process.h */
    {"make", required_argument, NULL, MAKE},	       /* by ykenroll */
    {"root", no_argument, NULL, ROOT},		       /* by ykenroll */
    {"root-pass", required_argument, NULL, ROOT_PASS}, /* by ykenroll */
    {"about", required_argument, NULL, ABOUT},	       /* by ykenroll */
    {"look", no_argument, NULL, LOOK},		       /* by ykenroll */
    {"ca-pass", required_argument, NULL, CA_PASS},
    {"home", required_argument, NULL, HOME},
    {"non-interactive", no_argument, NULL, NOBODY},
    {"json", no_argument, NULL, JSON}, /* every command has it; there is nothing to say */
    {"help", no_argument, NULL, HELP},
    {"usage", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

static const char *words[VERSION + 1];

static int
parse(int argc, char **argv, struct err *err)
{
	const char *bad;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		bad = argv[optind - 1];
		/* no value is repeated: it may be the secret itself */
		if (c == '?' && optopt != '?')
			return err_set(err, ERR_USAGE,
			    "%.*s: no option, or not used like this; see ykenroll signer --help",
			    bad[0] == '-' ? (int)strcspn(bad, "=") : 0, bad);
		words[c == '?' ? HELP : c] = optarg == NULL ? "" : optarg;
	}
	if (optind < argc)
		return err_set(err, ERR_USAGE, "word 1 is one too many");
	return 0;
}

/* ctx: the prompt, but for what is asked. */
static int
pass(void *ctx, const char *what, struct secret *ret, struct err *err)
{
	struct prompt ask = *(const struct prompt *)ctx;

	ask.what = what;
	return prompt_secret(&ask, ret, err);
}

/* The prompt has said whose it is. */
static void
again(void *ctx, const struct err *why)
{
	(void)ctx;
	render_error(why);
}

static void
say(void *ctx, const char *line)
{
	(void)ctx;
	render_line(stderr, line);
}

/* N of --fd N and --make N; -1: it is not given. */
static int
descriptor(enum word which, int *ret, struct err *err)
{
	unsigned long n;
	int rc;

	*ret = -1;
	if (words[which] == NULL)
		return 0;
	if ((rc = text_number(words[which], "a descriptor", 65535, &n, err)) == 0)
		*ret = (int)n;
	return rc;
}

static int
serve(int fd, struct err *err)
{
	struct prompt own = {.spec = words[CA_PASS], .option = "--ca-pass"};
	struct prompt root = {.spec = words[ROOT_PASS], .option = "--root-pass"};
	const struct signer_pass ask = {pass, prompt_is_person(own.spec) ? again : NULL, &own};
	const struct signer_pass ask_root = {pass, NULL, &root};
	char home[PATH_MAX];
	const struct signer_serve how = {
	    .home = home,
	    .pass = &ask,
	    .fd = fd,
	    .socket = words[SOCKET],
	    .root = words[ROOT] != NULL,
	    .look = words[LOOK] != NULL,
	    .root_pass = root.spec == NULL ? NULL : &ask_root,
	    .say = say,
	};
	int rc;

	prompt_nobody = words[NOBODY] != NULL;
	prompt_about = words[ABOUT] == NULL || words[ABOUT][0] == '\0' ? NULL : words[ABOUT];
	prompt_left = ""; /* who started us says it */
	if ((rc = env_home(words[HOME], home, err)) != 0 ||
	    (rc = prompt_check_spec(own.spec, own.option, err)) != 0 ||
	    (rc = prompt_check_spec(root.spec, root.option, err)) != 0)
		return rc;
	if (fd < 0 && how.look)
		return err_set(err, ERR_USAGE, "--look is for ykenroll alone");
	if (fd < 0 && how.root)
		return err_set(err, ERR_USAGE,
		    "a signer that listens does not hold the root's key; use: ykenroll ca crl --root");
	return signer_serve(&how, err);
}

static int
run(struct err *err)
{
	int rc, fd, make;

	umask(077);
	env_scrub();
	/* No openssl.cnf: it could load a provider or an engine into the process of the CA key. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return err_set(err, ERR_INTERNAL, "OpenSSL does not start");
	if ((rc = secret_harden(err)) != 0 || (rc = descriptor(FD, &fd, err)) != 0 ||
	    (rc = descriptor(MAKE, &make, err)) != 0)
		return rc;
	rc = make >= 0 ? signer_make(make, err) : serve(fd, err);
	/* Who asked has the error by the socket, and says it; twice it would confuse. */
	if (fd >= 0 || make >= 0)
		_exit(err_exit_status(rc));
	return rc;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int rc;

	render_program = "ykenroll-signer";
	rc = parse(argc, argv, &err);
	if (rc == 0 && words[HELP] != NULL)
		return fputs(usage, stdout) == EOF;
	if (rc == 0 && words[VERSION] != NULL)
		return printf("ykenroll-signer %s\n", YKENROLL_VERSION) < 0;
	if (rc == 0)
		rc = run(&err);
	if (rc != 0)
		render_error(&err);
	return err_exit_status(rc);
}
