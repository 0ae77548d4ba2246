/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "signer/names.h"

void
names_wipe(struct names *n)
{
	while (n->n_kept > 0)
		free(n->kept[--n->n_kept]);
	memset(n, 0, sizeof(*n));
}

int
names_keep(struct names *n, const void *data, size_t len, const char **ret, struct err *err)
{
	char *copy;

	if (memchr(data, 0, len) != NULL)
		return err_set(err, ERR_USAGE, "a name has a NUL in it");
	if (n->n_kept == sizeof(n->kept) / sizeof(n->kept[0]))
		return err_set(err, ERR_USAGE, "too many names for one certificate");
	if ((copy = malloc(len + 1)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	memcpy(copy, data, len);
	copy[len] = '\0';
	n->kept[n->n_kept++] = copy;
	*ret = copy;
	return 0;
}

void
names_urn(const uint8_t uuid[static REQUEST_GUID_LEN], char ret[static NAMES_URN_LEN])
{
	char hex[2 * REQUEST_GUID_LEN + 1];

	text_hex(uuid, REQUEST_GUID_LEN, hex);
	snprintf(ret, NAMES_URN_LEN, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
	    hex + 16, hex + 20);
}

bool
names_has_uuid(const struct names *n)
{
	static const uint8_t none[REQUEST_GUID_LEN];

	return memcmp(n->uuid, none, sizeof(none)) != 0;
}

unsigned
names_have(const struct names *n)
{
	return (n->who.email[0] != '\0' ? NAME_EMAIL : 0u) |
	       (n->who.upn[0] != '\0' ? NAME_UPN : 0u) | (names_has_uuid(n) ? NAME_UUID : 0u) |
	       (n->n_dns > 0 ? NAME_DNS : 0u) | (n->n_ip > 0 ? NAME_IP : 0u) |
	       (n->who.sid[0] != '\0' ? NAME_SID : 0u);
}

/* ---- out of a request ---- */

static int
take_ip(struct names *n, const char *text, struct err *err)
{
	struct names_ip ip = {.len = 4};

	if (n->n_ip == NAMES_MAX)
		return err_set(err, ERR_USAGE, "too many names for one certificate");
	if (inet_pton(AF_INET, text, ip.bytes) != 1) {
		ip.len = 16;
		if (inet_pton(AF_INET6, text, ip.bytes) != 1)
			return err_set(err, ERR_USAGE, "not an IP address");
	}
	n->ip[n->n_ip++] = ip;
	return 0;
}

static int
take_dns(struct names *n, const char *text, struct err *err)
{
	char lower[256];
	size_t i, len = strlen(text);

	if (n->n_dns == NAMES_MAX || len >= sizeof(lower))
		return err_set(err, ERR_USAGE, "too many DNS names, or one that is too long");
	for (i = 0; i < len; i++) /* whatever the locale */
		lower[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
	return names_keep(n, lower, len, &n->dns[n->n_dns++], err);
}

static int
take_name(struct names *n, const char *line, struct err *err)
{
	if (strncmp(line, "dns:", 4) == 0)
		return take_dns(n, line + 4, err);
	if (strncmp(line, "ip:", 3) == 0)
		return take_ip(n, line + 3, err);
	return err_set(err, ERR_USAGE, "a name in the request is neither dns: nor ip:");
}

static int
take_field(struct names *n, const char *line, struct err *err)
{
	const char *equals = strchr(line, '=');
	const size_t len = equals == NULL ? 0 : (size_t)(equals - line);
	int f;

	for (f = 0; f < FIELDS; f++) {
		if (strlen(rules_fields[f]) != len || memcmp(rules_fields[f], line, len) != 0)
			continue;
		if (n->field[f] != NULL)
			return err_set(err, ERR_USAGE, "the subject has %s twice", rules_fields[f]);
		return names_keep(n, equals + 1, strlen(equals + 1), &n->field[f], err);
	}
	return err_set(err, ERR_USAGE,
	    "invalid subject field: use C, ST, L, O, OU and serialNumber, each as NAME=TEXT");
}

static int
each_line(struct names *n, const char *lines,
    int (*take)(struct names *n, const char *line, struct err *err), struct err *err)
{
	const char *line;
	size_t len;
	int rc;

	while (lines != NULL && *lines != '\0') {
		len = strcspn(lines, "\n");
		if ((rc = names_keep(n, lines, len, &line, err)) != 0 ||
		    (rc = take(n, line, err)) != 0)
			return rc;
		lines += len + (lines[len] == '\n');
	}
	return 0;
}

int
names_request(const struct request *request, struct names *ret, struct err *err)
{
	int rc;

	ret->who = request->holder;
	memcpy(ret->uuid, request->guid, sizeof(ret->uuid));
	if ((rc = each_line(ret, request->subject, take_field, err)) != 0)
		return rc;
	return each_line(ret, request->names, take_name, err);
}

/* ---- out of a certificate ---- */

static const uint8_t upn_oid[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03};
static const uint8_t san_oid[] = {0x55, 0x1d, 0x11};

const uint8_t names_at[FIELDS] = {[FIELD_C] = 6,
    [FIELD_ST] = 8,
    [FIELD_L] = 7,
    [FIELD_O] = 10,
    [FIELD_OU] = 11,
    [FIELD_SERIAL] = 5};

static int
take_text(char to[static REQUEST_TEXT_MAX], const struct der *value, struct err *err)
{
	if (value->len >= REQUEST_TEXT_MAX || memchr(value->value, 0, value->len) != NULL)
		return err_set(err, ERR_CA, "a name in the certificate is too long, or has a NUL");
	memcpy(to, value->value, value->len);
	to[value->len] = '\0';
	return 0;
}

/* AttributeTypeAndValue */
static int
take_attribute(struct names *n, const struct der *atv, struct err *err)
{
	struct der oid, value;
	size_t pos = 0;
	int f;

	if (der_expect(atv->value, atv->len, &pos, DER_OID, &oid) != 0 ||
	    der_next(atv->value, atv->len, &pos, &value) != 0)
		return err_set(err, ERR_CA, "a name cannot be read");
	if (oid.len != 3 || oid.value[0] != 0x55 || oid.value[1] != 0x04)
		return 0;
	if (oid.value[2] == NAMES_AT_CN && n->who.name[0] == '\0')
		return take_text(n->who.name, &value, err);
	for (f = 0; f < FIELDS; f++)
		if (oid.value[2] == names_at[f] && n->field[f] == NULL)
			return names_keep(n, value.value, value.len, &n->field[f], err);
	return 0;
}

int
names_read_subject(const struct der *name, struct names *ret, struct err *err)
{
	struct der set, atv;
	size_t pos = 0, at;
	int rc;

	while (pos < name->len) {
		if (der_expect(name->value, name->len, &pos, DER_SET, &set) != 0)
			return err_set(err, ERR_CA, "a name cannot be read");
		for (at = 0; at < set.len;) {
			if (der_expect(set.value, set.len, &at, DER_SEQUENCE, &atv) != 0)
				return err_set(err, ERR_CA, "a name cannot be read");
			if ((rc = take_attribute(ret, &atv, err)) != 0)
				return rc;
		}
	}
	return 0;
}

/* [0] { OID, [0] EXPLICIT UTF8String } */
static int
take_upn(struct names *n, const struct der *other, struct err *err)
{
	struct der oid, outer, text;
	size_t pos = 0, at = 0;

	if (der_expect(other->value, other->len, &pos, DER_OID, &oid) != 0 ||
	    !der_is(&oid, upn_oid, sizeof(upn_oid)) ||
	    der_expect(other->value, other->len, &pos, DER_CONTEXT_0, &outer) != 0 ||
	    der_expect(outer.value, outer.len, &at, DER_UTF8, &text) != 0 || n->who.upn[0] != '\0')
		return err_set(err, ERR_CA, "a name in the certificate is of an unknown type");
	return take_text(n->who.upn, &text, err);
}

static int
take_general(struct names *n, const struct der *name, struct err *err)
{
	enum { RFC822 = 0x81, DNS = 0x82, IP = 0x87 };

	if (name->tag == DER_CONTEXT_0)
		return take_upn(n, name, err);
	if (name->tag == RFC822 && n->who.email[0] == '\0')
		return take_text(n->who.email, name, err);
	if (name->tag == DNS && n->n_dns < NAMES_MAX)
		return names_keep(n, name->value, name->len, &n->dns[n->n_dns++], err);
	if (name->tag == IP && n->n_ip < NAMES_MAX && (name->len == 4 || name->len == 16)) {
		n->ip[n->n_ip].len = name->len;
		memcpy(n->ip[n->n_ip++].bytes, name->value, name->len);
		return 0;
	}
	return err_set(err, ERR_CA, "a name in the certificate is of an unknown type");
}

int
names_cert(const struct blob *cert, struct names *ret, struct err *err)
{
	struct der_cert c;
	struct der octets, list, name;
	size_t pos = 0, at = 0;
	int rc;

	if ((rc = der_cert(cert, &c, err)) != 0 ||
	    (rc = names_read_subject(&c.subject, ret, err)) != 0)
		return rc;
	if (ret->who.name[0] == '\0')
		return err_set(err, ERR_CA, "the certificate has no common name");
	if (der_extension(&c, san_oid, sizeof(san_oid), &octets) != 0)
		return 0;
	if (der_expect(octets.value, octets.len, &pos, DER_SEQUENCE, &list) != 0)
		return err_set(err, ERR_CA, "the certificate's names cannot be read");
	while (at < list.len) {
		if (der_next(list.value, list.len, &at, &name) != 0)
			return err_set(err, ERR_CA, "the certificate's names cannot be read");
		if ((rc = take_general(ret, &name, err)) != 0)
			return rc;
	}
	return 0;
}
