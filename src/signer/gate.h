/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate: what has to be true before this CA certifies a key. The desk is not believed: everything is
 * decided from the request's own signature, the attestation, and the profile.
 */
#ifndef SIGNER_GATE_H
#define SIGNER_GATE_H

#include "signer/ca.h"
#include "ykenroll/x509.h"

/* Is this profile for keys in tokens? Asked first. Errors: ERR_CA. */
MUST_CHECK int gate_tokens(const struct profile *profile, struct err *err);

/* Check the request but for its names (names.h); give the key that may be certified, DER
 * SubjectPublicKeyInfo. Errors: ERR_ATTEST the attestation, or it is for another key, slot or
 * token; ERR_CA the rest. */
MUST_CHECK int gate_check(const struct ca *ca, const struct profile *profile,
    const struct request *request, struct blob *ret_spki, struct err *err);

/* The same questions, as far as they can be asked before there is a key: a key as planned, under
 * this f9. Errors: as gate_check. */
MUST_CHECK int gate_planned(const struct ca *ca, const struct profile *profile,
    const struct request *request, struct err *err);

/* Is this profile for keys that nothing attests, and may this uid have such ones certified? Errors:
 * ERR_CA. */
MUST_CHECK int gate_peer(
    const struct ca *ca, const struct profile *profile, uint32_t peer, struct err *err);
/* The key of a request that only its own signature vouches for. Errors: ERR_CA. */
MUST_CHECK int gate_software(const struct blob *csr, struct blob *ret_spki, struct err *err);

/* A part, for the tests. */
MUST_CHECK int gate_attestation(const struct profile *profile, const struct request *request,
    const struct attestation *a, struct err *err);

#endif
