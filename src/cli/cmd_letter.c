/* SPDX-License-Identifier: BSD-2-Clause */
/* letter: first PINs that wait for their holders. */
#include <jansson.h>

#include "cli/cli.h"

static int handed;

static const struct poptOption table[] = {
    OPT_TABLE(opt_letter),
    OPT_FLAG("handed-over", 0, &handed, "the holder has the letter: delete the stored PIN"),
    OPT_END,
};

static int
row_text(void *ctx, const struct registry_letter *letter)
{
	(void)ctx;
	printf("%-10u %s  %s\n", (unsigned)letter->token.serial, render_when(letter->made),
	    render_escaped(letter->holder.key));
	return 0;
}

static int
row_json(void *ctx, const struct registry_letter *letter)
{
	json_array_append_new(
	    ctx, json_pack("{s:I, s:s, s:s}", "token", (json_int_t)letter->token.serial, "holder",
		     letter->holder.key, "made", render_time(letter->made)));
	return 0;
}

/* No word: those that wait. */
static int
list(struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	json_t *all;
	int rc;

	if ((rc = opt_registry(&r, err)) != 0)
		return rc;
	if (!opt.json)
		return registry_letters(r, 0, row_text, NULL, err);
	if ((all = json_array()) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = registry_letters(r, 0, row_json, all, err)) != 0) {
		json_decref(all);
		return rc;
	}
	return render_json(json_pack("{s:o}", "letters", all), err);
}

struct first {
	uint32_t holder_token;
	unsigned n;
	int64_t holder;
};

static int
take(void *ctx, const struct registry_letter *letter)
{
	struct first *f = ctx;

	if (f->holder != 0 && letter->holder.id != f->holder)
		return 0;
	f->holder_token = letter->token.serial;
	f->n++;
	return 0;
}

/* The word names a token, or a holder of whom one letter waits. */
static int
which(const char *word, uint32_t *ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	struct registry_found found = {0};
	struct first f = {0};
	int rc;

	if ((rc = opt_registry(&r, err)) != 0)
		return rc;
	if ((rc = registry_find(r, word, &found, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	f.holder = found.holder;
	if (found.has_cert)
		return err_set(err, ERR_USAGE, "give the token or its holder, not a certificate");
	if ((rc = registry_letters(r, found.token, take, &f, err)) != 0)
		return rc;
	if (f.n == 0)
		return err_set(err, ERR_USAGE, "there is no waiting letter for %s", word);
	if (f.n > 1)
		return err_set(err, ERR_AMBIGUOUS,
		    "there are %u waiting letters for %s; give the token's serial number", f.n,
		    word);
	*ret = f.holder_token;
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	uint32_t token = 0;
	int rc;

	if (c->n == 0 && opt.letter == NULL && !handed)
		return list(err);
	if (c->n == 0 || (opt.letter != NULL) == (handed != 0))
		return err_set(err, ERR_USAGE,
		    "to write it again: ykenroll letter TOKEN --letter FILE; after handing it "
		    "over: ykenroll letter TOKEN --handed-over");
	if ((rc = which(c->args[0], &token, err)) != 0)
		return rc;
	rc = handed ? workflow_letter_handed(&c->desk, token, err)
		    : workflow_letter_write(&c->desk, token, err);
	if (rc != 0 || opt.json)
		return rc != 0 ? rc
			       : render_json(json_pack("{s:I}", "token", (json_int_t)token), err);
	if (handed)
		printf("token %u: its first PIN is no longer stored\n", (unsigned)token);
	else
		printf(
		    "token %u: the letter is in %s\n", (unsigned)token, render_escaped(opt.letter));
	return 0;
}

const struct command cmd_letter = {"letter",
    "list or write letters with first PINs that wait for their holders", "[HOLDER|TOKEN]", 0, 1,
    table, .run = run};
