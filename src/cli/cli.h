/* SPDX-License-Identifier: BSD-2-Clause */
/* cli: the commands. The only room that prints; everything that others wrote is escaped here. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <limits.h>
#include <popt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

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

/* One option, with its letter or 0: with an argument, without one; and those of another table. */
#define OPT_TEXT(name, letter, to, help, arg)                   \
	{                                                       \
		name, letter, POPT_ARG_STRING, to, 0, help, arg \
	}
#define OPT_FLAG(name, letter, to, help)                       \
	{                                                      \
		name, letter, POPT_ARG_NONE, to, 0, help, NULL \
	}
#define OPT_TABLE(table)                                              \
	{                                                             \
		NULL, 0, POPT_ARG_INCLUDE_TABLE, table, 0, NULL, NULL \
	}
/* What a command's table ends with; of one for a token: which. */
#define OPT_END                                                                    \
	{NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_common, 0, "Common options:", NULL}, \
	    POPT_AUTOHELP POPT_TABLEEND
#define OPT_TOKEN_END {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_token, 0, "Which token:", NULL}, OPT_END
extern const struct poptOption opt_only_common[],
    opt_only_token[]; /* of commands without their own */
/* First in a table of which some options are fields of a request, by their names there: opt.asked.
 */
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

/* The registry of this home. Errors: ERR_INTERNAL there is none. */
MUST_CHECK int opt_registry(struct registry **ret, struct err *err);
/* What the common options say, with the terminal as its face. Errors: ERR_USAGE. */
MUST_CHECK int opt_desk(struct desk *ret, struct err *err);
/* The first field of opt.asked that could not be. Errors: ERR_USAGE. */
MUST_CHECK int opt_asked_check(struct err *err);

/* A file, or, path NULL or "-", standard output. Before anything is done: is there room for it?
 * Errors: ERR_OCCUPIED it exists and no --force; ERR_INTERNAL. */
MUST_CHECK int opt_out_check(const char *path, struct err *err);
MUST_CHECK int opt_out(const char *path, const struct blob *data, mode_t mode, struct err *err);

/* ---- render.c ---- */

/* Keep the one JSON object that --json prints; it is freed. Errors: ERR_INTERNAL it is NULL. */
struct json_t;
MUST_CHECK int render_json(struct json_t *json, struct err *err);
/* The last thing with --json: print it on stdout, with the error where rc is one. Returns rc.
 * Errors: ERR_INTERNAL. */
MUST_CHECK int render_end(int rc, struct err *err);
struct json_t *render_cert(const struct cert_info *cert);
struct json_t *render_software(const struct registry_software *one);

/* As text, good until eight more of these were made. */
#define RENDER_HEX_MAX 32 /* bytes */
const char *render_hex(const uint8_t *data, size_t len);
const char *render_time(int64_t utc); /* seconds */
/* For a person: local time on a terminal; render_time where it is none, and with --json. */
const char *render_when(int64_t utc);
const char *render_firmware(const uint8_t *version); /* three bytes */

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
	bool json;	  /* all that is said is one object */
	const char *wait; /* seconds, as they were given */
};
extern struct face face;
extern const struct device_ui face_device;
extern const struct desk_ui face_ui, face_token_ui; /* of a life; of the token verbs */

/* ---- countdown.c: the seconds that are left, on a terminal; elsewhere one line ---- */

void countdown_begin(const char *text, unsigned sec);
void countdown_end(void);
bool countdown_runs(void); /* may be asked in a signal handler */

/* ---- report.c ---- */

struct json_t *report_json(const struct workflow_report *r);
void report_text(const struct workflow_report *r);
/* On standard error: what of the CA ends soon. */
void report_ends(void);
/* And: a certificate until then has fewer days than were asked for, since the CA ends. */
void report_cut(int64_t not_after);
extern int64_t report_start_ns; /* when main() began */

/* ---- cmd_enroll.c: what the other commands share with it ---- */

extern struct poptOption enroll_secrets[]; /* --pin --current-pin --current-puk … */
/* opt.asked: as far as it can be told here whether that can be. Errors: ERR_USAGE. */
MUST_CHECK int enroll_options(struct err *err);
MUST_CHECK int enroll_check_letter(struct err *err); /* does --pin generate go with --letter? */
/* The report, as text or JSON, after a run that ended with rc. Returns rc. */
int enroll_show(const struct workflow_report *report, int rc, struct err *err);

/* ---- make.c: a home, of which an interrupted run may have left a part: that is made anew ---- */

extern char *make_recovery_out;		  /* --recovery-out */
extern struct poptOption make_recovery[]; /* --recovery-out --recovery-pass --weak */

/* Before anything is asked: could a home be made here, with that recovery key? Changes nothing.
 * Errors: ERR_USAGE; ERR_OCCUPIED there is one. */
MUST_CHECK int make_check(bool rehearsal, struct err *err);
bool make_has(const char *below); /* below the home */
/* The home as a private directory, its parents too. Errors: ERR_USAGE; ERR_INTERNAL. */
MUST_CHECK int make_home(struct err *err);

/* A passphrase that is made up now: long enough, unless --weak. For struct prompt. */
MUST_CHECK int make_pass_check(const struct secret *pass, struct err *err);
MUST_CHECK int make_ask_recovery(struct secret *ret, struct err *err);

/* The home as a private directory, its parents too, and its lock, to be closed at the end; then
 * make_check again. Errors: also ERR_INTERNAL. */
MUST_CHECK int make_begin(int *ret_lock, struct err *err);
/* Registry and recovery key. Errors: those of registry_init. */
MUST_CHECK int make_registry(const struct secret *recovery_pass, struct err *err);

/* ---- cmd_init_desk.c ---- */

/* ca_options: one was given that only a CA has. Errors: ERR_USAGE. */
MUST_CHECK int init_desk_check(const char *socket, bool ca_options, struct err *err);
/* Errors: ERR_OCCUPIED; ERR_CA. */
MUST_CHECK int init_desk(const char *socket, struct err *err);

/* ---- cmd_ca_issue.c: what ca p12 and ca renew share with it ---- */

extern char *ca_out_path;		 /* --out */
extern struct poptOption ca_opt_names[]; /* --cn --email --upn --subject --days */

/* A request's file. Errors: ERR_ABSENT; ERR_FIT. */
MUST_CHECK int ca_read_csr(const char *path, struct blob *ret, struct err *err);
/* What --json says of a certificate. */
struct json_t *ca_issued_json(const struct workflow_issued *issued, const char *profile);
void ca_issued_text(const struct workflow_issued *issued, const char *profile, const char *path);

/* ---- command.c: one command, or one verb of a command ---- */

#define COMMAND_WORDS_MAX 256

/* How it was called. */
struct called {
	struct desk desk;			 /* by the common options */
	const char *args[COMMAND_WORDS_MAX + 1]; /* the words that are no options; then NULL */
	size_t n;
};

struct command {
	const char *name;  /* "ca crl" */
	const char *what;  /* a line in the list that it stands in */
	const char *words; /* that follow it, or NULL: "HOLDER|TOKEN --reason R" */
	size_t min, max;   /* how many of them are no options */
	const struct poptOption *table;
	int (*run)(struct called *c, struct err *err);
	const char *missing; /* said where there are fewer words; NULL: how it is called */
	bool of_token;	     /* its --pin is the current one: face_token_ui */
	/* or what takes all words as they are */
	int (*become)(const char **argv, struct err *err);
	/* its verbs, up to NULL, before run; and what stands below their list, or NULL */
	const struct command *const *verbs;
	const char *foot;
};

/* argv[0] is its name. --help is printed and ends the program. Errors: ERR_USAGE; what run
 * returns. */
MUST_CHECK int command_run(
    const struct command *command, int argc, const char **argv, struct err *err);

extern struct poptOption opt_client[]; /* show --client; cmd_show_client.c */
bool show_client_asked(void);
MUST_CHECK int show_client(const struct called *c, struct err *err);

extern const struct command cmd_init, cmd_enroll, cmd_adopt, cmd_unblock, cmd_reissue, cmd_retire,
    cmd_recover, cmd_check, cmd_letter, cmd_list, cmd_show, cmd_audit, cmd_backup, cmd_restore,
    cmd_receipt, cmd_escrow, cmd_ca, cmd_revoke, cmd_suspend, cmd_resume, cmd_ca_publish,
    cmd_ca_ocsp, cmd_ca_crl, cmd_ca_log, cmd_ca_import, cmd_ca_issue, cmd_ca_p12, cmd_ca_renew,
    cmd_doctor, cmd_server, cmd_signer, cmd_token, cmd_verify_server;

#endif
