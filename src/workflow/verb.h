/* SPDX-License-Identifier: BSD-2-Clause */
/* verb: what the token verbs share: opening, the registry's word, authentication. */
#ifndef WORKFLOW_VERB_H
#define WORKFLOW_VERB_H

#include "ykenroll/workflow_token.h"

#define VERB_TEXT_MAX 400

struct verb {
	const struct workflow *w;
	const char *name; /* "change-pin" */
	struct device *dev;
	struct token *token;
	struct registry *registry; /* NULL: there is none */
	struct registry_row row;   /* serial 0: not registered */
	bool asked_pin, authenticated;
};

/* LOOK: the registry is only asked what it knows, and need not be readable. */
enum verb_kind { VERB_LOOK, VERB_HOLDER, VERB_CHANGE };

/* Errors: ERR_OCCUPIED the registry's token is changed by another command. */
MUST_CHECK int verb_open(struct verb *v, const struct workflow *w, const char *name,
    enum verb_kind kind, struct err *err);
void verb_wipe(struct verb *v);
unsigned verb_flags(const struct verb *v); /* for what sends a PIN or PUK */

/* Where the registry knows the token: one audit row, "token NAME". */
MUST_CHECK int verb_audit(struct verb *v, const char *detail, struct err *err);

/* Ask for the PIN and send it. Errors: as token_verify_pin. */
MUST_CHECK int verb_pin(struct verb *v, struct err *err);

/* With the management key that was given; else the factory's, where it may be; else the one that
 * the token keeps behind the PIN. Errors: ERR_MGMKEY says what to give. */
MUST_CHECK int verb_authenticate(struct verb *v, struct err *err);

/* What is in a slot, as far as the firmware tells. */
struct verb_slot {
	bool has_key, has_cert;
	bool key_known;
	struct token_slot key;
	bool cert_readable;
	struct blob cert_der;
	struct cert_info cert;
	bool attested;
	struct blob leaf;
};
MUST_CHECK int verb_slot(
    struct verb *v, uint8_t slot, bool attest, struct verb_slot *ret, struct err *err);
void verb_slot_wipe(struct verb_slot *s);
/* "an ECCP256 key that was generated on the token, and the certificate of CN=…" */
void verb_slot_text(const struct verb_slot *s, char ret[static VERB_TEXT_MAX]);
/* The key's SubjectPublicKeyInfo: metadata's, else the attestation's, else the certificate's.
 * Errors: ERR_ABSENT. */
MUST_CHECK int verb_slot_spki(
    const struct verb_slot *s, uint8_t slot, struct blob *ret, struct err *err);

/* What a reset destroys: " slot 9a: an ECCP256 key …; slot 9c: …", or "". */
#define VERB_LOST_MAX 2048
MUST_CHECK int verb_lost(struct verb *v, char ret[static VERB_LOST_MAX], struct err *err);

/* A read for which "not there" is an answer. */
MUST_CHECK int verb_present(int rc, bool *ret, const struct err *why, struct err *err);

/* The anchors that count in this home. */
struct verb_trust {
	struct attest_trust trust;
	struct blob root;
	char intermediates[4096];
};
MUST_CHECK int verb_trust(const struct workflow *w, struct verb_trust *ret, struct err *err);
void verb_trust_wipe(struct verb_trust *t);

/* ykman's flags in ADMIN DATA. */
struct verb_admin {
	bool present, puk_disabled, protected_key, derived_key;
};
MUST_CHECK int verb_admin(struct verb *v, struct verb_admin *ret, struct err *err);
/* Write what is left of them; nothing left deletes the object. Needs authentication. */
MUST_CHECK int verb_put_admin(struct verb *v, const struct verb_admin *admin, struct err *err);

/* A new card identity, so that Windows reads the certificates again. */
MUST_CHECK int verb_new_chuid(struct verb *v, struct err *err);

#endif
