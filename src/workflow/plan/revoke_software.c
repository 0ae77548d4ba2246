/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "desk/audit.h"
#include "workflow/plan/revoke_software.h"
#include "desk/session.h"
#include "ykenroll/registry_software.h"
#include "ykenroll/workflow_ca.h"

static const struct {
	const char *action;
	int reason; /* -1: none; -2: the one that is given */
} ways[] = {
    [TAKE_REVOKE] = {"revoke", -2},
    [TAKE_SUSPEND] = {"suspend", REASON_HOLD},
    [TAKE_RESUME] = {"resume", -1},
};

/* As the others are shown: the subject stands for the holder. */
static int
show(struct signer *s, struct registry *r, const uint8_t *serial, struct registry_cert *ret,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct registry_software one = {0};
	struct cert_info info;
	int rc;

	if ((rc = signer_find(s, serial, &der, err)) != 0 ||
	    (rc = cert_read(der.data, der.len, &info, err)) != 0)
		return rc;
	rc = registry_software_find(r, serial, &one, NULL);
	if (rc != 0 && rc != ERR_ABSENT)
		return err_set(err, rc, "the registry cannot be read");
	*ret = (struct registry_cert){
	    .state = one.revoked != 0 ? CERT_REVOKED : CERT_ACTIVE,
	    .reason = one.reason,
	    .not_before = info.not_before,
	    .not_after = info.not_after,
	};
	memcpy(ret->serial, serial, REGISTRY_SERIAL_LEN);
	snprintf(
	    ret->holder.key, sizeof(ret->holder.key), "%.*s", REGISTRY_TEXT_MAX - 1, info.subject);
	return 0;
}

int
revoke_software(const struct desk *w, struct registry *r, const struct workflow_revoke *what,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], const char *note,
    struct workflow_revoked *ret, struct err *err)
{
	const int reason =
	    ways[what->how].reason == -2 ? (int)what->reason : ways[what->how].reason;
	CLEAN(signer_closep) struct signer *s = NULL;
	struct registry_cert *c = &ret->certs[0];
	int rc;

	if ((rc = session_open_signer(w, &s, err)) != 0 || (rc = show(s, r, serial, c, err)) != 0 ||
	    (rc = audit_tell(w->home, r, s, err)) != 0)
		return rc;
	rc = signer_revoke(s, serial, REGISTRY_SERIAL_LEN, (enum signer_reason)reason, err);
	if (rc != 0)
		return rc;
	ret->n = 1;
	ret->already =
	    reason < 0 ? c->state != CERT_REVOKED : c->state == CERT_REVOKED && c->reason == reason;
	if (!ret->already && (rc = registry_software_taken(
				  r, ways[what->how].action, serial, reason, note, err)) != 0)
		return rc;
	return signer_crl_state(s, false, &ret->crl, err);
}
