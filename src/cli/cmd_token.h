/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_token: what the verbs of `ykenroll token` share. */
#ifndef CLI_CMD_TOKEN_H
#define CLI_CMD_TOKEN_H

#include "cli/cli.h"
#include "ykenroll/workflow_token.h"

/* ---- cmd_token_line.c ---- */

extern struct poptOption token_opt_mgmkey[]; /* --management-key --pin */

/* f9 only where it is only read. Errors: ERR_USAGE. */
MUST_CHECK int cmd_token_slot(const char *text, bool f9, uint8_t *ret, struct err *err);

/* Words with values, up to one without text; "_" is as good as "-". Errors: ERR_USAGE. */
struct token_word {
	const char *text;
	uint8_t value;
};
MUST_CHECK int token_word(const char *given, const char *option, const struct token_word *words,
    uint8_t *ret, struct err *err);
extern const struct token_word token_pin_words[], token_touch_words[];
const char *token_word_of(uint8_t value, const struct token_word *words);

/* Output: PEM or DER, to a file (never over one without --force) or, NULL or "-", to standard
 * output. token_out_check: before anything is done. */
extern char *token_format; /* --format */
extern struct poptOption token_opt_format[];
MUST_CHECK int token_out_check(const char *path, struct err *err);
MUST_CHECK int token_out(
    const char *path, const struct blob *der, const char *block, struct err *err);

/* A whole file, "-" for standard input. */
MUST_CHECK int token_in(const char *path, struct blob *ret, struct err *err);

/* ---- the verbs ---- */

extern const struct command cmd_token_list, cmd_token_info, cmd_token_export, cmd_token_attest,
    cmd_token_change_pin, cmd_token_change_puk, cmd_token_unblock_pin, cmd_token_set_retries,
    cmd_token_change_mgmkey, cmd_token_generate, cmd_token_request, cmd_token_import,
    cmd_token_delete, cmd_token_move, cmd_token_reset;

#endif
