/* SPDX-License-Identifier: BSD-2-Clause */
/* ca: what a desk has to do with the CA beside a token's certificate. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "desk/ca.h"
#include "desk/session.h"

int
ca_registry(const struct desk *w, struct registry **ret, struct err *err)
{
	bool there;

	return err_answer(registry_open(w->home, w->actor, ret, err), ERR_ABSENT, &there, err);
}

int
ca_check(const struct desk *w, const struct request *request, struct err *err)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(signer_closep) struct signer *look = NULL;
	const int rc = session_open_look(w, &look, err);

	return rc != 0 ? rc : signer_prepare_software(look, request, &p, err);
}

int
ca_issue(struct signer *s, const struct request *request, struct blob *ret_cert, struct err *err)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	const int rc = signer_prepare_software(s, request, &p, err);

	return rc != 0 ? rc : signer_sign(s, p.serial, ret_cert, err);
}

int
ca_issue_own(struct signer *s, struct registry *r, const char *profile, const char *name,
    const char *names, unsigned days, struct key **ret_key, struct blob *ret_cert, struct err *err)
{
	CLEAN(request_wipe)
	struct request request = {.days = days, .days_kept = 1}; /* fewer will do */
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(key_freep) struct key *key = NULL;
	int rc;

	snprintf(request.profile, sizeof(request.profile), "%s", profile);
	snprintf(request.holder.name, sizeof(request.holder.name), "%s", name);
	snprintf(request.names, sizeof(request.names), "%s", names);
	if ((rc = key_generate(KEY_P256, &key, err)) != 0 ||
	    (rc = csr_make(key, name, &request.csr, err)) != 0 ||
	    (rc = ca_issue(s, &request, &cert, err)) != 0 ||
	    (rc = registry_software_put(r, "issue", &request, &cert, NULL, false, err)) != 0)
		return rc;
	blob_move(ret_cert, &cert);
	*ret_key = TAKE(key);
	return 0;
}

int
ca_cert_file(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	int rc;

	if ((rc = file_read(path, &pem, err)) != 0)
		return rc;
	if ((rc = cert_from_pem(&pem, ret, err)) != 0)
		err_wrap(err, "%s", path);
	return rc;
}

static int
own_cert(const struct desk *w, const char *name, struct blob *ret, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), w->home, name, err)) != 0)
		return rc;
	rc = ca_cert_file(path, ret, err);
	return rc == ERR_ABSENT ? err_set(err, ERR_CA,
				      "%s contains no CA; create one with: ykenroll init", w->home)
				: rc;
}

int
ca_issuing(const struct desk *w, struct blob *ret, struct err *err)
{
	return own_cert(w, "pub/issuing.crt", ret, err);
}

int
ca_certs(const struct desk *w, struct blob ret[static 2], struct err *err)
{
	const int rc = ca_issuing(w, &ret[0], err);

	return rc != 0 ? rc : own_cert(w, "pub/root.crt", &ret[1], err);
}

int
ca_has_root(const struct desk *w, const char *instead, struct err *err)
{
	struct blob certs[2] = {{0}};
	bool single;
	int rc = ca_certs(w, certs, err);

	single = rc == 0 && blob_equal(&certs[0], &certs[1]);
	blob_wipe(&certs[0]);
	blob_wipe(&certs[1]);
	return !single ? rc
		       : err_set(err, ERR_CA,
			     "this CA has one level and is its own root, so there is no other key "
			     "to ask for: %s",
			     instead);
}

/* ---- the audit chain ---- */

int
audit_told(struct registry *r, struct signer *s, struct signer_audit *ret_known, struct err *err)
{
	struct registry_mark now;
	struct signer_audit mine;
	int rc;

	if ((rc = registry_mark(r, &now, err)) != 0)
		return rc;
	mine.rows = now.rows;
	memcpy(mine.head, now.head, sizeof(mine.head));
	return signer_tell(s, &mine, ret_known, err);
}

int
audit_tell(const char *home, struct registry *r, struct signer *s, struct err *err)
{
	struct registry_mark known = {0};
	struct signer_audit told = {0};
	int rc;

	if (r == NULL || !home_has(home, "ca"))
		return 0;
	if ((rc = audit_told(r, s, &told, err)) != 0)
		return rc;
	known.rows = told.rows;
	memcpy(known.head, told.head, sizeof(known.head));
	return registry_mark_check(r, &known, "the signer's log (issuance.db)", err);
}

/* ---- what everybody may read of a home ---- */

bool
home_has(const char *home, const char *name)
{
	char path[PATH_MAX];

	return file_join(path, sizeof(path), home, name, NULL) == 0 && access(path, F_OK) == 0;
}

int
home_pem(const char *home, const char *name,
    int (*from_pem)(const struct blob *pem, struct blob *ret, struct err *err), struct blob *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), home, name, err)) != 0 ||
	    (rc = file_read(path, &pem, err)) != 0)
		return rc;
	return from_pem(&pem, ret, err);
}
