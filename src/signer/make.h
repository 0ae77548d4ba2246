/* SPDX-License-Identifier: BSD-2-Clause */
/* make: what signer_init and signer_import ask of a ykenroll-signer that is started for it, over a
 * socketpair. One table sends it and reads it; passphrases go from locked memory to locked memory.
 * Both ends are of one release. */
#ifndef SIGNER_MAKE_H
#define SIGNER_MAKE_H

#include "ykenroll/signer_import.h"
#include "ykenroll/signer_restore.h"

enum make_what { MAKE_CA, MAKE_CHECK, MAKE_IMPORT, MAKE_ASKS, MAKE_RESTORE };

struct make {
	const char *version;
	enum make_what what;
	struct signer_init init;
	struct signer_import import; /* MAKE_ASKS: key */
	struct signer_restore restore;
};

struct make_answer {
	int rc;
	struct err err;
	struct signer_imported imported; /* MAKE_IMPORT */
	bool asks;			 /* MAKE_ASKS */
	struct signer_restored restored; /* MAKE_RESTORE */
};

/* Errors: ERR_INTERNAL. */
MUST_CHECK int make_send(int fd, const struct make *m, struct err *err);
/* What is in *ret is the caller's, to be wiped. Errors: ERR_CA another release; ERR_INTERNAL. */
MUST_CHECK int make_receive(int fd, struct make *ret, struct err *err);
void make_wipe(struct make *m); /* one that was received */

#endif
