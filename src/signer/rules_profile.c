/* SPDX-License-Identifier: BSD-2-Clause */
/* rules_profile: the built-in profiles, and what a section may change in one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/conf.h>

#include "signer/rules.h"
#include "ykenroll/x509.h"

#define DAYS_MAX 1830
#define SECTION_MAX (RULES_NAME_MAX + 16)
#define BASE_DEPTH 4 /* a profile like one like one … */

struct word {
	const char *word;
	unsigned value;
};

#define PIN_BIT(p) (1u << (p))
#define PIN_SOME                                                             \
	(PIN_BIT(PIN_ONCE) | PIN_BIT(PIN_ALWAYS) | PIN_BIT(PIN_MATCH_ONCE) | \
	    PIN_BIT(PIN_MATCH_ALWAYS))
#define TOUCH_ANY \
	(1u << TOUCH_DEFAULT | 1u << TOUCH_NEVER | 1u << TOUCH_ALWAYS | 1u << TOUCH_CACHED)

static const struct word pin_words[] = {
    {"once", PIN_SOME},
    {"always", PIN_BIT(PIN_ALWAYS) | PIN_BIT(PIN_MATCH_ALWAYS)},
    {"any", PIN_SOME | PIN_BIT(PIN_DEFAULT)},
    {NULL, 0},
};
static const struct word touch_words[] = {
    {"any", TOUCH_ANY},
    {"cached", 1u << TOUCH_CACHED | 1u << TOUCH_ALWAYS},
    {"always", 1u << TOUCH_ALWAYS},
    {"never", 1u << TOUCH_DEFAULT | 1u << TOUCH_NEVER},
    {NULL, 0},
};
static const struct word ecdsa_words[] = {{"accept", 1}, {"refuse", 0}, {NULL, 0}};
static const struct word serial_words[] = {{"if-attested", 0}, {"required", 1}, {NULL, 0}};
static const struct word key_words[] = {{"token", 0}, {"software", 1}, {NULL, 0}};
static const struct word fips_words[] = {{"any", 0}, {"required", 1}, {NULL, 0}};
static const struct word yes_words[] = {{"no", 0}, {"yes", 1}, {NULL, 0}};
static const struct word usage_words[] = {{"digitalSignature", USAGE_SIGN},
    {"nonRepudiation", USAGE_COMMIT}, {"keyEncipherment", USAGE_ENCRYPT},
    {"keyAgreement", USAGE_AGREE}, {NULL, 0}};
static const struct word eku_words[] = {{"clientAuth", EKU_CLIENT}, {"serverAuth", EKU_SERVER},
    {"emailProtection", EKU_EMAIL}, {"smartcardLogon", EKU_LOGON}, {"OCSPSigning", EKU_OCSP},
    {NULL, 0}};
static const struct word name_words[] = {{"email", NAME_EMAIL}, {"upn", NAME_UPN},
    {"uuid", NAME_UUID}, {"dns", NAME_DNS}, {"ip", NAME_IP}, {"sid", NAME_SID}, {NULL, 0}};
static const struct word form_words[] = {{"usb-a-keychain", 1u << 1}, {"usb-a-nano", 1u << 2},
    {"usb-c-keychain", 1u << 3}, {"usb-c-nano", 1u << 4}, {"usb-c-lightning", 1u << 5},
    {"usb-a-bio", 1u << 6}, {"usb-c-bio", 1u << 7}, {NULL, 0}};
static const struct word wanted_words[] = {
    {"optional", FIELD_OPTIONAL}, {"supplied", FIELD_SUPPLIED}, {"match", FIELD_MATCH}, {NULL, 0}};

const char *const rules_fields[FIELDS] = {"C", "ST", "L", "O", "OU", "serialNumber"};
static const char *const long_fields[FIELDS] = {"countryName", "stateOrProvinceName",
    "localityName", "organizationName", "organizationalUnitName", "serialNumber"};

#define TOKEN_GATE                                                                    \
	.pin = PIN_SOME, .pin_word = "once", .touch = TOUCH_ANY, .touch_word = "any", \
	.old_ecdsa = true

static const struct profile built_in[] = {
    {.name = "client",
	.days = 365,
	.usage = USAGE_SIGN,
	.eku = EKU_CLIENT,
	.names = NAME_EMAIL,
	TOKEN_GATE},
    {.name = "smartcard-logon",
	.days = 365,
	.usage = USAGE_SIGN,
	.eku = EKU_CLIENT | EKU_LOGON,
	.names = NAME_EMAIL | NAME_UPN | NAME_SID,
	.names_must = NAME_UPN,
	TOKEN_GATE},
    {.name = "piv",
	.days = 365,
	.usage = USAGE_SIGN,
	.eku = EKU_CLIENT,
	.names = NAME_EMAIL | NAME_UPN | NAME_UUID,
	.names_must = NAME_UUID,
	TOKEN_GATE},
    {.name = "software",
	.days = 365,
	.software = true,
	.usage = USAGE_SIGN,
	.eku = EKU_CLIENT,
	.names = NAME_EMAIL | NAME_UPN},
    {.name = "server",
	.days = 365,
	.software = true,
	.usage = USAGE_SIGN,
	.eku = EKU_SERVER,
	.names = NAME_DNS | NAME_IP},
    {.name = "ocsp",
	.days = 30,
	.software = true,
	.usage = USAGE_SIGN,
	.eku = EKU_OCSP,
	.nocheck = true},
};

/* ---- values ---- */

static int
find_word(const struct word *words, const char *text, size_t len, unsigned *ret)
{
	for (; words->word != NULL; words++)
		if (strlen(words->word) == len && memcmp(words->word, text, len) == 0) {
			*ret = words->value;
			return 0;
		}
	return -1;
}

/* One word; absent: *ret stays. */
static int
get_word(const CONF *conf, const char *section, const char *name, const struct word *words,
    unsigned *ret, struct err *err)
{
	const char *text = NCONF_get_string(conf, section, name);

	if (text == NULL || find_word(words, text, strlen(text), ret) == 0)
		return 0;
	return rules_off(err, section, name, text);
}

static int
get_flag(const CONF *conf, const char *section, const char *name, const struct word *words,
    bool *ret, struct err *err)
{
	unsigned value = *ret ? 1 : 0;
	const int rc = get_word(conf, section, name, words, &value, err);

	*ret = value != 0;
	return rc;
}

/* As get_word, and the word itself is kept, for saying what the profile wants. */
static int
get_policy(const CONF *conf, const char *section, const char *name, const struct word *words,
    unsigned *ret, const char **ret_word, struct err *err)
{
	const char *text = NCONF_get_string(conf, section, name);
	const int rc = get_word(conf, section, name, words, ret, err);

	if (rc == 0 && text != NULL)
		*ret_word = text;
	return rc;
}

/* Several words, or the one that stands for no bit. */
static int
get_set(const CONF *conf, const char *section, const char *name, const struct word *words,
    const char *zero, unsigned *ret, struct err *err)
{
	const char *text = NCONF_get_string(conf, section, name), *p = text;
	unsigned set = 0, bit;
	size_t len;

	if (text == NULL)
		return 0;
	if (strcmp(text, zero) == 0)
		p = "";
	else if (*p == '\0')
		return rules_off(err, section, name, text);
	for (; *p != '\0'; p += strspn(p, " ")) {
		len = strcspn(p, ", ");
		if (find_word(words, p, len, &bit) != 0 || (set & bit) != 0)
			return rules_off(err, section, name, text);
		set |= bit;
		p += len;
		p += strspn(p, " ");
		if (*p == ',' && p[1] != '\0')
			p++;
		else if (*p != '\0')
			return rules_off(err, section, name, text);
	}
	*ret = set;
	return 0;
}

static int
get_firmware(const CONF *conf, const char *section, uint8_t ret[static 3], struct err *err)
{
	const char *text = NCONF_get_string(conf, section, "min_firmware");
	unsigned v[3];
	int used = 0;

	if (text == NULL)
		return 0;
	if (strcmp(text, "any") == 0) {
		memset(ret, 0, 3);
		return 0;
	}
	if (strspn(text, "0123456789.") != strlen(text) ||
	    sscanf(text, "%3u.%3u.%3u%n", &v[0], &v[1], &v[2], &used) != 3 || text[used] != '\0' ||
	    v[0] > 255 || v[1] > 255 || v[2] > 255)
		return rules_off(err, section, "min_firmware", text);
	ret[0] = (uint8_t)v[0];
	ret[1] = (uint8_t)v[1];
	ret[2] = (uint8_t)v[2];
	return 0;
}

/* Dotted, at least two arcs of at most nine digits, the first two in their range (X.660). */
static bool
is_oid(const char *text, size_t len)
{
	size_t i = 0, arcs, digits;
	unsigned first = 0;

	for (arcs = 0; i < len; arcs++) {
		for (digits = 0; i < len && text[i] >= '0' && text[i] <= '9'; digits++)
			i++;
		if (digits < 1 || digits > 9 || (digits > 1 && text[i - digits] == '0'))
			return false;
		if (arcs == 0 && ((first = (unsigned)(text[0] - '0')) > 2 || digits > 1))
			return false;
		if (arcs == 1 && first < 2 && (digits > 2 || (digits == 2 && text[i - 2] > '3')))
			return false;
		if (i < len && (text[i++] != '.' || i == len))
			return false;
	}
	return arcs >= 2 && arcs <= 16;
}

/* ---- [policy NAME] ---- */

static int
field_of(const char *name)
{
	int i;

	for (i = 0; i < FIELDS; i++)
		if (strcmp(name, rules_fields[i]) == 0 || strcmp(name, long_fields[i]) == 0)
			return i;
	return -1;
}

int
rules_policy_read(const CONF *conf, const char *name, uint8_t ret[static FIELDS], struct err *err)
{
	char section[SECTION_MAX];
	STACK_OF(CONF_VALUE) * all;
	unsigned value;
	int i, field;

	memset(ret, FIELD_NONE, FIELDS);
	if (strlen(name) > RULES_NAME_MAX)
		return rules_off(err, "policy", "name", name);
	snprintf(section, sizeof(section), "policy %s", name);
	if ((all = NCONF_get_section(conf, section)) == NULL)
		return err_set(err, ERR_CA,
		    "ykenroll.conf: a profile has policy = %s, and there is no section [%s]", name,
		    section);
	for (i = 0; i < sk_CONF_VALUE_num(all); i++) {
		const CONF_VALUE *v = sk_CONF_VALUE_value(all, i);
		const bool cn = strcmp(v->name, "CN") == 0 || strcmp(v->name, "commonName") == 0;

		/* there always is one */
		if (cn && strcmp(v->value, "supplied") == 0)
			continue;
		if ((field = field_of(v->name)) < 0 || ret[field] != FIELD_NONE)
			return err_set(err, ERR_CA,
			    "ykenroll.conf: [%s] has no %s; remove or correct it", section,
			    v->name);
		if (find_word(wanted_words, v->value, strlen(v->value), &value) != 0)
			return rules_off(err, section, v->name, v->value);
		ret[field] = (uint8_t)value;
	}
	return 0;
}

static int
get_fields(const CONF *conf, const char *section, uint8_t ret[static FIELDS], struct err *err)
{
	const char *text = NCONF_get_string(conf, section, "policy");

	if (text == NULL)
		return 0;
	if (strcmp(text, "none") == 0) {
		memset(ret, FIELD_NONE, FIELDS);
		return 0;
	}
	return rules_policy_read(conf, text, ret, err);
}

/* ---- [profile NAME] ---- */

static int
read_gate(const CONF *conf, const char *s, struct profile *p, struct err *err)
{
	int rc;

	if ((rc = get_policy(conf, s, "pin_policy", pin_words, &p->pin, &p->pin_word, err)) != 0 ||
	    (rc = get_policy(
		 conf, s, "touch_policy", touch_words, &p->touch, &p->touch_word, err)) != 0 ||
	    (rc = get_flag(conf, s, "old_ecdsa", ecdsa_words, &p->old_ecdsa, err)) != 0 ||
	    (rc = get_flag(conf, s, "token_serial", serial_words, &p->serial_needed, err)) != 0 ||
	    (rc = get_firmware(conf, s, p->firmware, err)) != 0 ||
	    (rc = get_set(conf, s, "form_factor", form_words, "any", &p->forms, err)) != 0)
		return rc;
	return get_flag(conf, s, "fips", fips_words, &p->fips, err);
}

static int
read_certificate(const CONF *conf, const char *s, struct profile *p, struct err *err)
{
	unsigned must = 0;
	int rc;

	if ((rc = rules_days(conf, s, "days", DAYS_MAX, &p->days, err)) != 0 ||
	    (rc = get_set(conf, s, "key_usage", usage_words, "", &p->usage, err)) != 0 ||
	    (rc = get_set(conf, s, "extended_key_usage", eku_words, "", &p->eku, err)) != 0 ||
	    (rc = get_set(conf, s, "names", name_words, "none", &p->names, err)) != 0 ||
	    (rc = get_flag(conf, s, "ocsp_nocheck", yes_words, &p->nocheck, err)) != 0 ||
	    (rc = get_fields(conf, s, p->fields, err)) != 0)
		return rc;
	if (NCONF_get_string(conf, s, "names") != NULL)
		p->names_must &= p->names;
	must = p->names_must;
	if ((rc = get_set(conf, s, "names_required", name_words, "none", &must, err)) != 0)
		return rc;
	p->names_must = must;
	p->names |= must;
	if ((rc = rules_words(conf, s, "cdp", rules_is_url, &p->cdp, err)) != 0 ||
	    (rc = rules_words(conf, s, "ocsp", rules_is_url, &p->ocsp, err)) != 0 ||
	    (rc = rules_words(conf, s, "ca_issuers", rules_is_url, &p->issuers, err)) != 0)
		return rc;
	return rules_words(conf, s, "policies", is_oid, &p->policies, err);
}

/* What no profile of this CA may be, however it was put together. */
static int
sane(const char *section, const struct profile *p, struct err *err)
{
	const char *why = NULL;

	if ((p->eku & EKU_OCSP) != 0 && (p->eku != EKU_OCSP || !p->software))
		why = "OCSPSigning goes alone, with key = software";
	else if (p->nocheck && (p->eku & EKU_OCSP) == 0)
		why = "ocsp_nocheck is for OCSPSigning";
	else if (!p->software && (p->names & (NAME_DNS | NAME_IP)) != 0)
		why = "the names dns and ip are for key = software";
	else if (p->software && (p->names & (NAME_UUID | NAME_SID)) != 0)
		why = "the names uuid and sid are for key = token";
	else if (!p->software && p->pin == 0)
		why = "a profile with key = token is based on one for tokens";
	return why == NULL ? 0 : err_set(err, ERR_CA, "ykenroll.conf: [%s]: %s", section, why);
}

static bool
name_ok(const char *name)
{
	const size_t len = strlen(name);

	return len >= 1 && len <= RULES_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static const struct profile *
find_built_in(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (strcmp(built_in[i].name, name) == 0)
			return &built_in[i];
	return NULL;
}

static int
read_section(const CONF *conf, const char *section, struct profile *p, struct err *err)
{
	static const char *const names[] = {"base", "key", "days", "key_usage",
	    "extended_key_usage", "names", "names_required", "ocsp_nocheck", "policy", "cdp",
	    "ocsp", "ca_issuers", "policies", "pin_policy", "touch_policy", "old_ecdsa",
	    "token_serial", "min_firmware", "form_factor", "fips", NULL};
	int rc;

	if ((rc = rules_known(conf, section, names, err)) != 0 ||
	    (rc = get_flag(conf, section, "key", key_words, &p->software, err)) != 0 ||
	    (rc = read_certificate(conf, section, p, err)) != 0 ||
	    (rc = read_gate(conf, section, p, err)) != 0)
		return rc;
	return sane(section, p, err);
}

static int
read_profile(const CONF *conf, const struct profile *common, const char *name, int depth,
    struct profile *ret, struct err *err)
{
	const struct profile *own = find_built_in(name);
	char section[SECTION_MAX];
	const char *base;
	int rc;

	if (!name_ok(name))
		return err_set(
		    err, ERR_USAGE, "a profile's name is lower case, digits and hyphens");
	snprintf(section, sizeof(section), "profile %s", name);
	if (own == NULL && NCONF_get_section(conf, section) == NULL)
		return err_set(err, ERR_USAGE,
		    "there is no profile %s; ykenroll.conf needs a section [%s]", name, section);
	base = NCONF_get_section(conf, section) == NULL ? NULL
							: NCONF_get_string(conf, section, "base");
	if (base != NULL && (own != NULL || depth == BASE_DEPTH || strcmp(base, name) == 0))
		return rules_off(err, section, "base", base);
	if (own != NULL) {
		*ret = *own;
		ret->cdp = common->cdp;
		ret->ocsp = common->ocsp;
		ret->issuers = common->issuers;
		/* whoever asks a responder about itself would never be done: RFC 6960, 4.2.2.2.1 */
		if (own->nocheck)
			ret->ocsp.n = ret->cdp.n = 0;
	} else if ((rc = read_profile(
			conf, common, base == NULL ? "client" : base, depth + 1, ret, err)) != 0)
		return rc == ERR_USAGE ? rules_off(err, section, "base", base) : rc;
	if (NCONF_get_section(conf, section) != NULL &&
	    (rc = read_section(conf, section, ret, err)) != 0)
		return rc;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 0;
}

int
rules_profile_read(const CONF *conf, const struct profile *common, const char *name,
    struct profile *ret, struct err *err)
{
	struct profile p = {0};
	const int rc = read_profile(conf, common, name, 0, &p, err);

	if (rc == 0)
		*ret = p;
	return rc;
}
