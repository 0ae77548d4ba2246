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
	snprintf(text, sizeof(text), "%s (waiting up to %s s)", why, opt.wait);
	render_line(stderr, text);
}

/* In a signal handler: the answer is long overdue, and the journal makes it safe to end here. */
static void
deadline(void *ctx)
{
	static const char text[] =
	    "ykenroll: the token does not answer; plug it in anew and run: ykenroll recover\n";

	(void)ctx;
	if (countdown_runs()) /* it ends with us, in the middle of its line */
		(void)!write(STDERR_FILENO, "\n", 1);
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(err_exit_status(ERR_GONE));
}

const struct device_ui face_device = {.touch = touch, .deadline = deadline, .waiting = waiting};

static void
step(void *ctx, const struct workflow_step *s)
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

static int
pin_check(const struct secret *pin, struct err *err)
{
	return workflow_pin_check(pin, err);
}

/* A management key is given as hexadecimal digits. */
static int
unhex_in_place(struct secret *s, struct err *err)
{
	CLEAN(secret_freep) struct secret *bytes = secret_new();

	if (s->len % 2 != 0 || s->len / 2 > SECRET_MAX || s->len >= SECRET_MAX)
		return err_set(
		    err, ERR_USAGE, "the management key must be 32, 48 or 64 hexadecimal digits");
	s->bytes[s->len] = '\0';
	if (text_unhex((const char *)s->bytes, bytes->bytes, s->len / 2) != 0)
		return err_set(err, ERR_USAGE,
		    "the management key has a character that is no hexadecimal digit");
	return secret_set(s, bytes->bytes, s->len / 2, err);
}

static bool
is_current(enum workflow_secret which)
{
	return which == WORKFLOW_CURRENT_PIN || which == WORKFLOW_CURRENT_PUK ||
	       which == WORKFLOW_CURRENT_MGMKEY;
}

static int
secret(void *ctx, enum workflow_secret which, struct secret *ret, struct err *err)
{
	const struct prompt prompts[] = {
	    [WORKFLOW_NEW_PIN] = {face.new_pin, "new PIN (6 to 8 characters)", "--pin", true,
		pin_check},
	    [WORKFLOW_CURRENT_PIN] = {face.current_pin, "current PIN", "--current-pin", false,
		NULL},
	    [WORKFLOW_CURRENT_PUK] = {face.current_puk, "current PUK", "--current-puk", false,
		NULL},
	    [WORKFLOW_CURRENT_MGMKEY] = {face.current_mgmkey,
		"current management key (hexadecimal)", "--management-key", false, NULL},
	    [WORKFLOW_HOLDER_PIN] = {face.new_pin, "holder's PIN", "--pin", false, NULL},
	    [WORKFLOW_ESCROW_PASS] = {face.escrow_pass, "passphrase of the escrow key",
		"--escrow-pass", false, NULL},
	};
	const struct prompt *p = &prompts[which];
	int rc;

	(void)ctx;
	if (is_current(which) && p->spec == NULL && !face.ask_current)
		return err_set(err, ERR_ABSENT, "not given");
	if ((rc = prompt_secret(p, ret, err)) != 0)
		return rc;
	return which == WORKFLOW_CURRENT_MGMKEY ? unhex_in_place(ret, err) : 0;
}

static int
confirm(void *ctx, const char *question, struct err *err)
{
	(void)ctx;
	return prompt_yes(question, opt.yes != 0, err);
}

const struct workflow_ui face_ui = {.step = step, .say = say, .secret = secret, .confirm = confirm};
