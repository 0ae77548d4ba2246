/* SPDX-License-Identifier: BSD-2-Clause */
/* ca_issue: certificates for keys that are in no token, over a connection that is open. */
#ifndef DESK_CA_ISSUE_H
#define DESK_CA_ISSUE_H

#include "ykenroll/desk.h"

/* Prepare and sign. ret_cert: DER. Errors: those of signer_prepare_software and signer_sign. */
MUST_CHECK int ca_issue(
    struct signer *s, const struct request *request, struct blob *ret_cert, struct err *err);

/* Opened before the CA is asked: what it does then can be written down. *ret stays NULL in a home
 * without a registry. */
MUST_CHECK int ca_registry(const struct desk *w, struct registry **ret, struct err *err);

/* A certificate for a software key that is made for it, recorded as what its profile is called. r
 * may be NULL. Errors: those of ca_issue and registry_software_put. */
MUST_CHECK int ca_issue_own(struct signer *s, struct registry *r, const char *profile,
    const char *name, unsigned days, struct key **ret_key, struct blob *ret_cert, struct err *err);

/* The certificate in a PEM file. Errors: ERR_ABSENT; ERR_FIT. */
MUST_CHECK int ca_cert_file(const char *path, struct blob *ret, struct err *err);
/* This home's issuing CA and root, from pub/. Errors: ERR_CA. */
MUST_CHECK int ca_certs(const struct desk *w, struct blob ret[static 2], struct err *err);

#endif
