/* SPDX-License-Identifier: BSD-2-Clause */
/* show: all that the registry knows of a holder, a token or a certificate. */
#include <jansson.h>
#include <ctype.h>
#include <string.h>

#include "base/utc.h"
#include "cli/cli.h"
#include "ykenroll/signer_status.h"

#define AUDIT_ROWS 12	  /* the newest ones, in words; JSON has all */
#define SOON (30 * 86400) /* seconds before its end in which a certificate is to be replaced */
#define HASH_DIGITS 40	  /* what has more is shortened without -v */

static int verbose;

static const struct poptOption table[] = {
    OPT_FLAG("verbose", 'v', &verbose, "hashes, too"),
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_client, 0, "Instead, for a user:", NULL},
    OPT_TOKEN_END,
};

struct shown {
	struct registry *registry;
	struct registry_found found;
	struct holder holder; /* id 0: none */
	json_t *other;	      /* a certificate that only the issuance log knows, or NULL */
	json_t *tokens;	      /* what is shown, gathered once for both ways of showing */
};

/* ---- what to do next ---- */

static bool
ends_soon(int64_t not_after)
{
	return not_after < utc_now() + SOON;
}

/* NULL: nobody gets in with it. */
static const char *
until(const struct registry_row *row)
{
	return row->token.state != TOKEN_SUSPENDED && row->has_cert &&
		       row->cert_state == CERT_ACTIVE
		   ? render_when(row->not_after)
		   : NULL;
}

/* NULL: nothing. */
static const char *
token_next(const struct registry_row *row)
{
	static const char *const by_state[] = {
	    [TOKEN_SUSPENDED] = "when it is found: ykenroll resume %1$u; when not: ykenroll "
				"reissue %1$u --reason lost",
	    [TOKEN_LOST] = "when it is found: ykenroll retire %1$u",
	    [TOKEN_RETIRED] = NULL,
	};
	static char text[160];
	const char *next = by_state[row->token.state];

	if (row->work_open)
		next = "ykenroll recover --device %1$u";
	else if (row->token.state == TOKEN_ACTIVE && row->has_cert && ends_soon(row->not_after))
		next = "ykenroll reissue %1$u --reason expiring";
	if (next == NULL)
		return NULL;
	snprintf(text, sizeof(text), next, (unsigned)row->token.serial);
	return text;
}

static const char *
software_next(const struct registry_software *c)
{
	static char text[REGISTRY_PATH_MAX + 32];

	if (c->revoked != 0 || c->path[0] == '\0' || !ends_soon(c->not_after))
		return NULL;
	snprintf(text, sizeof(text), "ykenroll ca renew %s", c->path);
	return text;
}

/* ---- gathering ---- */

static int
add_cert(void *ctx, const struct registry_cert *c)
{
	const char *reason = c->state == CERT_REVOKED ? workflow_reason_name(c->reason) : NULL;

	return json_array_append_new(
	    ctx, json_pack("{s:s, s:s, s:s*, s:s, s:s, s:s*, s:s}", "serial",
		     render_hex(c->serial, sizeof(c->serial)), "state",
		     registry_cert_state_name(c->state), "reason", reason, "not_before",
		     render_when(c->not_before), "not_after", render_when(c->not_after), "sha256",
		     c->state == CERT_PREPARED ? NULL : render_hex(c->sha256, sizeof(c->sha256)),
		     "holder", c->holder.key));
}

static int
add_secret(void *ctx, const struct registry_secret *s)
{
	return json_array_append_new(
	    ctx, json_pack("{s:s, s:i, s:s, s:s*, s:b}", "kind", registry_secret_kind_name(s->kind),
		     "version", (int)s->version, "state", registry_secret_state_name(s->state),
		     "opened", s->opened == 0 ? NULL : render_when(s->opened), "replace",
		     s->opened != 0 && s->state != SECRET_OLD));
}

static int
add_audit(void *ctx, const struct registry_audit_row *a)
{
	return json_array_append_new(ctx,
	    json_pack("{s:I, s:s, s:s, s:s, s:s}", "row", (json_int_t)a->seq, "at",
		render_when(a->at), "actor", a->actor, "action", a->action, "detail", a->detail));
}

static bool
is_meant(const struct shown *s, const struct registry_row *row)
{
	return s->found.token != 0 ? row->token.serial == s->found.token
				   : row->holder.id == s->found.holder;
}

static int
add_token(void *ctx, const struct registry_row *row)
{
	struct shown *s = ctx;
	const struct registry_which which = {.token = row->token.serial};
	const struct registry_audit_which rows = {.token = row->token.serial};
	json_t *certs, *secrets, *audit;

	if (!is_meant(s, row))
		return 0;
	if (s->holder.id == 0)
		s->holder = row->holder;
	certs = json_array();
	secrets = json_array();
	audit = json_array();
	json_array_append_new(s->tokens,
	    json_pack("{s:I, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:b, s:o, s:o, s:o}", "token",
		(json_int_t)row->token.serial, "firmware", render_firmware(row->token.firmware),
		"state", registry_token_state_name(row->token.state), "changed",
		render_when(row->token.changed), "holder",
		row->holder.id == 0 ? NULL : row->holder.key, "until", until(row), "next",
		token_next(row), "unfinished", row->work_open, "certificates", certs, "secrets",
		secrets, "audit", audit));
	if (registry_certs(s->registry, &which, add_cert, certs, NULL) != 0 ||
	    registry_secrets(s->registry, row->token.serial, add_secret, secrets, NULL) != 0 ||
	    registry_audit_rows(s->registry, &rows, add_audit, audit, NULL) != 0)
		return ERR_INTERNAL;
	return 0;
}

static int
token_of_cert(void *ctx, const struct registry_cert *c)
{
	struct shown *s = ctx;

	s->found.token = c->token.serial;
	s->holder = c->holder;
	return 0;
}

/* A server's, or another software key's. Errors: ERR_ABSENT. */
static int
gather_software(struct shown *s, const char *what)
{
	uint8_t serial[REGISTRY_SERIAL_LEN];
	struct registry_software one;

	if (!registry_serial_parse(what, serial) ||
	    registry_software_find(s->registry, serial, &one, NULL) != 0)
		return ERR_ABSENT;
	s->other = render_software(&one);
	if (software_next(&one) != NULL)
		json_object_set_new(s->other, "next", json_string(software_next(&one)));
	return 0;
}

/* Of the CA that was imported, or of another desk. Errors: ERR_ABSENT. */
static int
gather_other(struct shown *s, const char *what)
{
	CLEAN(signer_status_closep) struct signer_status *log = NULL;
	uint8_t serial[SIGNER_STATUS_SERIAL_MAX];
	size_t len = REGISTRY_SERIAL_LEN;
	char subject[X509_TEXT_MAX];
	struct signer_status_cert c;
	bool revoked;

	if (gather_software(s, what) == 0)
		return 0;
	if (!registry_serial_parse(what, serial))
		len = workflow_serial(what, serial);
	if (len == 0 || signer_status_open(opt.home_path, &log, NULL) != 0 ||
	    signer_status_find(log, serial, len, &c, NULL) != 0 ||
	    (c.what != STATUS_GOOD && c.what != STATUS_REVOKED) ||
	    signer_status_subject(log, serial, len, subject, NULL) != 0)
		return ERR_ABSENT;
	revoked = c.what == STATUS_REVOKED;
	s->other = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s}", "serial", render_hex(serial, len),
	    "state", revoked ? "revoked" : "good", "reason",
	    revoked ? workflow_reason_name((int)c.reason) : NULL, "revoked",
	    revoked ? render_when(c.revoked_at) : NULL, "not_after",
	    c.not_after == SIGNER_STATUS_NEVER ? NULL : render_when(c.not_after), "subject",
	    subject);
	return 0;
}

static int
gather(struct shown *s, const char *what, struct err *err)
{
	struct registry_which which = {.serial = s->found.cert_serial};
	int rc = registry_find(s->registry, what, &s->found, err);

	if (rc == ERR_ABSENT && gather_other(s, what) == 0)
		return 0;
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE,
		    "no holder, token or certificate matches %s; part of a name finds: ykenroll "
		    "list --holder PART",
		    what);
	if (rc != 0 ||
	    (s->found.has_cert &&
		(rc = registry_certs(s->registry, &which, token_of_cert, s, err)) != 0) ||
	    (s->found.holder != 0 &&
		(rc = registry_holder_by_id(s->registry, s->found.holder, &s->holder, err)) != 0))
		return rc;
	rc = registry_list(s->registry, s->found.token, add_token, s, err);
	return rc == ERR_INTERNAL && err->code == 0
		   ? err_set(err, rc, "the registry cannot be read; run: ykenroll audit verify")
		   : rc;
}

/* ---- showing ---- */

static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static void
certs_text(const json_t *certs)
{
	const json_t *c;
	size_t i;

	json_array_foreach(certs, i, c)
	{
		printf("  certificate %s  %s%s%s, %.10s to %.10s\n", text(c, "serial"),
		    text(c, "state"), text(c, "reason")[0] == '\0' ? "" : " for ",
		    text(c, "reason"), text(c, "not_before"), text(c, "not_after"));
		if (verbose && text(c, "sha256")[0] != '\0')
			printf("    SHA-256 %s\n", text(c, "sha256"));
	}
}

static void
secrets_text(const json_t *secrets)
{
	const json_t *s;
	size_t i;

	json_array_foreach(secrets, i, s)
	{
		if (strcmp(text(s, "state"), "old") == 0)
			continue;
		printf("  %s %d  %s, in escrow", text(s, "kind"),
		    (int)json_integer_value(json_object_get(s, "version")), text(s, "state"));
		if (text(s, "opened")[0] != '\0')
			printf("; opened %s: to be replaced", text(s, "opened"));
		putchar('\n');
	}
}

/* Hashes are for programs: their first digits do, without -v. */
static const char *
shortened(const char *detail)
{
	static char ret[2048 + 1];
	size_t n = 0, run;

	for (; *detail != '\0' && n < sizeof(ret) - HASH_DIGITS - 4; detail += run == 0 ? 1 : run) {
		for (run = 0; isxdigit((unsigned char)detail[run]); run++)
			continue;
		if (run <= HASH_DIGITS)
			n += (size_t)snprintf(
			    ret + n, sizeof(ret) - n, "%.*s", (int)(run == 0 ? 1 : run), detail);
		else
			n += (size_t)snprintf(ret + n, sizeof(ret) - n, "%.8s…", detail);
	}
	ret[n] = '\0';
	return ret;
}

static void
audit_text(const json_t *audit)
{
	const size_t n = json_array_size(audit);
	const json_t *a;
	size_t i;

	if (n > AUDIT_ROWS)
		printf("  … %zu older rows: ykenroll audit export\n", n - AUDIT_ROWS);
	for (i = n > AUDIT_ROWS ? n - AUDIT_ROWS : 0; i < n; i++) {
		a = json_array_get(audit, i);
		printf("  %s  %-10s %s; %s\n", text(a, "at"), render_escaped(text(a, "action")),
		    render_escaped(text(a, "actor")),
		    render_escaped(verbose ? text(a, "detail") : shortened(text(a, "detail"))));
	}
}

static void
holder_text(const struct holder *h)
{
	const struct {
		const char *what, *text;
	} lines[] = {{"holder", h->name}, {"id", h->key}, {"e-mail", h->email}, {"UPN", h->upn},
	    {"other id", h->external}, {"directory", h->directory}};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (lines[i].text[0] != '\0')
			printf("%-10s %s\n", lines[i].what, render_escaped(lines[i].text));
}

/* What a person asked comes first: who or what, its state, until when, what next. */
static void
state_text(const json_t *o)
{
	const char *since = text(o, "changed"), *end = text(o, "until");

	since = since[0] == '\0' ? text(o, "revoked") : since;
	end = end[0] == '\0' ? text(o, "not_after") : end;
	printf("state      %s%s%s%s%s\n", text(o, "state"),
	    text(o, "reason")[0] == '\0' ? "" : " for ", text(o, "reason"),
	    since[0] == '\0' ? "" : " since ", since);
	if (text(o, "revoked")[0] == '\0' && end[0] != '\0')
		printf("until      %s\n", end);
	printf("next       %s\n",
	    text(o, "next")[0] == '\0' ? "nothing" : render_escaped(text(o, "next")));
}

static void
other_text(const json_t *c)
{
	static const char *const details[] = {"profile", "file"};
	size_t i;

	printf("subject    %s\n", render_escaped(text(c, "subject")));
	state_text(c);
	printf("serial     %s\n", text(c, "serial"));
	for (i = 0; i < sizeof(details) / sizeof(details[0]); i++)
		if (text(c, details[i])[0] != '\0')
			printf("%-10s %s\n", details[i], render_escaped(text(c, details[i])));
}

static void
show_text(const struct shown *s)
{
	const json_t *t;
	size_t i;

	if (s->other != NULL) {
		other_text(s->other);
		return;
	}
	if (s->holder.id != 0)
		holder_text(&s->holder);
	json_array_foreach(s->tokens, i, t)
	{
		printf("token      %lld, firmware %s\n",
		    (long long)json_integer_value(json_object_get(t, "token")),
		    text(t, "firmware"));
		state_text(t);
		certs_text(json_object_get(t, "certificates"));
		secrets_text(json_object_get(t, "secrets"));
		audit_text(json_object_get(t, "audit"));
	}
	if (json_array_size(s->tokens) == 0)
		printf("no token\n");
}

static json_t *
show_json(const struct shown *s)
{
	const struct holder *h = &s->holder;
	json_t *holder = h->id == 0 ? json_null()
				    : json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", h->name,
					  "id", h->key, "email", h->email, "upn", h->upn,
					  "external", h->external, "directory", h->directory);

	return json_pack(
	    "{s:o, s:O, s:O*}", "holder", holder, "tokens", s->tokens, "certificate", s->other);
}

static int
run(struct called *c, struct err *err)
{
	CLEAN(registry_closep) struct registry *registry = NULL;
	struct shown s = {0};
	int rc;

	if (show_client_asked())
		return show_client(c, err);
	if (c->n != 1)
		return err_set(err, ERR_USAGE,
		    "give HOLDER, TOKEN or CERTIFICATE: a name, e-mail or id, or a serial number");
	if ((rc = opt_registry(&registry, err)) != 0)
		return rc;
	s.registry = registry;
	s.tokens = json_array();
	if ((rc = gather(&s, c->args[0], err)) == 0 && opt.json)
		rc = render_json(show_json(&s), err);
	else if (rc == 0)
		show_text(&s);
	json_decref(s.tokens);
	json_decref(s.other);
	return rc;
}

const struct command cmd_show = {"show", "show everything about a holder, a token or a certificate",
    "HOLDER|TOKEN|CERTIFICATE", 0, 1, table, .run = run};
