/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper: what a signer that listens does without being asked, at every turn of its loop: a new CRL
 * before half of the old one's life is gone, whether or not a desk has come by, and a word about
 * the clock and about the root's CRL, which it cannot renew.
 *
 * Deadlines of certificates and CRLs are by the clock of the day, which may be set at any time, so
 * they are compared at each turn; pauses between tries are by the clock that is not set.
 */
#ifndef SIGNER_KEEPER_H
#define SIGNER_KEEPER_H

#include "signer/ca.h"

#define KEEPER_PAUSE_MIN 15   /* seconds after the first failure; twice as long after each more */
#define KEEPER_PAUSE_MAX 3600 /* no longer than that */

/* Zeroed, with say, is one that has seen nothing yet. */
struct keeper {
	void (*say)(void *ctx, const char *line); /* NULL: nobody listens */
	void *ctx;
	int64_t next_ns; /* of utc_monotonic_ns: no try before */
	int64_t pause;	 /* seconds, 0: the last try went well */
	int64_t offset;	 /* the clock less the other one, seconds; at the last turn */
	bool behind;	 /* the clock is behind the log, and that was said */
	int64_t root_at; /* when the root's CRL was last spoken of; 0: never */
	uint64_t number; /* of the CRL that was last spoken of */
	bool number_known;
};

void keeper_turn(struct keeper *k, struct ca *ca);

#endif
