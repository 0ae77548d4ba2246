/* SPDX-License-Identifier: BSD-2-Clause */
/* cli: the commands. The only room that prints; everything that others wrote is escaped here. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <limits.h>
#include <popt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "term/term.h"
#include "ykenroll/workflow.h"

/* ---- opt.c: options that several commands have ---- */

struct opt {
	char *home, *device, *reader, *ca_pass, *wait, *escrow_key, *letter, *letter_to;
	int json, non_interactive, dry_run, last_try, force, yes;
	char home_path[PATH_MAX]; /* resolved */
	struct request asked;	  /* what OPT_ASKED took */
};
extern struct opt opt;
extern struct poptOption opt_common[]; /* --home --json --non-interactive */
extern struct poptOption opt_token[];  /* --device --reader --wait --last-try */
extern struct poptOption opt_ca[];     /* --ca-pass */
extern struct poptOption opt_yes[];    /* --yes */
extern struct poptOption opt_escrow[]; /* --escrow-key --escrow-pass */
extern struct poptOption opt_letter[]; /* --letter --letter-to */

/* What a command's table ends with; of one for a token: which. */
#define OPT_END                                                                    \
	{NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_common, 0, "Common options:", NULL}, \
	    POPT_AUTOHELP POPT_TABLEEND
#define OPT_TOKEN_END {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_token, 0, "Which token:", NULL}, OPT_END
/* First in a table of options that are fields of a request, by their names there: opt.asked. */
void opt_asked(poptContext con, enum poptCallbackReason reason, const struct poptOption *option,
    const char *arg, const void *data);
#define OPT_ASKED                                                            \
	{                                                                    \
		NULL, 0, POPT_ARG_CALLBACK, (void *)opt_asked, 0, NULL, NULL \
	}
#define OPT_FIELD(name, help, arg)                           \
	{                                                    \
		name, 0, POPT_ARG_STRING, NULL, 0, help, arg \
	}

/* Parse argv against table (which includes the ones above). At most max_args words are left over,
 * in ret_args.
 * --help is printed and ends the program. Errors: ERR_USAGE. */
MUST_CHECK int opt_parse(int argc, const char **argv, const char *command, const char *args_help,
    const struct poptOption *table, const char **ret_args, size_t max_args, size_t *ret_n,
    struct err *err);

/* A command of verbs, argv[0] of which is its name: run the one that is named. foot: below the list
 * of --help, or NULL. Errors: ERR_USAGE. */
struct opt_verb {
	const char *name;
	int (*run)(int argc, const char **argv, struct err *err);
	const char *what;
};
MUST_CHECK int opt_verbs(const char *command, const struct opt_verb *verbs, size_t n,
    const char *foot, int argc, const char **argv, struct err *err);

/* The registry of this home. Errors: ERR_INTERNAL there is none. */
MUST_CHECK int opt_registry(struct registry **ret, struct err *err);
/* A workflow with the common options and the terminal as its face. */
MUST_CHECK int opt_desk(struct desk *ret, struct err *err);
const char *opt_actor(void); /* who runs this, for the audit rows */

/* ---- render.c ---- */

/* Print one JSON object on stdout and free it. json: json_t *. Errors: ERR_INTERNAL. */
struct json_t;
MUST_CHECK int render_json(struct json_t *json, struct err *err);
void render_serial(const uint8_t *serial, size_t len, char *ret); /* hex, 2 * len + 1 */

/* ---- csv.c ---- */

/* One row, every cell quoted, escaped, and no formula to a spreadsheet. */
void csv_row(FILE *to, const char *const *cells, size_t n);

/* ---- face.c: the terminal as the workflows' face ---- */

struct face {
	/* SPECs, whatever option a command gives them by */
	char *new_pin, *current_pin, *current_puk, *new_puk, *current_mgmkey, *new_mgmkey;
	char *escrow_pass;
	bool ask_current; /* the current ones are asked for where none was given */
	bool yes;	  /* to every question */
	const char *wait; /* seconds, as they were given */
};
extern struct face face;
extern const struct device_ui face_device;
extern const struct desk_ui face_ui, face_token_ui; /* of a life; of the token verbs */
MUST_CHECK int face_check_specs(struct err *err);
MUST_CHECK int face_check_token_specs(struct err *err);

/* ---- countdown.c: the seconds that are left, on a terminal; elsewhere one line ---- */

void countdown_begin(const char *text, unsigned sec);
void countdown_end(void);
bool countdown_runs(void); /* may be asked in a signal handler */

/* ---- report.c ---- */

struct json_t *report_json(const struct workflow_report *r);
void report_text(const struct workflow_report *r);
extern int64_t report_start_ns; /* when main() began */

/* ---- cmd_enroll.c: what the other commands share with it ---- */

extern struct poptOption enroll_secrets[]; /* --pin --current-pin --current-puk … */
/* opt.asked: as far as it can be told here whether that can be. Errors: ERR_USAGE. */
MUST_CHECK int enroll_options(struct err *err);
MUST_CHECK int enroll_check_specs(struct err *err);
/* The report, as text or JSON, after a run that ended with rc. Returns rc. */
int enroll_show(const struct workflow_report *report, int rc, struct err *err);

/* ---- commands: argv[0] is the command's name ---- */

int cmd_init(int argc, const char **argv, struct err *err);
int cmd_enroll(int argc, const char **argv, struct err *err);
int cmd_adopt(int argc, const char **argv, struct err *err);
int cmd_unblock(int argc, const char **argv, struct err *err);
int cmd_reissue(int argc, const char **argv, struct err *err);
int cmd_retire(int argc, const char **argv, struct err *err);
int cmd_recover(int argc, const char **argv, struct err *err);
int cmd_check(int argc, const char **argv, struct err *err);
int cmd_letter(int argc, const char **argv, struct err *err);
int cmd_list(int argc, const char **argv, struct err *err);
int cmd_show(int argc, const char **argv, struct err *err);
int cmd_audit(int argc, const char **argv, struct err *err);
int cmd_backup(int argc, const char **argv, struct err *err);
int cmd_receipt(int argc, const char **argv, struct err *err);
int cmd_escrow(int argc, const char **argv, struct err *err);
int cmd_ca(int argc, const char **argv, struct err *err);
int cmd_revoke(int argc, const char **argv, struct err *err);
int cmd_suspend(int argc, const char **argv, struct err *err);
int cmd_resume(int argc, const char **argv, struct err *err);
int cmd_ca_publish(int argc, const char **argv, struct err *err);
int cmd_ca_ocsp(int argc, const char **argv, struct err *err);
int cmd_ca_crl(int argc, const char **argv, struct err *err);
int cmd_ca_log(int argc, const char **argv, struct err *err);
int cmd_ca_import(int argc, const char **argv, struct err *err);
int cmd_ca_issue(int argc, const char **argv, struct err *err);
int cmd_ca_p12(int argc, const char **argv, struct err *err);
int cmd_ca_renew(int argc, const char **argv, struct err *err);
int cmd_doctor(int argc, const char **argv, struct err *err);
int cmd_server(int argc, const char **argv, struct err *err);
int cmd_signer(int argc, const char **argv, struct err *err);
int cmd_token(int argc, const char **argv, struct err *err);
int cmd_verify_server(int argc, const char **argv, struct err *err);
int cmd_show_client(int argc, const char **argv, struct err *err);

#endif
