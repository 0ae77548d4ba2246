/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_look: finding things in the registry, and reading what belongs to them. Nothing here
 * changes anything. See registry.h for the life cycle and the common errors.
 */
#ifndef YKENROLL_REGISTRY_LOOK_H
#define YKENROLL_REGISTRY_LOOK_H

#include "ykenroll/registry.h"

/* A certificate's serial number as openssl, ykman, browsers and people write it: hexadecimal of
 * either case, with 0x, "serial=", colons, spaces, hyphens or DER's leading zero octet; or decimal.
 * False: none of 16 octets. */
bool registry_serial_parse(const char *text, uint8_t ret[static REGISTRY_SERIAL_LEN]);

struct registry_found { /* exactly one of them */
	int64_t holder; /* 0: not a holder */
	uint32_t token; /* 0: not a token */
	bool has_cert;
	uint8_t cert_serial[REGISTRY_SERIAL_LEN];
};
/* A holder (by key, external id, e-mail, UPN, directory DN or name), a token (serial number) or a
 * certificate (serial number). Errors: ERR_ABSENT none; ERR_AMBIGUOUS more than one. */
MUST_CHECK int registry_find(
    struct registry *r, const char *what, struct registry_found *ret, struct err *err);

/* Errors: ERR_ABSENT. */
MUST_CHECK int registry_holder_by_id(
    struct registry *r, int64_t id, struct holder *ret, struct err *err);

/* What should be on a token, and whether the registry itself still says what was written. */
struct registry_expected {
	bool finished; /* by work that was finished: the three below are known */
	uint8_t key_alg, pin_policy, touch_policy; /* key.h, x509.h */
	bool has_cert; /* the active one, else the newest that was signed */
	enum registry_cert_state cert_state;
	int cert_reason; /* RFC 5280, when revoked */
	uint8_t cert_serial[REGISTRY_SERIAL_LEN], cert_sha256[32], spki_sha256[32];
	int64_t not_after;
	bool cert_damaged;    /* its DER is not what the hash beside it says */
	unsigned cert_active; /* how many are active; more than one never is */
	struct registry_expected_secret {
		bool there;   /* a current one */
		bool damaged; /* the sealed blob is not the one in the chain */
		bool spent;
		uint8_t alg;
	} secrets[SECRET_KINDS];
};
/* Of a token that is registered. */
MUST_CHECK int registry_expected(
    struct registry *r, uint32_t token, struct registry_expected *ret, struct err *err);
/* Is this the card identifier that a work gave the token? 1 yes, or none gave it any; 0; or an
 * error. */
MUST_CHECK int registry_guid_known(struct registry *r, uint32_t token,
    const uint8_t guid[static REGISTRY_GUID_LEN], struct err *err);

enum registry_secret_state { SECRET_PENDING, SECRET_CURRENT, SECRET_OLD };
const char *registry_secret_state_name(enum registry_secret_state s);

struct registry_secret {
	uint32_t token;
	enum registry_secret_kind kind;
	unsigned version;
	enum registry_secret_state state;
	int64_t recipients; /* generation that it is sealed to */
	int64_t opened;	    /* UTC seconds when somebody was shown it; 0: never */
	int64_t changed;
};
/* The sealed secrets of a token (0: of all), oldest first. A non-zero return of row stops and is
 * returned. */
MUST_CHECK int registry_secrets(struct registry *r, uint32_t token,
    int (*row)(void *ctx, const struct registry_secret *secret), void *ctx, struct err *err);

struct registry_audit_row {
	int64_t seq, at;
	uint32_t token; /* 0: none */
	char actor[REGISTRY_TEXT_MAX], action[REGISTRY_TEXT_MAX];
	char detail[2048];
	uint8_t prev[32], hash[32];
};
/* The audit rows of a token (0: all) from number first on, in order. A non-zero return of row stops
 * and is returned. */
MUST_CHECK int registry_audit_rows(struct registry *r, uint32_t token, int64_t first,
    int (*row)(void *ctx, const struct registry_audit_row *row), void *ctx, struct err *err);

#endif
