/* SPDX-License-Identifier: BSD-2-Clause */
/* rules: the file, its section [ca], and what is asked of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/err.h>

#include "base/file.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/rules.h"

#define CRL_DAYS 7	  /* of a signer that listens */
#define CRL_DAYS_ALONE 90 /* where nobody renews them by himself */

struct rules {
	CONF *conf;
	uint32_t peers[RULES_PEERS_MAX];
	size_t n_peers;
	struct profile common; /* the addresses of [ca]; days: of a CRL */
};

const char rules_default[] =
    "# ykenroll.conf: what this CA signs. OpenSSL's configuration syntax, config(5ssl).\n"
    "# The signer reads it when it starts. Everything that is commented out is the "
    "default.\n\n"
    "[ca]\n"
    "# Days from one CRL of the issuing CA to its nextUpdate: 7 by default where a signer "
    "listens,\n"
    "# which renews it at half of that; 90 where each command starts one, and nobody renews "
    "it.\n"
    "#crl_days = 7\n\n"
    "# Addresses that go into every certificate: of the CRL, of an OCSP responder, of the "
    "issuing\n"
    "# CA's certificate. Several are separated by commas; a profile may have its own, or "
    "none.\n"
    "#cdp = http://pki.example.org/issuing.crl\n"
    "#ocsp = http://ocsp.example.org/\n"
    "#ca_issuers = http://pki.example.org/issuing.cer\n\n"
    "# uids besides root's and the signer's own that may have keys certified that are in "
    "no token.\n"
    "#software_peers =\n\n"
    "# Profiles: client, smartcard-logon and piv are for keys in tokens, software, server "
    "and ocsp\n"
    "# for others. A section changes one; of another name it makes one, like the one that "
    "`base`\n"
    "# names (client). ykenroll(1) describes every setting, under Profiles.\n\n"
    "# TLS client authentication with the key in slot 9A.\n"
    "[profile client]\n"
    "# Validity of a certificate in days; a request may ask for less.\n"
    "#days = 365\n\n"
    "# Which fields besides the common name a subject has: a section [policy NAME] of "
    "lines like\n"
    "# `O = match`, `OU = supplied` or `L = optional`. none: no others.\n"
    "#policy = none\n\n"
    "# PIN policy that the attestation must show: once (or stricter), always, any (but "
    "never).\n"
    "#pin_policy = once\n\n"
    "# Touch policy that the attestation must show: any, cached (or always), always, "
    "never.\n"
    "#touch_policy = any\n\n"
    "# ECDSA keys of firmware before 5.7 (YSA-2024-03): accept or refuse. RSA keys of "
    "firmware\n"
    "# 4.2.0 to 4.3.4 (YSA-2017-01) and all of 4.4.2 to 4.4.4 (YSA-2019-02) are always "
    "refused.\n"
    "#old_ecdsa = accept\n\n"
    "# Attestations of firmware 4 have no serial number. if-attested: accept them; "
    "required: refuse.\n"
    "#token_serial = if-attested\n\n"
    "# The least firmware, the form factors, and whether only the FIPS series is "
    "accepted.\n"
    "#min_firmware = any\n"
    "#form_factor = any\n"
    "#fips = any\n";

/* ---- [ca] ---- */

static int
read_peers(struct rules *c, struct err *err)
{
	const char *text = NCONF_get_string(c->conf, "ca", "software_peers"), *p = text;
	unsigned long n;
	char *end;

	for (; p != NULL && *p != '\0'; p = end + strspn(end, " ,")) {
		errno = 0;
		n = strtoul(p, &end, 10);
		if (*p < '0' || *p > '9' || errno != 0 || n > UINT32_MAX - 1 ||
		    strchr(" ,", *end) == NULL || c->n_peers == RULES_PEERS_MAX)
			return rules_off(err, "ca", "software_peers", text);
		c->peers[c->n_peers++] = (uint32_t)n;
	}
	return 0;
}

unsigned
rules_crl_days(const struct rules *c, bool listens)
{
	return c->common.days > 0 ? c->common.days : listens ? CRL_DAYS : CRL_DAYS_ALONE;
}

bool
rules_software_peer(const struct rules *c, uint32_t uid)
{
	size_t i;

	if (uid == 0 || uid == (uint32_t)geteuid())
		return true;
	for (i = 0; i < c->n_peers; i++)
		if (c->peers[i] == uid)
			return true;
	return false;
}

int
rules_profile(const struct rules *c, const char *name, struct profile *ret, struct err *err)
{
	const int rc = rules_profile_read(c->conf, &c->common, name, ret, err);

	/* a name that is not in the file leaves an error behind, which is none */
	ERR_clear_error();
	return rc;
}

/* ---- the file ---- */

/* Whoever can write the file can lower the gate. */
static int
read_ours(const char *path, struct blob *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = file_read_ours(path, ret, &why);

	if (rc == 0)
		return 0;
	return err_set(err, rc == ERR_INTERNAL ? ERR_INTERNAL : ERR_CA, "%s", why.text);
}

static int
parse(struct rules *c, const struct blob *text, struct err *err)
{
	CLEAN(bio_freep)
	BIO *bio =
	    BIO_new_mem_buf(text->data == NULL ? (const void *)"" : text->data, (int)text->len);
	long line = 0;

	c->conf = NCONF_new(NULL);
	if (bio == NULL || c->conf == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read ykenroll.conf");
	if (NCONF_load_bio(c->conf, bio, &line) != 1) {
		(void)evp_err(err, ERR_CA, "syntax");
		return err_wrap(err, "ykenroll.conf: line %ld", line);
	}
	return 0;
}

static void
namesp(STACK_OF(OPENSSL_CSTRING) * *s)
{
	sk_OPENSSL_CSTRING_free(*s);
}

/* A mistake in one should show at the start, not at the first request for it. */
static int
read_all(const struct rules *c, struct err *err)
{
	CLEAN(namesp) STACK_OF(OPENSSL_CSTRING) *all = NCONF_get_section_names(c->conf);
	uint8_t fields[FIELDS];
	struct profile p;
	const char *name;
	int i, rc = 0;

	for (i = 0; rc == 0 && i < sk_OPENSSL_CSTRING_num(all); i++) {
		name = sk_OPENSSL_CSTRING_value(all, i);
		if (strncmp(name, "profile ", 8) == 0)
			rc = rules_profile(c, name + 8, &p, err);
		else if (strncmp(name, "policy ", 7) == 0)
			rc = rules_policy_read(c->conf, name + 7, fields, err);
	}
	return rc != ERR_USAGE
		   ? rc
		   : err_set(err, ERR_CA, "ykenroll.conf: invalid section name [%s]", name);
}

int
rules_load(const char *path, struct rules **ret, struct err *err)
{
	CLEAN(rules_freep) struct rules *c = calloc(1, sizeof(*c));
	CLEAN(blob_wipe) struct blob text = {0};
	int rc;

	if (c == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = read_ours(path, &text, err)) != 0 || (rc = parse(c, &text, err)) != 0 ||
	    (rc = rules_ca_read(c->conf, &c->common, err)) != 0 || (rc = read_peers(c, err)) != 0 ||
	    (rc = read_all(c, err)) != 0)
		return rc;
	ERR_clear_error();
	*ret = TAKE(c);
	return 0;
}

void
rules_freep(struct rules **c)
{
	if (*c == NULL)
		return;
	NCONF_free((*c)->conf);
	free(*c);
	*c = NULL;
}
