/* SPDX-License-Identifier: BSD-2-Clause */
/* slot: what is in a slot, and whom its attestation may come from. */
#ifndef DESK_SLOT_H
#define DESK_SLOT_H

#include "ykenroll/desk.h"

#define SLOT_TEXT_MAX 400
#define SLOT_LOST_MAX 2048

/* As far as the firmware tells. */
struct slot {
	bool has_key, has_cert;
	bool key_known;
	struct token_slot key;
	bool cert_readable;
	struct blob cert_der;
	struct cert_info cert;
	bool attested;
	struct blob leaf;
};
MUST_CHECK int slot_look(
    struct token *token, uint8_t number, bool attest, struct slot *ret, struct err *err);
void slot_wipe(struct slot *s);
/* "an ECCP256 key that was generated on the token, and the certificate of CN=…" */
void slot_text(const struct slot *s, char ret[static SLOT_TEXT_MAX]);
/* The key's SubjectPublicKeyInfo: metadata's, else the attestation's, else the certificate's.
 * Errors: ERR_ABSENT. */
MUST_CHECK int slot_spki(const struct slot *s, uint8_t number, struct blob *ret, struct err *err);

/* What a reset destroys: " slot 9a: an ECCP256 key …; slot 9c: …", or "". */
MUST_CHECK int slot_lost(struct token *token, char ret[static SLOT_LOST_MAX], struct err *err);

/* The anchors that count in this home. */
struct slot_trust {
	struct attest_trust trust;
	struct blob root;
	char intermediates[4096];
};
MUST_CHECK int slot_trust(const struct desk *w, struct slot_trust *ret, struct err *err);
void slot_trust_wipe(struct slot_trust *t);

#endif
