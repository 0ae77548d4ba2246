/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crl_root: the root's CRL. The root's key is in the process from crl_root_unlock to the signature.
 * ca/root.crl is written before the log says "signed": a crash in between leaves the new CRL there
 * under its logged intent, and the next start takes it over.
 */
#ifndef SIGNER_CRL_ROOT_H
#define SIGNER_CRL_ROOT_H

#include "signer/ca.h"

/* What opens it. Errors: ERR_CA it is not there; ERR_USAGE; ERR_INTERNAL. */
MUST_CHECK int crl_root_secret(const char *home, enum key_secret *ret, struct err *err);
/* Errors: ERR_CA wrong passphrase, not there, not the root's. */
MUST_CHECK int crl_root_unlock(struct ca *ca, const struct secret *pass, struct err *err);

/* Sign with the unlocked key, forget the key, publish. Errors: ERR_CA no key is unlocked. */
MUST_CHECK int crl_root_renew(struct ca *ca, uint32_t peer, struct err *err);

/* Take ca/root.crl over, and see to pub/root.crl. Errors: ERR_CA it is not the last one. */
MUST_CHECK int crl_root_load(struct ca *ca, struct err *err);

#endif
