/* SPDX-License-Identifier: BSD-2-Clause */
/* rules_profile: the built-in profiles, and what a section may change in one. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <openssl/conf.h>

#include "signer/rules.h"
#include "ykenroll/x509.h"

#define DAYS_MAX 1830
#define CRL_DAYS_MAX 90
#define SECTION_MAX (RULES_NAME_MAX + 16)
#define BASE_DEPTH 4 /* a profile like one like one … */

#define PIN_BIT(p) (1u << (p))
#define PIN_SOME                                                             \
	(PIN_BIT(PIN_ONCE) | PIN_BIT(PIN_ALWAYS) | PIN_BIT(PIN_MATCH_ONCE) | \
	    PIN_BIT(PIN_MATCH_ALWAYS))
#define TOUCH_ANY \
	(1u << TOUCH_DEFAULT | 1u << TOUCH_NEVER | 1u << TOUCH_ALWAYS | 1u << TOUCH_CACHED)

static const struct rules_term pin_words[] = {
    {"once", PIN_SOME},
    {"always", PIN_BIT(PIN_ALWAYS) | PIN_BIT(PIN_MATCH_ALWAYS)},
    {"any", PIN_SOME | PIN_BIT(PIN_DEFAULT)},
    {NULL, 0},
};
static const struct rules_term touch_words[] = {
    {"any", TOUCH_ANY},
    {"cached", 1u << TOUCH_CACHED | 1u << TOUCH_ALWAYS},
    {"always", 1u << TOUCH_ALWAYS},
    {"never", 1u << TOUCH_DEFAULT | 1u << TOUCH_NEVER},
    {NULL, 0},
};
static const struct rules_term ecdsa_words[] = {{"accept", 1}, {"refuse", 0}, {NULL, 0}};
static const struct rules_term serial_words[] = {{"if-attested", 0}, {"required", 1}, {NULL, 0}};
static const struct rules_term key_words[] = {{"token", 0}, {"software", 1}, {NULL, 0}};
static const struct rules_term fips_words[] = {{"any", 0}, {"required", 1}, {NULL, 0}};
static const struct rules_term yes_words[] = {{"no", 0}, {"yes", 1}, {NULL, 0}};
static const struct rules_term usage_words[] = {{"digitalSignature", USAGE_SIGN},
    {"nonRepudiation", USAGE_COMMIT}, {"keyEncipherment", USAGE_ENCRYPT},
    {"keyAgreement", USAGE_AGREE}, {NULL, 0}};
static const struct rules_term eku_words[] = {{"clientAuth", EKU_CLIENT},
    {"serverAuth", EKU_SERVER}, {"emailProtection", EKU_EMAIL}, {"smartcardLogon", EKU_LOGON},
    {"OCSPSigning", EKU_OCSP}, {NULL, 0}};
static const struct rules_term name_words[] = {{"email", NAME_EMAIL}, {"upn", NAME_UPN},
    {"uuid", NAME_UUID}, {"dns", NAME_DNS}, {"ip", NAME_IP}, {"sid", NAME_SID}, {NULL, 0}};
static const struct rules_term form_words[] = {{"usb-a-keychain", 1u << 1}, {"usb-a-nano", 1u << 2},
    {"usb-c-keychain", 1u << 3}, {"usb-c-nano", 1u << 4}, {"usb-c-lightning", 1u << 5},
    {"usb-a-bio", 1u << 6}, {"usb-c-bio", 1u << 7}, {NULL, 0}};
static const struct rules_term wanted_words[] = {
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
		    "ykenroll.conf: a profile has policy = %s, but there is no section [%s]", name,
		    section);
	for (i = 0; i < sk_CONF_VALUE_num(all); i++) {
		const CONF_VALUE *v = sk_CONF_VALUE_value(all, i);
		const bool cn = strcmp(v->name, "CN") == 0 || strcmp(v->name, "commonName") == 0;

		/* there always is one */
		if (cn && strcmp(v->value, "supplied") == 0)
			continue;
		if ((field = field_of(v->name)) < 0 || ret[field] != FIELD_NONE)
			return rules_no_such(err, section, v->name);
		if (rules_find(wanted_words, v->value, strlen(v->value), &value) != 0)
			return rules_off(err, section, v->name, v->value);
		ret[field] = (uint8_t)value;
	}
	return 0;
}

static int
get_names(const struct rules_reading *r, const char *text, void *to)
{
	const int rc = rules_set(r, text, to);

	r->p->names_must &= r->p->names;
	return rc;
}

static int
get_required(const struct rules_reading *r, const char *text, void *to)
{
	const int rc = rules_set(r, text, to);

	r->p->names |= r->p->names_must;
	return rc;
}

static int
get_fields(const struct rules_reading *r, const char *text, void *to)
{
	if (strcmp(text, "none") != 0)
		return rules_policy_read(r->conf, text, to, r->err);
	memset(to, FIELD_NONE, FIELDS);
	return 0;
}

/* ---- [ca] ---- */

#define AT(member) offsetof(struct profile, member)

static const struct rules_key ca_keys[] = {
    {"crl_days", rules_days, AT(days), .max = CRL_DAYS_MAX},
    {"cdp", rules_list, AT(cdp), .ok = rules_is_url},
    {"ocsp", rules_list, AT(ocsp), .ok = rules_is_url},
    {"ca_issuers", rules_list, AT(issuers), .ok = rules_is_url},
    {.name = "software_peers"}, /* rules.c */
};

int
rules_ca_read(const CONF *conf, struct profile *ret, struct err *err)
{
	struct rules_reading r = {.conf = conf, .section = "ca", .p = ret, .err = err};

	return rules_read(&r, ca_keys, sizeof(ca_keys) / sizeof(ca_keys[0]));
}

/* ---- [profile NAME] ---- */

static const struct rules_key profile_keys[] = {
    {.name = "base"}, /* read_profile */
    {"key", rules_flag, AT(software), .words = key_words},
    {"days", rules_days, AT(days), .max = DAYS_MAX},
    {"key_usage", rules_set, AT(usage), .words = usage_words, .zero = ""},
    {"extended_key_usage", rules_set, AT(eku), .words = eku_words, .zero = ""},
    {"names", get_names, AT(names), .words = name_words, .zero = "none"},
    {"names_required", get_required, AT(names_must), .words = name_words, .zero = "none"},
    {"ocsp_nocheck", rules_flag, AT(nocheck), .words = yes_words},
    {.name = "policy", .get = get_fields, .at = AT(fields)},
    {"cdp", rules_list, AT(cdp), .ok = rules_is_url},
    {"ocsp", rules_list, AT(ocsp), .ok = rules_is_url},
    {"ca_issuers", rules_list, AT(issuers), .ok = rules_is_url},
    {"policies", rules_list, AT(policies), .ok = rules_is_oid},
    {"pin_policy", rules_word, AT(pin), .words = pin_words, .word_at = AT(pin_word)},
    {"touch_policy", rules_word, AT(touch), .words = touch_words, .word_at = AT(touch_word)},
    {"old_ecdsa", rules_flag, AT(old_ecdsa), .words = ecdsa_words},
    {"token_serial", rules_flag, AT(serial_needed), .words = serial_words},
    {.name = "min_firmware", .get = rules_firmware, .at = AT(firmware)},
    {"form_factor", rules_set, AT(forms), .words = form_words, .zero = "any"},
    {"fips", rules_flag, AT(fips), .words = fips_words},
};

/* What no profile of this CA may be, however it was put together. */
static int
sane(const char *section, const struct profile *p, struct err *err)
{
	const char *why = NULL;

	if ((p->eku & EKU_OCSP) != 0 && (p->eku != EKU_OCSP || !p->software))
		why = "OCSPSigning must be the only extended key usage, with key = software";
	else if (p->nocheck && (p->eku & EKU_OCSP) == 0)
		why = "ocsp_nocheck is only for OCSPSigning";
	else if (!p->software && (p->names & (NAME_DNS | NAME_IP)) != 0)
		why = "the names dns and ip are only for key = software";
	else if (p->software && (p->names & (NAME_UUID | NAME_SID)) != 0)
		why = "the names uuid and sid are only for key = token";
	else if (!p->software && p->eku != 0 && (p->eku & EKU_CLIENT) == 0)
		why =
		    "extended_key_usage of a profile with key = token must have clientAuth: a TLS "
		    "login proves each certificate";
	else if (!p->software && p->pin == 0)
		why = "a profile with key = token must be based on a profile for tokens";
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
	struct rules_reading r = {.conf = conf, .section = section, .p = p, .err = err};
	const int rc = rules_read(&r, profile_keys, sizeof(profile_keys) / sizeof(profile_keys[0]));

	return rc != 0 ? rc : sane(section, p, err);
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
		return err_set(err, ERR_USAGE,
		    "a profile's name may have lower-case letters, digits and hyphens");
	snprintf(section, sizeof(section), "profile %s", name);
	if (own == NULL && NCONF_get_section(conf, section) == NULL)
		return err_set(err, ERR_USAGE,
		    "unknown profile '%s'; define it in ykenroll.conf as [%s]", name, section);
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
