/* SPDX-License-Identifier: BSD-2-Clause */
/* ca: its verbs. show: the certificates and CRLs that servers need, public files; no key is
 * touched. */
#include <jansson.h>

#include "cli/cli.h"
#include "desk/ca.h"

static int pem, crl;

static const struct poptOption table[] = {
    OPT_FLAG("pem", 0, &pem, "both CA certificates as PEM, issuing first"),
    OPT_FLAG("crl", 0, &crl, "both CRLs as PEM (with --pem: behind the certificates)"),
    OPT_END,
};

static const char *const cert_files[] = {"pub/issuing.crt", "pub/root.crt"};
static const char *const crl_files[] = {"pub/issuing.crl", "pub/root.crl"};

/* One of them as DER: a PEM file may have any text around it. */
static int
read_public(const char *name, bool is_crl, struct blob *ret, struct err *err)
{
	const int rc =
	    home_pem(opt.home_path, name, is_crl ? crl_from_pem : cert_from_pem, ret, err);

	return rc == ERR_ABSENT
		   ? err_set(err, ERR_CA, "%s contains no CA; create one with: ykenroll init",
			 opt.home_path)
		   : rc;
}

/* One when the issuing CA is its own root: then both files are the same. */
static size_t
levels(void)
{
	CLEAN(blob_wipe) struct blob issuing = {0}, root = {0};

	return read_public(cert_files[0], false, &issuing, NULL) == 0 &&
		       read_public(cert_files[1], false, &root, NULL) == 0 &&
		       blob_equal(&issuing, &root)
		   ? 1
		   : 2;
}

static int
print_files(const char *const names[static 2], bool are_crls, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0}, text = {0};
	size_t i;
	int rc;

	for (i = 0; i < levels(); i++)
		if ((!are_crls || i == 0 || home_has(opt.home_path, names[i])) &&
		    ((rc = read_public(names[i], are_crls, &der, err)) != 0 ||
			(rc = pem_put(&der, are_crls ? PEM_CRL : PEM_CERT, &text, err)) != 0))
			return rc;
	return opt_out(NULL, &text, 0, err);
}

static int
load_cert(const char *name, struct cert_info *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	const int rc = read_public(name, false, &der, err);

	return rc != 0 ? rc : cert_read(der.data, der.len, ret, err);
}

static int
load_crl(const char *name, struct crl_info *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	const int rc = read_public(name, true, &der, err);

	return rc != 0 ? rc : crl_read(der.data, der.len, ret, err);
}

static json_t *
ca_json(const struct cert_info *c, const struct crl_info *l)
{
	if (l == NULL)
		return json_pack("{s:s, s:s, s:s}", "subject", c->subject, "serial",
		    render_hex(c->serial, c->serial_len), "not_after", render_time(c->not_after));
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:I}", "subject", c->subject, "serial",
	    render_hex(c->serial, c->serial_len), "not_after", render_time(c->not_after),
	    "crl_number", (json_int_t)l->number, "crl_next_update", render_time(l->next_update),
	    "crl_entries", (json_int_t)l->entries);
}

static void
ca_text(const char *what, const struct cert_info *c, const struct crl_info *l)
{
	if (l == NULL) {
		printf("%-8s %s\n"
		       "         until %s; its CRL is not signed here\n",
		    what, render_escaped(c->subject), render_when(c->not_after));
		return;
	}
	printf("%-8s %s\n         until %s; CRL number %llu, %zu entries, until %s\n", what,
	    render_escaped(c->subject), render_when(c->not_after), (unsigned long long)l->number,
	    l->entries, render_when(l->next_update));
}

static int
show(struct err *err)
{
	const size_t n = levels();
	struct cert_info certs[2];
	struct crl_info crls[2];
	const struct crl_info *root = home_has(opt.home_path, crl_files[1]) ? &crls[1] : NULL;
	size_t i;
	int rc;

	for (i = 0; i < n; i++)
		if ((rc = load_cert(cert_files[i], &certs[i], err)) != 0 ||
		    ((i == 0 || root != NULL) && (rc = load_crl(crl_files[i], &crls[i], err)) != 0))
			return rc;
	if (opt.json)
		return render_json(
		    n == 1 ? json_pack("{s:o}", "issuing", ca_json(&certs[0], &crls[0]))
			   : json_pack("{s:o, s:o}", "issuing", ca_json(&certs[0], &crls[0]),
				 "root", ca_json(&certs[1], root)),
		    err);
	ca_text(n == 1 ? "CA" : "issuing", &certs[0], &crls[0]);
	if (n == 2)
		ca_text("root", &certs[1], root);
	printf("files    %s/pub\n", render_escaped(opt.home_path));
	return 0;
}

static int
run_show(struct called *c, struct err *err)
{
	int rc;

	(void)c;
	if (!pem && !crl)
		return show(err);
	if (pem && (rc = print_files(cert_files, false, err)) != 0)
		return rc;
	return crl ? print_files(crl_files, true, err) : 0;
}

static const struct command ca_show = {"ca show",
    "show names, lifetimes and CRL numbers, or the PEM that servers need", NULL, 0, 0, table,
    .run = run_show};

static const struct command *const verbs[] = {&ca_show, &cmd_ca_issue, &cmd_ca_renew, &cmd_ca_p12,
    &cmd_ca_log, &cmd_ca_import, &cmd_ca_crl, &cmd_ca_ocsp, &cmd_ca_publish, NULL};

const struct command cmd_ca = {
    .name = "ca", .what = "the CA's certificates, CRLs and keys", .verbs = verbs};
