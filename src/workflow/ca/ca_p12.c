/* SPDX-License-Identifier: BSD-2-Clause */
/* ca_p12: a software key, made here and carried away in a file. */
#include <unistd.h>

#include "base/file.h"
#include "desk/audit.h"
#include "desk/ca_issue.h"
#include "desk/session.h"
#include "ykenroll/workflow_ca.h"

static int
write_file(const struct desk *w, const struct workflow_p12 *what, struct key *key,
    const struct signer_ca *ca, const struct blob *cert, struct err *err)
{
	const struct p12 p12 = {
	    .key = key,
	    .cert = cert,
	    .chain = ca->cas,
	    .n_chain = 2,
	    .name = what->request->holder.name,
	    .pass = what->pass,
	    .compat = what->compat,
	};
	CLEAN(blob_wipe) struct blob der = {0};
	int rc;

	if ((rc = p12_make(&p12, &der, err)) != 0)
		return rc;
	return w->force ? file_write(what->path, der.data, der.len, 0600, err)
			: file_create(what->path, der.data, der.len, 0600, err);
}

/* Nobody has the key of a certificate whose file was not written. */
static int
take_back(struct signer *s, const struct cert_info *info, int why, struct err *err)
{
	struct err own = ERR_INIT;

	if (signer_revoke(s, info->serial, info->serial_len, REASON_CESSATION, &own) != 0 &&
	    err != NULL)
		err_hint(err, "its certificate was issued and not revoked: %s", own.text);
	return why;
}

static int
make(const struct desk *w, struct registry *r, const struct workflow_p12 *what,
    struct workflow_issued *ret, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(signer_closep) struct signer *s = NULL;
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	CLEAN(request_wipe) struct request request = *what->request; /* and its csr is made here */
	int rc;

	if ((rc = session_open_signer(w, &s, err)) != 0 || (rc = signer_ca(s, &ca, err)) != 0 ||
	    (rc = key_generate((enum key_alg)request.alg, &key, err)) != 0 ||
	    (rc = csr_make(key, request.holder.name, &request.csr, err)) != 0 ||
	    (rc = audit_tell(w->home, r, s, err)) != 0 ||
	    (rc = ca_issue(s, &request, &ret->cert, err)) != 0 ||
	    (rc = cert_read(ret->cert.data, ret->cert.len, &ret->info, err)) != 0)
		return rc;
	if ((rc = write_file(w, what, key, &ca, &ret->cert, err)) != 0)
		return take_back(s, &ret->info, rc, err);
	blob_move(&ret->issuing, &ca.cas[0]);
	return 0;
}

int
workflow_p12(const struct desk *w, const struct workflow_p12 *what, struct workflow_issued *ret,
    struct err *err)
{
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if (!w->force && access(what->path, F_OK) == 0)
		return err_set(err, ERR_OCCUPIED, "%s exists; --force replaces it", what->path);
	if ((rc = ca_registry(w, &r, err)) != 0 || (rc = make(w, r, what, &issued, err)) != 0 ||
	    (rc = registry_software_put(r, "p12", what->request, &issued.cert, NULL, false, err)) !=
		0)
		return rc;
	*ret = issued;
	issued = (struct workflow_issued){0};
	return 0;
}
