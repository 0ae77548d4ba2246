/* SPDX-License-Identifier: BSD-2-Clause */
/* ykvirt: a virtual YubiKey on the command line. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <popt.h>

#include "virtual/lab.h"
#include "virtual/ykvirt.h"
#include "virtual/vfault.h"

#define EXIT_USAGE 2
#define MSG_MAX 512

/* ykvirt run: its strings are there as long as the process. */
static struct run_args {
	char *state, *root, *firmware, **faults, *touch, *timing, *atr, *finger, *f9;
	int port, serial, form_factor, ready_fd, fips, pin_complexity;
} run_args = {.port = 0x8C7B, .ready_fd = -1};

static void
popt_free(poptContext *ctx)
{
	poptFreeContext(*ctx);
}

static int
usage_error(const char *command, const char *what, const char *why)
{
	fprintf(stderr, "ykvirt %s: %s%s%s\nTry 'ykvirt %s --help'.\n", command,
	    what != NULL ? what : "", what != NULL ? ": " : "", why, command);
	return EXIT_USAGE;
}

static int
failure(const char *msg)
{
	fprintf(stderr, "ykvirt: %s\n", msg);
	return EXIT_FAILURE;
}

/* A context whose help calls the command by this name. */
static poptContext
context(const char *name, int argc, const char **argv, const struct poptOption *options)
{
	argv[0] = name;
	return poptGetContext(name, argc, argv, options, 0);
}

static int
parse(poptContext ctx, const char *command)
{
	int rc = poptGetNextOpt(ctx);

	if (rc < -1)
		return usage_error(
		    command, poptBadOption(ctx, POPT_BADOPTION_NOALIAS), poptStrerror(rc));
	return 0;
}

static int
run_key(const struct run_args *a, struct vkey *v)
{
	char msg[MSG_MAX];

	for (char **f = a->faults; f != NULL && *f != NULL; f++)
		if (vkey_fault(v, *f, msg, sizeof(msg)) != VKEY_OK)
			return failure(msg);
	return run_loop(v, a->state, (uint16_t)a->port, a->ready_fd, msg, sizeof(msg)) == 0
		   ? EXIT_SUCCESS
		   : failure(msg);
}

/* at-once, never, or seconds. */
static int
parse_touch(const char *text, enum vkey_touch *ret, unsigned *ret_ms)
{
	char *end;
	double sec;

	*ret_ms = 0;
	*ret = text == NULL		      ? VKEY_TOUCH_KEPT
	       : strcmp(text, "never") == 0   ? VKEY_TOUCH_NEVER
	       : strcmp(text, "at-once") == 0 ? VKEY_TOUCH_AT_ONCE
					      : VKEY_TOUCH_AFTER;
	if (*ret != VKEY_TOUCH_AFTER)
		return 0;
	sec = strtod(text, &end);
	if (end == text || *end != '\0' || !(sec >= 0 && sec <= 3600))
		return -1;
	*ret_ms = (unsigned)(sec * 1000);
	return 0;
}

static int
open_and_run(const struct run_args *a, struct vkey_config *config)
{
	char *copy = strdup(a->state), msg[MSG_MAX];
	struct vkey *v = NULL;
	int rc;

	if (copy == NULL)
		return failure("out of memory");
	/* Without --root the keys of one directory share the root made there. */
	config->root_dir = a->root != NULL ? a->root : dirname(copy);
	rc = vkey_open(config, &v, msg, sizeof(msg));
	free(copy);
	if (rc != VKEY_OK)
		return failure(msg);
	rc = run_key(a, v);
	vkey_free(v);
	return rc;
}

/* Before anything is opened or asked: 0, or the exit code. */
static int
check_fault(const char *command, const char *spec)
{
	struct vfault_list probe = {.n = 0};
	char msg[MSG_MAX];

	if (vfault_add(&probe, spec, msg, sizeof(msg)) == 0)
		return 0;
	return usage_error(command, NULL, msg);
}

static int
take_words(const struct run_args *a, struct vkey_config *c)
{
	int timing = 0, atr = 0, finger = 0, f9 = 0;
	const struct {
		const char *option, *want, *text;
		const char *words[4]; /* what is not given is the first */
		int *ret;
	} options[] = {
	    {"--timing", "use real or host", a->timing, {"host", "real"}, &timing},
	    {"--atr", "use usb or nfc", a->atr, {"usb", "nfc"}, &atr},
	    {"--finger", "use right, wrong or none", a->finger, {"right", "wrong", "none"},
		&finger},
	    {"--f9", "use rsa2048 or p256", a->f9, {"rsa2048", "p256"}, &f9},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const char *const *w = options[i].words, *text = options[i].text;

		while (text != NULL && *w != NULL && strcmp(*w, text) != 0)
			w++;
		if (*w == NULL)
			return usage_error("run", options[i].option, options[i].want);
		*options[i].ret = (int)(w - options[i].words);
	}
	c->real_timing = timing == 1;
	c->nfc = atr == 1;
	c->finger = (enum vkey_finger)finger;
	c->f9_rsa = f9 == 0;
	if (parse_touch(a->touch, &c->touch, &c->touch_ms) != 0)
		return usage_error("run", "--touch", "use at-once, never or a number of seconds");
	return 0;
}

static int
check_run(const struct run_args *a, const char *extra, struct vkey_config *config)
{
	if (extra != NULL)
		return usage_error("run", extra, "no arguments are allowed");
	if (a->state == NULL)
		return usage_error("run", NULL, "--state FILE is required");
	if (a->port < 1 || a->port > 65535)
		return usage_error("run", "--port", "use 1 to 65535");
	if (a->serial < 0)
		return usage_error("run", "--serial", "use a number below 2^31");
	if (a->form_factor < 0 || a->form_factor > 255)
		return usage_error("run", "--form-factor", "use 0 to 255");
	if (take_words(a, config) != 0)
		return EXIT_USAGE;
	for (char **f = a->faults; f != NULL && *f != NULL; f++)
		if (check_fault("run", *f) != 0)
			return EXIT_USAGE;
	config->state = a->state;
	config->firmware = a->firmware;
	config->serial = (uint32_t)a->serial;
	config->form_factor = (uint8_t)a->form_factor;
	config->fips = a->fips;
	config->pin_complexity = a->pin_complexity;
	return 0;
}

static int
cmd_run(int argc, const char **argv)
{
	struct vkey_config config = {0};
	const struct poptOption options[] = {{"state", 0, POPT_ARG_STRING, &run_args.state, 0,
						 "the key's state, created if missing", "FILE"},
	    {"port", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &run_args.port, 0,
		"port of the vpcd reader on 127.0.0.1", "N"},
	    {"firmware", 0, POPT_ARG_STRING, &run_args.firmware, 0, "of a new key (5.7.1)",
		"X.Y.Z"},
	    {"serial", 0, POPT_ARG_INT, &run_args.serial, 0, "of a new key (made up)", "N"},
	    {"form-factor", 0, POPT_ARG_INT, &run_args.form_factor, 0,
		"of a new key: 1 USB-A keychain, 3 USB-C keychain, 6 and 7 Bio", "N"},
	    {"pin-complexity", 0, POPT_ARG_NONE, &run_args.pin_complexity, 0,
		"of a new key: rejects simple PINs and PUKs", NULL},
	    {"fips", 0, POPT_ARG_NONE, &run_args.fips, 0, "a new key of the FIPS series", NULL},
	    {"f9", 0, POPT_ARG_STRING, &run_args.f9, 0,
		"attestation key of a new key: rsa2048 (as real ones) or p256", "ALGORITHM"},
	    {"touch", 0, POPT_ARG_STRING, &run_args.touch, 0,
		"when a finger touches the key: at-once, never, or after SECONDS", "WHEN"},
	    {"finger", 0, POPT_ARG_STRING, &run_args.finger, 0,
		"fingerprint at a Bio key: the right one, a wrong one, or none enrolled", "WHOSE"},
	    {"timing", 0, POPT_ARG_STRING, &run_args.timing, 0,
		"real: as slow as a real key; host: as fast as this machine", "HOW"},
	    {"atr", 0, POPT_ARG_STRING, &run_args.atr, 0,
		"usb, or nfc: that of a contactless reader", "KIND"},
	    {"root", 0, POPT_ARG_STRING, &run_args.root, 0,
		"attestation root.pem and root.key, created if missing (default: the state's "
		"directory)",
		"DIR"},
	    {"fault", 0, POPT_ARG_ARGV, &run_args.faults, 0,
		"arm a fault, e.g. 'ins=24;remove-after;back=500'", "SPEC"},
	    {"ready-fd", 0, POPT_ARG_INT, &run_args.ready_fd, 0,
		"write \"ready\" there once the reader has seen the key", "N"},
	    POPT_AUTOHELP POPT_TABLEEND};
	__attribute__((cleanup(popt_free))) poptContext ctx =
	    context("ykvirt run", argc, argv, options);
	int rc = parse(ctx, "run");

	if (rc == 0)
		rc = check_run(&run_args, poptPeekArg(ctx), &config);
	return rc != 0 ? rc : open_and_run(&run_args, &config);
}

/* The words of a command without options: at most cap of them, and the count. 0, or the exit code.
 */
static int
words(poptContext *ctx, const char *name, const char *help, int argc, const char **argv,
    const char **out, int cap, int *ret_n)
{
	static const struct poptOption options[] = {POPT_AUTOHELP POPT_TABLEEND};
	const char *w;
	int rc;

	*ctx = context(name, argc, argv, options);
	poptSetOtherOptionHelp(*ctx, help);
	rc = parse(*ctx, name + strlen("ykvirt "));
	for (*ret_n = 0; rc == 0 && (w = poptGetArg(*ctx)) != NULL; ++*ret_n)
		if (*ret_n < cap)
			out[*ret_n] = w;
	return rc;
}

static int
ask(const char *state, const char *line)
{
	char msg[MSG_MAX], *answer = NULL;
	int rc = control_ask(state, line, &answer, msg, sizeof(msg));

	if (rc != 0)
		return failure(msg);
	if (strncmp(answer, "error: ", 7) == 0) {
		fprintf(stderr, "ykvirt: %s", answer + 7);
		rc = EXIT_FAILURE;
	} else {
		fputs(answer, stdout);
	}
	free(answer);
	return rc;
}

static int
cmd_control(int argc, const char **argv)
{
	__attribute__((cleanup(popt_free))) poptContext ctx = NULL;
	const char *w[3];
	char line[512];
	int rc, n;

	if ((rc = words(&ctx, "ykvirt control", "STATE insert|remove|status|fault SPEC", argc, argv,
		 w, 3, &n)) != 0)
		return rc;
	if (n == 3 && strcmp(w[1], "fault") == 0) {
		if (check_fault("control", w[2]) != 0)
			return EXIT_USAGE;
		snprintf(line, sizeof(line), "fault %s", w[2]);
		return ask(w[0], line);
	}
	if (n == 2 && (strcmp(w[1], "insert") == 0 || strcmp(w[1], "remove") == 0 ||
			  strcmp(w[1], "status") == 0))
		return ask(w[0], w[1]);
	return usage_error("control", NULL, "use STATE insert|remove|status|fault SPEC");
}

/* A running key knows more than its file: it is asked first. */
static int
cmd_inspect(int argc, const char **argv)
{
	__attribute__((cleanup(popt_free))) poptContext ctx = NULL;
	char msg[MSG_MAX], *text = NULL;
	const char *w[1];
	int rc, n;

	if ((rc = words(&ctx, "ykvirt inspect", "STATE", argc, argv, w, 1, &n)) != 0)
		return rc;
	if (n != 1)
		return usage_error("inspect", NULL, "use exactly one STATE");
	if (control_ask(w[0], "status", &text, msg, sizeof(msg)) == 0) {
		fputs(text, stdout);
	} else {
		text = vkey_inspect_file(w[0], msg, sizeof(msg));
		if (text == NULL)
			return failure(msg);
		puts(text);
	}
	free(text);
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*fn)(int argc, const char **argv);
	const char *what;
} commands[] = {
    {"run", cmd_run, "run a virtual YubiKey in a vpcd reader"},
    {"control", cmd_control, "insert, remove or disturb a running key"},
    {"inspect", cmd_inspect, "show what a key is and holds, without its secrets"},
    {"lab", lab_main, "run a command with virtual keys and its own pcscd"},
};

static void
help(FILE *to)
{
	fputs("Usage: ykvirt COMMAND [OPTION...]\n\n", to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-10s%s\n", commands[i].name, commands[i].what);
	fputs("\nykvirt COMMAND --help shows the options. See ykvirt(1).\n", to);
}

int
main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)) {
		help(stdout);
		return EXIT_SUCCESS;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		puts("ykvirt " YKENROLL_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].fn(argc - 1, (const char **)argv + 1);
	if (argc >= 2)
		fprintf(stderr, "ykvirt: unknown command \"%s\"\n", argv[1]);
	help(stderr);
	return EXIT_USAGE;
}
