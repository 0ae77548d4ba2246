/* SPDX-License-Identifier: BSD-2-Clause */
/* face: what a person sees of a workflow while it runs. */
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/utc.h"
#include "cli/cli.h"

#define TOUCH_SEC 15 /* so long a YubiKey waits */

struct face face;

static void
touch(void *ctx, bool begin)
{
	(void)ctx;
	if (begin)
		countdown_begin("Touch your YubiKey…", TOUCH_SEC);
	else
		countdown_end();
}

static void
waiting(void *ctx, const char *why)
{
	static int64_t since;
	char text[ERR_TEXT_MAX + 80];

	(void)ctx;
	if (why == NULL) {
		prompt_ns += utc_monotonic_ns() - since;
		return;
	}
	since = utc_monotonic_ns();
	snprintf(text, sizeof(text), "%s (waiting up to %s s)", why, face.wait);
	render_line(stderr, text);
}

/* In a signal handler: the answer is long overdue, and the journal makes it safe to end here. */
static void
deadline(void *ctx)
{
	static const char
	    text[] =
		"ykenroll: the token does not answer; unplug it, plug it in again and run: ykenroll "
		"recover\n",
	    json[] =
		"{\"error\": {\"code\": 14, \"name\": \"gone\", \"text\": \"the token does not "
		"answer\", \"next\": \"ykenroll recover\"}}\n";

	(void)ctx;
	if (face.json)
		(void)!write(STDOUT_FILENO, json, sizeof(json) - 1);
	if (countdown_runs()) /* it ends with us, in the middle of its line */
		(void)!write(STDERR_FILENO, "\n", 1);
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(err_exit_status(ERR_GONE));
}

const struct device_ui face_device = {.touch = touch, .deadline = deadline, .waiting = waiting};

static void
step(void *ctx, const struct desk_step *s)
{
	static const char *const marks[] = {[STEP_WAITS] = "would",
	    [STEP_ALREADY] = "done",
	    [STEP_DONE] = "ok",
	    [STEP_FAILED] = "FAILED"};

	(void)ctx;
	fprintf(stderr, "%-6s %-15s %s%s\n", marks[s->state], s->name, render_escaped(s->what),
	    s->state == STEP_ALREADY ? " (before)" : "");
	fflush(stderr);
}

static void
say(void *ctx, const char *text)
{
	(void)ctx;
	render_line(stderr, text);
}

/* ---- secrets ---- */

static int
pin_check(const struct secret *pin, struct err *err)
{
	return desk_pin_check(pin, err);
}

static int
puk_check(const struct secret *puk, struct err *err)
{
	int rc;

	if ((rc = device_pin_check(puk, "new PUK", err)) != 0)
		return rc;
	return secret_is_trivial(puk)
		   ? err_set(err, ERR_USAGE,
			 "this PUK is too easy to guess (the factory PUK 12345678, a sequence, or one repeated character): choose another one")
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
		    err, ERR_USAGE, "a management key must have 32, 48 or 64 hexadecimal digits");
	digits->bytes[digits->len] = '\0';
	if (text_unhex((const char *)digits->bytes, bytes->bytes, digits->len / 2) != 0)
		return err_set(err, ERR_USAGE,
		    "the management key has a character that is not a hexadecimal digit");
	return secret_set(s, bytes->bytes, digits->len / 2, err);
}

struct asked {
	char **spec;
	struct prompt prompt;
	bool if_given; /* only where a SPEC was, or with face.ask_current */
};

/* Of the commands for a life: --pin is the PIN that the holder has or gets. */
static const struct asked of_life[] = {
    [DESK_NEW_PIN] = {&face.new_pin,
	{NULL, "new PIN (6 to 8 characters)", "--pin", true, pin_check}, false},
    [DESK_CURRENT_PIN] = {&face.current_pin, {NULL, "current PIN", "--current-pin", false, NULL},
	true},
    [DESK_CURRENT_PUK] = {&face.current_puk, {NULL, "current PUK", "--current-puk", false, NULL},
	true},
    [DESK_CURRENT_MGMKEY] = {&face.current_mgmkey,
	{NULL, "current management key (hexadecimal)", "--management-key", false, NULL}, true},
    [DESK_HOLDER_PIN] = {&face.new_pin, {NULL, "holder's PIN", "--pin", false, NULL}, false},
    [DESK_ESCROW_PASS] = {&face.escrow_pass,
	{NULL, "passphrase of the escrow key", "--escrow-pass", false, NULL}, false},
};

/* Of the token verbs: --pin is the current PIN. */
static const struct asked of_token[] = {
    [DESK_NEW_PIN] = {&face.new_pin,
	{NULL, "new PIN (6 to 8 characters)", "--new-pin", true, pin_check}, false},
    [DESK_CURRENT_PIN] = {&face.current_pin, {NULL, "PIN", "--pin", false, NULL}, false},
    [DESK_CURRENT_PUK] = {&face.current_puk, {NULL, "PUK", "--puk", false, NULL}, false},
    [DESK_CURRENT_MGMKEY] = {&face.current_mgmkey,
	{NULL, "management key (hexadecimal)", "--management-key", false, NULL}, true},
    [DESK_NEW_PUK] = {&face.new_puk,
	{NULL, "new PUK (6 to 8 characters)", "--new-puk", true, puk_check}, false},
    [DESK_NEW_MGMKEY] = {&face.new_mgmkey,
	{NULL, "new management key (hexadecimal)", "--new-management-key", true, NULL}, false},
};

static int
ask(const struct asked *a, enum desk_secret which, struct secret *ret, struct err *err)
{
	struct prompt p = a->prompt;
	int rc;

	p.spec = *a->spec;
	if (a->if_given && p.spec == NULL && !face.ask_current)
		return err_set(err, ERR_ABSENT, "not given");
	if ((rc = prompt_secret(&p, ret, err)) != 0)
		return rc;
	return which == DESK_CURRENT_MGMKEY || which == DESK_NEW_MGMKEY ? unhex_in_place(ret, err)
									: 0;
}

static int
secret(void *ctx, enum desk_secret which, struct secret *ret, struct err *err)
{
	(void)ctx;
	return ask(&of_life[which], which, ret, err);
}

static int
check_given(const struct asked *a, enum desk_secret which, struct err *err)
{
	CLEAN(secret_freep) struct secret *value = secret_new();

	return *a->spec != NULL && strncmp(*a->spec, "file:", 5) == 0 ? ask(a, which, value, err)
								      : 0;
}

static int
check(void *ctx, enum desk_secret which, struct err *err)
{
	(void)ctx;
	return check_given(&of_life[which], which, err);
}

static int
token_check(void *ctx, enum desk_secret which, struct err *err)
{
	(void)ctx;
	return check_given(&of_token[which], which, err);
}

static int
token_secret(void *ctx, enum desk_secret which, struct secret *ret, struct err *err)
{
	(void)ctx;
	return ask(&of_token[which], which, ret, err);
}

static void
about(void *ctx, const char *whom, const char *left)
{
	static char whom_kept[ERR_TEXT_MAX], left_kept[ERR_TEXT_MAX];

	(void)ctx;
	snprintf(whom_kept, sizeof(whom_kept), "%s", whom);
	snprintf(left_kept, sizeof(left_kept), "%s", left);
	prompt_about = whom_kept;
	prompt_left = left_kept;
}

static bool
again(void *ctx, enum desk_secret which, const struct err *why)
{
	static unsigned tries;

	(void)ctx;
	if (!prompt_is_person(*of_life[which].spec) || ++tries >= PROMPT_TRIES)
		return false;
	render_error(why);
	return true;
}

static int
confirm(void *ctx, const char *question, struct err *err)
{
	(void)ctx;
	return prompt_yes(question, face.yes, err);
}

const struct desk_ui face_ui = {.step = step,
    .say = say,
    .about = about,
    .again = again,
    .secret = secret,
    .check = check,
    .confirm = confirm};
const struct desk_ui face_token_ui = {
    .say = say, .about = about, .secret = token_secret, .check = token_check, .confirm = confirm};
