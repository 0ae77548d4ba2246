/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_ca: what is done with the CA and needs no token. Each writes an audit row where the home
 * has a registry.
 */
#ifndef YKENROLL_WORKFLOW_CA_H
#define YKENROLL_WORKFLOW_CA_H

#include "ykenroll/workflow.h"

/* Sign and publish a CRL now, of the issuing CA or of the root. root_pass_spec: for the root's key,
 * when the CA passphrase does not open it; else NULL. Errors: ERR_CA. */
MUST_CHECK int workflow_crl(const struct workflow *w, bool root, const char *root_pass_spec,
    struct crl_info *ret, struct err *err);

#endif
