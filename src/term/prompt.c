/* SPDX-License-Identifier: BSD-2-Clause */
/* prompt: secrets from a person, a private file or a descriptor; never from argv or the
 * environment. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "term/term.h"

#define PROMPT_ROUNDS 3
#define CREDENTIAL "credential:"
#define FILE_SPEC "file:"

bool prompt_nobody;
const char *prompt_about;
const char *prompt_left = "nothing was changed";
int64_t prompt_ns;

static bool
have_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int
prompt_check_spec(const char *spec, const char *option, struct err *err)
{
	int rc;

	if (spec != NULL && strncmp(spec, FILE_SPEC, strlen(FILE_SPEC)) == 0) {
		if ((rc = file_check_secret(spec + strlen(FILE_SPEC), err)) != 0)
			(void)err_wrap(err, "%s", option);
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	}
	if (spec == NULL || strcmp(spec, "prompt") == 0 || strncmp(spec, "fd:", 3) == 0 ||
	    strncmp(spec, CREDENTIAL, strlen(CREDENTIAL)) == 0)
		return 0;
	/* The value is not repeated: it may be the secret itself. */
	return err_set(err, ERR_USAGE,
	    "%s must be prompt, file:PATH, fd:N or credential:NAME, not the secret itself: any "
	    "user can see the arguments of a command, and every child inherits the environment",
	    option);
}

bool
prompt_is_person(const char *spec)
{
	return spec == NULL || strcmp(spec, "prompt") == 0;
}

static int
from_fd(const char *number, struct secret *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *line = secret_new();
	unsigned long fd;
	char from[16];
	ssize_t n;
	int rc;

	if ((rc = text_number(number, "fd", 1023, &fd, err)) != 0)
		return rc;
	snprintf(from, sizeof(from), "fd:%lu", fd);
	/* not a byte more: the next line may be another secret */
	while (line->len < SECRET_MAX) {
		n = read((int)fd, &line->bytes[line->len], 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_USAGE, "cannot read %s", from);
		if (n == 0 || line->bytes[line->len++] == '\n')
			break;
	}
	return file_secret_line(from, line->bytes, line->len, ret, err);
}

/* One round of OpenSSL's own terminal dialogue: no echo, and the terminal is put right after a
 * signal. */
static int
ask(const struct prompt *p, struct secret *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *again = secret_new();
	char text[128], about[ERR_TEXT_MAX + 2] = "";
	UI *ui = UI_new();
	int r = -1;

	/* OpenSSL puts "Verifying - " before the second one. */
	snprintf(text, sizeof(text), "%s: ", p->what);
	text[0] = (char)toupper((unsigned char)text[0]);
	if (prompt_about != NULL)
		snprintf(about, sizeof(about), "%s\n", render_escaped(prompt_about));
	if (ui != NULL && UI_add_info_string(ui, about) >= 0 &&
	    UI_add_input_string(ui, text, 0, (char *)ret->bytes, 0, SECRET_MAX - 1) >= 0 &&
	    (!p->twice || UI_add_verify_string(ui, text, 0, (char *)again->bytes, 0, SECRET_MAX - 1,
			      (const char *)ret->bytes) >= 0))
		r = UI_process(ui);
	UI_free(ui);
	ERR_clear_error();
	if (r == -2)
		return err_set(err, ERR_PERSON, "interrupted at the prompt for the %s%s%s", p->what,
		    prompt_left[0] == '\0' ? "" : "; ", prompt_left);
	if (r != 0)
		return p->twice ? err_set(err, ERR_USAGE, "The two entries differ. Try again.")
				: err_set(err, ERR_USAGE, "the %s could not be read", p->what);
	ret->len = strlen((const char *)ret->bytes);
	if (ret->len == 0)
		return err_set(err, ERR_USAGE, "the %s is empty", p->what);
	return p->check == NULL ? 0 : p->check(ret, err);
}

static int
ask_rounds(const struct prompt *p, struct secret *ret, struct err *err)
{
	const int64_t start = utc_monotonic_ns();
	int rc = ERR_INTERNAL, round;

	for (round = 0; round < PROMPT_ROUNDS; round++) {
		secret_wipe_bytes(ret, sizeof(*ret));
		rc = ask(p, ret, err);
		if (rc != ERR_USAGE)
			break;
		render_line(stderr, err->text);
	}
	prompt_ns += utc_monotonic_ns() - start;
	return rc;
}

static void
on_interrupt(int sig)
{
	(void)sig;
}

/* Interrupted is not yes. */
static void
read_line(FILE *tty, char *ret, int size)
{
	const struct sigaction sa = {.sa_handler = on_interrupt}; /* no SA_RESTART */
	struct sigaction was;

	sigaction(SIGINT, &sa, &was);
	if (fgets(ret, size, tty) == NULL)
		ret[0] = '\0';
	sigaction(SIGINT, &was, NULL);
}

int
prompt_yes(const char *question, bool yes, struct err *err)
{
	char answer[16] = "";
	FILE *tty;

	render_line(stderr, question);
	if (yes)
		return 0;
	tty = prompt_nobody ? NULL : fopen("/dev/tty", "r+e");
	if (tty == NULL)
		return err_set(err, ERR_PERSON,
		    "this needs a confirmation and there is nobody to ask; use -y to confirm");
	fprintf(tty, "Type yes: ");
	fflush(tty);
	read_line(tty, answer, sizeof(answer));
	fclose(tty);
	return strcmp(answer, "yes\n") == 0
		   ? 0
		   : err_set(err, ERR_PERSON, "nothing was done: the answer was not yes");
}

int
prompt_secret(const struct prompt *p, struct secret *ret, struct err *err)
{
	int rc;

	if ((rc = prompt_check_spec(p->spec, p->option, err)) != 0)
		return rc;
	if (p->spec != NULL && strncmp(p->spec, FILE_SPEC, strlen(FILE_SPEC)) == 0)
		rc = file_read_secret(p->spec + strlen(FILE_SPEC), ret, err);
	else if (p->spec != NULL && strncmp(p->spec, "fd:", 3) == 0)
		rc = from_fd(p->spec + 3, ret, err);
	else if (p->spec != NULL && strncmp(p->spec, CREDENTIAL, strlen(CREDENTIAL)) == 0)
		rc = file_read_credential(p->spec + strlen(CREDENTIAL), ret, err);
	else if (prompt_nobody || !have_terminal())
		return err_set(err, ERR_PERSON,
		    "the %s is needed and there is nobody to ask; use %s file:PATH or fd:N",
		    p->what, p->option);
	else
		return ask_rounds(p, ret, err);
	if (rc == ERR_ABSENT)
		rc = ERR_USAGE;
	if (rc != 0) {
		err_wrap(err, "%s", p->what);
		return rc;
	}
	return p->check == NULL ? 0 : p->check(ret, err);
}
