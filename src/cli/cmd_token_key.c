/* SPDX-License-Identifier: BSD-2-Clause */
/* token generate, request, import, delete, move, reset */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_token.h"

#define SANS_MAX 16

static char *algorithm, *pin_policy, *touch_policy, *subject;
static char **sans;
static int attest, keep_chuid, do_key, do_cert;

#define TOKEN_TABLES \
	{NULL, 0, POPT_ARG_INCLUDE_TABLE, token_opt_mgmkey, 0, NULL, NULL}, OPT_TOKEN_END

#define CHUID_OPT                                                                                 \
	{                                                                                         \
		"no-update-chuid", 0, POPT_ARG_NONE, &keep_chuid, 0,                              \
		    "keep the card's identity; Windows may then show a certificate that is gone", \
		    NULL                                                                          \
	}
#define YES_OPT                                                                   \
	{                                                                         \
		"yes", 'y', POPT_ARG_NONE, &opt.yes, 0, "the answer is yes", NULL \
	}

static const struct poptOption generate_table[] = {
    {"algorithm", 'a', POPT_ARG_STRING, &algorithm, 0,
	"ECCP256 (default), ECCP384, ED25519, X25519, RSA2048, RSA3072, RSA4096", "ALG"},
    {"pin-policy", 0, POPT_ARG_STRING, &pin_policy, 0,
	"default, never, once, always, match-once, match-always", "POLICY"},
    {"touch-policy", 0, POPT_ARG_STRING, &touch_policy, 0, "default, never, always, cached",
	"POLICY"},
    {"force", 0, POPT_ARG_NONE, &opt.force, 0, "destroy what is in the slot", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, token_opt_format, 0, NULL, NULL},
    TOKEN_TABLES,
};

static const struct poptOption request_table[] = {
    {"subject", 's', POPT_ARG_STRING, &subject, 0,
	"CN=Alice Adams,O=Example or /O=Example/CN=Alice Adams", "NAME"},
    {"san", 0, POPT_ARG_ARGV, &sans, 0, "email:, dns:, uri:, ip: or upn: and a name; repeatable",
	"KIND:NAME"},
    {"attestation", 0, POPT_ARG_NONE, &attest, 0, "carry the key's attestation", NULL},
    {"force", 0, POPT_ARG_NONE, &opt.force, 0, "replace FILE", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, token_opt_format, 0, NULL, NULL},
    TOKEN_TABLES,
};

static const struct poptOption import_table[] = {
    CHUID_OPT,
    {"force", 0, POPT_ARG_NONE, &opt.force, 0,
	"replace the slot's certificate; also without a key to compare it with", NULL},
    TOKEN_TABLES,
};

static const struct poptOption delete_table[] = {
    {"certificate", 0, POPT_ARG_NONE, &do_cert, 0, "the certificate", NULL},
    {"key", 0, POPT_ARG_NONE, &do_key, 0, "the key (firmware 5.7)", NULL},
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

int
cmd_token_generate(int argc, const char **argv, struct err *err)
{
	const struct token_line line = {"generate", "SLOT [FILE]", generate_table, 1, 2};
	struct workflow_token_generate what = {.alg = KEY_P256};
	CLEAN(blob_wipe) struct blob spki = {0};
	const char *args[2] = {NULL, NULL};
	struct desk w;
	int rc;

	if ((rc = cmd_token_parse(&line, argc, argv, args, &w, err)) != 0 ||
	    (rc = cmd_token_slot(args[0], false, &what.slot, err)) != 0 ||
	    (rc = token_word(pin_policy, "--pin-policy", token_pin_words, token_pin_words_n,
		 &what.pin_policy, err)) != 0 ||
	    (rc = token_word(touch_policy, "--touch-policy", token_touch_words, token_touch_words_n,
		 &what.touch_policy, err)) != 0 ||
	    (rc = token_out_check(args[1], err)) != 0)
		return rc;
	if (algorithm != NULL && (what.alg = key_alg_parse(algorithm)) == KEY_NONE)
		return err_set(err, ERR_USAGE, "there is no algorithm %s; see --help", algorithm);
	if ((rc = workflow_token_generate(&w, &what, &spki, err)) != 0)
		return rc;
	return token_out(args[1], &spki, spki_to_pem, err);
}

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

int
cmd_token_request(int argc, const char **argv, struct err *err)
{
	const struct token_line line = {"request", "SLOT [FILE]", request_table, 1, 2};
	struct workflow_token_request what = {.slot = 0};
	CLEAN(blob_wipe) struct blob der = {0};
	const char *args[2] = {NULL, NULL};
	struct csr_san names[SANS_MAX];
	struct desk w;
	int rc;

	if ((rc = cmd_token_parse(&line, argc, argv, args, &w, err)) != 0 ||
	    (rc = cmd_token_slot(args[0], false, &what.slot, err)) != 0 ||
	    (rc = parse_sans(names, &what.fields.n_san, err)) != 0 ||
	    (rc = token_out_check(args[1], err)) != 0)
		return rc;
	what.fields.subject = subject;
	what.fields.san = names;
	what.attest = attest != 0;
	if ((rc = workflow_token_request(&w, &what, &der, err)) != 0)
		return rc;
	return token_out(args[1], &der, csr_to_pem, err);
}

static int
read_cert(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob data = {0};
	struct cert_info info;
	int rc;

	if ((rc = token_in(path, &data, err)) != 0)
		return rc;
	if (data.len > 0 && data.data[0] == 0x30)
		blob_move(ret, &data);
	else if ((rc = cert_from_pem(&data, ret, err)) != 0)
		return rc;
	return cert_read(ret->data, ret->len, &info, err);
}

int
cmd_token_import(int argc, const char **argv, struct err *err)
{
	const struct token_line line = {"import", "SLOT FILE", import_table, 2, 2};
	struct workflow_token_import what = {.slot = 0};
	CLEAN(blob_wipe) struct blob der = {0};
	const char *args[2] = {NULL, NULL};
	struct desk w;
	bool is_gzip = false;
	int rc;

	if ((rc = cmd_token_parse(&line, argc, argv, args, &w, err)) != 0 ||
	    (rc = cmd_token_slot(args[0], false, &what.slot, err)) != 0 ||
	    (rc = read_cert(args[1], &der, err)) != 0)
		return rc;
	what.der = &der;
	what.keep_chuid = keep_chuid != 0;
	if ((rc = workflow_token_import(&w, &what, &is_gzip, err)) != 0)
		return rc;
	if (!opt.json)
		printf("slot %02x has the certificate%s\n", what.slot,
		    is_gzip
			? ", compressed: it is too large otherwise, and old clients cannot read it"
			: "");
	return 0;
}

int
cmd_token_delete(int argc, const char **argv, struct err *err)
{
	const struct token_line line = {"delete", "SLOT", delete_table, 1, 1};
	struct workflow_token_delete what = {.slot = 0};
	const char *args[1] = {NULL};
	struct desk w;
	int rc;

	if ((rc = cmd_token_parse(&line, argc, argv, args, &w, err)) != 0 ||
	    (rc = cmd_token_slot(args[0], false, &what.slot, err)) != 0)
		return rc;
	if (!do_key && !do_cert)
		return err_set(err, ERR_USAGE, "delete what: --certificate, --key, or both?");
	what.key = do_key != 0;
	what.cert = do_cert != 0;
	what.keep_chuid = keep_chuid != 0;
	return workflow_token_delete(&w, &what, err);
}

int
cmd_token_move(int argc, const char **argv, struct err *err)
{
	const struct token_line line = {"move", "FROM TO", move_table, 2, 2};
	const char *args[2] = {NULL, NULL};
	uint8_t from, to;
	struct desk w;
	int rc;

	if ((rc = cmd_token_parse(&line, argc, argv, args, &w, err)) != 0 ||
	    (rc = cmd_token_slot(args[0], false, &from, err)) != 0 ||
	    (rc = cmd_token_slot(args[1], false, &to, err)) != 0)
		return rc;
	return workflow_token_move(&w, from, to, err);
}

int
cmd_token_reset(int argc, const char **argv, struct err *err)
{
	const struct token_line line = {"reset", "", reset_table, 0, 0};
	struct token_id id = {0};
	const char *args[1] = {NULL};
	struct desk w;
	int rc;

	if ((rc = cmd_token_parse(&line, argc, argv, args, &w, err)) != 0 ||
	    (rc = workflow_token_reset(&w, &id, err)) != 0)
		return rc;
	if (!opt.json)
		printf("token %u: PIV is as new\n", id.serial);
	return 0;
}
