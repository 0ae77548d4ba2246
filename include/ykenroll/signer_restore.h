/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signer_restore: a CA whose ca/ comes from a backup, against the CRLs that servers have now. What
 * was revoked after the backup is on them and not in its log; nobody may be let in again by that.
 */
#ifndef YKENROLL_SIGNER_RESTORE_H
#define YKENROLL_SIGNER_RESTORE_H

#include "ykenroll/signer.h"

struct signer_restore {
	const char *home; /* nobody works in it */
	const char *crl;  /* PEM file: one or more CRLs of this CA, as servers have them */
	bool take; /* what the log lacks goes into it, and the CRLs to where ours are published;
		      else it is only looked */
};

struct signer_restored {
	struct signer_shown {
		bool shown;
		uint64_t number, known; /* of the CRL that was shown; the log's */
		int64_t from, until;	/* UTC seconds, of the one that was shown */
		size_t missing;		/* its entries that the log does not have as revoked */
	} issuing, root;
	struct signer_audit audit; /* how far the registry was, as the issuing CA's tells */
};

/* Errors: ERR_CA no CA, or a damaged log; ERR_USAGE no CRL of the issuing CA in that file, or one
 * of somebody else. */
MUST_CHECK int signer_restore(
    const struct signer_restore *what, struct signer_restored *ret, struct err *err);

#endif
