/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/file.h"
#include "signer/check.h"
#include "signer/profile.h"
#include "signer/renew_issuing.h"
#include "signer/seal.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)
#define ISSUING_DAYS 3650

static int
write_pem(const struct ca *ca, const char *name, const struct blob *first,
    const struct blob *second, mode_t mode, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_path(ca->home, name, path, err)) != 0 ||
	    (rc = cert_to_pem(first, &pem, err)) != 0 ||
	    (second != NULL && (rc = cert_to_pem(second, &pem, err)) != 0))
		return rc;
	return file_write(path, pem.data, pem.len, mode, err);
}

/* ca/ last: until then the former one is what the next start reads, and both are good. */
static int
publish(const struct ca *ca, const struct blob *cert, struct err *err)
{
	int rc;

	if ((rc = write_pem(ca, CA_PUB "/issuing.crt", cert, NULL, 0644, err)) != 0 ||
	    (rc = write_pem(ca, CA_PUB "/chain.pem", cert, &ca->cert[LOG_ROOT], 0644, err)) != 0)
		return rc;
	return write_pem(ca, CA_DIR "/issuing.crt", cert, NULL, 0600, err);
}

/* Ten years, or as long as the root. */
static int
plan_validity(const struct ca *ca, struct plan *plan, struct err *err)
{
	struct cert_info root;
	int rc;

	rc = cert_read(ca->cert[LOG_ROOT].data, ca->cert[LOG_ROOT].len, &root, err);
	if (rc != 0)
		return rc;
	plan->not_before = ca->now() - PROFILE_BACKDATE;
	plan->not_after = plan->not_before + ISSUING_DAYS * DAY - 1;
	if (plan->not_after > root.not_after)
		plan->not_after = root.not_after;
	if (plan->not_after <= ca->not_after)
		return err_set(err, ERR_CA,
		    "the issuing CA's certificate ends no sooner than a new one would");
	return 0;
}

static int
sign(struct ca *ca, uint32_t peer, struct plan *plan, struct blob *ret, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	CLEAN(blob_wipe) struct blob tbs = {0}, cert = {0};
	const struct log_intent intent = {
	    .ca = LOG_ROOT, .serial = plan->serial, .not_after = plan->not_after, .tbs = &tbs};
	int rc;

	if ((rc = ca_serial(ca->log, ca->random, plan->serial, err)) != 0 ||
	    (rc = profile_build(plan, &tbs, err)) != 0 || (rc = check_tbs(plan, &tbs, err)) != 0 ||
	    (rc = log_cert_intent(ca->log, &who, &intent, err)) != 0)
		return rc;
	if ((rc = seal_sign(ca->root_key, &tbs, &cert, err)) != 0 ||
	    (rc = seal_verify(ca->root_key, &cert, &tbs, err)) != 0) {
		if (log_abandon(ca->log, &who, NULL) != 0)
			ca->log->failed = true;
		return rc;
	}
	if ((rc = log_cert_signed(ca->log, &who, plan->serial, &cert, err)) != 0)
		return rc;
	blob_move(ret, &cert);
	return 0;
}

int
renew_issuing(struct ca *ca, uint32_t peer, struct err *err)
{
	CLEAN(names_wipe) struct names names = {0};
	CLEAN(blob_wipe) struct blob spki = {0}, cert = {0};
	struct plan plan = {
	    .kind = PLAN_ISSUING, .names = &names, .spki = &spki, .issuer = &ca->cert[LOG_ROOT]};
	int rc;

	if (ca->root_key == NULL)
		return err_set(err, ERR_CA, "this signer has not been given the root's key");
	plan.issuer_alg = key_algorithm(ca->root_key);
	if ((rc = log_usable(ca->log, ca->now(), err)) != 0 ||
	    (rc = names_cert(&ca->cert[LOG_ISSUING], &names, err)) != 0 ||
	    (rc = key_spki(ca->key, &spki, err)) != 0 || (rc = plan_validity(ca, &plan, err)) != 0)
		return rc;
	rc = sign(ca, peer, &plan, &cert, err);
	key_freep(&ca->root_key);
	if (rc != 0 || (rc = publish(ca, &cert, err)) != 0)
		return rc;
	ca->not_before = plan.not_before;
	ca->not_after = plan.not_after;
	blob_move(&ca->cert[LOG_ISSUING], &cert);
	return 0;
}
