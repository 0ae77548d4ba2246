/* SPDX-License-Identifier: BSD-2-Clause */
/* name: a distinguished name as people write it: RFC 4514, OpenSSL's "/CN=…/O=…", or a bare common
 * name. */
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "base/text.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

#define NAME_MAX_BYTES 1024 /* of the text */
#define PARTS_MAX 32
#define KEY_LEN_MAX 64

/* One "CN=value"; joined: it belongs to the RDN before it ("+"). */
struct part {
	int nid;
	char value[NAME_MAX_BYTES];
	size_t len;
	bool joined;
};

struct parts {
	struct part list[PARTS_MAX];
	size_t n;
};

/* RFC 4514, 3, and what people write besides */
static const struct {
	const char *key;
	int nid;
} keys[] = {
    {"CN", NID_commonName},
    {"L", NID_localityName},
    {"ST", NID_stateOrProvinceName},
    {"O", NID_organizationName},
    {"OU", NID_organizationalUnitName},
    {"C", NID_countryName},
    {"STREET", NID_streetAddress},
    {"DC", NID_domainComponent},
    {"UID", NID_userId},
    {"emailAddress", NID_pkcs9_emailAddress},
    {"E", NID_pkcs9_emailAddress},
    {"serialNumber", NID_serialNumber},
    {"SN", NID_surname},
    {"GN", NID_givenName},
    {"title", NID_title},
};

static int
key_nid(const char *key, size_t len)
{
	char text[KEY_LEN_MAX];
	size_t i;

	if (len == 0 || len >= sizeof(text))
		return NID_undef;
	memcpy(text, key, len);
	text[len] = '\0';
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcasecmp(keys[i].key, text) == 0)
			return keys[i].nid;
	return OBJ_txt2nid(text); /* a dotted OID or another of OpenSSL's names */
}

static int
new_part(struct parts *parts, const char *key, size_t len, bool joined, struct part **ret,
    struct err *err)
{
	struct part *p;

	if (parts->n == PARTS_MAX)
		return err_set(err, ERR_USAGE, "the subject has more than %d parts", PARTS_MAX);
	p = &parts->list[parts->n];
	*p = (struct part){.nid = key_nid(key, len), .joined = joined};
	if (p->nid == NID_undef) {
		ERR_clear_error();
		return err_set(err, ERR_USAGE,
		    "invalid part '%.*s' in the subject: write it like CN=Alice Adams,O=Example",
		    (int)(len < KEY_LEN_MAX ? len : KEY_LEN_MAX), key);
	}
	parts->n++;
	*ret = p;
	return 0;
}

static bool
hex_pair(const char *s, uint8_t *ret)
{
	return s[0] != '\0' && s[1] != '\0' &&
	       text_unhex((const char[]){s[0], s[1], '\0'}, ret, 1) == 0;
}

/* Copies a value up to one of the ends, which is not escaped; gives what is behind it. */
static const char *
take_value(const char *s, const char *ends, struct part *p)
{
	size_t kept = 0; /* trailing spaces count only when escaped: RFC 4514, 2.4 */
	uint8_t byte;

	for (; *s != '\0' && strchr(ends, *s) == NULL; s++) {
		if (*s != '\\') {
			p->value[p->len++] = *s;
			kept = *s == ' ' ? kept : p->len;
			continue;
		}
		if (s[1] == '\0')
			return NULL;
		if (hex_pair(s + 1, &byte)) {
			p->value[p->len++] = (char)byte;
			s += 2;
		} else {
			p->value[p->len++] = *++s;
		}
		kept = p->len;
	}
	p->len = kept;
	return s;
}

/* ends: ",+" of RFC 4514 or "/" of OpenSSL. */
static int
split(const char *s, const char *ends, struct parts *parts, struct err *err)
{
	struct part *p = NULL;
	bool joined = false;
	size_t len, key_len;
	int rc;

	for (;;) {
		s += strspn(s, " ");
		len = strcspn(s, "=,+/");
		if (s[len] != '=')
			return err_set(err, ERR_USAGE, "the subject has a part without a value");
		for (key_len = len; key_len > 0 && s[key_len - 1] == ' '; key_len--)
			continue;
		if ((rc = new_part(parts, s, key_len, joined, &p, err)) != 0)
			return rc;
		s += len + 1;
		s += strspn(s, " ");
		if (*s == '#' || *s == '"')
			return err_set(err, ERR_USAGE,
			    "the subject has a value with # or in quotes: escape special "
			    "characters with \\ instead");
		if ((s = take_value(s, ends, p)) == NULL || p->len == 0)
			return err_set(err, ERR_USAGE, "the subject has an empty value");
		joined = *s == '+';
		if (*s == '\0' || (*s == '/' && s[1] == '\0')) /* a slash at the end is allowed */
			return 0;
		s++;
	}
}

/* set: 0 opens an RDN, -1 joins the one before. */
static int
add(X509_NAME *name, const struct part *p, bool joined, struct err *err)
{
	if (memchr(p->value, '\0', p->len) != NULL || !text_is_plain(p->value))
		return err_set(err, ERR_USAGE,
		    "the subject has control or invisible characters, or is not UTF-8: retype it");
	if (X509_NAME_add_entry_by_NID(name, p->nid, MBSTRING_UTF8, (const uint8_t *)p->value,
		(int)p->len, -1, joined ? -1 : 0) == 1)
		return 0;
	ERR_clear_error();
	return err_set(
	    err, ERR_USAGE, "the subject's %s is too long or malformed", OBJ_nid2sn(p->nid));
}

/* RFC 4514, 2.1: the last RDN comes first in the text. */
static int
add_reversed(X509_NAME *name, const struct parts *parts, struct err *err)
{
	size_t end = parts->n, start, i;
	int rc;

	while (end > 0) {
		for (start = end - 1; parts->list[start].joined; start--)
			continue;
		for (i = start; i < end; i++)
			if ((rc = add(name, &parts->list[i], i > start, err)) != 0)
				return rc;
		end = start;
	}
	return 0;
}

static int
add_in_order(X509_NAME *name, const struct parts *parts, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < parts->n; i++)
		if ((rc = add(name, &parts->list[i], false, err)) != 0)
			return rc;
	return 0;
}

int
name_parse(const char *text, X509_NAME **ret, struct err *err)
{
	CLEAN(name_freep) X509_NAME *name = X509_NAME_new();
	struct parts parts = {.n = 0};
	int rc;

	if (name == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a name");
	if (strlen(text) >= NAME_MAX_BYTES)
		return err_set(err, ERR_USAGE, "the subject is too long");
	if (text[0] == '/') {
		if ((rc = split(text + 1, "/", &parts, err)) == 0)
			rc = add_in_order(name, &parts, err);
	} else if (text[0] != '\0' && strchr(text, '=') != NULL) {
		if ((rc = split(text, ",+", &parts, err)) == 0)
			rc = add_reversed(name, &parts, err);
	} else {
		parts.list[0] = (struct part){.nid = NID_commonName, .len = strlen(text)};
		memcpy(parts.list[0].value, text, parts.list[0].len);
		rc = parts.list[0].len == 0 ? 0 : add(name, &parts.list[0], false, err);
	}
	if (rc != 0)
		return rc;
	*ret = TAKE(name);
	return 0;
}
