/* SPDX-License-Identifier: BSD-2-Clause */
/* token change-pin, change-puk, unblock-pin, set-retries, change-management-key */
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/cmd_token.h"

static char *out, *algorithm;
static int generate, protect, touch;

#define NEW_PIN_OPT OPT_TEXT("new-pin", 'n', &face.new_pin, "the new PIN", "SPEC")
#define PUK_OPT OPT_TEXT("puk", 'p', &face.current_puk, "the current PUK", "SPEC")
#define OUT_OPT                    \
	OPT_TEXT("out", 'o', &out, \
	    "write a generated value to this file, readable by its owner only", "FILE")

static const struct poptOption pin_table[] = {
    OPT_TEXT("pin", 'P', &face.current_pin, "the current PIN", "SPEC"),
    NEW_PIN_OPT,
    OPT_TOKEN_END,
};

static const struct poptOption puk_table[] = {
    PUK_OPT,
    OPT_TEXT("new-puk", 'n', &face.new_puk, "the new PUK", "SPEC"),
    OPT_FLAG("generate", 'g', &generate, "generate eight random digits, written to --out"),
    OUT_OPT,
    OPT_TOKEN_END,
};

static const struct poptOption unblock_table[] = {
    PUK_OPT,
    NEW_PIN_OPT,
    OPT_TOKEN_END,
};

static const struct poptOption retries_table[] = {
    OPT_FLAG("force", 0, &opt.force, "even if PIN or PUK are no longer the factory defaults"),
    OPT_TABLE(token_opt_mgmkey),
    OPT_TOKEN_END,
};

static const struct poptOption mgmkey_table[] = {
    OPT_TEXT("algorithm", 'a', &algorithm,
	"3DES, AES128, AES192 or AES256 (default: AES192, and 3DES before firmware 5.4.2)", "ALG"),
    OPT_TEXT("new-management-key", 'n', &face.new_mgmkey, "the new management key, in hexadecimal",
	"SPEC"),
    OPT_FLAG("generate", 'g', &generate, "generate a random one, written to --out"),
    OUT_OPT,
    OPT_FLAG("protect", 'p', &protect,
	"also keep it on the token, readable with the PIN; random if none is given"),
    OPT_FLAG("touch", 't', &touch, "require a touch to use it"),
    OPT_TABLE(token_opt_mgmkey),
    OPT_TOKEN_END,
};

static void
done(const struct token_id *id, const char *what)
{
	if (!opt.json)
		printf("token %u: %s\n", id->serial, what);
}

static int
run_change_pin(struct called *c, struct err *err)
{
	struct token_id id = {0};
	int rc;

	if ((rc = workflow_token_change_pin(&c->desk, &id, err)) != 0)
		return rc;
	done(&id, "the PIN is changed");
	return 0;
}

const struct command cmd_token_change_pin = {"token change-pin",
    "change the PIN, with the current PIN", NULL, 0, 0, pin_table, .run = run_change_pin,
    .of_token = true};

static int
run_unblock_pin(struct called *c, struct err *err)
{
	struct token_id id = {0};
	int rc;

	if ((rc = workflow_token_unblock_pin(&c->desk, &id, err)) != 0)
		return rc;
	done(&id, "the PIN is set and unblocked");
	return 0;
}

const struct command cmd_token_unblock_pin = {"token unblock-pin", "set a new PIN, with the PUK",
    NULL, 0, 0, unblock_table, .run = run_unblock_pin, .of_token = true};

/* ---- values that are made here ---- */

/* Written down before the token has it. Keys as digits, PUKs as they are. */
static int
keep(void *ctx, const struct secret *value, struct err *err)
{
	CLEAN(secret_freep) struct secret *text = secret_new();
	bool *kept = ctx;
	int rc;

	if (value->len > 8) {
		text_hex(value->bytes, value->len, (char *)text->bytes);
		text->len = 2 * value->len;
	} else if ((rc = secret_set(text, value->bytes, value->len, err)) != 0) {
		return rc;
	}
	text->bytes[text->len++] = '\n';
	rc = file_create(out, text->bytes, text->len, 0600, err);
	*kept = rc == 0;
	return rc;
}

/* A value that the token refused is of no use to anybody. */
static void
drop_unused(int rc, bool kept)
{
	if (rc != 0 && rc != ERR_GONE && kept)
		(void)unlink(out);
}

static int
check_new(bool out_needed, const char *given, const char *option, struct err *err)
{
	if (generate && given != NULL)
		return err_set(err, ERR_USAGE, "use either --generate or %s", option);
	if (out_needed && out == NULL)
		return err_set(err, ERR_USAGE,
		    "--generate needs --out FILE: the value is written there and not shown");
	return out == NULL ? 0 : file_check_new(out, err);
}

static int
run_change_puk(struct called *c, struct err *err)
{
	struct token_id id = {0};
	bool kept = false;
	int rc;

	if ((rc = check_new(generate, face.new_puk, "--new-puk", err)) != 0)
		return rc;
	rc = workflow_token_change_puk(
	    &c->desk, &(const struct workflow_token_new){generate != 0, keep, &kept}, &id, err);
	drop_unused(rc, kept);
	if (rc == 0)
		done(&id, "the PUK is changed");
	return rc;
}

const struct command cmd_token_change_puk = {"token change-puk",
    "change the PUK, with the current PUK", NULL, 0, 0, puk_table, .run = run_change_puk,
    .of_token = true};

static int
mgm_alg(enum device_mgm_alg *ret, struct err *err)
{
	static const struct token_word words[] = {{"3DES", MGM_3DES}, {"TDES", MGM_3DES},
	    {"AES128", MGM_AES128}, {"AES192", MGM_AES192}, {"AES256", MGM_AES256},
	    {"AES-128", MGM_AES128}, {"AES-192", MGM_AES192}, {"AES-256", MGM_AES256}, {NULL, 0}};
	uint8_t value = 0;
	int rc = 0;

	if (algorithm != NULL)
		rc = token_word(algorithm, "--algorithm", words, &value, err);
	*ret = (enum device_mgm_alg)value;
	return rc;
}

static int
run_change_mgmkey(struct called *c, struct err *err)
{
	struct workflow_token_mgmkey how = {.alg = 0};
	struct token_id id = {0};
	bool kept = false, changed;
	int rc;

	if (protect && face.new_mgmkey == NULL)
		generate = 1;
	if ((rc = check_new(generate && !protect, face.new_mgmkey, "--new-management-key", err)) !=
		0 ||
	    (rc = mgm_alg(&how.alg, err)) != 0)
		return rc;
	how.new_key = (struct workflow_token_new){generate != 0, out == NULL ? NULL : keep, &kept};
	how.touch = touch != 0;
	how.protect = protect != 0;
	rc = workflow_token_change_mgmkey(&c->desk, &how, &changed, &id, err);
	drop_unused(rc, kept && !changed);
	if (rc != 0 && kept && changed)
		err_hint(err, "the new one is in %s", out);
	if (rc == 0)
		done(&id, protect ? "the management key is changed, and kept behind the PIN"
				  : "the management key is changed");
	return rc;
}

const struct command cmd_token_change_mgmkey = {"token change-management-key",
    "change the management key", NULL, 0, 0, mgmkey_table, .run = run_change_mgmkey,
    .of_token = true};

static int
run_set_retries(struct called *c, struct err *err)
{
	unsigned long pin, puk;
	struct token_id id = {0};
	int rc;

	if ((rc = text_number(c->args[0], "number of PIN tries", 15, &pin, err)) != 0 ||
	    (rc = text_number(c->args[1], "number of PUK tries", 15, &puk, err)) != 0)
		return rc;
	if (pin == 0 || puk == 0)
		return err_set(err, ERR_USAGE, "the tries must be from 1 to 15 each");
	if ((rc = workflow_token_set_retries(&c->desk, (unsigned)pin, (unsigned)puk, &id, err)) !=
	    0)
		return rc;
	done(&id, "the tries are set; PIN and PUK are now 123456 and 12345678");
	return 0;
}

const struct command cmd_token_set_retries = {"token set-retries",
    "set the number of tries; resets PIN and PUK", "PIN-TRIES PUK-TRIES", 2, 2, retries_table,
    .run = run_set_retries, .of_token = true};
