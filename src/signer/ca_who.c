/* SPDX-License-Identifier: BSD-2-Clause */
/* ca_who: small things that need all of a CA. */
#include <string.h>

#include "signer/ca.h"
#include "ykenroll/x509.h"

#define SERIAL_TRIES 8

int
ca_key_of(const struct key *key, const struct blob *cert, int code, const char *key_name,
    const char *cert_name, struct err *err)
{
	CLEAN(blob_wipe) struct blob own = {0}, certs = {0};
	int rc;

	if ((rc = key_spki(key, &own, err)) != 0 ||
	    (rc = cert_spki(cert->data, cert->len, &certs, err)) != 0)
		return rc;
	return blob_equal(&own, &certs)
		   ? 0
		   : err_set(err, code, "%s is not the key of %s", key_name, cert_name);
}

struct log_who
ca_who(const struct ca *ca, uint32_t peer)
{
	struct log_who who = {.now = ca->now(), .peer = peer, .audit = ca->audit};

	/* within the slack; log_usable refuses the rest */
	if (who.now < ca->log->sums.last_time &&
	    who.now >= ca->log->sums.last_time - LOG_CLOCK_SLACK)
		who.now = ca->log->sums.last_time;
	return who;
}

int
ca_serial(const struct log *log, int (*random)(void *to, size_t len),
    uint8_t ret[static SIGNER_SERIAL_LEN], struct err *err)
{
	uint8_t s[SIGNER_SERIAL_LEN];
	struct log_cert there;
	int i, rc;

	for (i = 0; i < SERIAL_TRIES; i++) {
		if (random(s, sizeof(s)) != 0)
			return err_set(err, ERR_INTERNAL,
			    "the kernel gave no random numbers for a serial number");
		/* 0x40 to 0x7f: positive, always 16 octets, 126 random bits */
		s[0] = (uint8_t)(0x40 | (s[0] & 0x3f));
		if ((rc = log_find(log, s, sizeof(s), &there, err)) == 0)
			continue;
		if (rc != ERR_ABSENT)
			return rc;
		memcpy(ret, s, sizeof(s));
		return 0;
	}
	return err_set(err, ERR_INTERNAL,
	    "the random numbers repeat themselves; no serial number was assigned");
}
