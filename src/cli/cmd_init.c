/* SPDX-License-Identifier: BSD-2-Clause */
#include <jansson.h>

#include "base/file.h"
#include "cli/cli.h"

static char *name, *rehearsal;
static char *signer, *ca_key, *root_key, *root_pass, *issuing_alg, *root_alg;
static int adopt, single;

static const struct poptOption table[] = {
    {"name", 0, POPT_ARG_STRING, &name, 0, "name of the organisation; in the subjects of both CAs",
	"NAME"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, make_recovery, 0, NULL, NULL},
    {"rehearsal", 0, POPT_ARG_STRING, &rehearsal, 0,
	"a rehearsal CA, which also trusts this attestation root", "ROOT.pem"},
    {"single", 0, POPT_ARG_NONE, &single, 0,
	"single-level: the CA is its own root (its key cannot be kept offline)", NULL},
    {"ca-key", 0, POPT_ARG_STRING, &ca_key, 0, "keep the issuing CA's key in this HSM",
	"pkcs11:URI"},
    {"root-key", 0, POPT_ARG_STRING, &root_key, 0, "keep the root's key in this HSM", "pkcs11:URI"},
    {"adopt", 0, POPT_ARG_NONE, &adopt, 0, "use keys that already exist there", NULL},
    {"root-pass", 0, POPT_ARG_STRING, &root_pass, 0,
	"passphrase or HSM PIN of the root's key, if different", "SPEC"},
    {"issuing-algorithm", 0, POPT_ARG_STRING, &issuing_alg, 0,
	"ECCP256 (default), ECCP384, RSA3072, RSA4096, ED25519", "ALG"},
    {"root-algorithm", 0, POPT_ARG_STRING, &root_alg, 0, "the same; default: ECCP384", "ALG"},
    {"signer", 0, POPT_ARG_STRING, &signer, 0,
	"set up a desk only: the CA is behind this socket, perhaps on another host", "SOCKET"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, opt_ca, 0, NULL, NULL},
    OPT_END,
};

static int
algorithm(const char *text, enum key_alg *ret, struct err *err)
{
	*ret = text == NULL ? KEY_NONE : key_alg_parse(text);
	if (text != NULL && *ret == KEY_NONE)
		return err_set(err, ERR_USAGE, "%s is not an algorithm", text);
	return 0;
}

/* Of the key at uri (NULL: a file). */
static int
secret_kind(const char *uri, enum key_secret *ret, struct err *err)
{
	*ret = KEY_SECRET_PASSPHRASE;
	return uri == NULL ? 0 : key_p11_secret(uri, ret, err);
}

static int
check_keys(struct err *err)
{
	enum key_secret kind;
	enum key_alg alg;
	int rc;

	if ((rc = algorithm(issuing_alg, &alg, err)) != 0 ||
	    (rc = algorithm(root_alg, &alg, err)) != 0 ||
	    (rc = secret_kind(ca_key, &kind, err)) != 0)
		return rc;
	return secret_kind(root_key, &kind, err);
}

static int
check(struct err *err)
{
	const bool of_ca = name != NULL || rehearsal != NULL || ca_key != NULL ||
			   root_key != NULL || adopt || root_pass != NULL || issuing_alg != NULL ||
			   root_alg != NULL || single || opt.ca_pass != NULL;
	int rc;

	if (signer != NULL && (rc = init_desk_check(signer, of_ca, err)) != 0)
		return rc;
	if (signer == NULL && name == NULL)
		return err_set(err, ERR_USAGE, "no name for the CA; use --name NAME");
	if (single && (root_key != NULL || root_alg != NULL || root_pass != NULL))
		return err_set(err, ERR_USAGE,
		    "--single makes one key only, so no --root-... option can be used with it");
	return check_keys(err);
}

static int
ask_issuing(struct secret *pass, struct err *err)
{
	struct prompt ask = {
	    opt.ca_pass, "passphrase for the CA keys", "--ca-pass", true, make_pass_check};
	enum key_secret kind;
	int rc;

	if ((rc = secret_kind(ca_key, &kind, err)) != 0 || kind == KEY_SECRET_NONE)
		return rc;
	if (kind == KEY_SECRET_PIN) {
		ask.what = "HSM PIN";
		ask.twice = false;
		ask.check = NULL;
	}
	return prompt_secret(&ask, pass, err);
}

/* Its own where it is of another kind, or was given; else the issuing key's. */
static int
ask_root(struct secret *pass, const struct secret **ret, struct err *err)
{
	struct prompt ask = {
	    root_pass, "passphrase for the root's key", "--root-pass", true, make_pass_check};
	enum key_secret kind, issuing;
	int rc;

	if ((rc = secret_kind(root_key, &kind, err)) != 0 ||
	    (rc = secret_kind(ca_key, &issuing, err)) != 0)
		return rc;
	if (kind == KEY_SECRET_NONE || (kind == issuing && root_pass == NULL))
		return 0;
	if (kind == KEY_SECRET_PIN) {
		ask.what = "HSM PIN for the root's key";
		ask.twice = false;
		ask.check = NULL;
	}
	if ((rc = prompt_secret(&ask, pass, err)) == 0)
		*ret = pass;
	return rc;
}

/* All that can be known is known before the first question, all questions are answered before the
 * first change, and there is no CA before all else is there: what is interrupted is made anew. */
static int
init_ca(struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(secret_freep) struct secret *pass_of_root = secret_new();
	CLEAN(secret_freep) struct secret *recovery = secret_new();
	CLEAN(file_closep) int lock = -1;
	struct signer_init init = {
	    .home = opt.home_path,
	    .name = name,
	    .rehearsal_root = rehearsal,
	    .pass = pass,
	    .root_key = root_key,
	    .issuing_key = ca_key,
	    .adopt = adopt != 0,
	    .single = single != 0,
	    .part = true,
	};
	int rc;

	if ((rc = algorithm(issuing_alg, &init.issuing_alg, err)) != 0 ||
	    (rc = algorithm(root_alg, &init.root_alg, err)) != 0 ||
	    (rc = make_check(rehearsal != NULL, err)) != 0 ||
	    (rc = signer_init_check(&init, err)) != 0 || (rc = make_begin(&lock, err)) != 0 ||
	    (rc = ask_issuing(pass, err)) != 0 ||
	    (!single && (rc = ask_root(pass_of_root, &init.root_pass, err)) != 0) ||
	    (rc = make_ask_recovery(recovery, err)) != 0 || (rc = signer_init(&init, err)) != 0 ||
	    (rc = make_registry(recovery, err)) != 0)
		return rc;
	return signer_init_end(opt.home_path, err);
}

/* Nobody renews a CRL by itself but a signer. */
static void
show_end(void)
{
	struct workflow_end ends[WORKFLOW_ENDS_MAX];
	const size_t n = workflow_ends(opt.home_path, true, ends);

	if (signer == NULL && n > 0 && ends[0].crl)
		printf("logins stop on %s unless the CRL is renewed and published before: by "
		       "`ykenroll signer` as a service, by ykenroll-crl.timer, or by hand: "
		       "ykenroll ca crl\n",
		    render_when(ends[0].until));
}

static int
show(struct err *err)
{
	if (opt.json)
		return render_json(
		    json_pack("{s:s, s:s, s:b}", "home", opt.home_path, "recovery_key",
			make_recovery_out, "rehearsal", rehearsal != NULL),
		    err);
	printf("%s%s, registry and recovery key created in %s\n", signer != NULL ? "desk" : "CA",
	    rehearsal != NULL ? " (REHEARSAL)" : "", render_escaped(opt.home_path));
	printf(
	    "the recovery key is in %s, read back and opened: move it offline; without it the escrow cannot be opened\n",
	    render_escaped(make_recovery_out));
	show_end();
	printf("next: plug in a YubiKey and run: ykenroll enroll \"NAME\" --email ADDRESS\n");
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	int rc;

	(void)c;
	if ((rc = check(err)) != 0 ||
	    (rc = signer != NULL ? init_desk(signer, err) : init_ca(err)) != 0)
		return rc;
	return show(err);
}

const struct command cmd_init = {"init", "create the CA, the recovery key and the registry",
    "--name NAME --recovery-out FILE", 0, 0, table, .run = run};
