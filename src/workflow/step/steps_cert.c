/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_cert: key, identity, attestation, request, certificate, proof. */
#include <string.h>

#include "desk/ca.h"
#include "workflow/run/run.h"

static bool
wants_touch(const struct enrolment *e)
{
	return e->work.asked.touch_policy == TOUCH_ALWAYS ||
	       e->work.asked.touch_policy == TOUCH_CACHED;
}

/* PIN policy "always" wants a VERIFY right before each use of the key. */
static int
pin_for_key(struct enrolment *e, struct err *err)
{
	return e->s.pin_verified && e->work.asked.pin_policy != PIN_ALWAYS
		   ? 0
		   : steps_verify_pin(e, err);
}

int
steps_verify_pin(struct enrolment *e, struct err *err)
{
	const int rc = token_verify_pin(e->s.token, e->new_pin, session_flags(&e->s), err);

	if (rc == 0)
		e->s.pin_verified = true;
	return rc;
}

static void
token_slot_wipe(struct token_slot *s)
{
	blob_wipe(&s->spki);
}

int
step_key_done(struct enrolment *e, bool *ret, struct err *err)
{
	CLEAN(token_slot_wipe) struct token_slot slot = {0};
	bool there;
	int rc;

	if (!enrolment_recorded(e, "key"))
		return 0;
	rc = token_slot(e->s.token, ENROL_SLOT, &slot, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &there, err)) != 0 || !there)
		return rc;
	if (!slot.generated || slot.alg != e->work.asked.alg ||
	    (e->work.asked.pin_policy != PIN_DEFAULT &&
		slot.pin_policy != e->work.asked.pin_policy) ||
	    (e->work.asked.touch_policy != TOUCH_DEFAULT &&
		slot.touch_policy != e->work.asked.touch_policy))
		return 0;
	blob_move(&e->spki, &slot.spki);
	*ret = true;
	return 0;
}

int
step_key(struct enrolment *e, struct err *err)
{
	return token_generate(e->s.token, ENROL_SLOT, e->work.asked.alg, e->work.asked.pin_policy,
	    e->work.asked.touch_policy, &e->spki, err);
}

int
step_identity_done(struct enrolment *e, bool *ret, struct err *err)
{
	uint8_t guid[DEVICE_GUID_LEN];
	int rc;

	if (!enrolment_recorded(e, "identity"))
		return 0;
	rc = token_get_guid(e->s.token, guid, err);
	rc = err_answer(rc, ERR_ABSENT, ret, err);
	*ret = *ret && memcmp(guid, e->work.asked.guid, sizeof(guid)) == 0;
	return rc;
}

int
step_identity(struct enrolment *e, struct err *err)
{
	const int rc = session_put_chuid(&e->s, e->work.asked.guid, err);

	return rc != 0 ? rc : token_put_ccc(e->s.token, err);
}

int
step_attest(struct enrolment *e, struct err *err)
{
	return token_attest(e->s.token, ENROL_SLOT, &e->work.asked.attestation, err);
}

int
step_request(struct enrolment *e, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	int rc;

	if ((rc = pin_for_key(e, err)) != 0 ||
	    (rc = token_key(e->s.token, ENROL_SLOT, &e->spki, wants_touch(e), &key, err)) != 0)
		return rc;
	return csr_make(key, e->work.asked.holder.name, &e->work.asked.csr, err);
}

/* ---- the certificate ---- */

/* What the work already has: DER in *ret, empty when it was prepared and never signed. */
static int
logged_cert(struct enrolment *e, struct blob *ret, struct err *err)
{
	bool there;
	int rc;

	if (e->work.cert.len > 0)
		return blob_set(ret, e->work.cert.data, e->work.cert.len, err);
	rc = signer_find(e->s.signer, e->work.cert_serial, ret, NULL, err);
	return err_answer(rc, ERR_ABSENT, &there, err);
}

int
step_issue_done(struct enrolment *e, bool *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0}, spki = {0};
	int rc;

	if (!e->work.has_cert)
		return 0;
	if ((rc = logged_cert(e, &cert, err)) != 0 || cert.len == 0)
		return rc;
	if ((rc = cert_spki(cert.data, cert.len, &spki, err)) != 0)
		return rc;
	if (!blob_equal(&spki, &e->spki))
		return 0;
	/* signed, but the answer did not come: the registry does not know it yet */
	if (e->work.cert.len == 0 &&
	    (rc = registry_cert_issued(e->s.registry, e->work.id, &cert, err)) != 0)
		return rc;
	blob_move(&e->cert, &cert);
	*ret = true;
	return 0;
}

int
steps_abandon_cert(struct enrolment *e, struct err *err)
{
	bool was_signed;
	int rc;

	if (!e->work.has_cert)
		return 0;
	/* not find, then revoke: another desk may have it signed in between */
	if ((rc = signer_forbid(
		 e->s.signer, e->work.cert_serial, REASON_SUPERSEDED, &was_signed, err)) != 0)
		return rc;
	rc = registry_cert_abandoned(e->s.registry, e->work.id, was_signed, REASON_SUPERSEDED, err);
	if (rc == 0)
		e->work.has_cert = false;
	return rc;
}

static int
fits(const struct signer_prepared *p, struct err *err)
{
	if (p->cert_len_max <= DEVICE_CERT_MAX)
		return 0;
	return err_set(err, ERR_FIT,
	    "the certificate would have %zu bytes and a slot holds %d: use a shorter name",
	    p->cert_len_max, DEVICE_CERT_MAX);
}

int
step_issue(struct enrolment *e, struct err *err)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	const struct request *asked = &e->work.asked;
	uint8_t spki[X509_SHA256_LEN];
	int rc;

	if ((rc = steps_abandon_cert(e, err)) != 0 ||
	    (rc = signer_prepare(e->s.signer, asked, &p, err)) != 0 || (rc = fits(&p, err)) != 0)
		return rc;
	if ((rc = x509_sha256(&e->spki, spki, err)) != 0 ||
	    (rc = registry_cert_prepared(
		 e->s.registry, e->work.id, p.serial, spki, p.not_before, p.not_after, err)) != 0 ||
	    (rc = registry_cert_evidence(e->s.registry, e->work.id, &asked->csr,
		 &asked->attestation, &asked->f9, err)) != 0)
		return rc;
	e->work.has_cert = true;
	memcpy(e->work.cert_serial, p.serial, sizeof(p.serial));
	if ((rc = audit_tell(e->s.w->home, e->s.registry, e->s.signer, err)) != 0 ||
	    (rc = signer_sign(e->s.signer, p.serial, &e->cert, err)) != 0)
		return rc;
	return registry_cert_issued(e->s.registry, e->work.id, &e->cert, err);
}

int
step_import(struct enrolment *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob back = {0};
	bool same;
	int rc;

	if ((rc = token_put_cert(e->s.token, ENROL_SLOT, &e->cert, err)) != 0)
		return rc;
	rc = token_get_cert(e->s.token, ENROL_SLOT, &back, err);
	if ((rc = err_answer(rc == ERR_FIT ? ERR_ABSENT : rc, ERR_ABSENT, &same, err)) != 0)
		return rc;
	if (!same || !blob_equal(&back, &e->cert))
		return err_set(err, ERR_FIT,
		    "the certificate read back from the token is not the one that was written");
	return 0;
}

int
step_prove(struct enrolment *e, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	int rc;

	if ((rc = pin_for_key(e, err)) != 0 ||
	    (rc = token_key(e->s.token, ENROL_SLOT, &e->spki, wants_touch(e), &key, err)) != 0)
		return rc;
	rc = handshake_prove(
	    key, &e->cert, e->ca.cas, e->ca.n, e->ca.crls, e->ca.n_crls, &e->report->proof, err);
	if (rc == 0)
		e->report->proved = true;
	return rc;
}

/* The CA's own copy, not what the slot has now: that was compared at the start. */
int
step_record(struct enrolment *e, struct err *err)
{
	CLEAN(blob_wipe) struct blob cert = {0};
	uint8_t spki[X509_SHA256_LEN];
	struct cert_info info;
	int rc;

	if ((rc = token_get_cert(e->s.token, ENROL_SLOT, &cert, err)) != 0 ||
	    (rc = cert_read(cert.data, cert.len, &info, err)) != 0 ||
	    (rc = x509_sha256(&e->spki, spki, err)) != 0)
		return rc == ERR_ABSENT
			   ? err_set(err, ERR_FIT, "slot 9A no longer has a certificate")
			   : rc;
	if (info.serial_len != REGISTRY_SERIAL_LEN)
		return err_set(err, ERR_FIT, "the certificate was not issued by this CA");
	if ((rc = registry_cert_prepared(e->s.registry, e->work.id, info.serial, spki,
		 info.not_before, info.not_after, err)) != 0 ||
	    (rc = registry_cert_issued(e->s.registry, e->work.id, &cert, err)) != 0)
		return rc;
	e->work.has_cert = true;
	memcpy(e->work.cert_serial, info.serial, sizeof(e->work.cert_serial));
	blob_move(&e->cert, &cert);
	return 0;
}
