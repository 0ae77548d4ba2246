/* SPDX-License-Identifier: BSD-2-Clause */
/* verify-server: does a server let in whom it should, and nobody else? */
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "cli/cmd_token.h"
#include "ykenroll/relying_verify.h"

#define TIMEOUT_MAX 300

static char *ca_file, *connect_to, *timeout, *expect, *echo, *path, *also;
static int prepare, use_token, optional;

static const struct poptOption table[] = {
    OPT_TEXT("ca-file", 0, &ca_file,
	"CA of the server's own certificate, PEM (default: this CA, or the system's CAs)", "FILE"),
    OPT_TEXT("connect", 0, &connect_to, "connect to this address instead of the URL's",
	"ADDRESS[:PORT]"),
    OPT_TEXT("expect", 0, &expect, "what a page has for those who are let in", "TEXT"),
    OPT_TEXT("echo", 0, &echo, "a page that shows the headers of the request", "PATH"),
    OPT_TEXT("path", 0, &path, "a part of the site that only those on a list get into", "PATH"),
    OPT_TEXT("also-name", 0, &also,
	"another name that this server has, to try its sessions and Host", "HOST"),
    OPT_TEXT("timeout", 0, &timeout, "timeout of one login (10)", "SECONDS"),
    OPT_FLAG("optional", 0, &optional, "clients without a certificate may be let in"),
    OPT_FLAG("token", 0, &use_token, "also log in with the token"),
    OPT_TEXT("pin", 'P', &face.current_pin, "the token's current PIN", "SPEC"),
    OPT_FLAG("prepare", 0, &prepare,
	"create the test certificates; with a URL log in with one of them, and revoke it"),
    OPT_TABLE(opt_ca),
    OPT_TOKEN_END,
};

static const char *const verdicts[] = {[VERDICT_UNTRIED] = "not tried",
    [VERDICT_IN] = "let in",
    [VERDICT_REFUSED] = "refused",
    [VERDICT_UNCLEAR] = "unclear",
    [VERDICT_FOUND] = "found"};

static bool
is_tried(const struct relying_probe *p)
{
	return p->verdict != VERDICT_UNTRIED && p->verdict != VERDICT_UNCLEAR;
}

/* ---- what was found ---- */

static const char *
mark(const struct relying_probe *p)
{
	return !is_tried(p) ? "-" : p->right ? "ok" : "WRONG";
}

static json_t *
probe_json(const struct relying_probe *p)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:s}", "probe", p->name,
	    "what", p->what, "address", p->address, "protocol", p->protocol, "verdict",
	    verdicts[p->verdict], "wanted",
	    p->any	  ? "either"
	    : p->wants_in ? "let in"
			  : "refused",
	    "right", !is_tried(p) ? json_null() : json_boolean(p->right), "needed", p->needed,
	    "why", p->why);

	if (o != NULL && p->alert >= 0)
		json_object_set_new(o, "alert", json_integer(p->alert));
	if (o != NULL && p->status != 0)
		json_object_set_new(o, "http_status", json_integer(p->status));
	return o;
}

static int
show_json(const struct relying_verified *r, struct err *err)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->n; i++)
		json_array_append_new(list, probe_json(&r->probes[i]));
	return render_json(
	    json_pack("{s:s, s:s, s:s*, s:o, s:s, s:s}", "server", r->server, "address", r->address,
		"issued_by", r->anchor[0] != '\0' ? r->anchor : NULL, "probes", list, "finding",
		r->finding, "finding_id", r->finding_id),
	    err);
}

static void
show(const struct relying_verified *r)
{
	const char *address = r->address;
	size_t i;

	printf("server %s at %s\n", render_escaped(r->server), render_escaped(address));
	if (r->anchor[0] != '\0')
		printf("its own certificate is verified by %s\n", render_escaped(r->anchor));
	for (i = 0; i < r->n; i++) {
		const struct relying_probe *p = &r->probes[i];

		if (strcmp(address, p->address) != 0)
			printf("at %s\n", render_escaped(address = p->address));
		printf("%-6s %-14s %-8s %-9s %s\n", mark(p), p->name, p->protocol,
		    verdicts[p->verdict], render_escaped(p->why));
	}
}

static int
run_verify(const struct desk *w, const struct relying_verify *what, struct err *err)
{
	static struct relying_verified done;
	const int rc = relying_verify_server(w, what, &done, err);

	if (done.finding[0] == '\0') /* it did not come to its end */
		return rc;
	if (!opt.json) {
		show(&done);
		if (rc == 0) /* else it is the error's text */
			printf("%s\n", render_escaped(done.finding));
	} else if (show_json(&done, rc == 0 ? err : NULL) != 0 && rc == 0) {
		return ERR_INTERNAL;
	}
	return rc;
}

/* ---- prepare ---- */

static int
run_prepare(const struct desk *w, const struct relying_verify *what, struct err *err)
{
	struct relying_prepared p;
	int rc;

	if ((rc = relying_verify_prepare(w, what, &p, err)) != 0)
		return rc;
	if (opt.json)
		return render_json(json_pack("{s:I, s:b, s:I, s:I}", "made", (json_int_t)p.made,
				       "revoked", p.revoked, "sessions", (json_int_t)p.sessions,
				       "crl_number", (json_int_t)p.crl.number),
		    err);
	printf("%zu certificates created\n", p.made);
	if (!p.revoked)
		printf(
		    "tell servers that keep a list of certificates (ykenroll ca publish), then:\n"
		    "ykenroll verify-server --prepare URL\n");
	else
		printf("%u sessions saved\n", p.sessions);
	if (p.revoked)
		printf(
		    "CRL number %llu, with the certificate to be refused, is in pub/issuing.crl;\n"
		    "let the server read it (ykenroll ca publish), then: ykenroll verify-server "
		    "URL\n",
		    (unsigned long long)p.crl.number);
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	struct relying_verify what = {.url = c->args[0],
	    .connect = connect_to,
	    .ca_file = ca_file,
	    .expect = expect,
	    .echo = echo,
	    .path = path,
	    .also = also,
	    .token = use_token != 0,
	    .optional = optional != 0};
	unsigned long sec = 0;
	int rc;

	if (timeout != NULL &&
	    (rc = text_number(timeout, "--timeout", TIMEOUT_MAX, &sec, err)) != 0)
		return rc;
	if (prepare && (expect != NULL || echo != NULL || also != NULL || use_token || optional))
		return err_set(err, ERR_USAGE,
		    "--prepare takes --path, --ca-file, --connect and --timeout; repeat the others "
		    "without --prepare");
	if (c->n == 0 && !prepare)
		return err_set(err, ERR_USAGE, "no server; try: ykenroll verify-server URL");
	what.timeout_sec = (unsigned)sec;
	return prepare ? run_prepare(&c->desk, &what, err) : run_verify(&c->desk, &what, err);
}

const struct command cmd_verify_server = {"verify-server",
    "test whether a server lets in exactly the clients it should", "URL|HOST:PORT", 0, 1, table,
    .run = run, .of_token = true};
