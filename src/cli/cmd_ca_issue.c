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
#include "base/utc.h"
#include "cli/cmd_ca_issue.h"

#define DAYS_MAX 3650

struct ca_opt ca_opt;
static int names_from_request, chain;

struct poptOption ca_opt_names[] = {
    {"cn", 0, POPT_ARG_STRING, &ca_opt.cn, 0, "common name", "NAME"},
    {"email", 0, POPT_ARG_STRING, &ca_opt.email, 0, "e-mail address", "ADDRESS"},
    {"upn", 0, POPT_ARG_STRING, &ca_opt.upn, 0, "user principal name", "NAME"},
    {"subject", 0, POPT_ARG_ARGV, &ca_opt.subject, 0,
	"a further field of the subject, as the profile's policy allows; repeatable", "O=TEXT"},
    {"days", 0, POPT_ARG_INT, &ca_opt.days, 0, "validity, instead of the profile's", "N"},
    POPT_TABLEEND,
};

static const struct poptOption table[] = {
    {"profile", 0, POPT_ARG_STRING, &ca_opt.profile, 0,
	"server (default), software, ocsp, or one of ykenroll.conf with key = software", "NAME"},
    {"dns", 0, POPT_ARG_ARGV, &ca_opt.dns, 0, "a server's name; repeatable", "NAME"},
    {"ip", 0, POPT_ARG_ARGV, &ca_opt.ip, 0, "a server's address; repeatable", "ADDRESS"},
    {"names-from-request", 0, POPT_ARG_NONE, &names_from_request, 0,
	"take the DNS names and addresses that the request asks for", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, ca_opt_names, 0, NULL, NULL},
    {"out", 0, POPT_ARG_STRING, &ca_opt.out, 0, "write here, not to standard output", "FILE"},
    {"chain", 0, POPT_ARG_NONE, &chain, 0, "and the issuing CA's certificate behind it", NULL},
    {"force", 0, POPT_ARG_NONE, &opt.force, 0, "replace FILE", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_ca, 0, NULL, NULL},
    OPT_END,
};

/* ---- shared ---- */

int
ca_lines(struct blob *to, const char *prefix, char **words, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; words != NULL && words[i] != NULL; i++) {
		if (strchr(words[i], '\n') != NULL)
			return err_set(err, ERR_USAGE, "a name has a line break in it");
		/* the NUL behind the last line makes room for the next one */
		if (to->len > 0)
			to->data[to->len - 1] = '\n';
		if ((rc = blob_append(to, prefix, strlen(prefix), err)) != 0 ||
		    (rc = blob_append(to, words[i], strlen(words[i]) + 1, err)) != 0)
			return rc;
	}
	return 0;
}

int
ca_opt_take(struct workflow_issue *ret, struct blob *subject, struct err *err)
{
	int rc;

	if (ca_opt.days < 0 || ca_opt.days > DAYS_MAX)
		return err_set(err, ERR_USAGE, "--days takes 1 to %d", DAYS_MAX);
	if ((rc = ca_lines(subject, "", ca_opt.subject, err)) != 0)
		return rc;
	ret->cn = ca_opt.cn;
	ret->email = ca_opt.email;
	ret->upn = ca_opt.upn;
	ret->days = (unsigned)ca_opt.days;
	ret->subject = (const char *)subject->data;
	return 0;
}

int
ca_out_check(const char *path, struct err *err)
{
	struct stat st;

	if (path == NULL || opt.force || lstat(path, &st) != 0)
		return 0;
	return err_set(err, ERR_OCCUPIED, "%s exists; --force replaces it", path);
}

int
ca_out(const char *path, const struct blob *data, mode_t mode, struct err *err)
{
	if (path != NULL)
		return opt.force ? file_write(path, data->data, data->len, mode, err)
				 : file_create(path, data->data, data->len, mode, err);
	if (fwrite(data->data, 1, data->len, stdout) != data->len || fflush(stdout) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot write the output");
	return 0;
}

json_t *
ca_issued_json(const struct workflow_issued *issued, const char *profile)
{
	char serial[2 * X509_SERIAL_MAX + 1], from[UTC_TEXT_LEN], end[UTC_TEXT_LEN];

	render_serial(issued->info.serial, issued->info.serial_len, serial);
	utc_text(issued->info.not_before, from);
	utc_text(issued->info.not_after, end);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "profile", profile, "serial", serial,
	    "subject", issued->info.subject, "not_before", from, "not_after", end);
}

void
ca_issued_text(const struct workflow_issued *issued, const char *profile, const char *path)
{
	char serial[2 * X509_SERIAL_MAX + 1], end[UTC_TEXT_LEN];

	render_serial(issued->info.serial, issued->info.serial_len, serial);
	utc_text(issued->info.not_after, end);
	fprintf(stderr, "%s certificate %s for %s, until %s%s%s\n", profile, serial,
	    render_escaped(issued->info.subject), end, path == NULL ? "" : ", in ",
	    path == NULL ? "" : render_escaped(path));
}

/* ---- ca issue ---- */

static int
read_csr(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob file = {0};
	int rc;

	if ((rc = file_read(path, &file, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE, "%s does not exist", path) : rc;
	if ((rc = csr_from_file(&file, ret, err)) != 0)
		err_wrap(err, "%s", path);
	return rc;
}

/* What the request asks for is the applicant's wish: it is shown, and taken when the operator says
 * so. */
static int
wished(const struct blob *csr, struct blob *names, struct err *err)
{
	CLEAN(blob_wipe) struct blob lines = {0};
	int rc;
	char *p;

	if ((rc = csr_names(csr, &lines, err)) != 0)
		return rc;
	if (lines.len > 1 && names_from_request) {
		blob_move(names, &lines);
		return 0;
	}
	for (p = (char *)lines.data; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	if (lines.len > 1)
		return err_set(err, ERR_USAGE,
		    "by which names is the server called? The request asks for %.600s: say "
		    "--names-from-request, or give --dns and --ip",
		    (const char *)lines.data);
	return err_set(err, ERR_USAGE, "by which names is the server called? Give --dns or --ip");
}

static int
server_names(const struct blob *csr, struct blob *names, struct err *err)
{
	int rc;

	if ((rc = ca_lines(names, "dns:", ca_opt.dns, err)) != 0 ||
	    (rc = ca_lines(names, "ip:", ca_opt.ip, err)) != 0)
		return rc;
	if (names->len > 0 && names_from_request)
		return err_set(err, ERR_USAGE, "--names-from-request, or --dns and --ip, not both");
	if (names->len == 0 && (names_from_request || strcmp(ca_opt.profile, "server") == 0))
		return wished(csr, names, err);
	return 0;
}

/* The first name serves as common name where none is given. Clients have not looked at it for
 * years. */
static int
common_name(const struct blob *names, char *ret, size_t size, struct err *err)
{
	const char *first = (const char *)names->data;
	size_t n;

	if (names->len == 0)
		return err_set(err, ERR_USAGE, "whose certificate is it? Give --cn NAME");
	first = strchr(first, ':') + 1;
	n = strcspn(first, "\n");
	if (n > SIGNER_CN_MAX || n >= size)
		return err_set(
		    err, ERR_USAGE, "the first name is too long for a common name; give --cn");
	snprintf(ret, size, "%.*s", (int)n, first);
	return 0;
}

static int
show(const struct workflow_issued *issued, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	json_t *json;
	int rc;

	if ((rc = cert_to_pem(&issued->cert, &pem, err)) != 0 ||
	    (chain && (rc = cert_to_pem(&issued->issuing, &pem, err)) != 0))
		return rc;
	if (ca_opt.out != NULL || !opt.json)
		rc = ca_out(ca_opt.out, &pem, 0644, err);
	if (rc != 0 || !opt.json) {
		if (rc == 0)
			ca_issued_text(issued, ca_opt.profile, ca_opt.out);
		return rc;
	}
	json = ca_issued_json(issued, ca_opt.profile);
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

int
cmd_ca_issue(int argc, const char **argv, struct err *err)
{
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	CLEAN(blob_wipe) struct blob csr = {0}, subject = {0}, names = {0};
	struct workflow_issue what = {.csr = &csr};
	char cn[4 * SIGNER_CN_MAX + 1], path[PATH_MAX];
	const char *args[1];
	struct workflow w;
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "ca issue", "CSR [OPTION...]", table, args, 1, &n, err)) !=
		0 ||
	    (rc = opt_workflow(&w, err)) != 0)
		return rc;
	if (n != 1)
		return err_set(
		    err, ERR_USAGE, "which request? ykenroll ca issue CSR.pem --dns NAME");
	if (ca_opt.profile == NULL)
		ca_opt.profile = strdup("server");
	if (ca_opt.profile == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	what.profile = ca_opt.profile;
	if ((rc = ca_out_check(ca_opt.out, err)) != 0 || (rc = read_csr(args[0], &csr, err)) != 0 ||
	    (rc = ca_opt_take(&what, &subject, err)) != 0 ||
	    (rc = server_names(&csr, &names, err)) != 0)
		return rc;
	what.names = (const char *)names.data;
	if (what.cn == NULL) {
		if ((rc = common_name(&names, cn, sizeof(cn), err)) != 0)
			return rc;
		what.cn = cn;
	}
	what.path = ca_opt.out == NULL || absolute(ca_opt.out, path) != 0 ? NULL : path;
	what.chain = chain != 0;
	if ((rc = workflow_issue(&w, &what, &issued, err)) != 0)
		return rc;
	return show(&issued, err);
}
