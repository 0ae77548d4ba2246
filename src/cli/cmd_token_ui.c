/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_token_ui: secrets and questions of the token verbs. */
#include "base/text.h"
#include "cli/cmd_token.h"

struct token_specs token_specs;

struct poptOption token_opt_mgmkey[] = {
    {"management-key", 'm', POPT_ARG_STRING, &token_specs.mgmkey, 0,
	"the management key in hexadecimal, where it is neither the factory's nor kept by the token",
	"SPEC"},
    {"pin", 'P', POPT_ARG_STRING, &token_specs.pin, 0, "the PIN, where it is needed", "SPEC"},
    POPT_TABLEEND,
};

static int
new_pin_check(const struct secret *pin, struct err *err)
{
	return workflow_pin_check(pin, err);
}

static int
new_puk_check(const struct secret *puk, struct err *err)
{
	int rc;

	if ((rc = device_pin_check(puk, "new PUK", err)) != 0)
		return rc;
	return secret_is_trivial(puk)
		   ? err_set(err, ERR_USAGE, "the new PUK is one that anybody tries first")
		   : 0;
}

/* Colons and spaces between the digits are how labels and other tools write keys. */
static int
unhex_in_place(struct secret *s, struct err *err)
{
	CLEAN(secret_freep) struct secret *digits = secret_new(), *bytes = secret_new();
	size_t i;

	for (i = 0; i < s->len; i++)
		if (s->bytes[i] != ':' && s->bytes[i] != ' ')
			digits->bytes[digits->len++] = s->bytes[i];
	if (digits->len != 32 && digits->len != 48 && digits->len != 64)
		return err_set(
		    err, ERR_USAGE, "a management key has 32, 48 or 64 hexadecimal digits");
	digits->bytes[digits->len] = '\0';
	if (text_unhex((const char *)digits->bytes, bytes->bytes, digits->len / 2) != 0)
		return err_set(err, ERR_USAGE,
		    "the management key has a character that is no hexadecimal digit");
	return secret_set(s, bytes->bytes, digits->len / 2, err);
}

static int
secret(void *ctx, enum workflow_secret which, struct secret *ret, struct err *err)
{
	const struct prompt prompts[] = {
	    [WORKFLOW_NEW_PIN] = {token_specs.new_pin, "new PIN (6 to 8 characters)", "--new-pin",
		true, new_pin_check},
	    [WORKFLOW_CURRENT_PIN] = {token_specs.pin, "PIN", "--pin", false, NULL},
	    [WORKFLOW_CURRENT_PUK] = {token_specs.puk, "PUK", "--puk", false, NULL},
	    [WORKFLOW_CURRENT_MGMKEY] = {token_specs.mgmkey, "management key (hexadecimal)",
		"--management-key", false, NULL},
	    [WORKFLOW_NEW_PUK] = {token_specs.new_puk, "new PUK (6 to 8 characters)", "--new-puk",
		true, new_puk_check},
	    [WORKFLOW_NEW_MGMKEY] = {token_specs.new_mgmkey, "new management key (hexadecimal)",
		"--new-management-key", true, NULL},
	};
	int rc;

	(void)ctx;
	if (which == WORKFLOW_CURRENT_MGMKEY && token_specs.mgmkey == NULL)
		return err_set(err, ERR_ABSENT, "not given");
	if ((rc = prompt_secret(&prompts[which], ret, err)) != 0)
		return rc;
	return which == WORKFLOW_CURRENT_MGMKEY || which == WORKFLOW_NEW_MGMKEY
		   ? unhex_in_place(ret, err)
		   : 0;
}

static int
confirm(void *ctx, const char *question, struct err *err)
{
	(void)ctx;
	return prompt_yes(question, opt.yes != 0, err);
}

static void
say(void *ctx, const char *text)
{
	(void)ctx;
	render_line(stderr, text);
}

const struct workflow_ui token_ui = {.say = say, .secret = secret, .confirm = confirm};
