/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules: what the signer reads in ykenroll.conf (OpenSSL's syntax, config(5ssl)): the section [ca]
 * and one [profile NAME] for each profile. A name there that is not known is refused, so that a
 * misspelt rule never counts as one that is not there; other sections are others'.
 */
#ifndef SIGNER_RULES_H
#define SIGNER_RULES_H

#include <stdint.h>

#include "ykenroll/blob.h"

#define RULES_NAME_MAX 32

struct profile {
	char name[RULES_NAME_MAX + 1];
	unsigned days;
	unsigned pin;			   /* bit 1 << enum attest_policy_pin: accepted */
	unsigned touch;			   /* bit 1 << enum attest_policy_touch */
	const char *pin_word, *touch_word; /* as the file says it */
	bool old_ecdsa;			   /* EC keys of firmware before 5.7 are accepted */
	bool serial_needed;		   /* also of firmware 4, whose attestations have none */
};

struct rules;

/* Read and check the file. Errors: ERR_CA says which line's name or value is off; ERR_INTERNAL. */
MUST_CHECK int rules_load(const char *path, struct rules **ret, struct err *err);
void rules_freep(struct rules **c);

unsigned rules_crl_days(const struct rules *c);
/* Errors: ERR_USAGE no such profile. */
MUST_CHECK int rules_profile(
    const struct rules *c, const char *name, struct profile *ret, struct err *err);

extern const char rules_default[]; /* the file that init writes */

#endif
