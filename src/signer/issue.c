/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "signer/check.h"
#include "signer/crl.h"
#include "signer/gate.h"
#include "signer/issue.h"
#include "signer/names.h"
#include "signer/profile.h"
#include "signer/sign.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)
#define HOUR INT64_C(3600)
#define ISSUING_DAYS 3650

static void
prepared_wipe(struct issue_prepared *p)
{
	blob_wipe(&p->tbs);
	memset(p, 0, sizeof(*p));
}

void
issue_peer_wipe(struct issue_peer *own)
{
	size_t i;

	for (i = 0; i < ISSUE_PREPARED_MAX; i++)
		prepared_wipe(&own->prepared[i]);
}

static struct issue_prepared *
prepared_find(struct issue_peer *own, const uint8_t *serial)
{
	size_t i;

	for (i = 0; i < ISSUE_PREPARED_MAX; i++)
		if (own->prepared[i].tbs.len > 0 &&
		    memcmp(own->prepared[i].serial, serial, SIGNER_SERIAL_LEN) == 0)
			return &own->prepared[i];
	return NULL;
}

int
issue_fits(size_t cert_len, struct err *err)
{
	if (cert_len <= ISSUE_CERT_MAX)
		return 0;
	return err_set(err, ERR_FIT,
	    "the certificate would have %zu bytes and a token has room for %d; use shorter names",
	    cert_len, ISSUE_CERT_MAX);
}

/* ---- prepare ---- */

static int
validity(const struct ca *ca, const struct profile *profile, const struct request *request,
    struct cert_plan *plan, struct err *err)
{
	const bool few = request->days_kept != 0 && request->days > profile->days;
	const unsigned days = request->days == 0 || few ? profile->days : request->days;
	/* the backdating is no part of so few hours */
	const int64_t span =
	    request->hours == 0 ? days * DAY : request->hours * HOUR + PROFILE_BACKDATE;
	const int64_t now = ca->now();
	char end[UTC_TEXT_LEN];

	if (span > profile->days * DAY)
		return err_set(err, ERR_CA,
		    "%u %s requested, but profile %s allows at most %u days",
		    request->hours == 0 ? days : request->hours,
		    request->hours == 0 ? "days" : "hours", profile->name, profile->days);
	plan->not_before = now - PROFILE_BACKDATE;
	if (plan->not_before < ca->not_before)
		plan->not_before = ca->not_before;
	/* the last second belongs to it: RFC 5280, 4.1.2.5 */
	plan->not_after = plan->not_before + span - 1;
	if (plan->not_after > ca->not_after)
		plan->not_after = ca->not_after;
	utc_text(ca->not_after, end);
	if (now < ca->not_before || plan->not_after < now)
		return err_set(err, ERR_CA,
		    "the issuing CA's own certificate expires at %s; %s, or set the clock", end,
		    ca->single ? "make a new CA (ykenroll init --home NEW)"
			       : "renew it (ykenroll ca renew --issuing)");
	return 0;
}

static int
remember(struct issue_peer *own, const struct request *request, const struct cert_plan *plan,
    const struct blob *tbs, int64_t now, struct err *err)
{
	struct issue_prepared *p = &own->prepared[own->next];
	int rc;

	prepared_wipe(p);
	if ((rc = blob_set(&p->tbs, tbs->data, tbs->len, err)) != 0)
		return rc;
	p->attested = !plan->profile->software;
	if (p->attested && (rc = x509_sha256(&request->attestation, p->attestation, err)) != 0)
		return rc;
	memcpy(p->serial, plan->serial, sizeof(p->serial));
	p->at = now;
	p->not_after = plan->not_after;
	p->token = p->attested ? request->token : 0;
	snprintf(p->profile, sizeof(p->profile), "%s", plan->profile->name);
	own->next = (own->next + 1) % ISSUE_PREPARED_MAX;
	return 0;
}

/* From what is known of key and names to the bytes, checked and remembered. */
static int
plan_it(const struct ca *ca, struct issue_peer *own, const struct request *request,
    const struct profile *profile, const struct names *names, const struct blob *spki,
    struct signer_prepared *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob tbs = {0};
	struct cert_plan plan = {
	    .kind = PLAN_LEAF,
	    .profile = profile,
	    .names = names,
	    .spki = spki,
	    .issuer = &ca->cert[LOG_ISSUING],
	    .issuer_alg = ca->alg,
	};
	const struct sign_algorithm *alg;
	size_t len_max;
	int rc;

	if ((rc = sign_algorithm(plan.issuer_alg, &alg, err)) != 0 ||
	    (rc = validity(ca, profile, request, &plan, err)) != 0 ||
	    (rc = ca_serial(ca->log, ca->random, plan.serial, err)) != 0 ||
	    (rc = profile_build(&plan, &tbs, err)) != 0 || (rc = check_tbs(&plan, &tbs, err)) != 0)
		return rc;
	len_max = sign_len_max(alg, tbs.len);
	if ((!profile->software && (rc = issue_fits(len_max, err)) != 0) ||
	    (rc = remember(own, request, &plan, &tbs, ca->now(), err)) != 0)
		return rc;
	memcpy(ret->serial, plan.serial, sizeof(ret->serial));
	ret->cert_len_max = len_max;
	ret->not_before = plan.not_before;
	ret->not_after = plan.not_after;
	blob_move(&ret->tbs, &tbs);
	return 0;
}

/* Of a renewal: as it was issued, *ret_old. */
static int
find_profile(const struct ca *ca, const struct issue_ask *ask, struct profile *ret,
    struct log_cert *ret_old, struct err *err)
{
	char name[RULES_NAME_MAX + 1];
	int rc;

	if (ask->form != REQUEST_RENEW)
		return rules_profile(ca->rules, ask->request->profile, ret, err);
	if ((rc = issue_signed(ca, ask->serial, SIGNER_SERIAL_LEN, ret_old, err)) != 0)
		return rc;
	if (ret_old->revoked_at != 0)
		return err_set(err, ERR_CA,
		    "the certificate is revoked (reason %u); issue a new one", ret_old->reason);
	rc = log_profile(ca->log, ret_old, name, err);
	return rc != 0 ? rc : rules_profile(ca->rules, name, ret, err);
}

/* Of a renewal: the certificate's own words, under the rules of today. */
static int
find_names(const struct ca *ca, const struct issue_ask *ask, const struct log_cert *c,
    struct blob *ret_old, struct names *ret, struct err *err)
{
	int rc;

	if (ask->form != REQUEST_RENEW)
		return names_request(ask->request, ret, err);
	rc = log_certificate(ca->log, c, ret_old, err);
	return rc != 0 ? rc : names_cert(ret_old, ret, err);
}

static int
prepare(const struct ca *ca, struct issue_peer *own, const struct issue_ask *ask,
    struct signer_prepared *ret, struct err *err)
{
	const bool token = ask->form == REQUEST_PREPARE || ask->form == REQUEST_PRECHECK;
	const struct request *request = ask->request;
	CLEAN(names_wipe) struct names names = {0};
	CLEAN(blob_wipe) struct blob spki = {0}, old = {0};
	struct log_cert c = {0};
	struct cert_plan plan;
	struct profile profile;
	int rc;

	if ((rc = log_usable(ca->log, ca->now(), err)) != 0 ||
	    (rc = find_profile(ca, ask, &profile, &c, err)) != 0 ||
	    (rc = token ? gate_tokens(&profile, err) : gate_peer(ca, &profile, ask->peer, err)) !=
		0 ||
	    (rc = find_names(ca, ask, &c, &old, &names, err)) != 0 ||
	    (rc = names_check(ca, &profile, &names, err)) != 0)
		return rc;
	if (ask->form == REQUEST_PRECHECK) {
		rc = gate_planned(ca, &profile, request, err);
		return rc != 0 ? rc : validity(ca, &profile, request, &plan, err);
	}
	if (token)
		rc = gate_check(ca, &profile, request, &spki, err);
	else if (ask->form == REQUEST_RENEW && request->csr.len == 0)
		rc = cert_spki(old.data, old.len, &spki, err);
	else
		rc = gate_software(&request->csr, &spki, err);
	return rc != 0 ? rc : plan_it(ca, own, request, &profile, &names, &spki, ret, err);
}

int
issue_prepare(const struct ca *ca, struct issue_peer *own, const struct issue_ask *ask,
    struct signer_prepared *ret, struct err *err)
{
	const int rc = prepare(ca, own, ask, ret, err);

	if (rc != 0 && err != NULL)
		(void)err_wrap(err, "the CA refuses");
	return rc;
}

/* ---- sign ---- */

static int
sign(
    struct ca *ca, const struct issue_prepared *p, uint32_t peer, struct blob *ret, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	const struct log_row intent = {
	    .ca = LOG_ISSUING,
	    .serial = p->serial,
	    .serial_len = sizeof(p->serial),
	    .not_after = p->not_after,
	    .data = p->tbs.data,
	    .data_len = p->tbs.len,
	    .text = p->profile,
	    .number = p->token,
	    .digest = p->attested ? p->attestation : NULL,
	};

	return sign_cert(ca->log, &who, ca->key, &intent, ret, err);
}

int
issue_sign(struct ca *ca, struct issue_peer *own, uint32_t peer, const uint8_t *serial,
    struct blob *ret_cert, struct err *err)
{
	struct issue_prepared *p;
	struct log_cert there;
	int rc;

	rc = log_find(ca->log, serial, SIGNER_SERIAL_LEN, &there, err);
	if (rc == 0 && there.state == LOG_FORBIDDEN)
		return err_set(err, ERR_CA,
		    "the CA refuses: this certificate was given up in the meantime; run it again");
	if (rc == 0)
		return issue_find(ca, serial, ret_cert, NULL, err);
	if (rc != ERR_ABSENT)
		return rc;
	if ((p = prepared_find(own, serial)) == NULL)
		return err_set(
		    err, ERR_CA, "the CA refuses: nothing is prepared under this serial number");
	if (ca->now() - p->at > ISSUE_PREPARED_SEC)
		return err_set(err, ERR_CA,
		    "the CA refuses: this was prepared more than %d minutes ago; prepare it again",
		    ISSUE_PREPARED_SEC / 60);
	rc = sign(ca, p, peer, ret_cert, err);
	prepared_wipe(p);
	return rc;
}

/* ---- afterwards ---- */

int
issue_find(const struct ca *ca, const uint8_t *serial, struct blob *ret_cert, char *ret_profile,
    struct err *err)
{
	struct log_cert c;
	struct profile p;
	int rc;

	if ((rc = issue_signed(ca, serial, SIGNER_SERIAL_LEN, &c, err)) != 0)
		return rc;
	if (ret_profile != NULL &&
	    (log_profile(ca->log, &c, ret_profile, NULL) != 0 ||
		rules_profile(ca->rules, ret_profile, &p, NULL) != 0 || p.software))
		ret_profile[0] = '\0';
	return log_certificate(ca->log, &c, ret_cert, err);
}

/* ---- the issuing CA's own certificate once more ---- */

/* ca/ last: until then the former one is what the next start reads, and both are good. */
static int
publish_issuing(const struct ca *ca, const struct blob *cert, struct err *err)
{
	const struct blob chain[] = {*cert, ca->cert[LOG_ROOT]};
	int rc;

	if ((rc = ca_write_pem(ca->home, CA_PUB "/issuing.crt", cert, 1, PEM_CERT, 0644, err)) !=
		0 ||
	    (rc = ca_write_pem(ca->home, CA_PUB "/chain.pem", chain, 2, PEM_CERT, 0644, err)) != 0)
		return rc;
	return ca_write_pem(ca->home, CA_DIR "/issuing.crt", cert, 1, PEM_CERT, 0600, err);
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
		    "the issuing CA's certificate expires no sooner than a new one would");
	return 0;
}

static int
sign_issuing(
    struct ca *ca, uint32_t peer, struct cert_plan *plan, struct blob *ret, struct err *err)
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
issue_issuing(struct ca *ca, uint32_t peer, struct err *err)
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
	rc = sign_issuing(ca, peer, &plan, &cert, err);
	key_freep(&ca->root_key);
	if (rc != 0 || (rc = publish_issuing(ca, &cert, err)) != 0)
		return rc;
	ca->not_before = plan.not_before;
	ca->not_after = plan.not_after;
	blob_move(&ca->cert[LOG_ISSUING], &cert);
	return 0;
}
