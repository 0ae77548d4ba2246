/* SPDX-License-Identifier: BSD-2-Clause */
/* token: one thing done to one token, as ykman piv and yubico-piv-tool do it. */
#include "cli/cmd_token.h"

static const struct opt_verb verbs[] = {
    {"list", cmd_token_list, "every card in every reader, and why one is not usable"},
    {"info", cmd_token_info, "slots, certificates, tries, policies, attestations"},
    {"change-pin", cmd_token_change_pin, "a new PIN, with the PIN"},
    {"change-puk", cmd_token_change_puk, "a new PUK, with the PUK"},
    {"unblock-pin", cmd_token_unblock_pin, "a new PIN, with the PUK"},
    {"set-retries", cmd_token_set_retries, "how many tries; resets PIN and PUK"},
    {"change-management-key", cmd_token_change_mgmkey, "a new management key"},
    {"generate", cmd_token_generate, "a key in a slot; gives its public key"},
    {"request", cmd_token_request, "a certification request of a slot's key"},
    {"import", cmd_token_import, "a certificate into a slot, for the key that is there"},
    {"export", cmd_token_export, "the certificate or the public key of a slot"},
    {"delete", cmd_token_delete, "the certificate or the key of a slot"},
    {"attest", cmd_token_attest, "that a key was made on the token, and with what policy"},
    {"move", cmd_token_move, "a key and its certificate to another slot"},
    {"reset", cmd_token_reset, "make the PIV application as new"},
};

int
cmd_token(int argc, const char **argv, struct err *err)
{
	const int rc = opt_verbs("token", verbs, sizeof(verbs) / sizeof(verbs[0]),
	    "A SLOT is 9a 9c 9d 9e 82…95, or ykman's name for it (AUTHENTICATION, RETIRED1).\n",
	    argc, argv, err);

	return rc == ERR_ABSENT ? ERR_USAGE : rc;
}
