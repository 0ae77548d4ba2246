/* SPDX-License-Identifier: BSD-2-Clause */
/* ca_renew: certificates of keys in no token once more, each in its file. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/utc.h"
#include "desk/ca.h"
#include "desk/reload.h"
#include "desk/session.h"
#include "ykenroll/workflow.h"

#define FILE_CERTS_MAX 8 /* in one file */

struct renewal {
	const struct desk *w;
	const struct workflow_renew *what;
	struct registry *registry;
	struct signer *signer, *look; /* opened when the first one is due */
	struct signer_ca ca;
	size_t n;
};

static void
renewal_wipe(struct renewal *r)
{
	signer_ca_wipe(&r->ca);
	signer_closep(&r->signer);
	signer_closep(&r->look);
	registry_closep(&r->registry);
}

static int
connect_ca(struct renewal *r, struct err *err)
{
	int rc;

	if (r->signer != NULL)
		return 0;
	if ((rc = session_open_signer(r->w, &r->signer, err)) != 0)
		return rc;
	return signer_ca(r->signer, &r->ca, err);
}

/* ---- one file ---- */

static void
textp(char **s)
{
	free(*s);
}

struct leaf {
	struct blob text; /* the file */
	struct cert_info info;
	bool chain;
	mode_t mode;
};

static void
leaf_wipe(struct leaf *l)
{
	blob_wipe(&l->text);
}

static int
load(const char *path, struct leaf *ret, struct err *err)
{
	struct blob certs[FILE_CERTS_MAX] = {{0}};
	struct stat st;
	size_t n = 0, i;
	int rc;

	if ((rc = file_read(path, &ret->text, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE, "%s does not exist", path) : rc;
	rc = pem_blocks(&ret->text, PEM_CERT, certs, FILE_CERTS_MAX, &n, err);
	if (rc == 0)
		rc = cert_read(certs[0].data, certs[0].len, &ret->info, err);
	for (i = 0; i < FILE_CERTS_MAX; i++)
		blob_wipe(&certs[i]);
	if (rc != 0)
		return err_wrap(err, "%s", path), rc;
	ret->chain = n > 1;
	ret->mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
	return 0;
}

/* What is not said now is as it was asked for at first, as far as the registry knows. */
static int
asked_for(struct renewal *r, const struct leaf *l, struct request *ret, struct err *err)
{
	struct registry_software was = {.profile = "software"};
	int rc = 0;

	*ret = *r->what->request;
	if (r->registry != NULL)
		rc = registry_software_find(r->registry, l->info.serial, &was, NULL);
	if (rc != 0 && rc != ERR_ABSENT)
		return err_set(err, rc, "the registry cannot be read");
	memcpy(ret->profile, was.profile, sizeof(ret->profile));
	if (ret->days == 0 && was.days != 0) {
		ret->days = was.days;
		ret->days_kept = 1;
	}
	return 0;
}

/* What the CA would refuse, which nobody need be asked for. */
static int
check(struct renewal *r, const struct leaf *l, const struct request *asked, struct err *err)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	int rc;

	if (l->info.serial_len != SIGNER_SERIAL_LEN)
		return err_set(err, ERR_CA, "it was not issued by this CA");
	if (r->look == NULL && (rc = session_open_look(r->w, &r->look, err)) != 0)
		return rc;
	rc = signer_prepare_renewal(r->look, l->info.serial, asked, &p, err);
	return rc != ERR_ABSENT ? rc : err_set(err, ERR_CA, "it was not issued by this CA");
}

static int
sign(struct renewal *r, const struct leaf *l, const struct request *asked, struct blob *ret,
    struct err *err)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	int rc;

	if ((rc = connect_ca(r, err)) != 0 ||
	    (rc = audit_tell(r->w->home, r->registry, r->signer, err)) != 0 ||
	    (rc = signer_prepare_renewal(r->signer, l->info.serial, asked, &p, err)) != 0)
		return rc;
	return signer_sign(r->signer, p.serial, ret, err);
}

/* First the former one beside it, then the new one in its place: at every moment the file is one
 * or the other. */
static int
replace(const struct renewal *r, const char *path, const struct leaf *l, const struct blob *cert,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char old[PATH_MAX];
	int rc, n = snprintf(old, sizeof(old), "%s.old", path);

	if (n < 0 || (size_t)n >= sizeof(old))
		return err_set(err, ERR_USAGE, "path too long: %s", path);
	if ((rc = pem_put(cert, PEM_CERT, &pem, err)) != 0 ||
	    (l->chain && (rc = pem_put(&r->ca.cas[0], PEM_CERT, &pem, err)) != 0) ||
	    (rc = file_write(old, l->text.data, l->text.len, l->mode, err)) != 0)
		return rc;
	return file_write(path, pem.data, pem.len, l->mode, err);
}

/* In a dry run: would it be? */
static int
renew_file(struct renewal *r, const char *path, const struct leaf *l, struct cert_info *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(textp) char *full = realpath(path, NULL);
	struct request asked;
	int rc;

	if ((rc = asked_for(r, l, &asked, err)) != 0 || (rc = check(r, l, &asked, err)) != 0 ||
	    r->w->dry_run)
		return rc;
	if ((rc = sign(r, l, &asked, &cert, err)) != 0 ||
	    (rc = cert_read(cert.data, cert.len, ret, err)) != 0 ||
	    (rc = replace(r, path, l, &cert, err)) != 0)
		return rc;
	return registry_software_put(r->registry, "renew", &asked, &cert, full, l->chain, err);
}

static int
renew(struct renewal *r, const char *path, struct err *err)
{
	const int64_t left = r->what->due_sec;
	CLEAN(leaf_wipe) struct leaf l = {0};
	struct cert_info info;
	int rc;

	if ((rc = load(path, &l, err)) != 0)
		return rc;
	if (left != 0 && l.info.not_after - utc_now() > left)
		return 0;
	if ((rc = renew_file(r, path, &l, &info, err)) != 0)
		return err_wrap(err, "%s", path), rc;
	r->n++;
	if (r->what->row != NULL)
		r->what->row(r->what->ctx, path, &l.info, r->w->dry_run ? NULL : &info);
	return 0;
}

/* ---- which ---- */

struct paths {
	char **at;
	size_t n;
};

static void
paths_wipe(struct paths *p)
{
	while (p->n > 0)
		free(p->at[--p->n]);
	free(p->at);
}

static int
take_path(void *ctx, const struct registry_software *one, const struct blob *cert)
{
	struct paths *p = ctx;
	char **more;

	(void)cert;
	if (one->path[0] == '\0' || one->revoked != 0)
		return 0;
	if ((more = reallocarray(p->at, p->n + 1, sizeof(*more))) == NULL)
		return ERR_INTERNAL;
	p->at = more;
	if ((p->at[p->n] = strdup(one->path)) == NULL)
		return ERR_INTERNAL;
	p->n++;
	return 0;
}

/* One that fails is said, and the others are renewed all the same: this runs at night. */
static int
renew_known(struct renewal *r, struct err *err)
{
	CLEAN(paths_wipe) struct paths paths = {0};
	struct err why;
	size_t i;
	int rc, first = 0;

	if (r->registry == NULL)
		return err_set(err, ERR_USAGE, "this home contains no registry: name the files");
	if ((rc = registry_software_each(r->registry, 0, take_path, &paths, err)) != 0)
		return rc;
	for (i = 0; i < paths.n; i++) {
		why = (struct err)ERR_INIT;
		if ((rc = renew(r, paths.at[i], &why)) == 0)
			continue;
		if (first != 0)
			r->w->ui.say(r->w->ui.ctx, why.text);
		else if (err != NULL)
			*err = why;
		first = first != 0 ? first : rc;
	}
	return first;
}

int
workflow_renew(
    const struct desk *w, const struct workflow_renew *what, size_t *ret_n, struct err *err)
{
	CLEAN(renewal_wipe) struct renewal r = {.w = w, .what = what};
	size_t i;
	int rc, told;

	if ((what->reload != NULL && (rc = reload_check(what->reload, err)) != 0) ||
	    (rc = ca_registry(w, &r.registry, err)) != 0)
		return rc;
	if (what->files == NULL)
		rc = renew_known(&r, err);
	for (i = 0; rc == 0 && what->files != NULL && what->files[i] != NULL; i++)
		rc = renew(&r, what->files[i], err);
	*ret_n = r.n;
	if (r.n == 0 || w->dry_run || what->reload == NULL)
		return rc;
	told = reload_run(what->reload, rc == 0 ? err : NULL);
	return rc != 0 ? rc : told;
}

/* ---- the issuing CA's own ---- */

int
workflow_renew_issuing(
    const struct desk *w, const char *root_pass_spec, struct cert_info *ret, struct err *err)
{
	const struct signer_open open = {.home = w->home,
	    .ca_pass_spec = w->ca_pass_spec,
	    .root = true,
	    .root_pass_spec = root_pass_spec};
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(signer_closep) struct signer *s = NULL;
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	char detail[X509_TEXT_MAX + 100], end[UTC_TEXT_LEN];
	int rc;

	if ((rc = ca_has_root(w,
		 "make a new CA before this one ends, ykenroll init --home NEW, and move the holders "
		 "to it",
		 err)) != 0 ||
	    (rc = ca_registry(w, &r, err)) != 0 || (rc = signer_open(&open, &s, err)) != 0 ||
	    (rc = audit_tell(w->home, r, s, err)) != 0 ||
	    (rc = signer_renew_issuing(s, err)) != 0 || (rc = signer_ca(s, &ca, err)) != 0 ||
	    (rc = cert_read(ca.cas[0].data, ca.cas[0].len, ret, err)) != 0)
		return rc;
	utc_text(ret->not_after, end);
	snprintf(detail, sizeof(detail), "issuing CA until %s, %s", end, ret->subject);
	return r == NULL ? 0 : registry_audit(r, "renew", 0, detail, err);
}
