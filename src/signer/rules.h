/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules: what the signer reads in ykenroll.conf (OpenSSL's syntax, config(5ssl)): the section [ca],
 * [profile NAME] for each profile, and [policy NAME] for what subjects must have. The profiles
 * client, smartcard-logon, piv, software, server and ocsp are built in; a section of their name
 * changes them, one of another name makes a profile like the one that its "base" names. Every value
 * is one of a closed list. A name there that is not known is refused, so that a misspelt rule never
 * counts as one that is not there; other sections are others'.
 */
#ifndef SIGNER_RULES_H
#define SIGNER_RULES_H

#include <stdint.h>

#include "ykenroll/blob.h"

#define RULES_NAME_MAX 32
#define RULES_LIST_MAX 4 /* addresses, or policies, of one kind */
#define RULES_PEERS_MAX 16

/* Words of a list, into the file's text. */
struct rules_list {
	size_t n;
	struct {
		const char *text; /* not terminated */
		size_t len;
	} at[RULES_LIST_MAX];
};

/* KeyUsage by bit number (RFC 5280, 4.2.1.3). */
enum rules_usage {
	USAGE_SIGN = 1u << 0,
	USAGE_COMMIT = 1u << 1,	 /* nonRepudiation */
	USAGE_ENCRYPT = 1u << 2, /* keyEncipherment: RSA keys only */
	USAGE_AGREE = 1u << 4,	 /* keyAgreement: EC keys only */
};

/* Extended key usages, in the order in which they are written. */
enum rules_eku {
	EKU_CLIENT = 1u << 0,
	EKU_SERVER = 1u << 1,
	EKU_EMAIL = 1u << 2,
	EKU_LOGON = 1u << 3, /* Microsoft smart card logon */
	EKU_OCSP = 1u << 4,
};

/* Kinds of names besides the subject. All but the last are in the subject alternative name. */
enum rules_san {
	NAME_EMAIL = 1u << 0,
	NAME_UPN = 1u << 1,
	NAME_UUID = 1u << 2, /* URI urn:uuid: of the CHUID's GUID */
	NAME_DNS = 1u << 3,
	NAME_IP = 1u << 4,
	NAME_SID = 1u << 5, /* Microsoft's extension with the account's SID */
};

/* Attributes of a subject besides the CN, in the order in which they are written. */
enum rules_field { FIELD_C, FIELD_ST, FIELD_L, FIELD_O, FIELD_OU, FIELD_SERIAL, FIELDS };
/* How a [policy] treats one, as in openssl-ca(1). FIELD_NONE: may not be there. */
enum rules_wanted { FIELD_NONE, FIELD_OPTIONAL, FIELD_SUPPLIED, FIELD_MATCH };

struct profile {
	char name[RULES_NAME_MAX + 1];
	unsigned days;
	bool software; /* the key is in no token and nothing attests it */

	/* what the certificate says */
	unsigned usage;		     /* enum rules_usage */
	unsigned eku;		     /* enum rules_eku */
	unsigned names, names_must;  /* enum rules_san: may and must be there */
	uint8_t fields[FIELDS];	     /* enum rules_wanted */
	bool nocheck;		     /* id-pkix-ocsp-nocheck */
	struct rules_list cdp, ocsp; /* addresses: of the CRL, of OCSP responders */
	struct rules_list issuers;   /* of the CA's certificate */
	struct rules_list policies;  /* dotted OIDs */

	/* what the attestation must say */
	unsigned pin;			   /* bit 1 << enum attest_policy_pin: accepted */
	unsigned touch;			   /* bit 1 << enum attest_policy_touch */
	const char *pin_word, *touch_word; /* as the file says it */
	bool old_ecdsa;			   /* EC keys of firmware before 5.7 are accepted */
	bool serial_needed;		   /* also of firmware 4, whose attestations have none */
	uint8_t firmware[3];		   /* at least; zeros: any */
	unsigned forms;			   /* bit 1 << form factor: accepted; 0: any */
	bool fips;			   /* of the FIPS series */
};

struct rules;

/* Read and check the file, all profiles and policies of it. Errors: ERR_CA says which line's name
 * or value is off; ERR_INTERNAL. */
MUST_CHECK int rules_load(const char *path, struct rules **ret, struct err *err);
void rules_freep(struct rules **c);

/* Of a signer that listens, which renews them, or of one that ends with its command. */
unsigned rules_crl_days(const struct rules *c, bool listens);
/* May this uid have keys certified that no token attests? */
bool rules_software_peer(const struct rules *c, uint32_t uid);
/* *ret points into c. Errors: ERR_USAGE no such profile. */
MUST_CHECK int rules_profile(
    const struct rules *c, const char *name, struct profile *ret, struct err *err);

extern const char rules_default[];	       /* the file that init writes */
extern const char *const rules_fields[FIELDS]; /* "C", "ST", … */

/* ---- rules_profile.c: the sections, for rules.c ---- */

struct conf_st; /* OpenSSL's CONF */

/* What [ca] says for every certificate; days: of a CRL. */
MUST_CHECK int rules_ca_read(const struct conf_st *conf, struct profile *ret, struct err *err);
/* common: what [ca] says. */
MUST_CHECK int rules_profile_read(const struct conf_st *conf, const struct profile *common,
    const char *name, struct profile *ret, struct err *err);
MUST_CHECK int rules_policy_read(
    const struct conf_st *conf, const char *name, uint8_t ret[static FIELDS], struct err *err);

/* ---- rules_value.c: their lines ---- */

struct rules_reading;

struct rules_term {
	const char *word; /* NULL: the last */
	unsigned value;
};

/* A line of a section: what it may say, and where in a struct profile that goes. */
struct rules_key {
	const char *name;
	int (*get)(const struct rules_reading *r, const char *text, void *to);
	size_t at;
	const struct rules_term *words;
	const char *zero;			  /* of a set: the word for none */
	size_t word_at;				  /* of a word: where itself goes */
	unsigned max;				  /* of days */
	bool (*ok)(const char *text, size_t len); /* of a list: is this word possible? */
};

struct rules_reading {
	const struct conf_st *conf;
	const char *section;
	const struct rules_key *key;
	struct profile *p;
	struct err *err;
};

/* A name that is in no key is refused; what is there is read. Errors: ERR_CA. */
MUST_CHECK int rules_read(struct rules_reading *r, const struct rules_key *keys, size_t n);

/* The kinds of lines: get of a key. */
int rules_flag(const struct rules_reading *r, const char *text, void *to); /* bool */
int rules_word(const struct rules_reading *r, const char *text, void *to); /* unsigned */
int rules_set(const struct rules_reading *r, const char *text, void *to);  /* unsigned */
int rules_list(const struct rules_reading *r, const char *text, void *to); /* struct rules_list */
int rules_days(const struct rules_reading *r, const char *text, void *to); /* unsigned */
int rules_firmware(const struct rules_reading *r, const char *text, void *to); /* three octets */
bool rules_is_url(const char *text, size_t len);
bool rules_is_oid(const char *text, size_t len);

/* 0, or -1. */
int rules_find(const struct rules_term *words, const char *text, size_t len, unsigned *ret);
/* This value is not possible; this name is not. Both return ERR_CA. */
int rules_off(struct err *err, const char *section, const char *name, const char *value);
int rules_no_such(struct err *err, const char *section, const char *name);

#endif
