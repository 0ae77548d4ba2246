/* SPDX-License-Identifier: BSD-2-Clause */
/* ca issue: a certificate for a key that is in no token: a server's, a program's, a responder's. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

static const struct request usual = {.profile = "server"};

char *ca_out_path;
static int names_from_request, chain;

struct poptOption ca_opt_names[] = {
    OPT_ASKED,
    OPT_FIELD("cn", "common name", "NAME"),
    OPT_FIELD("email", "e-mail address", "ADDRESS"),
    OPT_FIELD("upn", "user principal name", "NAME"),
    OPT_FIELD("subject",
	"another field of the subject, if the profile's policy allows it; repeatable", "O=TEXT"),
    OPT_FIELD("days", "validity in days; default: the profile's", "N"),
    POPT_TABLEEND,
};

static const struct poptOption table[] = {
    OPT_ASKED,
    OPT_FIELD("profile",
	"server (default), software, ocsp, or one in ykenroll.conf with key = software", "NAME"),
    OPT_FIELD("dns", "a DNS name of the server; repeatable", "NAME"),
    OPT_FIELD("ip", "an IP address of the server; repeatable", "ADDRESS"),
    OPT_FLAG("names-from-request", 0, &names_from_request,
	"use the DNS names and addresses in the request"),
    OPT_TABLE(ca_opt_names),
    OPT_TEXT("out", 0, &ca_out_path, "write to this file instead of standard output", "FILE"),
    OPT_FLAG("chain", 0, &chain, "append the issuing CA's certificate"),
    OPT_FLAG("force", 0, &opt.force, "overwrite FILE"),
    OPT_TABLE(opt_ca),
    OPT_END,
};

/* ---- shared ---- */

json_t *
ca_issued_json(const struct workflow_issued *issued, const char *profile)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "profile", profile, "serial",
	    render_hex(issued->info.serial, issued->info.serial_len), "subject",
	    issued->info.subject, "not_before", render_time(issued->info.not_before), "not_after",
	    render_time(issued->info.not_after));
}

void
ca_issued_text(const struct workflow_issued *issued, const char *profile, const char *path)
{
	fprintf(stderr, "%s certificate %s for %s, until %s%s%s\n", profile,
	    render_hex(issued->info.serial, issued->info.serial_len),
	    render_escaped(issued->info.subject), render_when(issued->info.not_after),
	    path == NULL ? "" : ", in ", path == NULL ? "" : render_escaped(path));
	report_cut(issued->info.not_after);
}

/* ---- ca issue ---- */

int
ca_read_csr(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob file = {0}, spki = {0};
	enum key_alg alg;
	int rc;

	if ((rc = file_read(path, &file, err)) != 0)
		return rc;
	/* the signer looks again: here it is before anybody is asked for a passphrase */
	if ((rc = csr_from_file(&file, ret, err)) != 0 ||
	    (rc = csr_read(ret->data, ret->len, &spki, &alg, err)) != 0)
		err_wrap(err, "%s", path);
	return rc;
}

/* What the request asks for is the applicant's wish: it is shown, and taken when the operator says
 * so. */
static int
wished(struct request *r, struct err *err)
{
	CLEAN(blob_wipe) struct blob lines = {0};
	struct request_value v;
	int rc;
	char *p;

	if ((rc = csr_names(&r->csr, &lines, err)) != 0)
		return rc;
	v = (struct request_value){.data = lines.data, .len = lines.len - 1};
	if (v.len > 0 && names_from_request)
		return request_put(r, request_field("names"), &v, err);
	for (p = (char *)lines.data; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	if (v.len > 0)
		return err_set(err, ERR_USAGE,
		    "no names for the server; the request asks for %.600s: use "
		    "--names-from-request, or --dns and --ip",
		    (const char *)lines.data);
	return err_set(err, ERR_USAGE, "no names for the server; use --dns or --ip");
}

static int
server_names(struct request *r, struct err *err)
{
	if (r->names[0] != '\0' && names_from_request)
		return err_set(
		    err, ERR_USAGE, "use either --names-from-request, or --dns and --ip");
	if (r->names[0] == '\0' && (names_from_request || strcmp(r->profile, "server") == 0))
		return wished(r, err);
	return 0;
}

/* The first name serves as common name where none is given. Clients have not looked at it for
 * years. */
static int
common_name(struct request *r, struct err *err)
{
	const char *first = strchr(r->names, ':');
	struct request_value v;

	if (r->holder.name[0] != '\0')
		return 0;
	if (first == NULL)
		return err_set(err, ERR_USAGE, "no common name; use --cn NAME");
	v = (struct request_value){.data = first + 1, .len = strcspn(first + 1, "\n")};
	if (v.len > SIGNER_CN_MAX)
		return err_set(
		    err, ERR_USAGE, "the first name is too long for a common name; use --cn NAME");
	return request_put(r, request_field("name"), &v, err);
}

static int
show(const struct workflow_issued *issued, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	json_t *json;
	int rc;

	if ((rc = pem_put(&issued->cert, PEM_CERT, &pem, err)) != 0 ||
	    (chain && (rc = pem_put(&issued->issuing, PEM_CERT, &pem, err)) != 0))
		return rc;
	if (ca_out_path != NULL || !opt.json)
		rc = opt_out(ca_out_path, &pem, 0644, err);
	if (rc != 0 || !opt.json) {
		if (rc == 0)
			ca_issued_text(issued, opt.asked.profile, ca_out_path);
		return rc;
	}
	json = ca_issued_json(issued, opt.asked.profile);
	if (json == NULL || json_object_set_new(json, "certificate",
				json_stringn((const char *)pem.data, pem.len)) != 0)
		return err_set(err, ERR_INTERNAL, "out of memory");
	return render_json(json, err);
}

/* The file need not be there yet; its directory has to be. */
static int
absolute(const char *file, char ret[static PATH_MAX])
{
	const char *slash = strrchr(file, '/'), *name = slash == NULL ? file : slash + 1;
	char dir[PATH_MAX], full[PATH_MAX];
	int n = snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : (int)(slash - file + 1),
	    slash == NULL ? "." : file);

	if (n < 0 || (size_t)n >= sizeof(dir) || realpath(dir, full) == NULL)
		return -1;
	n = snprintf(ret, PATH_MAX, "%s/%s", strcmp(full, "/") == 0 ? "" : full, name);
	return n < 0 || n >= PATH_MAX ? -1 : 0;
}

static int
run(struct called *c, struct err *err)
{
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	struct request *r = &opt.asked;
	struct workflow_issue what = {.request = r};
	char path[PATH_MAX];
	int rc;

	if (ca_out_path != NULL && strcmp(ca_out_path, "-") == 0)
		ca_out_path = NULL;
	request_merge(r, &usual);
	if ((rc = opt_out_check(ca_out_path, err)) != 0 ||
	    (rc = ca_read_csr(c->args[0], &r->csr, err)) != 0 || (rc = server_names(r, err)) != 0 ||
	    (rc = common_name(r, err)) != 0)
		return rc;
	what.path = ca_out_path == NULL || absolute(ca_out_path, path) != 0 ? NULL : path;
	what.chain = chain != 0;
	if ((rc = workflow_issue(&c->desk, &what, &issued, err)) != 0)
		return rc;
	return show(&issued, err);
}

const struct command cmd_ca_issue = {"ca issue",
    "issue a certificate for a server or a program, from its request", "CSR", 1, 1, table,
    .run = run, .missing = "no request; try: ykenroll ca issue CSR.pem --dns NAME"};
