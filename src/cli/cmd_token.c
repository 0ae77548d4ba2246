/* SPDX-License-Identifier: BSD-2-Clause */
/* token: one thing done to one token, as ykman piv and yubico-piv-tool do it. */
#include "cli/cmd_token.h"

static const struct command *const verbs[] = {&cmd_token_list, &cmd_token_info,
    &cmd_token_change_pin, &cmd_token_change_puk, &cmd_token_unblock_pin, &cmd_token_set_retries,
    &cmd_token_change_mgmkey, &cmd_token_generate, &cmd_token_request, &cmd_token_import,
    &cmd_token_export, &cmd_token_delete, &cmd_token_attest, &cmd_token_move, &cmd_token_reset,
    NULL};

const struct command cmd_token = {.name = "token",
    .what = "show or change what is on a single token",
    .verbs = verbs,
    .foot = "A SLOT is 9a 9c 9d 9e 82…95, or ykman's name for it (AUTHENTICATION, RETIRED1).\n"};
