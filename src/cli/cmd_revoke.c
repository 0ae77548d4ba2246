/* SPDX-License-Identifier: BSD-2-Clause */
/* revoke, suspend, resume. */
#include <jansson.h>

#include "cli/cli.h"

#define WHICH "HOLDER|SERIAL|TOKEN|FILE"
#define REVOKE "ykenroll revoke " WHICH " --reason R: a reason is required, see --help"

static char *reason, *ticket, *token_state;
static int all;

#define COMMON                                                                               \
	OPT_TEXT("ticket", 0, &ticket, "ticket or order number, for the audit log", "TEXT"), \
	    OPT_FLAG("all", 0, &all, "all tokens of the holder"), OPT_TABLE(opt_ca), OPT_END

static const struct poptOption table[] = {COMMON};
static const struct poptOption table_revoke[] = {
    OPT_TEXT("reason", 0, &reason,
	"keyCompromise, affiliationChanged, superseded, cessationOfOperation, unspecified", "R"),
    OPT_TEXT("token", 0, &token_state,
	"new state of the token: lost (default for keyCompromise), damaged, retired (default)",
	"STATE"),
    COMMON,
};

static const struct {
	const char *done, *before;
} ways[] = {
    [TAKE_REVOKE] = {"revoked", "was already revoked"},
    [TAKE_SUSPEND] = {"on hold", "was already on hold"},
    [TAKE_RESUME] = {"released", "was not on hold"},
};

static json_t *
cert_json(const struct registry_cert *c)
{
	return json_pack("{s:s, s:I, s:s, s:s}", "serial", render_hex(c->serial, sizeof(c->serial)),
	    "token", (json_int_t)c->token.serial, "holder", c->holder.key, "was",
	    registry_cert_state_name(c->state));
}

static int
show_json(const struct workflow_revoked *r, struct err *err)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->n; i++)
		json_array_append_new(list, cert_json(&r->certs[i]));
	return render_json(
	    json_pack("{s:b, s:o, s:I, s:I, s:I}", "already", r->already, "certificates", list,
		"crl_number", (json_int_t)r->crl.number, "crl_entries", (json_int_t)r->crl.entries,
		"published", (json_int_t)r->published),
	    err);
}

static void
show(enum workflow_taking how, const char *what, const struct workflow_revoked *r)
{
	char token[32];
	size_t i;

	for (i = 0; i < r->n; i++) {
		snprintf(token, sizeof(token), ", token %u", (unsigned)r->certs[i].token.serial);
		printf("certificate %s of %s%s: %s\n",
		    render_hex(r->certs[i].serial, sizeof(r->certs[i].serial)),
		    render_escaped(r->certs[i].holder.key),
		    r->certs[i].token.serial == 0 ? "" : token,
		    r->already || (how == TAKE_REVOKE && r->certs[i].state == CERT_REVOKED)
			? ways[how].before
			: ways[how].done);
	}
	if (r->n == 0)
		printf("%s%s: %s\n", r->other ? "certificate " : "", render_escaped(what),
		    !r->other	 ? "no certificate that has not expired"
		    : r->already ? ways[how].before
				 : ways[how].done);
	printf("CRL number %llu, %zu entries, is in pub/issuing.crl; ",
	    (unsigned long long)r->crl.number, r->crl.entries);
	if (r->published == 0)
		printf("servers apply it when they have read it\n");
	else
		printf("published to %zu place%s of ykenroll.conf\n", r->published,
		    r->published == 1 ? "" : "s");
}

static int
take(struct called *c, enum workflow_taking how, struct err *err)
{
	static struct workflow_revoked done;
	struct workflow_revoke what = {.how = how,
	    .what = c->args[0],
	    .ticket = ticket,
	    .token_state = token_state,
	    .all = all != 0};
	int rc;

	if ((reason != NULL && (rc = workflow_reason(reason, &what.reason, err)) != 0) ||
	    (rc = workflow_revoke(&c->desk, &what, &done, err)) != 0)
		return rc;
	if (opt.json)
		return show_json(&done, err);
	show(how, what.what, &done);
	return 0;
}

static int
revoke(struct called *c, struct err *err)
{
	if (reason == NULL)
		return err_set(err, ERR_USAGE, REVOKE);
	return take(c, TAKE_REVOKE, err);
}

static int
suspend(struct called *c, struct err *err)
{
	return take(c, TAKE_SUSPEND, err);
}

static int
resume(struct called *c, struct err *err)
{
	return take(c, TAKE_RESUME, err);
}

const struct command cmd_revoke = {"revoke", "revoke a certificate for good", WHICH, 1, 1,
    table_revoke, .run = revoke, .missing = REVOKE};
const struct command cmd_suspend = {
    "suspend", "put a certificate on hold", WHICH, 1, 1, table, .run = suspend};
const struct command cmd_resume = {
    "resume", "make a certificate on hold valid again", WHICH, 1, 1, table, .run = resume};
