/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_watch: the files, then the commands, once or whenever there is something to publish. A
 * look a second instead of inotify: it also sees a clock that was set, and certificates that
 * expire. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/utc.h"
#include "relying/publish.h"
#include "desk/reload.h"

#define LOOK_SEC 1
#define EVERY_SEC 60 /* also where nothing is seen to change */
#define LOAD 20	     /* a publication may take a twentieth of the time */
#define AGAIN_MAX_SEC 60
#define REPEAT_SEC 3600 /* the same complaint */
#define WARNINGS 8	/* different ones */

int
publish_commands(const struct relying_publish *what, struct err *err)
{
	int rc;

	if (what->test != NULL && (rc = reload_run(what->test, err)) != 0) {
		err_wrap(err,
		    "the files are in place, but the server's configuration test failed and "
		    "nothing was reloaded");
		return rc;
	}
	if (what->reload != NULL && (rc = reload_run(what->reload, err)) != 0) {
		err_wrap(err, "the files are in place, but the reload failed");
		return rc;
	}
	return 0;
}

/* The servers have everything that could be made. */
int
publish_list_failed(const struct relying_published *p, struct err *err)
{
	if (p->list.code == 0)
		return 0;
	if (err != NULL)
		*err = p->list;
	err_wrap(err, "the files are in place, but a list is not as it should be");
	return p->list.code;
}

static int
check_commands(const struct relying_publish *what, struct err *err)
{
	int rc;

	if (what->test != NULL && (rc = reload_check(what->test, err)) != 0)
		return rc;
	return what->reload != NULL ? reload_check(what->reload, err) : 0;
}

int
relying_publish(const struct desk *w, const struct relying_publish *what,
    struct relying_published *ret, struct err *err)
{
	int rc;

	if ((rc = check_commands(what, err)) != 0 || (rc = publish_files(w, what, ret, err)) != 0)
		return rc;
	if ((rc = publish_commands(what, err)) != 0)
		return rc;
	return publish_list_failed(ret, err);
}

/* ---- staying ---- */

static const char *const watched[] = {"pub/issuing.crt", "pub/issuing.crl", "pub/root.crt",
    "pub/root.crl", "registry.db", "registry.db-wal", "ykenroll.conf"};
#define PUBLIC 4 /* the first of them; the rest matters for lists of certificates */
#define WATCHED (sizeof(watched) / sizeof(watched[0]))
#define MARKS (WATCHED + CONFIG_PLACES * ALLOWS_MAX)

struct mark {
	int64_t ino, size, sec, nsec;
};

struct said {
	char text[ERR_TEXT_MAX];
	int64_t at;
};

struct watch {
	const struct desk *w;
	const struct relying_publish *to;
	const struct relying_watch *tell;
	struct relying_published done; /* since it was told */
	struct mark marks[MARKS];
	int64_t looked, next; /* wall clock */
	bool due;	      /* the commands are to be run */
	int64_t again_sec, again_at;
	struct said failed, warned[WARNINGS];
	unsigned next_warned;
};

/* ---- what is told, but not every minute ---- */

static bool
is_news(struct said *s, const char *text)
{
	const int64_t now = utc_now();

	if (strcmp(s->text, text) == 0 && now >= s->at && now < s->at + REPEAT_SEC)
		return false;
	snprintf(s->text, sizeof(s->text), "%s", text);
	s->at = now;
	return true;
}

static void
say(void *ctx, const char *text)
{
	struct watch *v = ctx;
	unsigned i;

	for (i = 0; i < WARNINGS; i++)
		if (strcmp(v->warned[i].text, text) == 0)
			break;
	if (i == WARNINGS)
		i = v->next_warned++ % WARNINGS;
	if (is_news(&v->warned[i], text))
		v->w->ui.say(v->w->ui.ctx, text);
}

static void
fail(struct watch *v, const struct err *err)
{
	if (is_news(&v->failed, err->text))
		v->tell->failed(v->tell->ctx, v->to, err);
}

/* ---- one look ---- */

static void
take_mark(const char *path, struct mark *ret)
{
	struct stat st;

	if (stat(path, &st) == 0)
		*ret = (struct mark){
		    (int64_t)st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
}

/* ret: zeros where a file does not matter, or is not there. */
static void
take_marks(const struct watch *v, struct mark ret[static MARKS])
{
	const bool lists = v->done.lists > 0;
	const size_t n = v->done.has_leaves || v->to->leaves || lists ? WATCHED : PUBLIC;
	CLEAN(config_wipe) struct config c = {.n = 0};
	char path[PATH_MAX];
	size_t i, k;

	memset(ret, 0, MARKS * sizeof(ret[0]));
	for (i = 0; i < n; i++)
		if (file_join(path, sizeof(path), v->w->home, watched[i], NULL) == 0)
			take_mark(path, &ret[i]);
	if (!lists || config_read(v->w->home, &c, NULL) != 0)
		return;
	for (i = 0; i < c.n; i++)
		for (k = 0; k < c.allow[i].n; k++)
			take_mark(c.allow[i].all[k].who, &ret[WATCHED + i * ALLOWS_MAX + k]);
}

static bool
is_time(struct watch *v)
{
	const int64_t now = utc_now();
	struct mark marks[MARKS];
	bool time;

	take_marks(v, marks);
	time = now >= v->next || now < v->looked || memcmp(marks, v->marks, sizeof(marks)) != 0;
	v->looked = now;
	memcpy(v->marks, marks, sizeof(marks)); /* of before: what changes meanwhile is seen */
	return time;
}

static int
publish(struct watch *v, struct err *err)
{
	const int64_t start = utc_monotonic_ns();
	struct desk quiet = *v->w;
	struct relying_published now;
	int64_t took;
	size_t before = v->done.written;
	int rc;

	quiet.ui.say = say;
	quiet.ui.ctx = v;
	rc = publish_files(&quiet, v->to, &now, err);
	took = (utc_monotonic_ns() - start) / 1000000000;
	v->next = utc_now() + (took * LOAD > EVERY_SEC ? took * LOAD : EVERY_SEC);
	if (rc != 0) /* some may have been written */
		v->done.written += now.written;
	else
		v->done = now, v->done.written += before;
	if (v->done.written > before)
		v->due = true, v->again_sec = 0;
	return rc;
}

static int
command(struct watch *v, struct err *err)
{
	const int64_t now = utc_now();
	int rc;

	if (!v->due || (v->again_sec > 0 && now < v->again_at && now + v->again_sec >= v->again_at))
		return 0;
	if ((rc = publish_commands(v->to, err)) != 0) {
		v->again_sec = v->again_sec == 0 ? 1 : 2 * v->again_sec;
		if (v->again_sec > AGAIN_MAX_SEC)
			v->again_sec = AGAIN_MAX_SEC;
		v->again_at = now + v->again_sec;
		return rc;
	}
	v->due = false;
	v->again_sec = 0;
	if (v->done.list.code == 0)
		v->failed.text[0] = '\0';
	v->tell->published(v->tell->ctx, v->to, &v->done);
	v->done.written = 0;
	return publish_list_failed(&v->done, err);
}

static void
look(struct watch *v)
{
	struct err err = ERR_INIT;

	if ((is_time(v) && publish(v, &err) != 0) || command(v, &err) != 0)
		fail(v, &err);
}

/* true: a signal that ends us. */
static bool
ended(const sigset_t *set)
{
	const struct timespec wait = {.tv_sec = LOOK_SEC};

	return sigtimedwait(set, NULL, &wait) > 0;
}

static int
stay(struct watch *all, size_t n, struct err *err)
{
	sigset_t set, was;
	size_t i;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &was) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot block signals");
	do
		for (i = 0; i < n; i++)
			look(&all[i]);
	while (!ended(&set));
	if (sigprocmask(SIG_SETMASK, &was, NULL) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot unblock signals");
	return 0;
}

int
relying_publish_watch(const struct desk *w, const struct relying_publish *to, size_t n,
    const struct relying_watch *watch, struct err *err)
{
	struct watch *all;
	size_t i;
	int rc;

	for (i = 0; i < n; i++)
		if ((rc = check_commands(&to[i], err)) != 0)
			return rc;
	if ((all = calloc(n, sizeof(*all))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	for (i = 0; i < n; i++)
		all[i] = (struct watch){.w = w, .to = &to[i], .tell = watch, .due = true};
	rc = stay(all, n, err);
	free(all);
	return rc;
}
