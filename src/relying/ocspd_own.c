/* SPDX-License-Identifier: BSD-2-Clause */
/* ocspd_own: what is on no disk need not be kept there, nor be renewed by somebody. */
#include "desk/ca_issue.h"
#include "relying/ocspd.h"

#define NAME "OCSP responder"
#define DAYS 7

static int
issue(const struct desk *w, const char *ca_pass_spec, const struct request *request,
    struct blob *ret, struct err *err)
{
	const struct signer_open open = {.home = w->home, .ca_pass_spec = ca_pass_spec};
	CLEAN(signer_closep) struct signer *s = NULL;
	int rc;

	if ((rc = signer_open(&open, &s, err)) != 0)
		return rc;
	return ca_issue(s, request, NULL, ret, err);
}

int
ocspd_own(const struct desk *w, const char *ca_pass_spec, struct key **ret_key,
    struct blob *ret_cert, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(request_wipe)
	struct request request = {.profile = "ocsp", .holder.name = NAME, .days = DAYS};
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(key_freep) struct key *key = NULL;
	int rc;

	if ((rc = ca_registry(w, &r, err)) != 0 || (rc = key_generate(KEY_P256, &key, err)) != 0 ||
	    (rc = csr_make(key, NAME, &request.csr, err)) != 0 ||
	    (rc = issue(w, ca_pass_spec, &request, &cert, err)) != 0 ||
	    (rc = ca_issue_record(r, "issue", "ocsp", &cert, err)) != 0) {
		err_wrap(err, "a certificate for the responder");
		return rc;
	}
	blob_move(ret_cert, &cert);
	*ret_key = TAKE(key);
	return 0;
}
