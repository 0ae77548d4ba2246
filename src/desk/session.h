/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session: one visit to one token. Runs of a plan and single verbs are both built on it: what it
 * has open is opened once, by whoever needs it first, and all closed with session_wipe.
 *
 * A struct session that is zero but for w and choice has nothing open.
 */
#ifndef DESK_SESSION_H
#define DESK_SESSION_H

#include "ykenroll/registry_escrow.h"
#include "ykenroll/desk.h"

#define SESSION_ABOUT_MAX (2 * REGISTRY_TEXT_MAX)

struct session {
	const struct desk *w;
	struct device_choice choice; /* w's, and then that of the token that was named */
	struct device *dev;
	struct token *token;
	struct registry *registry;
	struct registry_escrow_key *escrow;
	struct signer *signer;
	struct signer *look;	 /* one that needs no key, and asks nobody */
	uint32_t serial;	 /* of the token that this is about; 0: it does not tell */
	struct registry_row row; /* token.serial 0: the registry does not know it */
	bool pin_verified, authenticated;
	char about[SESSION_ABOUT_MAX], left[SESSION_ABOUT_MAX]; /* session_about */
};

void session_wipe(struct session *s);

/* ---- opening ---- */

/* The home's registry, or its CA, also for what has no token. Errors: ERR_INTERNAL there is no
 * registry. */
MUST_CHECK int session_open_registry(const struct desk *w, struct registry **ret, struct err *err);
MUST_CHECK int session_open_signer(const struct desk *w, struct signer **ret, struct err *err);
/* Only to be asked what it would refuse, and what it has issued: nobody has to unlock it. */
MUST_CHECK int session_open_look(const struct desk *w, struct signer **ret, struct err *err);

/* Each: where it is not open yet. */
MUST_CHECK int session_registry(struct session *s, struct err *err);
MUST_CHECK int session_signer(struct session *s, struct err *err);
MUST_CHECK int session_look(struct session *s, struct err *err);
MUST_CHECK int session_token(struct session *s, struct err *err); /* and s->serial */
/* One that tells its serial number, by which all is recorded. Errors: ERR_NO_TOKEN. */
MUST_CHECK int session_known_token(struct session *s, struct err *err);

/* ---- the registry's word ---- */

/* Whom or what does it name? One of the two is set. Errors: ERR_USAGE; ERR_AMBIGUOUS. */
MUST_CHECK int session_find(
    struct session *s, const char *what, uint32_t *ret_token, int64_t *ret_holder, struct err *err);
/* "REASON, ticket T". ticket may be NULL or "". Errors: ERR_USAGE not plain text, or too long. */
MUST_CHECK int session_note(
    char *ret, size_t size, const char *reason, const char *ticket, struct err *err);

/* ---- people ---- */

/* A secret that need not be given: ret stays empty. */
MUST_CHECK int session_ask(
    const struct session *s, enum desk_secret which, struct secret *ret, struct err *err);
/* Before anybody is asked: "token 7 → Alice (alice@example.org)" stands above each prompt from here
 * on, and left is said to who interrupts it: what is left, and what finishes it. holder: NULL, or
 * key "": nobody's. */
void session_about(struct session *s, const struct holder *holder, const char *left);
/* One that a file gives: may it be? Errors: ERR_USAGE. */
MUST_CHECK int session_check(const struct session *s, enum desk_secret which, struct err *err);
/* A new PIN, and may it be one? */
MUST_CHECK int session_new_pin(const struct session *s, struct secret *ret, struct err *err);
/* Errors: ERR_PERSON no, or nobody can be asked. */
MUST_CHECK int session_confirm(const struct session *s, const char *question, struct err *err);

/* ---- PIN and PUK ---- */

/* For what sends one. Of a PUK of ours: also where the firmware does not tell its tries. */
unsigned session_flags(const struct session *s);
unsigned session_puk_flags(const struct session *s, const struct token_pin_state *puk);
/* Said before anything is asked: a value that will not be sent need not be typed. Errors:
 * ERR_BLOCKED; ERR_PIN one try left, and no --last-try. */
MUST_CHECK int session_tries(const struct session *s, const struct token_pin_state *state,
    const char *what, struct err *err);
/* *ret_has: a Bio has none. */
MUST_CHECK int session_puk(
    struct session *s, struct token_pin_state *ret, bool *ret_has, struct err *err);
/* Ask for the PIN and send it. Errors: as token_verify_pin. */
MUST_CHECK int session_pin(
    struct session *s, enum desk_secret which, struct secret *ret, struct err *err);

/* ---- management key ---- */

MUST_CHECK int session_authenticate(struct session *s, const struct secret *key, struct err *err);
/* With the one that was given, or the factory's when that is empty. Errors: ERR_MGMKEY. */
MUST_CHECK int session_mgmkey(struct session *s, const struct secret *given, struct err *err);
/* Is it this one? Asking costs nothing. */
MUST_CHECK int session_is_mgmkey(
    struct session *s, const struct secret *key, bool *ret, struct err *err);
/* Is it the factory's? Where the firmware does not tell, it is asked. */
MUST_CHECK int session_is_factory(
    struct session *s, const struct token_mgm_state *state, bool *ret, struct err *err);

/* ykman's flags in ADMIN DATA. */
struct session_admin {
	bool present, puk_disabled, protected_key, derived_key;
};
MUST_CHECK int session_admin(struct session *s, struct session_admin *ret, struct err *err);
/* Write what is left of them; nothing left deletes the object. Needs authentication. */
MUST_CHECK int session_put_admin(
    struct session *s, const struct session_admin *admin, struct err *err);

/* ykman's convention: the management key in PRINTED, which the PIN opens. key NULL: none. Errors of
 * get: ERR_ABSENT. */
MUST_CHECK int session_get_protected(struct session *s, struct secret *ret, struct err *err);
MUST_CHECK int session_put_protected(struct session *s, const struct secret *key, struct err *err);

/* ---- card identity ---- */

MUST_CHECK int session_guid(uint8_t ret[static DEVICE_GUID_LEN], struct err *err); /* a new one */
MUST_CHECK int session_put_chuid(
    struct session *s, const uint8_t guid[static DEVICE_GUID_LEN], struct err *err);

#endif
