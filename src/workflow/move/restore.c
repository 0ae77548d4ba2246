/* SPDX-License-Identifier: BSD-2-Clause */
/* restore: a home from a backup, all or nothing, and never behind what servers have. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "workflow/move/move.h"
#include "ykenroll/signer_status.h"

#define STAGED ".restoring" /* behind the home's own name */

struct restoring {
	const struct desk *w;
	const struct workflow_restore *what;
	char staged[PATH_MAX];
	struct registry *registry;
	struct workflow_moved *moved;
	struct signer_restored *crl;
	bool made;	/* what is staged is ours */
	bool rows_lost; /* the registry is older than the CRL */
	bool older;
};

static void
restoring_wipe(struct restoring *r)
{
	registry_closep(&r->registry);
}

static void say(const struct restoring *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(const struct restoring *r, const char *fmt, ...)
{
	char line[ERR_TEXT_MAX + 200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (r->w->ui.say != NULL)
		r->w->ui.say(r->w->ui.ctx, line);
}

/* ---- the files ---- */

static bool
is_public(const char *name)
{
	return strncmp(name, "pub/", 4) == 0;
}

/* What servers read is open to them, and nothing else to anybody. */
static int
make_dirs(const char *top, const char *name, struct err *err)
{
	const mode_t mode = is_public(name) ? 0755 : 0700;
	char path[PATH_MAX], *slash;
	int rc;

	if ((rc = file_join(path, sizeof(path), top, name, err)) != 0)
		return rc;
	for (slash = path + strlen(top) + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
		*slash = '\0';
		if (mkdir(path, mode) == 0 ? chmod(path, mode) != 0 : errno != EEXIST)
			return err_errno(err, ERR_INTERNAL, "cannot create %s", path);
	}
	return 0;
}

static int
put_file(void *ctx, const char *name, const struct blob *data, struct err *err)
{
	const struct restoring *r = ctx;
	char path[PATH_MAX];
	int rc;

	if ((rc = make_dirs(r->staged, name, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), r->staged, name, err)) != 0)
		return rc;
	return file_create(path, data->data, data->len, is_public(name) ? 0644 : 0600, err);
}

static int
check_empty(const char *home, struct err *err)
{
	CLEAN(file_dir_closep) DIR *d = opendir(home);
	const struct dirent *e;

	if (d == NULL)
		return err_errno(err, ERR_USAGE, "cannot read %s", home);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return err_set(err, ERR_OCCUPIED,
			    "%s is not empty; a backup is restored into a home of its own: --home",
			    home);
	return 0;
}

static int
stage(struct restoring *r, struct err *err)
{
	int rc;

	if (snprintf(r->staged, sizeof(r->staged), "%s" STAGED, r->w->home) >=
	    (int)sizeof(r->staged))
		return err_set(err, ERR_USAGE, "path too long: %s", r->w->home);
	if ((rc = check_empty(r->w->home, err)) != 0 ||
	    (rc = file_remove_tree(r->staged, err)) != 0 ||
	    (rc = file_private_dir(r->staged, err)) != 0)
		return rc;
	r->made = true;
	return manifest_check(r->what->dir, put_file, r, r->moved, err);
}

/* ---- is it sound, and how new? ---- */

static int
check_inside(struct restoring *r, struct err *err)
{
	struct signer_log log;
	int64_t rows;
	int rc;

	if ((rc = registry_open(r->staged, r->w->actor, &r->registry, err)) != 0 ||
	    (rc = registry_audit_verify(r->registry, &rows, err)) != 0)
		return rc;
	return r->moved->has_ca ? signer_log_verify(r->staged, NULL, NULL, &log, err) : 0;
}

static void
say_shown(struct restoring *r, const struct signer_shown *s, const char *which)
{
	char from[UTC_TEXT_LEN];

	if (!s->shown)
		return;
	utc_text(s->from, from);
	say(r, "%s CRL shown: number %llu of %s; the backup of %s knows %llu", which,
	    (unsigned long long)s->number, from, r->moved->made, (unsigned long long)s->known);
	if (s->missing > 0)
		say(r, "missing: %zu revocation%s on that CRL", s->missing,
		    s->missing == 1 ? "" : "s");
	r->older = r->older || s->missing > 0;
}

static void
compare_rows(struct restoring *r)
{
	struct registry_mark mark = {.rows = r->crl->audit.rows};
	struct err why = ERR_INIT;

	memcpy(mark.head, r->crl->audit.head, sizeof(mark.head));
	r->rows_lost = registry_mark_check(r->registry, &mark, "that CRL", &why) != 0;
	if (r->rows_lost && mark.rows > r->moved->rows)
		say(r,
		    "missing: %llu audit rows, with what they tell of: enrolments, reissues, "
		    "escrowed PUKs and management keys",
		    (unsigned long long)(mark.rows - r->moved->rows));
	r->older = r->older || r->rows_lost;
}

/* One that has ended is not what servers have now. */
static bool
is_known(const struct restoring *r)
{
	return r->crl->issuing.shown && r->crl->issuing.until > utc_now();
}

static int
refuse(const struct restoring *r, struct err *err)
{
	if (r->what->accept_older || (is_known(r) && !r->older))
		return 0;
	if (r->older)
		return err_set(err, ERR_FIT,
		    "the backup of %s is older than the CRL that was shown; restore a newer one, or "
		    "go on with what the CRL tells: --accept-older",
		    r->moved->made);
	return err_set(err, ERR_FIT,
	    "whether the backup of %s is the newest nobody can tell without %s: give --crl FILE "
	    "with the one that servers have now; without any: --accept-older, and what was revoked "
	    "since would be good again",
	    r->moved->made, r->crl->issuing.shown ? "a CRL that has not ended" : "a CRL");
}

static int
compare(struct restoring *r, struct err *err)
{
	struct signer_restore at = {.home = r->staged, .crl = r->what->crl};
	int rc;

	if (!r->moved->has_ca)
		return 0;
	if (at.crl != NULL && (rc = signer_restore(&at, r->crl, err)) != 0)
		return rc;
	say_shown(r, &r->crl->issuing, "issuing");
	say_shown(r, &r->crl->root, "root's");
	compare_rows(r);
	if ((rc = refuse(r, err)) != 0 || at.crl == NULL)
		return rc;
	at.take = true;
	return signer_restore(&at, r->crl, err);
}

/* ---- its place ---- */

static int
leave_row(struct restoring *r, struct err *err)
{
	char detail[200];

	snprintf(detail, sizeof(detail), "backup of %s, %s%llu%s", r->moved->made,
	    r->crl->issuing.shown ? "CRL shown: number " : "CRL shown: none, rows ",
	    (unsigned long long)(r->crl->issuing.shown ? r->crl->issuing.number : r->moved->rows),
	    !is_known(r) || r->older ? "; accepted as older" : "");
	/* where rows were lost, the row that accepts it takes the number behind theirs */
	return r->rows_lost ? 0 : registry_audit(r->registry, "restore", 0, detail, err);
}

static int
put_in_place(struct restoring *r, struct err *err)
{
	int rc;

	if ((rc = leave_row(r, err)) != 0)
		return rc;
	registry_closep(&r->registry);
	if (rename(r->staged, r->w->home) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot rename %s", r->staged);
	r->made = false;
	return 0;
}

static int
accept(struct restoring *r, struct err *err)
{
	char reason[120];
	struct workflow_audit audit;

	int rc;

	snprintf(reason, sizeof(reason), "restored from the backup of %s", r->moved->made);
	if ((rc = file_sync_dir(r->w->home, err)) == 0 && r->rows_lost)
		rc = workflow_accept_rollback(r->w, reason, &audit, err);
	if (rc != 0)
		err_hint(err, "the home is restored in %s", r->w->home);
	if (rc != 0 && r->rows_lost)
		err_hint(
		    err, "finish it with: ykenroll audit accept-rollback --reason \"%s\"", reason);
	return rc;
}

int
workflow_restore(const struct desk *w, const struct workflow_restore *what,
    struct workflow_moved *ret, struct signer_restored *ret_crl, struct err *err)
{
	CLEAN(restoring_wipe)
	struct restoring r = {.w = w, .what = what, .moved = ret, .crl = ret_crl};
	struct err why = ERR_INIT;
	int rc;

	*ret_crl = (struct signer_restored){0};
	if ((rc = manifest_check(what->dir, NULL, NULL, ret, err)) != 0)
		return rc;
	if (what->crl != NULL && !ret->has_ca)
		return err_set(err, ERR_USAGE,
		    "the CA is not in this backup, and its CRL says nothing of it: leave --crl out");
	if ((rc = stage(&r, &why)) == 0 && (rc = check_inside(&r, &why)) == 0 &&
	    (rc = compare(&r, &why)) == 0)
		rc = put_in_place(&r, &why);
	if (rc == 0)
		return accept(&r, err);
	registry_closep(&r.registry);
	if (r.made)
		(void)!file_remove_tree(r.staged, NULL);
	return err_set(err, rc, "%s", why.text);
}
