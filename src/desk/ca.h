/* SPDX-License-Identifier: BSD-2-Clause */
/* ca: what a desk has to do with the CA beside a token's certificate. */
#ifndef DESK_CA_H
#define DESK_CA_H

#include "ykenroll/desk.h"

/* ---- certificates for keys that are in no token, over a connection that is open ---- */

/* What would be refused, asked of who needs no key. Errors: those of signer_prepare_software. */
MUST_CHECK int ca_check(const struct desk *w, const struct request *request, struct err *err);
/* Prepare and sign. ret_cert: DER. Errors: those of signer_prepare_software and signer_sign. */
MUST_CHECK int ca_issue(
    struct signer *s, const struct request *request, struct blob *ret_cert, struct err *err);

/* Opened before the CA is asked: what it does then can be written down. *ret stays NULL in a home
 * without a registry. */
MUST_CHECK int ca_registry(const struct desk *w, struct registry **ret, struct err *err);

/* A certificate for a software key that is made for it, recorded as what its profile is called.
 * names: as in struct request, or "". r may be NULL. Errors: those of ca_issue and
 * registry_software_put. */
MUST_CHECK int ca_issue_own(struct signer *s, struct registry *r, const char *profile,
    const char *name, const char *names, unsigned days, struct key **ret_key, struct blob *ret_cert,
    struct err *err);

/* The certificate in a PEM file. Errors: ERR_ABSENT; ERR_FIT. */
MUST_CHECK int ca_cert_file(const char *path, struct blob *ret, struct err *err);
/* This home's issuing CA, alone or with its root, from pub/. Errors: ERR_CA. */
MUST_CHECK int ca_issuing(const struct desk *w, struct blob *ret, struct err *err);
/* Has this CA a root apart from it? Errors: ERR_CA it has not, so it is not asked for its key. */
MUST_CHECK int ca_has_root(const struct desk *w, const char *instead, struct err *err);
MUST_CHECK int ca_certs(const struct desk *w, struct blob ret[static 2], struct err *err);

/* ---- the registry's chain and the CA, which knows how far it was ---- */

/* Tell the signer how far the registry beside it is: what it signs next is logged with that, and
 * the next CRL carries it. Call before each signature; cheap. r may be NULL: nothing is told.
 * Nothing is told from a home without a CA in it (a desk whose socket is forwarded): its registry
 * is another one. Errors: ERR_INTERNAL the registry is older than what the signer was told before.
 */
MUST_CHECK int audit_tell(const char *home, struct registry *r, struct signer *s, struct err *err);
/* The same wherever the registry is, and whatever was told before: that is *ret_known. */
MUST_CHECK int audit_told(
    struct registry *r, struct signer *s, struct signer_audit *ret_known, struct err *err);

/* ---- what everybody may read of a home ---- */

bool home_has(const char *home, const char *name);
/* One of its PEM files, "pub/issuing.crl", as DER: from_pem is cert_from_pem or crl_from_pem.
 * Errors: ERR_ABSENT; those of from_pem. */
MUST_CHECK int home_pem(const char *home, const char *name,
    int (*from_pem)(const struct blob *pem, struct blob *ret, struct err *err), struct blob *ret,
    struct err *err);

#endif
