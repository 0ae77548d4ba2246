/* SPDX-License-Identifier: BSD-2-Clause */
/* publish: from pub/ to where servers read. A server that meets a broken or expired CRL refuses
 * everybody, or does not start; one that meets an older CRL lets somebody in again. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "relying/publish.h"
#include "ykenroll/relying_publish.h"

#define ROOT_LEFT_MIN (30 * INT64_C(86400)) /* seconds */
#define CAS RELYING_LEVELS_MAX
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

enum { CERTS = 1, CRLS = 2, DER = 4 };

static const struct file {
	const char *name;
	unsigned what;	 /* CERTS or CRLS, perhaps DER */
	size_t first, n; /* of the CAs */
} files[] = {
    {"ca-bundle.pem", CERTS, 0, CAS},
    {"issuing.crt.pem", CERTS, 0, 1},
    {"root.crt.pem", CERTS, 1, 1},
    {"issuing.cer", CERTS | DER, 0, 1}, /* RFC 2585, 4: .cer and .crl are DER */
    {"root.cer", CERTS | DER, 1, 1},
    {"crl-bundle.pem", CRLS, 0, CAS},
    {"issuing.crl.pem", CRLS, 0, 1},
    {"root.crl.pem", CRLS, 1, 1},
    {"issuing.crl", CRLS | DER, 0, 1},
    {"root.crl", CRLS | DER, 1, 1},
};

static const struct {
	const char *name, *crt, *crl, *fix;
	int64_t left_min; /* seconds; 0: half of its life */
} cas[CAS] = {
    {"issuing", "pub/issuing.crt", "pub/issuing.crl", "ykenroll ca crl", 0},
    {"root", "pub/root.crt", "pub/root.crl", "ykenroll ca crl --root", ROOT_LEFT_MIN},
};

struct publishing {
	const struct desk *w;
	const struct relying_publish *what;
	struct relying_published *ret;
	struct registry *registry; /* or NULL */
	struct blob certs[CAS];
	struct lists crls;
	size_t n; /* of both; the last one is the root */
	bool same[LEN(files)];
	int dir; /* locked */
};

static void
publishing_wipe(struct publishing *p)
{
	size_t i;

	for (i = 0; i < CAS; i++)
		blob_wipe(&p->certs[i]);
	lists_wipe(&p->crls);
	registry_closep(&p->registry);
	file_closep(&p->dir);
}

/* Which CAs a file is of. A root that issues has its certificate under both names, and its CRL as
 * the issuing CA's. */
static size_t
first_of(const struct publishing *p, const struct file *f)
{
	return f->first < p->n ? f->first : p->n - 1;
}

static size_t
count_of(const struct publishing *p, const struct file *f)
{
	return f->n < p->n ? f->n : p->n;
}

/* ---- what is published ---- */

static int
load_cert(struct publishing *p, size_t i, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	size_t n;
	int rc;

	if ((rc = file_join(path, sizeof(path), p->w->home, cas[i].crt, err)) != 0)
		return rc;
	if ((rc = file_read(path, &pem, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_CA, "%s is missing", path) : rc;
	if ((rc = pem_blocks(&pem, PEM_CERT, &p->certs[i], 1, &n, err)) != 0)
		err_wrap(err, "%s", path);
	return rc;
}

static int
load_crl(struct publishing *p, size_t i, struct err *err)
{
	struct list *l = &p->crls.all[i];
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), p->w->home, cas[i].crl, err)) != 0)
		return rc;
	if ((rc = lists_read(path, false, &p->crls, err)) == ERR_ABSENT)
		return err_set(err, ERR_CA,
		    "%s is missing, and servers refuse everybody without the CRL of every CA in "
		    "the chain",
		    path);
	if (rc != 0)
		return rc;
	if (p->crls.n != i + 1)
		return err_set(err, ERR_FIT, "%s: it does not contain exactly one CRL", path);
	if ((rc = crl_open(l->file.der, l->file.len, true, &l->crl, err)) != 0 ||
	    (rc = crl_verify(&l->crl, &p->certs[i], err)) != 0)
		err_wrap(err, "%s", cas[i].crl);
	return rc == ERR_PROOF ? ERR_FIT : rc;
}

static int
check_dates(struct publishing *p, size_t i, struct err *err)
{
	struct crl_info *crl = &p->ret->crls[i];
	const int64_t now = utc_now();
	char end[UTC_TEXT_LEN], text[200];
	int64_t left, least;
	int rc;

	if ((rc = crl_says(&p->crls.all[i].crl, crl, err)) != 0)
		return rc;
	left = crl->next_update - now;
	least = cas[i].left_min != 0 ? cas[i].left_min : (crl->next_update - crl->this_update) / 2;
	utc_text(crl->next_update, end);
	if (left <= 0)
		return err_set(err, ERR_FIT,
		    "the %s CRL expired %s, and a server that reads it refuses everybody; run: %s",
		    cas[i].name, end, cas[i].fix);
	if (crl->this_update > now)
		return err_set(
		    err, ERR_FIT, "the %s CRL is dated in the future; set the clock", cas[i].name);
	if (left >= least)
		return 0;
	snprintf(text, sizeof(text), "warning: the %s CRL expires %s; run: %s, and publish again",
	    cas[i].name, end, cas[i].fix);
	p->w->ui.say(p->w->ui.ctx, text);
	return 0;
}

static int
load(struct publishing *p, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < CAS; i++)
		if ((rc = load_cert(p, i, err)) != 0)
			return rc;
	p->n = blob_equal(&p->certs[0], &p->certs[1]) ? 1 : CAS;
	p->ret->levels = p->n;
	for (i = 0; i < p->n; i++) {
		if ((rc = cert_issued_by(&p->certs[i], &p->certs[p->n - 1], err)) != 0) {
			err_wrap(err, "%s", cas[i].crt);
			return rc == ERR_PROOF ? ERR_FIT : rc;
		}
		if ((rc = load_crl(p, i, err)) != 0 || (rc = check_dates(p, i, err)) != 0)
			return rc;
	}
	return 0;
}

static int
certs_of(const struct publishing *p, const struct file *f, struct blob *ret, struct err *err)
{
	const struct blob *from = p->certs + first_of(p, f);
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < count_of(p, f); i++)
		rc = (f->what & DER) != 0 ? blob_set(ret, from[i].data, from[i].len, err)
					  : pem_put(&from[i], PEM_CERT, ret, err);
	return rc;
}

/* ---- what is there ---- */

static int
take_end(void *ctx, const struct registry_cert *c)
{
	*(int64_t *)ctx = c->not_after;
	return 0;
}

/* Of a certificate, whether its key is in a token or in software; INT64_MAX: it is in no record. */
static int64_t
end_of(const struct publishing *p, const struct crl_item *e)
{
	const struct registry_which which = {.serial = e->serial};
	struct registry_software software;
	int64_t end = INT64_MAX;

	if (p->registry == NULL || e->len != REGISTRY_SERIAL_LEN)
		return end;
	if (registry_software_find(p->registry, e->serial, &software, NULL) == 0)
		return software.not_after;
	return registry_certs(p->registry, &which, take_end, &end, NULL) == 0 ? end : INT64_MAX;
}

/* An entry may go when its hold was released, or when its certificate has expired. */
static bool
may_go(const struct publishing *p, const struct crl_item *e)
{
	return crl_item_reason(e) == REASON_HOLD || end_of(p, e) < utc_now();
}

static int
none_missing(
    const struct publishing *p, size_t i, const struct file *f, struct crl *there, struct err *err)
{
	char hex[2 * REGISTRY_SERIAL_LEN + 1];
	struct crl is = p->crls.all[i].crl;
	struct crl_item e;
	bool has;
	int rc;

	while ((rc = crl_next(there, &e, err)) == 1) {
		if ((rc = crl_has(&is, e.serial, e.len, &has, err)) != 0)
			return rc;
		if (has || may_go(p, &e))
			continue;
		text_hex(e.serial, e.len < REGISTRY_SERIAL_LEN ? e.len : REGISTRY_SERIAL_LEN, hex);
		return err_set(err, ERR_OCCUPIED,
		    "%s/%s lists certificate %s but the new %s CRL does not; if that is right, "
		    "use --force",
		    p->what->dir, f->name, hex, cas[i].name);
	}
	return rc;
}

static int
not_older(const struct publishing *p, size_t i, const struct file *f, struct list *there,
    const struct crl_info *was, struct err *err)
{
	if (memcmp(there->hash, p->crls.all[i].hash, sizeof(there->hash)) == 0 || p->w->force)
		return 0;
	if (was->number >= p->ret->crls[i].number)
		return err_set(err, ERR_OCCUPIED,
		    "%s/%s has another %s CRL with number %llu, and %s number %llu; was the home "
		    "restored from a backup?",
		    p->what->dir, f->name, cas[i].name, (unsigned long long)was->number, cas[i].crl,
		    (unsigned long long)p->ret->crls[i].number);
	return none_missing(p, i, f, &there->crl, err);
}

/* One that is there: ours, garbage (which is replaced), or somebody else's. */
static int
check_list(const struct publishing *p, const struct file *f, struct list *there, struct err *err)
{
	struct crl_info info;
	size_t i;

	if (crl_open(there->file.der, there->file.len, true, &there->crl, NULL) != 0 ||
	    crl_says(&there->crl, &info, NULL) != 0)
		return 0;
	for (i = 0; i < p->n; i++)
		if (crl_verify(&there->crl, &p->certs[i], NULL) == 0)
			return not_older(p, i, f, there, &info, err);
	for (i = 0; i < p->n; i++)
		if (strcmp(info.issuer, p->ret->crls[i].issuer) == 0)
			return 0; /* our name, not our signature: damaged */
	return p->w->force
		   ? 0
		   : err_set(err, ERR_OCCUPIED,
			 "%s/%s has a CRL of another CA; use a separate directory for this CA",
			 p->what->dir, f->name);
}

/* Is the file what is to be published, and nothing else? */
static bool
is_same(const struct publishing *p, const struct file *f, const struct lists *l)
{
	off_t want = 0;
	size_t i;

	if (l->n != count_of(p, f))
		return false;
	for (i = 0; i < l->n; i++) {
		const struct list *is = &p->crls.all[first_of(p, f) + i];

		if (memcmp(l->all[i].hash, is->hash, sizeof(is->hash)) != 0)
			return false;
		want += (off_t)((f->what & DER) != 0 ? is->file.len : crl_file_pem_len(&is->file));
	}
	return l->size == want;
}

/* What is there, or will be: *ret_same. check: may it be replaced? */
static int
look(const struct publishing *p, size_t k, const char *path, bool check, bool *ret_same,
    struct err *err)
{
	const struct file *f = &files[k];
	CLEAN(blob_wipe) struct blob there = {0}, want = {0};
	CLEAN(lists_wipe) struct lists lists = {.n = 0};
	size_t i;
	int rc;

	*ret_same = false;
	if ((f->what & CERTS) != 0) {
		if ((rc = file_read(path, &there, err)) != 0 ||
		    (rc = certs_of(p, f, &want, err)) != 0)
			return rc;
		*ret_same = blob_equal(&there, &want);
		return 0;
	}
	if ((rc = lists_read(path, (f->what & DER) != 0, &lists, err)) != 0)
		return rc;
	*ret_same = is_same(p, f, &lists);
	for (i = 0; check && !*ret_same && rc == 0 && i < lists.n; i++)
		rc = check_list(p, f, &lists.all[i], err);
	return rc;
}

/* ---- putting it there ---- */

static int
paths(const struct publishing *p, size_t k, char ret[static PATH_MAX], char temp[static PATH_MAX],
    struct err *err)
{
	int n = snprintf(temp, PATH_MAX, "%s/.%s.new", p->what->dir, files[k].name);

	if (n < 0 || n >= PATH_MAX)
		return err_set(err, ERR_USAGE, "path too long: %s", p->what->dir);
	return file_join(ret, PATH_MAX, p->what->dir, files[k].name, err);
}

static int
write_staged(const struct publishing *p, const struct file *f, const char *path, struct err *err)
{
	CLEAN(blob_wipe) struct blob certs = {0};
	CLEAN(file_stream_closep) FILE *to = NULL;
	size_t i;
	int rc = 0;

	if ((f->what & CERTS) != 0)
		return (rc = certs_of(p, f, &certs, err)) != 0
			   ? rc
			   : file_stage(path, certs.data, certs.len, 0644, err);
	if ((unlink(path) != 0 && errno != ENOENT) || (to = fopen(path, "wxe")) == NULL ||
	    fchmod(fileno(to), 0644) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot write %s", path);
	for (i = 0; rc == 0 && i < count_of(p, f); i++)
		rc = crl_file_put(
		    &p->crls.all[first_of(p, f) + i].file, (f->what & DER) == 0, to, path, err);
	return rc != 0 ? rc : file_fsync(fileno(to), path, err);
}

static int
stage(struct publishing *p, size_t k, struct err *err)
{
	char path[PATH_MAX], temp[PATH_MAX];
	bool same = false;
	int rc;

	if ((rc = paths(p, k, path, temp, err)) != 0)
		return rc;
	if (p->same[k]) {
		(void)unlink(temp); /* what a kill left */
		return 0;
	}
	/* what a server will read, from the disk */
	if ((rc = write_staged(p, &files[k], temp, err)) == 0 &&
	    (rc = look(p, k, temp, false, &same, err)) == 0 && !same)
		rc = err_set(err, ERR_INTERNAL, "%s read back differs from what was written", temp);
	if (rc != 0)
		unlink(temp);
	return rc == ERR_ABSENT ? ERR_INTERNAL : rc;
}

static int
put(struct publishing *p, size_t k, struct err *err)
{
	char path[PATH_MAX], temp[PATH_MAX];
	int rc;

	if (p->same[k])
		return 0;
	if ((rc = paths(p, k, path, temp, err)) != 0)
		return rc;
	if (rename(temp, path) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot replace %s", path);
	p->ret->written++;
	return 0;
}

static int
each(struct publishing *p, int (*what)(struct publishing *, size_t, struct err *), struct err *err)
{
	size_t k;
	int rc;

	for (k = 0; k < LEN(files); k++)
		if (!((files[k].what & CRLS) != 0 && files[k].first >= p->n) &&
		    (rc = what(p, k, err)) != 0)
			return rc;
	return 0;
}

static int
prepare(struct publishing *p, size_t k, struct err *err)
{
	char path[PATH_MAX], temp[PATH_MAX];
	int rc;

	if ((rc = paths(p, k, path, temp, err)) == 0)
		rc = look(p, k, path, true, &p->same[k], err);
	return rc == ERR_ABSENT ? 0 : rc;
}

/* Who may log in, and where to. */
static int
put_live(struct publishing *p, struct err *err)
{
	CLEAN(live_wipe)
	struct live v = {
	    .crl = &p->crls.all[0].crl, .issuing = &p->certs[0], .root = &p->certs[p->n - 1]};
	CLEAN(config_wipe) struct config c = {.n = 0};
	struct relying_published *ret = p->ret;
	struct err why = ERR_INIT;
	struct allows lists;
	int rc;

	/* a directory that is named needs none, and root obeys none of another user's */
	(void)!config_read(p->w->home, &c, &why);
	config_allows(&c, p->dir, &lists);
	allow_look(p->w, p->what->dir, &lists, &why, ret);
	ret->has_leaves = p->what->leaves || leaves_there(p->what->dir);
	if (!ret->has_leaves && lists.n == 0)
		return 0;
	if ((rc = live_read(&v, p->registry, err)) != 0)
		return rc;
	if (ret->has_leaves) {
		ret->leaves = v.n;
		if ((rc = leaves_put(&v, p->what->dir, &ret->written, err)) != 0)
			return rc;
	}
	return allow_put(&v, p->registry, p->what->dir, &lists, ret, err);
}

static int
audit(const struct publishing *p, struct err *err)
{
	char detail[REGISTRY_TEXT_MAX], root[64] = "";

	if (p->registry == NULL || p->ret->written == 0)
		return 0;
	if (p->n > 1)
		snprintf(root, sizeof(root), ", root CRL number %llu",
		    (unsigned long long)p->ret->crls[1].number);
	snprintf(detail, sizeof(detail), "issuing CRL number %llu%s to %.300s",
	    (unsigned long long)p->ret->crls[0].number, root, p->what->dir);
	return registry_audit(p->registry, "publish", 0, detail, err);
}

int
publish_files(const struct desk *w, const struct relying_publish *what,
    struct relying_published *ret, struct err *err)
{
	CLEAN(publishing_wipe)
	struct publishing p = {.w = w, .what = what, .ret = ret, .dir = -1};
	char path[PATH_MAX];
	int rc;

	*ret = (struct relying_published){0};
	/* without it an expired certificate's entry cannot be told from a lost one */
	(void)!registry_open(w->home, w->actor, &p.registry, NULL);
	if ((rc = publish_dir(what->dir, &p.dir, err)) != 0 ||
	    (what->leaves && (rc = leaves_check(what->dir, err)) != 0) ||
	    (rc = load(&p, err)) != 0 || (rc = each(&p, prepare, err)) != 0 ||
	    (rc = each(&p, stage, err)) != 0 || (rc = each(&p, put, err)) != 0 ||
	    (rc = put_live(&p, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), what->dir, files[0].name, err)) != 0 ||
	    (rc = file_sync_dir(path, err)) != 0)
		return rc;
	return audit(&p, err);
}
