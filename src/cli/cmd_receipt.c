/* SPDX-License-Identifier: BSD-2-Clause */
/* receipt: signed evidence of an enrolment; receipt verify. */
#include <jansson.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/cli.h"

static char *out, *root, *rehearsal;

static const struct poptOption table[] = {
    OPT_TEXT("out", 'o', &out, "write the receipt to this file", "FILE"),
    OPT_END,
};

static const struct poptOption table_verify[] = {
    OPT_TEXT("root", 0, &root, "the CA root certificate it must contain (PEM)", "FILE"),
    OPT_TEXT("rehearsal", 0, &rehearsal, "the attestation root of a rehearsal (PEM)", "FILE"),
    OPT_FLAG("json", 0, &opt.json, "one JSON object on standard output"),
    POPT_AUTOHELP POPT_TABLEEND,
};

/* ---- verify ---- */

static int
read_cert(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	const int rc = file_read(path, &pem, err);

	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE, "%s does not exist", path);
	return rc != 0 ? rc : cert_from_pem(&pem, ret, err);
}

static int
verified(const struct workflow_receipt_claims *c, struct err *err)
{
	if (opt.json)
		return render_json(
		    json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:I, s:s}, s:s, s:b, s:s}",
			"token", (json_int_t)c->token, "holder", c->holder, "id", c->id,
			"certificate", c->serial, "subject", c->subject, "operator", c->operator_,
			"at", c->at, "audit", "row", (json_int_t)c->audit_row, "hash",
			c->audit_hash, "signer_sha256",
			render_hex(c->signer_sha256, sizeof(c->signer_sha256)), "rehearsal",
			c->rehearsal, "anchor", c->anchor),
		    err);
	printf("proved: the key of certificate %s (%s) is in token %u%s, attested under %s\n",
	    c->serial, render_escaped(c->subject), (unsigned)c->token,
	    c->rehearsal ? " of a REHEARSAL" : "", render_escaped(c->anchor));
	printf("said: holder %s (%s), enrolled %s by %s, audit row %llu %s\n",
	    render_escaped(c->holder), render_escaped(c->id), render_escaped(c->at),
	    render_escaped(c->operator_), (unsigned long long)c->audit_row,
	    render_escaped(c->audit_hash));
	printf(
	    "signed by the receipt key with certificate sha256 %s, which the audit chain of that "
	    "registry records\n",
	    render_hex(c->signer_sha256, sizeof(c->signer_sha256)));
	return 0;
}

static int
run_verify(struct called *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob receipt = {0}, root_der = {0}, rehearsal_der = {0};
	struct workflow_receipt_trust trust = {0};
	struct workflow_receipt_claims claims;
	int rc;

	rc = file_read(c->args[0], &receipt, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE, "%s does not exist", c->args[0]);
	if (rc != 0 || (root != NULL && (rc = read_cert(root, &root_der, err)) != 0) ||
	    (rehearsal != NULL && (rc = read_cert(rehearsal, &rehearsal_der, err)) != 0))
		return rc;
	trust.root = root == NULL ? NULL : &root_der;
	trust.rehearsal = rehearsal == NULL ? NULL : &rehearsal_der;
	if ((rc = workflow_receipt_verify(&receipt, &trust, &claims, err)) != 0)
		return rc;
	return verified(&claims, err);
}

static const struct command receipt_verify = {
    "receipt verify", "verify a receipt", "FILE", 1, 1, table_verify, .run = run_verify};

static const struct command *const verbs[] = {&receipt_verify, NULL};

/* ---- make ---- */

static int
token_of(const char *word, uint32_t *ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	struct registry_found found = {0};
	struct registry_token first = {0};
	size_t n = 0;
	int rc;

	if ((rc = opt_registry(&r, err)) != 0)
		return rc;
	rc = registry_find(r, word, &found, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE, "no holder or token matches %s", word);
	if (rc != 0)
		return rc;
	*ret = found.token;
	if (found.holder == 0)
		return found.token != 0 ? 0 : err_set(err, ERR_USAGE, "give a holder or a token");
	if ((rc = registry_tokens_of(r, found.holder, &first, &n, err)) != 0)
		return rc;
	*ret = first.serial;
	if (n == 1)
		return 0;
	return n == 0 ? err_set(err, ERR_USAGE, "%s has no token", word)
		      : err_set(err, ERR_AMBIGUOUS,
			    "%s has %zu tokens; give the serial number of one", word, n);
}

static int
run(struct called *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob receipt = {0};
	uint32_t token = 0;
	int rc;

	if (c->n != 1 || out == NULL)
		return err_set(err, ERR_USAGE,
		    "ykenroll receipt HOLDER|TOKEN --out FILE, or: ykenroll receipt verify FILE");
	if ((rc = file_check_new(out, err)) != 0 || (rc = token_of(c->args[0], &token, err)) != 0 ||
	    (rc = workflow_receipt(&c->desk, token, &receipt, err)) != 0 ||
	    (rc = file_create(out, receipt.data, receipt.len, 0644, err)) != 0)
		return rc;
	if (opt.json)
		return render_json(
		    json_pack("{s:I, s:s}", "token", (json_int_t)token, "file", out), err);
	printf("%s: verify it anywhere with: ykenroll receipt verify\n", render_escaped(out));
	return 0;
}

const struct command cmd_receipt = {"receipt", "write or verify signed evidence of an enrolment",
    "HOLDER|TOKEN --out FILE", 0, 1, table, .run = run, .verbs = verbs};
