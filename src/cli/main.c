/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/utc.h"
#include "cli/cli.h"

static const struct command *const commands[] = {&cmd_init, &cmd_enroll, &cmd_unblock, &cmd_reissue,
    &cmd_retire, &cmd_adopt, &cmd_recover, &cmd_check, &cmd_list, &cmd_show, &cmd_receipt,
    &cmd_audit, &cmd_backup, &cmd_restore, &cmd_escrow, &cmd_letter, &cmd_revoke, &cmd_suspend,
    &cmd_resume, &cmd_doctor, &cmd_token, &cmd_ca, &cmd_verify_server, &cmd_signer, &cmd_server,
    NULL};
static const struct command program = {
    .name = "", .verbs = commands, .foot = "See ykenroll(1) for the details.\n"};

static int
start(struct err *err)
{
	umask(077);
	env_scrub();
	/* No openssl.cnf: it could load a provider or an engine into the process that holds PINs.
	 */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return err_set(err, ERR_INTERNAL, "OpenSSL cannot be initialised");
	return secret_harden(err);
}

/* Known before any word is taken, so that what is wrong with the words is said in JSON, too. */
static bool
has_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int rc;

	opt.json = has_json(argc, argv);
	report_start_ns = utc_monotonic_ns();
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		printf("ykenroll %s\n", YKENROLL_VERSION);
		return 0;
	}
	if ((rc = start(&err)) == 0)
		rc = command_run(&program, argc, (const char **)argv, &err);
	if (opt.json)
		rc = render_end(rc, &err);
	if (fflush(stdout) != 0 && rc == 0)
		rc = err_errno(&err, ERR_INTERNAL, "cannot write the output");
	if (rc != 0)
		render_error(&err);
	return err_exit_status(rc);
}
