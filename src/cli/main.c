/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/utc.h"
#include "cli/cli.h"

static const struct {
	const char *name;
	int (*run)(int argc, const char **argv, struct err *err);
	const char *what;
} commands[] = {
    {"init", cmd_init, "make the CA, the recovery key and the registry"},
    {"enroll", cmd_enroll, "from a factory YubiKey to a proven login"},
    {"unblock", cmd_unblock, "a new PIN for its holder, by the PUK from escrow"},
    {"reissue", cmd_reissue, "after a loss, a damage, a new name; before a certificate ends"},
    {"retire", cmd_retire, "the end: revoked, wiped, its secrets closed"},
    {"adopt", cmd_adopt, "take in a token that other tools made"},
    {"recover", cmd_recover, "finish what was interrupted on a token"},
    {"check", cmd_check, "compare a token with the registry; changes nothing"},
    {"list", cmd_list, "tokens, holders, certificates"},
    {"show", cmd_show, "all about a holder, a token or a certificate"},
    {"receipt", cmd_receipt, "signed evidence of what a token is; check one"},
    {"audit", cmd_audit, "who did what; whether it was changed since"},
    {"backup", cmd_backup, "a copy of the registry, while it is in use"},
    {"escrow", cmd_escrow, "who may open sealed secrets; open one"},
    {"letter", cmd_letter, "first PINs that wait for their holders"},
    {"revoke", cmd_revoke, "take a certificate back, for good"},
    {"suspend", cmd_suspend, "put it on hold"},
    {"resume", cmd_resume, "and let it be valid again"},
    {"doctor", cmd_doctor, "what stands in the way, and how to mend it"},
    {"token", cmd_token, "what is on a token, its secrets, keys and certificates"},
    {"ca", cmd_ca, "the CA's certificates and CRLs"},
    {"verify-server", cmd_verify_server, "does a server let in whom it should, and nobody else?"},
    {"signer", cmd_signer, "hold the CA key behind a socket"},
    {"server", cmd_server, "a web server's configuration"},
};

static void
usage(FILE *to)
{
	size_t i;

	fprintf(to, "usage: ykenroll COMMAND [OPTION...]\n\n");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-13s %s\n", commands[i].name, commands[i].what);
	fprintf(to, "\n`ykenroll COMMAND --help` tells its options; ykenroll(1) tells the rest.\n");
}

static int
start(struct err *err)
{
	umask(077);
	env_scrub();
	/* No openssl.cnf: it could load a provider or an engine into the process that holds PINs.
	 */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return err_set(err, ERR_INTERNAL, "OpenSSL does not start");
	return secret_harden(err);
}

static int
dispatch(int argc, const char **argv, struct err *err)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1, err);
	return err_set(
	    err, ERR_USAGE, "there is no command %s; `ykenroll --help` lists them", argv[1]);
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int rc;

	report_start_ns = utc_monotonic_ns();
	if (argc < 2) {
		usage(stderr);
		return err_exit_status(ERR_USAGE);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("ykenroll %s\n", YKENROLL_VERSION);
		return 0;
	}
	if ((rc = start(&err)) == 0)
		rc = dispatch(argc, (const char **)argv, &err);
	if (fflush(stdout) != 0 && rc == 0)
		rc = err_errno(&err, ERR_INTERNAL, "cannot write the output");
	if (rc != 0)
		render_error(&err);
	return err_exit_status(rc);
}
