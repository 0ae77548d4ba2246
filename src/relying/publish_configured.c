/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_configured: to each place of ykenroll.conf. */
#include <string.h>

#include "relying/publish.h"

struct place {
	const struct relying_publish *to;
	struct relying_published done;
	bool there; /* its files are */
};

struct first { /* of what failed */
	int rc;
	struct err *err;
};

static void
take(struct first *f, int rc, const struct err *why, const struct place *p)
{
	if (rc == 0 || f->rc != 0)
		return;
	f->rc = rc;
	if (f->err == NULL)
		return;
	*f->err = *why;
	err_wrap(f->err, "publishing to %s", p->to->dir);
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The same server reads both. */
static bool
together(const struct place *a, const struct place *b)
{
	return a->there && b->there && same(a->to->test, b->to->test) &&
	       same(a->to->reload, b->to->reload);
}

/* Are this one's commands to be run, for itself and for those before it? */
static bool
is_due(const struct place *all, size_t n, size_t i, bool again)
{
	size_t k, written = 0;

	for (k = i + 1; k < n; k++)
		if (together(&all[i], &all[k]))
			return false;
	for (k = 0; k <= i; k++)
		if (together(&all[i], &all[k]))
			written += all[k].done.written;
	return all[i].there && (!again || written > 0);
}

int
relying_publish_configured(const struct desk *w, bool again, size_t *ret_n, struct err *err)
{
	CLEAN(config_wipe) struct config c = {.n = 0};
	struct place all[CONFIG_PLACES];
	struct first first = {.rc = 0, .err = err};
	size_t i;
	int rc;

	if ((rc = config_read(w->home, &c, err)) != 0)
		return rc;
	for (i = 0; i < c.n; i++) {
		struct err why = ERR_INIT;

		all[i].to = &c.to[i];
		rc = publish_files(w, &c.to[i], &all[i].done, &why);
		all[i].there = rc == 0;
		take(&first, rc, &why, &all[i]);
	}
	for (i = 0; i < c.n; i++) {
		struct err why = ERR_INIT;

		if (is_due(all, c.n, i, again))
			take(&first, publish_commands(&c.to[i], &why), &why, &all[i]);
		if (all[i].there)
			take(&first, publish_list_failed(&all[i].done, &why), &why, &all[i]);
	}
	*ret_n = c.n;
	return first.rc;
}

int
relying_publish_watch_configured(
    const struct desk *w, const struct relying_watch *watch, struct err *err)
{
	CLEAN(config_wipe) struct config c = {.n = 0};
	int rc;

	if ((rc = config_read(w->home, &c, err)) != 0)
		return rc;
	if (c.n == 0)
		return err_set(err, ERR_USAGE,
		    "nowhere to publish; use ykenroll ca publish DIR, or a section [publish] in "
		    "ykenroll.conf");
	return relying_publish_watch(w, c.to, c.n, watch, err);
}
