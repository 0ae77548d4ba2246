/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config: what a desk reads in ykenroll.conf (OpenSSL's syntax): [publish] and any [publish NAME],
 * each a place where servers read what the CA says. The rest of the file is the signer's
 * (signer/rules.h).
 */
#ifndef RELYING_CONFIG_H
#define RELYING_CONFIG_H

#include "ykenroll/relying_publish.h"

#define CONFIG_PLACES 8

struct config {
	struct relying_publish to[CONFIG_PLACES]; /* strings belong to conf */
	size_t n;
	void *conf;
};

/* A home without the file has an empty one. Errors: ERR_USAGE owner or mode of the file, its
 * syntax, a name or a value in these sections; ERR_INTERNAL. */
MUST_CHECK int config_read(const char *home, struct config *ret, struct err *err);
void config_wipe(struct config *c);

#endif
