/* SPDX-License-Identifier: BSD-2-Clause */
/* audit: the registry's chain against what the CA knows of it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "desk/ca.h"
#include "desk/session.h"
#include "ykenroll/signer_status.h"
#include "ykenroll/workflow.h"
#include "ykenroll/x509.h"

#define CRL "pub/issuing.crl"

/* ---- verify ---- */

/* What a CRL says counts when it is the CA's. */
static int
check_crl(const struct desk *w, struct registry *r, struct workflow_audit *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob crl = {0}, ca = {0};
	struct registry_mark mark = {0};
	struct crl_info info;
	struct crl c;
	char path[PATH_MAX], whose[64];
	int rc;

	rc = home_pem(w->home, CRL, crl_from_pem, &crl, err);
	if (rc == ERR_ABSENT)
		return 0;
	if (rc != 0 || (rc = home_pem(w->home, "pub/issuing.crt", cert_from_pem, &ca, err)) != 0 ||
	    (rc = crl_open(crl.data, crl.len, false, &c, err)) != 0 ||
	    (rc = crl_verify(&c, &ca, err)) != 0 || (rc = crl_says(&c, &info, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), w->home, CRL, err)) != 0 ||
	    (rc = registry_mark_of_crl(path, &mark, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_PROOF, "pub/ is incomplete") : rc;
	snprintf(whose, sizeof(whose), "CRL number %llu", (unsigned long long)info.number);
	if ((rc = registry_mark_check(r, &mark, whose, err)) != 0)
		return rc;
	ret->signed_rows = mark.rows;
	ret->crl_number = info.number;
	return 0;
}

static int
check_log(const struct desk *w, struct registry *r, struct workflow_audit *ret, struct err *err)
{
	CLEAN(signer_status_closep) struct signer_status *s = NULL;
	struct registry_mark mark = {0};
	struct signer_log marks;
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), w->home, "ca", err)) != 0)
		return rc;
	/* the signer's user alone reads it; others have the CRL */
	if (access(path, R_OK) != 0)
		return 0;
	if ((rc = signer_status_open(w->home, &s, err)) != 0)
		return rc;
	ret->log_readable = true;
	marks = signer_status_log(s);
	mark.rows = marks.audit.rows;
	memcpy(mark.head, marks.audit.head, sizeof(mark.head));
	if ((rc = registry_mark_check(r, &mark, "the signer's log (issuance.db)", err)) != 0)
		return rc;
	ret->logged_rows = mark.rows;
	if (ret->crl_number > marks.crl_number)
		return err_set(err, ERR_INTERNAL,
		    "CRL number %llu is published but the signer's log has only %llu: the log is "
		    "an older copy; restore the newest copy of ca/",
		    (unsigned long long)ret->crl_number, (unsigned long long)marks.crl_number);
	return 0;
}

static int
open_any(const struct desk *w, struct registry **ret, struct err *err)
{
	const int rc = registry_open_old(w->home, w->actor, ret, err);

	return rc == ERR_ABSENT ? ERR_INTERNAL : rc;
}

int
workflow_audit_verify(const struct desk *w, struct workflow_audit *ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	struct registry_mark now;
	int64_t rows;
	int rc;

	*ret = (struct workflow_audit){0};
	if ((rc = open_any(w, &r, err)) != 0 || (rc = registry_audit_verify(r, &rows, err)) != 0 ||
	    (rc = registry_mark(r, &now, err)) != 0)
		return rc;
	ret->rows = (int64_t)now.rows;
	memcpy(ret->head, now.head, sizeof(ret->head));
	if ((rc = check_crl(w, r, ret, err)) != 0)
		return rc;
	return check_log(w, r, ret, err);
}

/* ---- rollback ---- */

/* The newest of what the CRL and the signer say. */
static int
newest_mark(const struct desk *w, struct signer *s, struct registry_mark *ret, struct err *err)
{
	struct registry_mark crl = {0};
	struct signer_audit mine = {0}, told = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = file_join(path, sizeof(path), w->home, CRL, err)) != 0 ||
	    ((rc = registry_mark_of_crl(path, &crl, err)) != 0 && rc != ERR_ABSENT) ||
	    /* with nothing of ours: only to hear what is known */
	    (rc = signer_tell(s, &mine, &told, err)) != 0)
		return rc;
	*ret = crl;
	if (told.rows >= crl.rows) {
		ret->rows = told.rows;
		memcpy(ret->head, told.head, sizeof(ret->head));
	}
	return 0;
}

int
workflow_accept_rollback(
    const struct desk *w, const char *reason, struct workflow_audit *ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(signer_closep) struct signer *s = NULL;
	struct registry_mark mark;
	struct signer_audit told;
	int rc;

	if (!text_is_plain(reason))
		return err_set(err, ERR_USAGE, "--reason must be printable text");
	if ((rc = open_any(w, &r, err)) != 0 || (rc = session_open_signer(w, &s, err)) != 0 ||
	    (rc = newest_mark(w, s, &mark, err)) != 0)
		return rc;
	/* killed in between, the row is there and the CA does not know it: one more is added */
	if ((rc = registry_accept_rollback(r, &mark, reason, err)) != 0 ||
	    (rc = audit_told(r, s, &told, err)) != 0 || (rc = signer_crl(s, false, err)) != 0)
		return rc;
	registry_closep(&r);
	return workflow_audit_verify(w, ret, err);
}
