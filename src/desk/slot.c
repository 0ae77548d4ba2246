/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "desk/slot.h"

void
slot_wipe(struct slot *s)
{
	blob_wipe(&s->key.spki);
	blob_wipe(&s->cert_der);
	blob_wipe(&s->leaf);
}

static int
look_cert(struct token *token, uint8_t number, struct slot *s, struct err *err)
{
	int rc;

	rc = token_get_cert(token, number, &s->cert_der, err);
	if (rc == ERR_FIT) { /* something is there that is no certificate */
		s->has_cert = true;
		return 0;
	}
	if ((rc = err_answer(rc, ERR_ABSENT, &s->has_cert, err)) != 0 || !s->has_cert)
		return rc;
	s->cert_readable = cert_read(s->cert_der.data, s->cert_der.len, &s->cert, NULL) == 0;
	return 0;
}

/* What metadata would say, of a key that the token made. */
static void
take_claims(struct slot *s)
{
	CLEAN(attestation_wipe) struct attestation a = {0};

	if (attest_claims(&s->leaf, &a, NULL) != 0)
		return;
	s->key_known = true;
	s->key = (struct token_slot){.alg = a.alg,
	    .pin_policy = a.pin_policy,
	    .touch_policy = a.touch_policy,
	    .generated = true,
	    .spki = a.spki};
	a.spki = (struct blob){0};
}

int
slot_look(struct token *token, uint8_t number, bool attest, struct slot *ret, struct err *err)
{
	CLEAN(slot_wipe) struct slot s = {0};
	const uint8_t *fw = token_id(token)->firmware;
	const bool metadata = fw[0] > 5 || (fw[0] == 5 && fw[1] >= 3);
	int rc;

	rc = token_slot(token, number, &s.key, err);
	if ((rc = err_answer(rc, ERR_ABSENT, &s.key_known, err)) != 0 ||
	    (rc = look_cert(token, number, &s, err)) != 0)
		return rc;
	/* Without metadata only the attestation tells of a key, and that of a generated one. */
	if (number != DEVICE_SLOT_F9 && (!metadata || (attest && s.key_known && s.key.generated))) {
		rc = token_attest(token, number, &s.leaf, err);
		if ((rc = err_answer(rc, ERR_ABSENT, &s.attested, err)) != 0)
			return rc;
	}
	if (s.attested && !s.key_known)
		take_claims(&s);
	s.has_key = s.key_known || s.attested;
	slot_wipe(ret);
	*ret = s;
	s = (struct slot){0};
	return 0;
}

void
slot_text(const struct slot *s, char ret[static SLOT_TEXT_MAX])
{
	char key[96] = "", cert[SLOT_TEXT_MAX] = "", end[UTC_TEXT_LEN];

	if (s->key_known)
		snprintf(key, sizeof(key), "an %s key (%s)", key_alg_name(s->key.alg),
		    s->key.generated ? "generated on the token" : "imported");
	else if (s->has_key)
		snprintf(key, sizeof(key), "a key");
	if (s->cert_readable) {
		utc_text(s->cert.not_after, end);
		snprintf(cert, sizeof(cert), "the certificate of %.200s, until %.10s",
		    s->cert.subject, end);
	} else if (s->has_cert) {
		snprintf(cert, sizeof(cert), "an unreadable certificate");
	}
	snprintf(ret, SLOT_TEXT_MAX, "%.95s%s%.280s", key,
	    key[0] != '\0' && cert[0] != '\0' ? " and " : "", cert);
	if (ret[0] == '\0')
		snprintf(ret, SLOT_TEXT_MAX, "nothing");
}

int
slot_spki(const struct slot *s, uint8_t number, struct blob *ret, struct err *err)
{
	if (s->key_known && s->key.spki.len > 0)
		return blob_set(ret, s->key.spki.data, s->key.spki.len, err);
	if (s->attested)
		return cert_spki(s->leaf.data, s->leaf.len, ret, err);
	if (s->cert_readable)
		return cert_spki(s->cert_der.data, s->cert_der.len, ret, err);
	return err_set(
	    err, ERR_ABSENT, "slot %02x has no key, or does not report its public key", number);
}

int
slot_lost(struct token *token, char ret[static SLOT_LOST_MAX], struct err *err)
{
	const struct device_slot *slots;
	size_t n, i, at = 0;
	int rc;

	ret[0] = '\0';
	slots = device_slots(&n);
	for (i = 0; i < n && at < SLOT_LOST_MAX; i++) {
		CLEAN(slot_wipe) struct slot s = {0};
		char text[SLOT_TEXT_MAX];

		if (slots[i].slot == DEVICE_SLOT_F9)
			continue;
		if ((rc = slot_look(token, slots[i].slot, false, &s, err)) != 0)
			return rc;
		if (!s.has_key && !s.has_cert)
			continue;
		slot_text(&s, text);
		rc = snprintf(ret + at, SLOT_LOST_MAX - at, "%s slot %02x: %s", at > 0 ? ";" : "",
		    slots[i].slot, text);
		at += rc < 0 ? 0 : (size_t)rc;
	}
	return 0;
}

/* ---- trust ---- */

int
slot_trust(const struct desk *w, struct slot_trust *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[4096];
	int rc;

	/* A home that is closed to us, or that is none: the built-in anchors only. */
	if ((rc = file_join(path, sizeof(path), w->home, "ca/rehearsal-root.pem", err)) != 0 ||
	    (rc = file_join(ret->intermediates, sizeof(ret->intermediates), w->home,
		 "ca/intermediates", err)) != 0)
		return rc;
	if (file_read(path, &pem, NULL) == 0) {
		if ((rc = cert_from_pem(&pem, &ret->root, err)) != 0)
			return err_wrap(err, "%s", path), rc;
		ret->trust.rehearsal_root = &ret->root;
	}
	if (access(ret->intermediates, R_OK | X_OK) == 0)
		ret->trust.intermediates_dir = ret->intermediates;
	return 0;
}

void
slot_trust_wipe(struct slot_trust *t)
{
	blob_wipe(&t->root);
}
