/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_software: certificates for keys that are in no token: servers', programs', responders'.
 * The issuance log is the truth of what was signed; here is what people and other rooms look up. A
 * crash between the two leaves one that only the log has.
 */
#ifndef YKENROLL_REGISTRY_SOFTWARE_H
#define YKENROLL_REGISTRY_SOFTWARE_H

#include "ykenroll/registry.h"
#include "ykenroll/x509.h"

#define REGISTRY_PATH_MAX 1024

struct registry_software {
	uint8_t serial[REGISTRY_SERIAL_LEN];
	char profile[64];
	char subject[X509_TEXT_MAX]; /* RFC 2253, escaped */
	int64_t not_before, not_after;
	int64_t revoked;	      /* 0: is not */
	int reason;		      /* RFC 5280 code, when revoked */
	char path[REGISTRY_PATH_MAX]; /* the file that it is in; empty: not known, or renewed */
	bool chain;		      /* with the issuing CA's behind it */
	unsigned days;		      /* as it was asked for; 0: the profile's */
};

/* r may be NULL here, in a home without a registry: nothing is written. */

/* Enter one that was signed, for which this profile and days were asked, with an audit row of this
 * action ("issue", "renew", "p12"). path: the file that has it from now on, and no other one
 * (absolute; NULL: none); chain: with the issuing CA's behind it. Errors: ERR_FIT not a certificate
 * of ours. */
MUST_CHECK int registry_software_put(struct registry *r, const char *action,
    const struct request *asked, const struct blob *cert, const char *path, bool chain,
    struct err *err);

/* Errors: ERR_ABSENT. */
MUST_CHECK int registry_software_find(struct registry *r,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], struct registry_software *ret,
    struct err *err);

/* Those that end later than after, the eldest first; a non-zero return of row stops and is
 * returned. cert: DER, for the time of the call. */
MUST_CHECK int registry_software_each(struct registry *r, int64_t after,
    int (*row)(void *ctx, const struct registry_software *one, const struct blob *cert), void *ctx,
    struct err *err);

/* What the CA has taken back or (reason -1) released, with its audit row, also where the registry
 * does not know the certificate. action: "revoke", "suspend", "resume". r may be NULL. */
MUST_CHECK int registry_software_taken(struct registry *r, const char *action,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], int reason, const char *note,
    struct err *err);

#endif
