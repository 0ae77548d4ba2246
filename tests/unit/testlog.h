/* SPDX-License-Identifier: BSD-2-Clause */
/* testlog: the issuance log read with nothing of the signer's. */
#ifndef TESTLOG_H
#define TESTLOG_H

struct testlog {
	int intents, signatures, lines;
};

/* The chain, and an intent before each signature; fails the test when it is not so. */
struct testlog testlog_audit(const char *path);

#endif
