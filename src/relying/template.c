/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "relying/template.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct filling {
	const struct template_word *words;
	struct blob *ret;
	unsigned depth, off; /* sections we are in; the one that is left out, or 0 */
};

static const struct template_word *
find(const struct filling *f, const char *name, size_t len, struct err *err)
{
	const struct template_word *w;

	for (w = f->words; w->name != NULL; w++)
		if (strlen(w->name) == len && strncmp(w->name, name, len) == 0)
			return w;
	err_set(err, ERR_INTERNAL, "template: unknown name %.*s", (int)len, name);
	return NULL;
}

static int
add_line(const struct filling *f, const char *line, size_t len, struct err *err)
{
	const char *end = line + len, *at = line;
	const struct template_word *w;
	size_t n;
	int rc;

	while ((at = memchr(at, '@', (size_t)(end - at))) != NULL) {
		n = strspn(++at, NAME_CHARS);
		if (n == 0 || at[n] != '@')
			continue;
		if ((w = find(f, at, n, err)) == NULL)
			return ERR_INTERNAL;
		if ((rc = blob_append(f->ret, line, (size_t)(at - 1 - line), err)) != 0)
			return rc;
		if (w->value != NULL &&
		    (rc = blob_append(f->ret, w->value, strlen(w->value), err)) != 0)
			return rc;
		line = at += n + 1;
	}
	return blob_append(f->ret, line, (size_t)(end - line), err);
}

static bool
begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

static int
take_line(struct filling *f, const char *line, size_t len, struct err *err)
{
	const struct template_word *w;

	if (begins(line, "#if ")) {
		if ((w = find(f, line + 4, len - 5, err)) == NULL)
			return ERR_INTERNAL;
		f->depth++;
		if (f->off == 0 && w->value == NULL)
			f->off = f->depth;
	} else if (f->depth > 0 && begins(line, "#else\n")) {
		if (f->off == 0)
			f->off = f->depth;
		else if (f->off == f->depth)
			f->off = 0;
	} else if (f->depth > 0 && begins(line, "#end\n")) {
		if (f->off == f->depth)
			f->off = 0;
		f->depth--;
	} else if (f->off == 0) {
		return add_line(f, line, len, err);
	}
	return 0;
}

const char *
template_find(const char *name)
{
	const struct template *t;

	for (t = templates; t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t->text;
	return NULL;
}

int
template_fill(
    const char *text, const struct template_word *words, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob filled = {0};
	struct filling f = {.words = words, .ret = &filled};
	size_t len;
	int rc;

	for (; *text != '\0'; text += len) {
		len = strcspn(text, "\n") + 1; /* each line has one */
		if ((rc = take_line(&f, text, len, err)) != 0)
			return rc;
	}
	if (f.depth > 0)
		return err_set(err, ERR_INTERNAL, "template: a section is not closed");
	blob_move(ret, &filled);
	return 0;
}
