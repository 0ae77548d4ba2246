/* SPDX-License-Identifier: BSD-2-Clause */
/* escrow: who may open sealed secrets; opening one for a person. */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"

static char *kind, *version, *reason, *ticket, *out, *name, *cert;
static const char **add_recovery, **add_helpdesk, **remove_;

#define TICKET OPT_TEXT("ticket", 0, &ticket, "ticket or order number, for the audit log", "TEXT")

static const struct poptOption table_open[] = {
    OPT_TEXT("kind", 0, &kind, "puk or management-key", "KIND"),
    OPT_TEXT("version", 0, &version, "an older version instead of the current one", "N"),
    OPT_TEXT("reason", 0, &reason, "why, for the audit log", "TEXT"),
    TICKET,
    OPT_TEXT("out", 'o', &out, "write it to this file, readable by its owner only", "FILE"),
    OPT_TABLE(opt_escrow),
    OPT_END,
};

static const struct poptOption table_rekey[] = {
    {"add-recovery", 0, POPT_ARG_ARGV, &add_recovery, 0, "add this recovery certificate (PEM)",
	"FILE"},
    {"add-helpdesk", 0, POPT_ARG_ARGV, &add_helpdesk, 0, "add this helpdesk certificate (PEM)",
	"FILE"},
    {"remove", 0, POPT_ARG_ARGV, &remove_, 0,
	"remove this recipient, by name or first digits of its hash", "WHO"},
    TICKET,
    OPT_TABLE(opt_escrow),
    OPT_END,
};

static const struct poptOption table_make_key[] = {
    OPT_TEXT("name", 0, &name, "name of the key's owner, for its certificate", "TEXT"),
    OPT_TEXT("out", 'o', &out, "write the encrypted key to this file", "FILE"),
    OPT_TEXT("cert", 0, &cert, "write its certificate to this file", "FILE"),
    OPT_TEXT("escrow-pass", 0, &face.escrow_pass,
	"the new key's passphrase: prompt, file:PATH or fd:N", "SPEC"),
    OPT_END,
};

/* ---- recipients ---- */

static int
recipients_json(const struct registry_recipients *set, struct err *err)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < set->n; i++) {
		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s}", "role", registry_role_name(set->list[i].role),
			"name", set->list[i].name, "sha256",
			render_hex(set->list[i].sha256, sizeof(set->list[i].sha256))));
	}
	return render_json(json_pack("{s:I, s:o, s:I}", "generation", (json_int_t)set->generation,
			       "recipients", list, "to_reseal", (json_int_t)set->stale),
	    err);
}

static int
run_recipients(struct called *c, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(registry_recipients_wipe) struct registry_recipients set = {0};
	size_t i;
	int rc;

	(void)c;
	if ((rc = opt_registry(&r, err)) != 0 || (rc = registry_recipients(r, &set, err)) != 0)
		return rc;
	if (opt.json)
		return recipients_json(&set, err);
	for (i = 0; i < set.n; i++) {
		printf("%-9s %s  %s\n", registry_role_name(set.list[i].role),
		    render_hex(set.list[i].sha256, sizeof(set.list[i].sha256)),
		    render_escaped(set.list[i].name));
	}
	if (set.stale > 0)
		printf("%lld secrets are still sealed to the previous recipients; finish with: "
		       "ykenroll escrow rekey\n",
		    (long long)set.stale);
	return 0;
}

static const struct command escrow_recipients = {"escrow recipients",
    "list who can open the sealed secrets", NULL, 0, 0, opt_only_common, .run = run_recipients};

/* ---- open ---- */

static int
parse_open(const char *token, struct workflow_escrow_open *what, struct err *err)
{
	unsigned long n = 0;
	int rc;

	if ((rc = text_number(token, "TOKEN", UINT32_MAX, &n, err)) != 0)
		return rc;
	what->token = (uint32_t)n;
	n = 0;
	if (version != NULL && (rc = text_number(version, "--version", 1000000, &n, err)) != 0)
		return rc;
	what->version = (unsigned)n;
	for (what->kind = SECRET_MGMKEY; what->kind < SECRET_KINDS; what->kind++)
		if (strcmp(kind, registry_secret_kind_name(what->kind)) == 0)
			break;
	if (what->kind == SECRET_KINDS)
		return err_set(
		    err, ERR_USAGE, "invalid --kind '%s'; use puk or management-key", kind);
	what->reason = reason;
	what->ticket = ticket;
	return 0;
}

/* Known before anything is opened: where the secret goes. */
static int
check_out(struct err *err)
{
	if (opt.json)
		return err_set(err, ERR_USAGE,
		    "secrets are not printed as JSON, which often ends up in logs; use --out FILE");
	if (out == NULL && !isatty(STDOUT_FILENO))
		return err_set(err, ERR_USAGE,
		    "secrets are shown only on a terminal, not in a pipe; use --out FILE");
	return out == NULL ? 0 : file_check_new(out, err);
}

/* A PUK as it is typed, a management key in hexadecimal, and a newline. */
static int
give(const struct workflow_escrow_open *what, const struct secret *s, struct err *err)
{
	CLEAN(secret_freep) struct secret *text = secret_new();

	if (what->kind == SECRET_MGMKEY) {
		if (2 * s->len + 2 > SECRET_MAX)
			return err_set(err, ERR_INTERNAL, "the secret is too long");
		text_hex(s->bytes, s->len, (char *)text->bytes);
		text->len = 2 * s->len;
	} else {
		memcpy(text->bytes, s->bytes, s->len);
		text->len = s->len;
	}
	text->bytes[text->len++] = '\n';
	if (out != NULL)
		return file_create(out, text->bytes, text->len, 0600, err);
	return write(STDOUT_FILENO, text->bytes, text->len) == (ssize_t)text->len
		   ? 0
		   : err_errno(err, ERR_INTERNAL, "cannot write to the terminal");
}

static int
run_open(struct called *c, struct err *err)
{
	CLEAN(secret_freep) struct secret *secret = secret_new();
	struct workflow_escrow_open what = {0};
	int rc;

	if (c->n != 1 || kind == NULL || reason == NULL)
		return err_set(err, ERR_USAGE,
		    "all of these are required: ykenroll escrow open TOKEN --kind "
		    "puk|management-key --reason TEXT --escrow-key KEY");
	if ((rc = parse_open(c->args[0], &what, err)) != 0 || (rc = check_out(err)) != 0 ||
	    (rc = workflow_escrow_open(&c->desk, &what, secret, err)) != 0)
		return rc;
	fprintf(stderr,
	    "this is in the audit log; replace this %s when the token is here the next time\n",
	    registry_secret_kind_name(what.kind));
	return give(&what, secret, err);
}

static const struct command escrow_open = {"escrow open",
    "show a PUK or a management key, for a stated reason", "TOKEN", 0, 1, table_open,
    .run = run_open};

/* ---- rekey ---- */

static int
run_rekey(struct called *c, struct err *err)
{
	struct workflow_escrow_rekey what = {0};
	int64_t done = 0;
	int rc;

	what.add_recovery = add_recovery;
	what.add_helpdesk = add_helpdesk;
	what.remove = remove_;
	what.ticket = ticket;
	if ((rc = workflow_escrow_rekey(&c->desk, &what, &done, err)) != 0)
		return rc;
	if (opt.json)
		return render_json(json_pack("{s:I}", "resealed", (json_int_t)done), err);
	printf("%lld secrets sealed anew\n", (long long)done);
	return 0;
}

static const struct command escrow_rekey = {"escrow rekey",
    "change the recipients, or finish an interrupted change", NULL, 0, 0, table_rekey,
    .run = run_rekey};

/* ---- make-key ---- */

static int
run_make_key(struct called *c, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct prompt ask = {
	    NULL, "passphrase of the new escrow key", "--escrow-pass", true, make_pass_check};
	int rc;

	(void)c;
	if (name == NULL || out == NULL || cert == NULL)
		return err_set(err, ERR_USAGE,
		    "all of these are required: ykenroll escrow make-key --name TEXT --out KEY "
		    "--cert CERTIFICATE");
	ask.spec = face.escrow_pass;
	if ((rc = prompt_secret(&ask, pass, err)) != 0 ||
	    (rc = registry_escrow_make_key(name, out, pass, cert, err)) != 0)
		return rc;
	if (opt.json)
		return render_json(json_pack("{s:s, s:s}", "key", out, "certificate", cert), err);
	printf("key %s, certificate %s; make it a recipient with: ykenroll escrow rekey\n",
	    render_escaped(out), render_escaped(cert));
	return 0;
}

static const struct command escrow_make_key = {"escrow make-key",
    "create a key for a recipient, with its certificate", NULL, 0, 0, table_make_key,
    .run = run_make_key};

static const struct command *const verbs[] = {
    &escrow_recipients, &escrow_open, &escrow_rekey, &escrow_make_key, NULL};

const struct command cmd_escrow = {.name = "escrow",
    .what = "list or change who can open sealed secrets; open one",
    .verbs = verbs};
