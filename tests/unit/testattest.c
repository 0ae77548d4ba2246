/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "testattest.h"

#define ARC "1.3.6.1.4.1.41482.3."
#define F9_CN "Yubico PIV Attestation"

void
testattest_init(struct testattest *t, uint8_t major, uint8_t minor, uint8_t patch)
{
	const uint8_t firmware[3] = {major, minor, patch};
	const struct test_ext ext[] = {
	    {.name = "basicConstraints", .text = "critical,CA:TRUE,pathlen:0"},
	    {.name = ARC "3", .der = firmware, .len = sizeof(firmware)},
	};
	struct test_cert spec = {
	    .subject = F9_CN, .issuer = "Test PIV Root CA", .ext = ext, .n_ext = 2};

	*t = (struct testattest){.f9_key = EVP_EC_gen("P-256")};
	memcpy(t->firmware, firmware, sizeof(firmware));
	testca_init(&t->root, spec.issuer);
	spec.pub = t->f9_key;
	spec.signer = t->root.key;
	testca_cert(&spec, &t->f9);
}

void
testattest_wipe(struct testattest *t)
{
	testca_wipe(&t->root);
	EVP_PKEY_free(t->f9_key);
	blob_wipe(&t->f9);
}

void
testattest_leaf(const struct testattest *t, EVP_PKEY *pub, const struct testattest_leaf *leaf,
    struct blob *ret_der)
{
	const uint8_t policy[2] = {leaf->pin, leaf->touch}, form[1] = {0x01};
	const uint8_t serial[6] = {0x02, 0x04, (uint8_t)(leaf->serial >> 24),
	    (uint8_t)(leaf->serial >> 16), (uint8_t)(leaf->serial >> 8), (uint8_t)leaf->serial};
	const struct test_ext ext[] = {
	    {.name = ARC "3", .der = t->firmware, .len = sizeof(t->firmware)},
	    {.name = ARC "8", .der = policy, .len = sizeof(policy)},
	    {.name = ARC "9", .der = form, .len = sizeof(form)},
	    {.name = ARC "7", .der = serial, .len = sizeof(serial)},
	};
	char subject[64];
	const struct test_cert spec = {.subject = subject,
	    .issuer = F9_CN,
	    .pub = pub,
	    .signer = t->f9_key,
	    .ext = ext,
	    .n_ext = leaf->serial == 0 ? 3 : 4};

	snprintf(subject, sizeof(subject), "YubiKey PIV Attestation %02x", leaf->slot);
	testca_cert(&spec, ret_der);
}
