/* SPDX-License-Identifier: BSD-2-Clause */
/* command: from the words of a command line to what runs it. */
#include <string.h>

#include "base/env.h"
#include "cli/cli.h"

/* "crl" of "ca crl". */
static const char *
last_word(const struct command *c)
{
	const char *space = strrchr(c->name, ' ');

	return space == NULL ? c->name : space + 1;
}

/* Of the program itself, which has no name here, they are its commands. */
static const char *
kind(const struct command *c)
{
	return c->name[0] == '\0' ? "command" : "verb";
}

static const char *
gap(const struct command *c)
{
	return c->name[0] == '\0' ? "" : " ";
}

static void
command_list(FILE *to, const struct command *c)
{
	const bool top = c->name[0] == '\0';
	size_t i, len, width = 0;

	for (i = 0; c->verbs[i] != NULL; i++)
		width = (len = strlen(last_word(c->verbs[i]))) > width ? len : width;
	fprintf(to, "usage: ykenroll%s%s %s [OPTION...]\n\n", gap(c), c->name,
	    top ? "COMMAND" : "VERB");
	for (i = 0; c->verbs[i] != NULL; i++)
		fprintf(to, "  %-*s %s\n", (int)width, last_word(c->verbs[i]), c->verbs[i]->what);
	fprintf(to,
	    "\n"
	    "Run `ykenroll%s%s %s --help` for its options.\n"
	    "%s",
	    gap(c), c->name, top ? "COMMAND" : "VERB", c->foot == NULL ? "" : c->foot);
}

static int
collect(const struct command *c, poptContext con, struct called *ret, struct err *err)
{
	const char *word;

	for (ret->n = 0; (word = poptGetArg(con)) != NULL; ret->n++) {
		/* Neither this word nor an unknown option's value is repeated: where other tools
		 * take a PIN, it is one. */
		if (ret->n >= c->max)
			return err_set(err, ERR_USAGE,
			    "unexpected argument %zu; put a name with spaces in quotes",
			    ret->n + 1);
		ret->args[ret->n] = word;
	}
	if (ret->n >= c->min)
		return 0;
	return c->missing != NULL ? err_set(err, ERR_USAGE, "%s", c->missing)
				  : err_set(err, ERR_USAGE, "ykenroll %s %s", c->name, c->words);
}

/* Every option that takes a SPEC has one, before anybody is asked for anything. "SPEC|generate":
 * that word is as good. */
static int
check_specs(const struct poptOption *o, struct err *err)
{
	char option[64];
	const char *given;
	int rc;

	for (; o->longName != NULL || o->shortName != '\0' || o->arg != NULL; o++) {
		if ((o->argInfo & POPT_ARG_MASK) == POPT_ARG_INCLUDE_TABLE) {
			if ((rc = check_specs(o->arg, err)) != 0)
				return rc;
			continue;
		}
		if (o->argDescrip == NULL || strncmp(o->argDescrip, "SPEC", 4) != 0 ||
		    (given = *(char **)o->arg) == NULL ||
		    (o->argDescrip[4] == '|' && strcmp(given, o->argDescrip + 5) == 0))
			continue;
		snprintf(option, sizeof(option), "--%s", o->longName);
		if ((rc = prompt_check_spec(given, option, err)) != 0)
			return rc;
	}
	return 0;
}

static int
parse(const struct command *c, int argc, const char **argv, struct called *ret, struct err *err)
{
	static poptContext con; /* keeps the words to the end */
	static char name[64], words[96];
	const char *bad;
	int r, rc;

	snprintf(name, sizeof(name), "ykenroll %s", c->name);
	snprintf(words, sizeof(words), "%s%s[OPTION...]", c->words == NULL ? "" : c->words,
	    c->words == NULL ? "" : " ");
	argv[0] = name;
	con = poptGetContext(c->name, argc, argv, c->table, 0);
	if (con == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	poptSetOtherOptionHelp(con, words);
	r = poptGetNextOpt(con);
	prompt_nobody = opt.non_interactive != 0;
	if (r < -1) {
		bad = poptBadOption(con, POPT_BADOPTION_NOALIAS);
		return err_set(err, ERR_USAGE, "%.*s: %s; see `ykenroll %s --help`",
		    bad[0] == '-' && bad[1] != '-' ? 2 : (int)strcspn(bad, "="), bad,
		    poptStrerror(r), c->name);
	}
	if ((rc = opt_asked_check(err)) != 0 || (rc = collect(c, con, ret, err)) != 0 ||
	    (rc = check_specs(c->table, err)) != 0)
		return rc;
	return env_home(opt.home, opt.home_path, err);
}

static int
run(const struct command *c, int argc, const char **argv, struct err *err)
{
	static struct called called;
	int rc;

	if (c->become != NULL)
		return c->become(argv, err);
	if ((rc = parse(c, argc, argv, &called, err)) != 0 ||
	    (rc = opt_desk(&called.desk, err)) != 0)
		return rc;
	if (c->of_token)
		called.desk.ui = face_token_ui;
	rc = c->run(&called, err);
	return rc == ERR_ABSENT ? ERR_USAGE : rc; /* what was named is not there */
}

int
command_run(const struct command *c, int argc, const char **argv, struct err *err)
{
	size_t i;

	for (i = 0; c->verbs != NULL && argc >= 2 && c->verbs[i] != NULL; i++)
		if (strcmp(argv[1], last_word(c->verbs[i])) == 0)
			return command_run(c->verbs[i], argc - 1, argv + 1, err);
	if (c->verbs == NULL || c->run != NULL)
		return run(c, argc, argv, err);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		command_list(stdout, c);
		return 0;
	}
	if (argc >= 2)
		return err_set(err, ERR_USAGE, "unknown %s '%s'; see `ykenroll%s%s --help`",
		    kind(c), argv[1], gap(c), c->name);
	command_list(stderr, c);
	return err_set(
	    err, ERR_USAGE, "no %s%s%s given", kind(c), c->name[0] == '\0' ? "" : " of ", c->name);
}
