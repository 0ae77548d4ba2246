/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * renew_issuing: the issuing CA's certificate once more: the same name and key, a later end, signed
 * by the root's key, which is in the process for that moment (crl.h).
 */
#ifndef SIGNER_RENEW_ISSUING_H
#define SIGNER_RENEW_ISSUING_H

#include "signer/ca.h"

/* Sign, forget the root's key, and put it in ca/ and pub/. Errors: ERR_CA no root key. */
MUST_CHECK int renew_issuing(struct ca *ca, uint32_t peer, struct err *err);

#endif
