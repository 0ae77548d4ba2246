/* SPDX-License-Identifier: BSD-2-Clause */
#include "desk/audit.h"
#include "desk/ca_issue.h"
#include "desk/session.h"
#include "ykenroll/workflow_ca.h"

void
workflow_issued_wipe(struct workflow_issued *issued)
{
	blob_wipe(&issued->cert);
	blob_wipe(&issued->issuing);
}

static int
issue(const struct desk *w, struct registry *r, const struct request *request,
    struct workflow_issued *ret, struct err *err)
{
	CLEAN(signer_closep) struct signer *s = NULL;
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	int rc;

	if ((rc = session_open_signer(w, &s, err)) != 0 || (rc = signer_ca(s, &ca, err)) != 0 ||
	    (rc = audit_tell(w->home, r, s, err)) != 0 ||
	    (rc = ca_issue(s, request, &ret->cert, err)) != 0)
		return rc;
	blob_move(&ret->issuing, &ca.cas[0]);
	return cert_read(ret->cert.data, ret->cert.len, &ret->info, err);
}

int
workflow_issue(const struct desk *w, const struct workflow_issue *what, struct workflow_issued *ret,
    struct err *err)
{
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = ca_registry(w, &r, err)) != 0 ||
	    (rc = issue(w, r, what->request, &issued, err)) != 0 ||
	    (rc = registry_software_put(
		 r, "issue", what->request, &issued.cert, what->path, what->chain, err)) != 0)
		return rc;
	*ret = issued;
	issued = (struct workflow_issued){0};
	return 0;
}
