/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names: everything that a certificate says about its holder, from a request or from an older
 * certificate, and whether this profile of this CA may say it.
 */
#ifndef SIGNER_NAMES_H
#define SIGNER_NAMES_H

#include "signer/ca.h"
#include "signer/der.h"

/* The last octet of id-at-…, 2.5.4.x (X.520). */
extern const uint8_t names_at[FIELDS];
#define NAMES_AT_CN 3

#define NAMES_MAX 64 /* DNS names, and addresses */

struct names {
	struct holder who;		/* name, email, upn, sid */
	uint8_t uuid[REQUEST_GUID_LEN]; /* zeros: none */
	const char *field[FIELDS];
	const char *dns[NAMES_MAX];
	struct names_ip {
		uint8_t bytes[16];
		size_t len; /* 4 or 16 */
	} ip[NAMES_MAX];
	size_t n_dns, n_ip;

	void *kept[3 * NAMES_MAX]; /* what some of these point to */
	size_t n_kept;
};

/* Take a request apart. *ret is wiped by the caller, also after a
 * failure; begin with a zeroed one. Errors: ERR_USAGE a line is not understood; ERR_INTERNAL. */
MUST_CHECK int names_request(const struct request *request, struct names *ret, struct err *err);

/* The same from a certificate of ours. Errors: ERR_CA it says something that is in none of our
 * profiles. */
MUST_CHECK int names_cert(const struct blob *cert, struct names *ret, struct err *err);

/* Is each name possible, and the set of them what the profile wants? What a token's holder has and
 * the profile has no place for is left out; of a software key's it is refused. A field that must
 * match the CA's is filled in. Errors: ERR_USAGE. */
MUST_CHECK int names_check(
    const struct ca *ca, const struct profile *profile, struct names *names, struct err *err);

/* ---- names_read.c: out of a request's lines, and out of certificates, with the signer's own DER
 * reader ---- */

/* Keep a copy with a NUL behind it; *ret points to it. Errors: ERR_USAGE there is a NUL in it, or
 * too many are kept; ERR_INTERNAL. */
MUST_CHECK int names_keep(
    struct names *n, const void *data, size_t len, const char **ret, struct err *err);
/* CN and fields of a DER Name; others are passed over. */
MUST_CHECK int names_read_subject(const struct der *name, struct names *ret, struct err *err);

void names_wipe(struct names *names);

bool names_has_uuid(const struct names *names);
unsigned names_have(const struct names *names); /* enum rules_san: the kinds that are there */

/* "urn:uuid:f81d4fae-…" (RFC 4122, 3), 46 bytes. */
#define NAMES_URN_LEN 46
void names_urn(const uint8_t uuid[static REQUEST_GUID_LEN], char ret[static NAMES_URN_LEN]);

#endif
