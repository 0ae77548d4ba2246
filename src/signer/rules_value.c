/* SPDX-License-Identifier: BSD-2-Clause */
/* rules_value: a section of ykenroll.conf by a table of what it may say. */
#include <stdio.h>
#include <string.h>

#include <openssl/conf.h>

#include "base/text.h"
#include "signer/rules.h"

#define URL_MAX 200 /* bytes; three lists of four still leave a certificate room in a token */

int
rules_off(struct err *err, const char *section, const char *name, const char *value)
{
	return err_set(err, ERR_CA,
	    "ykenroll.conf: invalid value '%s' for '%s' in [%s]; see ykenroll(1), Profiles", value,
	    name, section);
}

static int
refuse(const struct rules_reading *r, const char *text)
{
	return rules_off(r->err, r->section, r->key->name, text);
}

int
rules_no_such(struct err *err, const char *section, const char *name)
{
	return err_set(err, ERR_CA,
	    "ykenroll.conf: unknown setting '%s' in [%s]; remove or correct it", name, section);
}

int
rules_find(const struct rules_term *words, const char *text, size_t len, unsigned *ret)
{
	for (; words->word != NULL; words++)
		if (strlen(words->word) == len && memcmp(words->word, text, len) == 0) {
			*ret = words->value;
			return 0;
		}
	return -1;
}

int
rules_flag(const struct rules_reading *r, const char *text, void *to)
{
	unsigned value;

	if (rules_find(r->key->words, text, strlen(text), &value) != 0)
		return refuse(r, text);
	*(bool *)to = value != 0;
	return 0;
}

/* The word itself is kept, for saying what the profile wants. */
int
rules_word(const struct rules_reading *r, const char *text, void *to)
{
	if (rules_find(r->key->words, text, strlen(text), to) != 0)
		return refuse(r, text);
	memcpy((char *)r->p + r->key->word_at, &text, sizeof(text));
	return 0;
}

/* Several words, or the one that stands for no bit. */
int
rules_set(const struct rules_reading *r, const char *text, void *to)
{
	const char *p = text;
	unsigned set = 0, bit;
	size_t len;

	*(unsigned *)to = 0;
	if (strcmp(text, r->key->zero) == 0)
		return 0;
	for (;; p++) {
		p += strspn(p, " ");
		len = strcspn(p, ", ");
		if (rules_find(r->key->words, p, len, &bit) != 0 || (set & bit) != 0)
			return refuse(r, text);
		set |= bit;
		p += len;
		p += strspn(p, " ");
		if (*p == '\0')
			break;
		if (*p != ',')
			return refuse(r, text);
	}
	*(unsigned *)to = set;
	return 0;
}

int
rules_list(const struct rules_reading *r, const char *text, void *to)
{
	const char *p = strcmp(text, "none") == 0 ? "" : text;
	struct rules_list list = {0};
	size_t len;

	for (p += strspn(p, " "); *p != '\0'; p += strspn(p, " ")) {
		len = strcspn(p, ", ");
		if (len == 0 || list.n == RULES_LIST_MAX || !r->key->ok(p, len))
			return refuse(r, text);
		list.at[list.n].text = p;
		list.at[list.n++].len = len;
		p += len;
		p += strspn(p, " ");
		if (*p == ',')
			p++;
		else if (*p != '\0')
			return refuse(r, text);
	}
	*(struct rules_list *)to = list;
	return 0;
}

int
rules_days(const struct rules_reading *r, const char *text, void *to)
{
	unsigned long n;

	if (text[0] == '0' || text_number(text, "days", r->key->max, &n, NULL) != 0)
		return refuse(r, text);
	*(unsigned *)to = (unsigned)n;
	return 0;
}

int
rules_firmware(const struct rules_reading *r, const char *text, void *to)
{
	unsigned v[3] = {0};
	uint8_t *ret = to;
	int used = 0, i;

	if (strcmp(text, "any") != 0 &&
	    (strspn(text, "0123456789.") != strlen(text) ||
		sscanf(text, "%3u.%3u.%3u%n", &v[0], &v[1], &v[2], &used) != 3 ||
		text[used] != '\0' || v[0] > 255 || v[1] > 255 || v[2] > 255))
		return refuse(r, text);
	for (i = 0; i < 3; i++)
		ret[i] = (uint8_t)v[i];
	return 0;
}

bool
rules_is_url(const char *text, size_t len)
{
	static const char *const schemes[] = {"http://", "https://", "ldap://"};
	size_t i, n;

	if (len > URL_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"<>\\^`{|}", text[i]) != NULL)
			return false;
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		n = strlen(schemes[i]);
		if (len > n && memcmp(text, schemes[i], n) == 0 && text[n] != '/')
			return true;
	}
	return false;
}

/* Dotted, at least two arcs of at most nine digits, the first two in their range (X.660). */
bool
rules_is_oid(const char *text, size_t len)
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

/* A name that the section may not have is refused; then each that it has is read. */
int
rules_read(struct rules_reading *r, const struct rules_key *keys, size_t n)
{
	STACK_OF(CONF_VALUE) *all = NCONF_get_section(r->conf, r->section);
	const char *text;
	size_t k;
	int i, rc = 0;

	for (i = 0; i < sk_CONF_VALUE_num(all); i++) {
		const CONF_VALUE *v = sk_CONF_VALUE_value(all, i);

		for (k = 0; k < n && strcmp(keys[k].name, v->name) != 0; k++)
			;
		if (k == n)
			return rules_no_such(r->err, r->section, v->name);
	}
	for (k = 0; k < n && rc == 0; k++) {
		r->key = &keys[k];
		text = NCONF_get_string(r->conf, r->section, keys[k].name);
		if (text != NULL && keys[k].get != NULL)
			rc = keys[k].get(r, text, (char *)r->p + keys[k].at);
	}
	return rc;
}
