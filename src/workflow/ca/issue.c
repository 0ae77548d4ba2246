/* SPDX-License-Identifier: BSD-2-Clause */
/* issue: certificates for keys that are in no token, and CRLs. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "desk/ca.h"
#include "desk/session.h"
#include "ykenroll/workflow.h"

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

	if ((rc = ca_check(w, request, err)) != 0 || (rc = session_open_signer(w, &s, err)) != 0 ||
	    (rc = signer_ca(s, &ca, err)) != 0 || (rc = audit_tell(w->home, r, s, err)) != 0 ||
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

/* ca_p12: a software key, made here and carried away in a file. */

static int
write_file(const struct desk *w, const struct workflow_p12 *what, struct key *key,
    const struct signer_ca *ca, const struct blob *cert, struct err *err)
{
	const struct p12 p12 = {
	    .key = key,
	    .cert = cert,
	    .chain = ca->cas,
	    .n_chain = ca->n,
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

	if (signer_revoke(s, info->serial, info->serial_len, NULL, REASON_CESSATION, &own) != 0 &&
	    err != NULL)
		err_hint(err, "its certificate was issued and could not be revoked: %s", own.text);
	return why;
}

static int
make_p12(const struct desk *w, struct registry *r, const struct workflow_p12 *what,
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
workflow_p12_check(const struct desk *w, const struct request *request, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(request_wipe) struct request asked = *request; /* and its csr is made here */
	int rc;

	if ((rc = key_generate(KEY_P256, &key, err)) != 0 ||
	    (rc = csr_make(key, asked.holder.name, &asked.csr, err)) != 0)
		return rc;
	return ca_check(w, &asked, err);
}

int
workflow_p12(const struct desk *w, const struct workflow_p12 *what, struct workflow_issued *ret,
    struct err *err)
{
	CLEAN(workflow_issued_wipe) struct workflow_issued issued = {0};
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = w->force ? file_check_dir(what->path, err) : file_check_new(what->path, err)) !=
	    0)
		return rc;
	if ((rc = ca_registry(w, &r, err)) != 0 || (rc = make_p12(w, r, what, &issued, err)) != 0 ||
	    (rc = registry_software_put(r, "p12", what->request, &issued.cert, NULL, false, err)) !=
		0)
		return rc;
	*ret = issued;
	issued = (struct workflow_issued){0};
	return 0;
}

/* ---- CRLs ---- */

static int
sign_crl(const struct desk *w, struct registry *r, bool root, const char *root_pass_spec,
    struct crl_info *ret, struct err *err)
{
	const struct signer_open open = {.home = w->home,
	    .ca_pass_spec = w->ca_pass_spec,
	    .root = root,
	    .root_pass_spec = root_pass_spec};
	CLEAN(signer_closep) struct signer *s = NULL;
	int rc;

	if ((root && (rc = ca_has_root(w, "its CRL is renewed by ykenroll ca crl", err)) != 0) ||
	    (rc = signer_open(&open, &s, err)) != 0 ||
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
	    (rc = sign_crl(w, r, root, root_pass_spec, ret, err)) != 0)
		return rc;
	utc_text(ret->next_update, end);
	snprintf(detail, sizeof(detail), "%s CRL number %llu, %zu entries, until %s",
	    root ? "root" : "issuing", (unsigned long long)ret->number, ret->entries, end);
	return r == NULL ? 0 : registry_audit(r, "crl", 0, detail, err);
}
