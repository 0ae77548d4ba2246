/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "base/utc.h"
#include "desk/audit.h"
#include "desk/ca_issue.h"
#include "ykenroll/workflow_ca.h"

static int
sign(const struct desk *w, struct registry *r, bool root, const char *root_pass_spec,
    struct crl_info *ret, struct err *err)
{
	const struct signer_open open = {.home = w->home,
	    .ca_pass_spec = w->ca_pass_spec,
	    .root = root,
	    .root_pass_spec = root_pass_spec};
	CLEAN(signer_closep) struct signer *s = NULL;
	int rc;

	if ((rc = signer_open(&open, &s, err)) != 0 ||
	    (!root && (rc = audit_tell(w->home, r, s, err)) != 0) ||
	    (rc = signer_crl(s, root, err)) != 0)
		return rc;
	return signer_crl_state(s, root, ret, err);
}

int
workflow_crl(const struct desk *w, bool root, const char *root_pass_spec, struct crl_info *ret,
    struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	char detail[100], end[UTC_TEXT_LEN];
	int rc;

	if ((rc = ca_registry(w, &r, err)) != 0 ||
	    (rc = sign(w, r, root, root_pass_spec, ret, err)) != 0)
		return rc;
	utc_text(ret->next_update, end);
	snprintf(detail, sizeof(detail), "%s CRL number %llu, %zu entries, until %s",
	    root ? "root" : "issuing", (unsigned long long)ret->number, ret->entries, end);
	return r == NULL ? 0 : registry_audit(r, "crl", 0, detail, err);
}
