/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_move: a home as a whole, to another disk or machine and back.
 *
 * A backup is a directory: the files of the home under their names, its databases as they were at
 * one moment, and MANIFEST, whose lines are what sha256sum(1) checks. One without a MANIFEST was
 * not finished. PUKs and management keys in it are sealed; names are not; flight.key opens what is
 * in flight.
 */
#ifndef YKENROLL_WORKFLOW_MOVE_H
#define YKENROLL_WORKFLOW_MOVE_H

#include "ykenroll/signer_restore.h"
#include "ykenroll/workflow.h"

struct workflow_moved {
	size_t files;
	char made[32];	 /* "2026-07-01T12:00:00Z" */
	uint64_t rows;	 /* of the registry's audit */
	bool has_ca;	 /* ca/ is in it */
	uint64_t number; /* of the last CRL that its log knows; with has_ca */
};

/* While everything is in use; it is read back. dir must not exist. no_ca: without ca/. Errors:
 * ERR_OCCUPIED dir exists, or signing did not pause; ERR_USAGE dir is in the home, or there is
 * something that is no file; ERR_INTERNAL. */
MUST_CHECK int workflow_backup(
    const struct desk *w, const char *dir, bool no_ca, struct workflow_moved *ret, struct err *err);

struct workflow_restore {
	const char *dir;
	const char *crl;   /* PEM file: the newest CRL that servers have; or NULL */
	bool accept_older; /* go on although it is older than that, or nobody knows */
};
/* Into w->home, which is an empty directory, all or nothing. What is missing in a backup that is
 * older is said through w->ui.say; *ret_crl tells how it compares. With accept_older it is taken
 * over from the CRL, and where audit rows are lost the CA signs a CRL that says so. Errors:
 * ERR_OCCUPIED the home is not empty; ERR_FIT the backup was changed, or is older; ERR_USAGE no
 * backup, or no CRL; those of workflow_accept_rollback, with the home in its place. */
MUST_CHECK int workflow_restore(const struct desk *w, const struct workflow_restore *what,
    struct workflow_moved *ret, struct signer_restored *ret_crl, struct err *err);

#endif
