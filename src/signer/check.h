/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check: the closed-world check. From the plan alone, with the signer's own DER writer, it says
 * what a TBSCertificate must be, octet for octet. Nothing that differs gets signed: linters find
 * half of the broken certificates, equality finds all that the plan did not ask for.
 */
#ifndef SIGNER_CHECK_H
#define SIGNER_CHECK_H

#include "signer/profile.h"

/* Errors: ERR_CA the bytes or the plan are not what this CA signs. */
MUST_CHECK int check_tbs(const struct cert_plan *plan, const struct blob *tbs, struct err *err);

#endif
