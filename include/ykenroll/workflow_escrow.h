/* SPDX-License-Identifier: BSD-2-Clause */
/* workflow_escrow: people and the escrow. What the plans use is registry_escrow.h. */
#ifndef YKENROLL_WORKFLOW_ESCROW_H
#define YKENROLL_WORKFLOW_ESCROW_H

#include "ykenroll/registry_escrow.h"
#include "ykenroll/workflow.h"

/* Unlock the key that w->escrow_key names (an encrypted PKCS#8 file or a PKCS #11 URI); its
 * passphrase is asked of w->ui (DESK_ESCROW_PASS) where one is needed. Errors: ERR_PERSON no
 * key is named; and as registry_escrow_unlock. */
MUST_CHECK int workflow_escrow_unlock(
    const struct desk *w, struct registry *r, struct registry_escrow_key **ret, struct err *err);

struct workflow_escrow_open {
	uint32_t token;
	enum registry_secret_kind kind;
	unsigned version;   /* 0: the current one */
	const char *reason; /* both are plain text; in the audit before the secret is opened */
	const char *ticket; /* or NULL */
};
/* For a person. Errors: ERR_USAGE no reason; as workflow_escrow_unlock, registry_escrow_open. */
MUST_CHECK int workflow_escrow_open(const struct desk *w, const struct workflow_escrow_open *what,
    struct secret *ret, struct err *err);

struct workflow_escrow_rekey {
	const char *const *add_recovery; /* files with certificates, NULL at the end */
	const char *const *add_helpdesk;
	const char *const *remove; /* names, or the beginnings of hashes */
	const char *ticket;	   /* or NULL */
};
/* Change the recipients, when anything is to be changed, and seal anew what is not sealed to them
 * yet. Killed anywhere, it is completed by the same call without any change. */
MUST_CHECK int workflow_escrow_rekey(const struct desk *w, const struct workflow_escrow_rekey *what,
    int64_t *ret_resealed, struct err *err);

#endif
