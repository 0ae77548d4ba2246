/* SPDX-License-Identifier: BSD-2-Clause */
/* testbend: attestations for the gate that are good but for one thing. */
#ifndef TESTBEND_H
#define TESTBEND_H

#include "signer/gate.h"
#include "testsigner.h"

#define ATTEMPT_EXTS 8

struct attempt {
	uint8_t leaf_firmware[4], f9_firmware[4], serial[8], policy[3], form[2];
	struct test_ext leaf_ext[ATTEMPT_EXTS], f9_ext[ATTEMPT_EXTS];
	struct test_cert leaf, f9;
	EVP_PKEY *f9_key, *stranger;
	struct key *key, *other;
	struct blob csr, leaf_der, f9_der;
	struct profile profile;
	struct request r;
	const struct blob *shown_attestation, *shown_f9; /* for r, when all is bent */
};

/* Extensions of the leaf, one above their place in leaf_ext. */
enum bend_ext { EXT_NONE, EXT_FIRMWARE, EXT_POLICY, EXT_FORM, EXT_SERIAL };

struct bend {
	const char *name;
	void (*before)(struct attempt *a),
	    (*after)(struct attempt *a); /* the certificates are made */
	enum bend_ext twice, without, resize;
	size_t len;	     /* with resize */
	const char *subject; /* of the leaf */
	uint8_t firmware[3]; /* of both; 0.0.0: as it is */
	bool new_ecdsa;	     /* the profile refuses EC keys of old firmware */
	uint8_t policy[3];   /* 1, PIN policy, touch policy; 0: as they are */
	int code;
	const char *why;  /* in the text */
	enum key_alg alg; /* KEY_NONE: P-256 */
};

extern const struct bend bends[];
extern const size_t bends_n;

void attempt_new(struct attempt *a, const struct ca *ca, enum key_alg alg);
/* Bend what can be bent before the certificates are made. */
void attempt_bend(struct attempt *a, const struct bend *b);
void attempt_wipe(struct attempt *a);

#endif
