/* SPDX-License-Identifier: BSD-2-Clause */
/* ca import: from another CA's directory, or from its files, to a home. */
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "ykenroll/signer_import.h"

static int add_missing;
static char *cert, *key, *key_pass, *root, *root_key, *root_key_pass, *index_file, *certs, *crl,
    *crlnumber, *rehearsal, *ca_key;

static const struct poptOption table[] = {
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, make_recovery, 0, NULL, NULL},
    {"cert", 0, POPT_ARG_STRING, &cert, 0, "the CA's certificate", "FILE"},
    {"key", 0, POPT_ARG_STRING, &key, 0, "its key, in PEM", "FILE"},
    {"key-pass", 0, POPT_ARG_STRING, &key_pass, 0, "present passphrase of the key", "SPEC"},
    {"ca-key", 0, POPT_ARG_STRING, &ca_key, 0, "the key is in this HSM and stays there",
	"pkcs11:URI"},
    {"root", 0, POPT_ARG_STRING, &root, 0, "the CA that issued the CA's certificate", "FILE"},
    {"root-key", 0, POPT_ARG_STRING, &root_key, 0, "its key, to sign its CRL here", "FILE"},
    {"root-key-pass", 0, POPT_ARG_STRING, &root_key_pass, 0,
	"present passphrase of the root's key; default: --key-pass", "SPEC"},
    {"index", 0, POPT_ARG_STRING, &index_file, 0, "what it has issued and revoked (index.txt)",
	"FILE"},
    {"certs", 0, POPT_ARG_STRING, &certs, 0, "the issued certificates, as SERIAL.pem", "DIR"},
    {"crl", 0, POPT_ARG_STRING, &crl, 0, "its last CRL, in PEM", "FILE"},
    {"crlnumber", 0, POPT_ARG_STRING, &crlnumber, 0, "the number of its next CRL", "FILE"},
    {"add-missing", 0, POPT_ARG_NONE, &add_missing, 0,
	"also import what the certificates and the CRL have but the index lacks", NULL},
    {"rehearsal", 0, POPT_ARG_STRING, &rehearsal, 0,
	"a rehearsal CA, which also trusts this attestation root", "ROOT.pem"},
    {"dry-run", 'n', POPT_ARG_NONE, &opt.dry_run, 0, "read and check everything, change nothing",
	NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_ca, 0, NULL, NULL},
    OPT_END,
};

/* ---- what is where ---- */

/* The first of these names that is there, below the directory. */
static const struct {
	char **option;
	const char *const names[6];
} places[] = {
    /* openssl ca (demoCA), easy-rsa (pki) */
    {&cert, {"cacert.pem", "ca.crt", "ca.pem", "ca.cert.pem"}},
    {&key, {"private/cakey.pem", "private/ca.key", "private/ca.key.pem", "ca.key"}},
    {&index_file, {"index.txt"}},
    {&crlnumber, {"crlnumber"}},
    {&crl, {"crl.pem", "crl/crl.pem", "crl/ca.crl.pem"}},
    {&certs, {"newcerts", "certs_by_serial"}},
};

static int
look(const char *dir, struct err *err)
{
	char path[PATH_MAX];
	size_t i, k;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (*places[i].option != NULL || (places[i].option == &key && ca_key != NULL))
			continue;
		for (k = 0; k < 6 && places[i].names[k] != NULL; k++)
			if (file_join(path, sizeof(path), dir, places[i].names[k], NULL) == 0 &&
			    access(path, F_OK) == 0) {
				*places[i].option = strdup(path);
				break;
			}
	}
	if (cert == NULL)
		return err_set(err, ERR_USAGE,
		    "%s has neither cacert.pem nor ca.crt, so it is not a directory of openssl ca "
		    "or easy-rsa; name the files with --cert, --key and --index",
		    dir);
	if (index_file == NULL)
		return err_set(err, ERR_USAGE,
		    "%s has no index.txt, the list of what was issued and revoked; name it with "
		    "--index FILE",
		    dir);
	return 0;
}

static int
check(struct err *err)
{
	if (cert == NULL || (key == NULL && ca_key == NULL))
		return err_set(err, ERR_USAGE,
		    "no CA given; use its DIRECTORY, or --cert FILE and --key FILE");
	return opt.dry_run ? 0 : make_check(rehearsal != NULL, err);
}

/* ---- secrets ---- */

/* Only of a key that is encrypted. *ret stays NULL otherwise. */
static int
ask_old(const char *file, const struct prompt *ask, struct secret *to, const struct secret **ret,
    struct err *err)
{
	bool encrypted;
	int rc;

	if (file == NULL || (rc = signer_import_asks(file, &encrypted, err)) != 0 || !encrypted)
		return file == NULL ? 0 : rc;
	if ((rc = prompt_secret(ask, to, err)) == 0)
		*ret = to;
	return rc;
}

static int
ask_new(struct secret *to, struct err *err)
{
	struct prompt ask = {
	    opt.ca_pass, "new passphrase for the CA key", "--ca-pass", true, make_pass_check};
	enum key_secret kind = KEY_SECRET_PASSPHRASE;
	int rc;

	if (ca_key != NULL && (rc = key_p11_secret(ca_key, &kind, err)) != 0)
		return rc;
	if (kind == KEY_SECRET_NONE || (opt.dry_run && ca_key == NULL))
		return 0;
	if (kind == KEY_SECRET_PIN) {
		ask.what = "HSM PIN";
		ask.twice = false;
		ask.check = NULL;
	}
	return prompt_secret(&ask, to, err);
}

/* ---- all of it ---- */

static int
import(struct signer_imported *ret, struct err *err)
{
	CLEAN(secret_freep)
	struct secret *pass = secret_new(), *old = secret_new(), *old_root = secret_new(),
		      *recovery = secret_new();
	CLEAN(file_closep) int lock = -1;
	const struct prompt of_key = {
	    key_pass, "present passphrase of the CA's key", "--key-pass", false, NULL};
	const struct prompt of_root = {root_key_pass != NULL ? root_key_pass : key_pass,
	    "present passphrase of the root's key", "--root-key-pass", false, NULL};
	const struct signer_init init = {.home = opt.home_path,
	    .rehearsal_root = rehearsal,
	    .pass = pass,
	    .issuing_key = ca_key,
	    .part = true};
	struct signer_import what = {.cert = cert,
	    .key = key,
	    .root = root,
	    .root_key = root_key,
	    .index = index_file,
	    .certs = certs,
	    .crl = crl,
	    .crlnumber = crlnumber,
	    .add_missing = add_missing != 0};
	int rc;

	if ((rc = ask_old(key, &of_key, old, &what.key_pass, err)) != 0 ||
	    (rc = ask_old(root_key, &of_root, old_root, &what.root_key_pass, err)) != 0 ||
	    (rc = ask_new(pass, err)) != 0 ||
	    (!opt.dry_run && (rc = make_ask_recovery(recovery, err)) != 0))
		return rc;
	/* First without making anything: what cannot be taken leaves no home behind. */
	what.dry_run = true;
	if ((rc = signer_import(&init, &what, ret, err)) != 0 || opt.dry_run)
		return rc;
	what.dry_run = false;
	if ((rc = make_begin(&lock, err)) != 0 ||
	    (rc = signer_import(&init, &what, ret, err)) != 0 ||
	    (rc = make_registry(recovery, err)) != 0)
		return rc;
	return signer_init_end(opt.home_path, err);
}

static int
show(const struct signer_imported *i, struct err *err)
{
	if (opt.json)
		return render_json(
		    json_pack("{s:b, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			"dry_run", opt.dry_run != 0, "home", opt.home_path, "subject", i->subject,
			"single", (int)i->single, "certificates", (json_int_t)i->certs, "revoked",
			(json_int_t)i->revoked, "on_hold", (json_int_t)i->held, "expired",
			(json_int_t)i->expired, "added", (json_int_t)i->added, "with_certificate",
			(json_int_t)i->with_der, "compromise_times", (json_int_t)i->invalidity,
			"last_crl_number", (json_int_t)i->crl_number),
		    err);
	printf("%s: %s%s\n", opt.dry_run ? "would be imported" : "imported",
	    render_escaped(i->subject), i->single ? ", single-level" : "");
	printf(
	    "records   %zu certificates: %zu revoked (%zu on hold), %zu expired; the certificates "
	    "themselves: %zu\n",
	    i->certs, i->revoked, i->held, i->expired, i->with_der);
	if (i->added > 0)
		printf("added     %zu that the index did not have, or not as revoked\n", i->added);
	printf("CRL       the last number was %llu\n", (unsigned long long)i->crl_number);
	if (i->invalidity > 0)
		printf("note      %zu entries have a compromise time, which is not imported; keep "
		       "the index for it\n",
		    i->invalidity);
	if (index_file == NULL)
		printf("note      without an index it is unknown what was issued; certificates "
		       "revoked there are not on our CRLs\n");
	else if (crl == NULL && certs == NULL)
		printf(
		    "note      no CRL and no certificates were there to compare the index with\n");
	if (!opt.dry_run)
		printf(
		    "the old CA must not sign any more: remove its key, and point the servers to "
		    "%s/pub\n",
		    render_escaped(opt.home_path));
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	struct signer_imported done = {0};
	int rc;

	if ((c->n == 1 && (rc = look(c->args[0], err)) != 0) || (rc = check(err)) != 0)
		return rc;
	rc = import(&done, err);
	return rc != 0 ? rc : show(&done, err);
}

const struct command cmd_ca_import = {"ca import",
    "create a home from an existing CA: openssl ca, easy-rsa, step",
    "[DIRECTORY] --recovery-out FILE", 0, 1, table, .run = run};
