/* SPDX-License-Identifier: BSD-2-Clause */
#include "workflow/audit.h"
#include "workflow/ca_issue.h"
#include "workflow/session.h"
#include "ykenroll/registry_software.h"

int
ca_registry(const struct workflow *w, struct registry **ret, struct err *err)
{
	struct err why = ERR_INIT;
	const int rc = registry_open(w->home, w->actor, ret, &why);

	if (rc != 0 && rc != ERR_ABSENT && err != NULL)
		*err = why;
	return rc == ERR_ABSENT ? 0 : rc;
}

int
ca_issue(struct signer *s, const struct request *request, uint8_t *ret_serial,
    struct blob *ret_cert, struct err *err)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	size_t i;
	int rc;

	if ((rc = signer_prepare_software(s, request, &p, err)) != 0 ||
	    (rc = signer_sign(s, p.serial, ret_cert, err)) != 0)
		return rc;
	for (i = 0; ret_serial != NULL && i < sizeof(p.serial); i++)
		ret_serial[i] = p.serial[i];
	return 0;
}

int
ca_issue_record(struct registry *r, const char *action, const char *profile,
    const struct blob *cert, struct err *err)
{
	return r == NULL ? 0 : registry_software_put(r, action, profile, cert, err);
}

int
ca_taken_record(struct registry *r, const char *action,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], int reason, const char *note, struct err *err)
{
	return r == NULL ? 0 : registry_software_taken(r, action, serial, reason, note, err);
}

void
workflow_issued_wipe(struct workflow_issued *issued)
{
	blob_wipe(&issued->cert);
	blob_wipe(&issued->issuing);
}

static int
issue(const struct workflow *w, struct registry *r, const struct request *request,
    struct workflow_issued *ret, struct err *err)
{
	CLEAN(signer_closep) struct signer *s = NULL;
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	int rc;

	if ((rc = session_open_signer(w, &s, err)) != 0 || (rc = signer_ca(s, &ca, err)) != 0 ||
	    (r != NULL && (rc = audit_tell(w->home, r, s, err)) != 0) ||
	    (rc = ca_issue(s, request, NULL, &ret->cert, err)) != 0)
		return rc;
	blob_move(&ret->issuing, &ca.cas[0]);
	return cert_read(ret->cert.data, ret->cert.len, &ret->info, err);
}

int
workflow_issue(const struct workflow *w, const struct workflow_issue *what,
    struct workflow_issued *ret, struct err *err)
{
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = ca_registry(w, &r, err)) != 0 ||
	    (rc = issue(w, r, what->request, &issued, err)) != 0 ||
	    (rc = ca_issue_record(r, "issue", what->request->profile, &issued.cert, err)) != 0 ||
	    (r != NULL && (rc = registry_software_file(
			       r, issued.info.serial, what->path, what->chain, err)) != 0))
		return rc;
	*ret = issued;
	issued = (struct workflow_issued){0};
	return 0;
}
