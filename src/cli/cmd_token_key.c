/* SPDX-License-Identifier: BSD-2-Clause */
/* token generate, request, import, delete, move, reset */

#include "cli/cmd_token.h"

#define SANS_MAX 16

static char *algorithm, *pin_policy, *touch_policy, *subject;
static char **sans;
static int attest, keep_chuid, do_key, do_cert;

#define TOKEN_TABLES OPT_TABLE(token_opt_mgmkey), OPT_TOKEN_END

#define CHUID_OPT                                   \
	OPT_FLAG("no-update-chuid", 0, &keep_chuid, \
	    "keep the card identity (CHUID); Windows may then show the old certificate")
#define YES_OPT OPT_FLAG("yes", 'y', &opt.yes, "answer yes to the question")

static const struct poptOption generate_table[] = {
    OPT_TEXT("algorithm", 'a', &algorithm,
	"ECCP256 (default), ECCP384, ED25519, X25519, RSA2048, RSA3072, RSA4096", "ALG"),
    OPT_TEXT("pin-policy", 0, &pin_policy, "default, never, once, always, match-once, match-always",
	"POLICY"),
    OPT_TEXT("touch-policy", 0, &touch_policy, "default, never, always, cached", "POLICY"),
    OPT_FLAG("force", 0, &opt.force, "overwrite what is in the slot"),
    OPT_TABLE(token_opt_format),
    TOKEN_TABLES,
};

static const struct poptOption request_table[] = {
    OPT_TEXT(
	"subject", 's', &subject, "CN=Alice Adams,O=Example or /O=Example/CN=Alice Adams", "NAME"),
    {"san", 0, POPT_ARG_ARGV, &sans, 0, "email:, dns:, uri:, ip: or upn: and a name; repeatable",
	"KIND:NAME"},
    OPT_FLAG("attestation", 0, &attest, "include the key's attestation"),
    OPT_FLAG("force", 0, &opt.force, "overwrite FILE"),
    OPT_TABLE(token_opt_format),
    TOKEN_TABLES,
};

static const struct poptOption import_table[] = {
    CHUID_OPT,
    OPT_FLAG("force", 0, &opt.force,
	"overwrite the slot's certificate, even if it cannot be checked against a key"),
    TOKEN_TABLES,
};

static const struct poptOption delete_table[] = {
    OPT_FLAG("certificate", 0, &do_cert, "delete the certificate"),
    OPT_FLAG("key", 0, &do_key, "delete the key (firmware 5.7 or later)"),
    YES_OPT,
    CHUID_OPT,
    TOKEN_TABLES,
};

static const struct poptOption move_table[] = {
    TOKEN_TABLES,
};

static const struct poptOption reset_table[] = {
    YES_OPT,
    TOKEN_TABLES,
};

static int
run_generate(struct called *c, struct err *err)
{
	struct workflow_token_generate what = {.alg = KEY_P256};
	CLEAN(blob_wipe) struct blob spki = {0};
	int rc;

	if ((rc = cmd_token_slot(c->args[0], false, &what.slot, err)) != 0 ||
	    (rc = token_word(pin_policy, "--pin-policy", token_pin_words, &what.pin_policy, err)) !=
		0 ||
	    (rc = token_word(touch_policy, "--touch-policy", token_touch_words, &what.touch_policy,
		 err)) != 0 ||
	    (rc = token_out_check(c->args[1], err)) != 0)
		return rc;
	if (algorithm != NULL && (what.alg = key_alg_parse(algorithm)) == KEY_NONE)
		return err_set(err, ERR_USAGE, "invalid --algorithm '%s'; see --help", algorithm);
	if ((rc = workflow_token_generate(&c->desk, &what, &spki, err)) != 0)
		return rc;
	return token_out(c->args[1], &spki, PEM_SPKI, err);
}

const struct command cmd_token_generate = {"token generate",
    "generate a key in a slot; writes its public key", "SLOT [FILE]", 1, 2, generate_table,
    .run = run_generate, .of_token = true};

static int
parse_sans(struct csr_san ret[static SANS_MAX], size_t *ret_n, struct err *err)
{
	size_t n;
	int rc;

	for (n = 0; sans != NULL && sans[n] != NULL; n++) {
		if (n == SANS_MAX)
			return err_set(err, ERR_USAGE, "more than %d alternative names", SANS_MAX);
		if ((rc = csr_san_parse(sans[n], &ret[n], err)) != 0)
			return rc;
	}
	*ret_n = n;
	return 0;
}

static int
run_request(struct called *c, struct err *err)
{
	struct workflow_token_request what = {.slot = 0};
	CLEAN(blob_wipe) struct blob der = {0};
	struct csr_san names[SANS_MAX];
	int rc;

	if ((rc = cmd_token_slot(c->args[0], false, &what.slot, err)) != 0 ||
	    (rc = parse_sans(names, &what.fields.n_san, err)) != 0 ||
	    (rc = token_out_check(c->args[1], err)) != 0)
		return rc;
	what.fields.subject = subject;
	what.fields.san = names;
	what.attest = attest != 0;
	if ((rc = workflow_token_request(&c->desk, &what, &der, err)) != 0)
		return rc;
	return token_out(c->args[1], &der, PEM_REQUEST, err);
}

const struct command cmd_token_request = {"token request",
    "create a certificate request signed by a slot's key", "SLOT [FILE]", 1, 2, request_table,
    .run = run_request, .of_token = true};

static int
read_cert(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob data = {0};
	struct cert_info info;
	int rc;

	if ((rc = token_in(path, &data, err)) != 0)
		return rc;
	if ((rc = cert_from_file(&data, ret, err)) != 0)
		return err_wrap(err, "%s", path), rc;
	return cert_read(ret->data, ret->len, &info, err);
}

static int
run_import(struct called *c, struct err *err)
{
	struct workflow_token_import what = {.slot = 0};
	CLEAN(blob_wipe) struct blob der = {0};
	bool is_gzip = false;
	int rc;

	if ((rc = cmd_token_slot(c->args[0], false, &what.slot, err)) != 0 ||
	    (rc = read_cert(c->args[1], &der, err)) != 0)
		return rc;
	what.der = &der;
	what.keep_chuid = keep_chuid != 0;
	if ((rc = workflow_token_import(&c->desk, &what, &is_gzip, err)) != 0)
		return rc;
	if (!opt.json)
		printf("slot %02x has the certificate%s\n", what.slot,
		    is_gzip
			? ", compressed: it is too large otherwise, and old clients cannot read it"
			: "");
	return 0;
}

const struct command cmd_token_import = {"token import",
    "import a certificate for the key in the slot", "SLOT FILE", 2, 2, import_table,
    .run = run_import, .of_token = true};

static int
run_delete(struct called *c, struct err *err)
{
	struct workflow_token_delete what = {.slot = 0};
	int rc;

	if ((rc = cmd_token_slot(c->args[0], false, &what.slot, err)) != 0)
		return rc;
	if (!do_key && !do_cert)
		return err_set(
		    err, ERR_USAGE, "nothing to delete given; use --certificate, --key, or both");
	what.key = do_key != 0;
	what.cert = do_cert != 0;
	what.keep_chuid = keep_chuid != 0;
	return workflow_token_delete(&c->desk, &what, err);
}

const struct command cmd_token_delete = {"token delete",
    "delete the certificate or the key of a slot", "SLOT", 1, 1, delete_table, .run = run_delete,
    .of_token = true};

static int
run_move(struct called *c, struct err *err)
{
	uint8_t from, to;
	int rc;

	if ((rc = cmd_token_slot(c->args[0], false, &from, err)) != 0 ||
	    (rc = cmd_token_slot(c->args[1], false, &to, err)) != 0)
		return rc;
	return workflow_token_move(&c->desk, from, to, err);
}

const struct command cmd_token_move = {"token move",
    "move a key and its certificate to another slot", "FROM TO", 2, 2, move_table, .run = run_move,
    .of_token = true};

static int
run_reset(struct called *c, struct err *err)
{
	struct token_id id = {0};
	int rc;

	if ((rc = workflow_token_reset(&c->desk, &id, err)) != 0)
		return rc;
	if (!opt.json)
		printf("token %u: PIV is reset to factory defaults\n", id.serial);
	return 0;
}

const struct command cmd_token_reset = {"token reset",
    "reset the PIV application to factory defaults", NULL, 0, 0, reset_table, .run = run_reset,
    .of_token = true};
