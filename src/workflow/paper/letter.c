/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"
#include "base/helper.h"
#include "workflow/run/run.h"

#define TEXT_MAX 4096 /* bytes; names are at most REGISTRY_TEXT_MAX */

/* What the holder reads. */
static const char form[] =
    "To %s <%s>\n"
    "\n"
    "Your security key\n"
    "\n"
    "You get a YubiKey with the serial number %u, which stands on it. It logs you\n"
    "in together with a PIN, which nobody else knows:\n"
    "\n"
    "        PIN:  %.*s\n"
    "\n"
    "Please change it when you have the key in your hand, and destroy this letter:\n"
    "\n"
    "        ykenroll token change-pin\n"
    "\n"
    "Three wrong PINs in a row block the key. Your helpdesk can then unblock it,\n"
    "and never needs to know your PIN.\n";

static bool
is_pdf(const char *path)
{
	const size_t n = strlen(path);

	return n >= 4 && strcmp(path + n - 4, ".pdf") == 0;
}

/* A page of these lines, by a program of its own, where that is installed. */
static int
make_pdf(const char *text, struct blob *ret, struct err *err)
{
	char path[PATH_MAX];

	if (env_program("ykenroll-letter", LETTER_PROGRAM, path, NULL) != 0)
		return err_set(err, ERR_USAGE,
		    "this ykenroll was built without libharu and cannot write PDF; choose a file "
		    "name that does not end in .pdf to get plain text");
	return helper_run(path, text, strlen(text), ret, err);
}

int
letter_check(const struct desk *w, struct err *err)
{
	CLEAN(blob_wipe) struct blob none = {0}, page = {0};
	int rc = 0;

	if (w->letter == NULL)
		return 0;
	if ((rc = file_check_new(w->letter, err)) != 0)
		return err_wrap(err, "the letter"), rc;
	if (is_pdf(w->letter))
		rc = make_pdf("", &page, err);
	if (rc == 0 && w->letter_to != NULL &&
	    (rc = blob_set(&none, "", 1, err)) == 0) /* can be sealed to that one at all? */
		rc = registry_letter_seal(w->letter_to, &none, &page, err);
	return rc == ERR_ABSENT ? ERR_USAGE : rc;
}

/* The page, sealed if it is to be, into a file that only its owner reads. */
static int
write_page(const struct desk *w, const char *text, struct err *err)
{
	CLEAN(blob_wipe) struct blob page = {0}, sealed = {0};
	const struct blob *what = &page;
	int rc;

	rc = is_pdf(w->letter) ? make_pdf(text, &page, err)
			       : blob_set(&page, text, strlen(text), err);
	if (rc != 0)
		return rc;
	if (w->letter_to != NULL) {
		if ((rc = registry_letter_seal(w->letter_to, &page, &sealed, err)) != 0)
			return rc;
		what = &sealed;
	}
	return file_create(w->letter, what->data, what->len, 0600, err);
}

static int
write_letter(const struct desk *w, const struct holder *holder, uint32_t token,
    const struct secret *pin, struct err *err)
{
	char text[TEXT_MAX];
	int n, rc;

	n = snprintf(text, sizeof(text), form, holder->name, holder->key, (unsigned)token,
	    (int)pin->len, (const char *)pin->bytes);
	rc = n < 0 || (size_t)n >= sizeof(text)
		 ? err_set(err, ERR_USAGE, "the holder's name is too long for a letter")
		 : write_page(w, text, err);
	secret_wipe_bytes(text, sizeof(text));
	return rc;
}

/* ---- as a part of a plan ---- */

int
letter_pin(struct enrolment *e, struct secret *ret, struct err *err)
{
	bool kept;
	int rc = registry_letter_pin(e->s.registry, e->s.serial, ret, err);

	if ((rc = err_answer(rc, ERR_ABSENT, &kept, err)) != 0 || kept)
		return rc;
	return secret_digits(ret, LETTER_DIGITS, err);
}

int
letter_keep(struct enrolment *e, struct err *err)
{
	if (e->s.w->letter == NULL || e->new_pin->len == 0)
		return 0;
	return registry_letter_keep(e->s.registry, e->work.asked.token, e->new_pin, err);
}

/* Does this plan leave the PIN as it was? */
static bool
keeps_pin(const struct enrolment *e)
{
	return strcmp(e->plan->name, "renew") == 0;
}

int
letter_finish(struct enrolment *e, struct err *err)
{
	bool was;
	int rc;

	if (e->s.w->letter != NULL && e->new_pin->len > 0) {
		rc = write_letter(
		    e->s.w, &e->work.asked.holder, e->work.asked.token, e->new_pin, err);
		if (rc != 0) {
			(void)err_wrap(err, "the token is ready, but its letter was not written");
			err_hint(err, "write it with: ykenroll letter %u --letter FILE",
			    (unsigned)e->work.asked.token);
		}
		return rc;
	}
	if (keeps_pin(e))
		return 0;
	rc = registry_letter_end(
	    e->s.registry, e->work.asked.token, "the PIN in it is no longer the token's", err);
	return err_answer(rc, ERR_ABSENT, &was, err);
}

/* ---- on its own ---- */

static int
take(void *ctx, const struct registry_letter *letter)
{
	*(struct registry_letter *)ctx = *letter;
	return 1;
}

int
workflow_letter_write(const struct desk *w, uint32_t token, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(secret_freep) struct secret *pin = secret_new();
	struct registry_letter letter = {0};
	int rc;

	if ((rc = letter_check(w, err)) != 0 ||
	    (rc = registry_open(w->home, w->actor, &r, err)) != 0 ||
	    (rc = registry_letter_pin(r, token, pin, err)) != 0)
		return rc;
	if ((rc = registry_letters(r, token, take, &letter, err)) < 0)
		return rc;
	if (letter.holder.id == 0)
		return err_set(err, ERR_ABSENT, "token %u has no holder", (unsigned)token);
	if ((rc = registry_audit(r, "letter-write", token,
		 w->letter_to == NULL ? "again" : "again, sealed", err)) != 0)
		return rc;
	return write_letter(w, &letter.holder, token, pin, err);
}

int
workflow_letter_handed(const struct desk *w, uint32_t token, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = registry_open(w->home, w->actor, &r, err)) != 0)
		return rc;
	return registry_letter_end(r, token, "the holder has it", err);
}
