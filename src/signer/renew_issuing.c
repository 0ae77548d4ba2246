/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/file.h"
#include "signer/check.h"
#include "signer/profile.h"
#include "signer/renew_issuing.h"
#include "signer/sign.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)
#define ISSUING_DAYS 3650

/* ca/ last: until then the former one is what the next start reads, and both are good. */
static int
publish(const struct ca *ca, const struct blob *cert, struct err *err)
{
	const struct blob chain[] = {*cert, ca->cert[LOG_ROOT]};
	int rc;

	if ((rc = ca_write_pem(ca->home, CA_PUB "/issuing.crt", cert, 1, cert_to_pem, 0644, err)) !=
		0 ||
	    (rc = ca_write_pem(ca->home, CA_PUB "/chain.pem", chain, 2, cert_to_pem, 0644, err)) !=
		0)
		return rc;
	return ca_write_pem(ca->home, CA_DIR "/issuing.crt", cert, 1, cert_to_pem, 0600, err);
}

/* Ten years, or as long as the root. */
static int
plan_validity(const struct ca *ca, struct cert_plan *plan, struct err *err)
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
sign(struct ca *ca, uint32_t peer, struct cert_plan *plan, struct blob *ret, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	CLEAN(blob_wipe) struct blob tbs = {0};
	struct log_row intent = {.ca = LOG_ROOT,
	    .serial = plan->serial,
	    .serial_len = sizeof(plan->serial),
	    .not_after = plan->not_after};
	int rc;

	if ((rc = ca_serial(ca->log, ca->random, plan->serial, err)) != 0 ||
	    (rc = profile_build(plan, &tbs, err)) != 0 || (rc = check_tbs(plan, &tbs, err)) != 0)
		return rc;
	intent.data = tbs.data;
	intent.data_len = tbs.len;
	return sign_cert(ca->log, &who, ca->root_key, &intent, ret, err);
}

int
renew_issuing(struct ca *ca, uint32_t peer, struct err *err)
{
	CLEAN(names_wipe) struct names names = {0};
	CLEAN(blob_wipe) struct blob spki = {0}, cert = {0};
	struct cert_plan plan = {
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
