/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/utc.h"
#include "signer/der.h"

int
der_put(struct blob *to, uint8_t tag, const void *value, size_t len, struct err *err)
{
	uint8_t head[6];
	size_t n = 0;
	int rc, bytes = len < 0x80	  ? 0
			: len < 0x100	  ? 1
			: len < 0x10000	  ? 2
			: len < 0x1000000 ? 3
					  : 4;

	if (len >= DER_LEN_LIMIT)
		return err_set(err, ERR_INTERNAL, "DER element of %zu bytes", len);
	head[n++] = tag;
	if (bytes == 0)
		head[n++] = (uint8_t)len;
	else
		head[n++] = (uint8_t)(0x80 | bytes);
	for (; bytes > 0; bytes--)
		head[n++] = (uint8_t)(len >> (8 * (bytes - 1)) & 0xff);
	if ((rc = blob_append(to, head, n, err)) != 0)
		return rc;
	return blob_append(to, value, len, err);
}

static int
read_len(const uint8_t *data, size_t len, size_t *pos, size_t *ret)
{
	size_t n, bytes;

	if (*pos >= len)
		return -1;
	n = data[(*pos)++];
	if (n < 0x80) {
		*ret = n;
		return 0;
	}
	bytes = n & 0x7f;
	if (bytes < 1 || bytes > 4 || len - *pos < bytes || data[*pos] == 0)
		return -1;
	for (n = 0; bytes > 0; bytes--)
		n = n << 8 | data[(*pos)++];
	if (n < 0x80 || n >= DER_LEN_LIMIT) /* not minimal: X.690, 10.1 */
		return -1;
	*ret = n;
	return 0;
}

int
der_next(const uint8_t *data, size_t len, size_t *pos, struct der *ret)
{
	size_t at = *pos;
	struct der d;

	if (at >= len || (data[at] & 0x1f) == 0x1f)
		return -1;
	d.raw = data + at;
	d.tag = data[at++];
	if (read_len(data, len, &at, &d.len) != 0 || d.len > len - at)
		return -1;
	d.value = data + at;
	at += d.len;
	d.raw_len = at - *pos;
	*pos = at;
	*ret = d;
	return 0;
}

int
der_expect(const uint8_t *data, size_t len, size_t *pos, uint8_t tag, struct der *ret)
{
	struct der d;
	size_t at = *pos;

	if (der_next(data, len, &at, &d) != 0 || d.tag != tag)
		return -1;
	*pos = at;
	*ret = d;
	return 0;
}

int
der_extension(const struct der_cert *cert, const uint8_t *oid, size_t oid_len, struct der *ret)
{
	const struct der *list = &cert->extensions;
	size_t pos = 0, at;
	struct der ext, id, value;

	while (der_expect(list->value, list->len, &pos, DER_SEQUENCE, &ext) == 0) {
		at = 0;
		if (der_expect(ext.value, ext.len, &at, DER_OID, &id) != 0)
			return -1;
		if (id.len != oid_len || memcmp(id.value, oid, oid_len) != 0)
			continue;
		(void)der_expect(ext.value, ext.len, &at, DER_BOOLEAN, &value);
		return der_expect(ext.value, ext.len, &at, DER_OCTET_STRING, ret);
	}
	return -1;
}

static int
validity(const struct der *v, struct der *ret_not_after)
{
	size_t pos = 0;

	return der_next(v->value, v->len, &pos, ret_not_after) != 0 ||
		       der_next(v->value, v->len, &pos, ret_not_after) != 0
		   ? -1
		   : 0;
}

int
der_cert(const struct blob *cert, struct der_cert *ret, struct err *err)
{
	/* TBSCertificate of version 3, without unique identifiers */
	static const uint8_t form[] = {DER_CONTEXT_0, DER_INTEGER, DER_SEQUENCE, DER_SEQUENCE,
	    DER_SEQUENCE, DER_SEQUENCE, DER_SEQUENCE, DER_CONTEXT_3};
	static const uint8_t ski_oid[] = {0x55, 0x1d, 0x0e};
	struct der d, tbs, part[sizeof(form)], octets;
	struct der_cert c;
	size_t pos = 0, i;
	int bad;

	bad = der_expect(cert->data, cert->len, &pos, DER_SEQUENCE, &d);
	pos = 0;
	bad = bad || der_expect(d.value, d.len, &pos, DER_SEQUENCE, &tbs);
	for (i = 0, pos = 0; !bad && i < sizeof(form); i++)
		bad = der_expect(tbs.value, tbs.len, &pos, form[i], &part[i]);
	if (bad || validity(&part[4], &c.not_after) != 0)
		return err_set(err, ERR_CA, "the CA's certificate cannot be read");
	c.subject = part[5];
	pos = 0;
	bad = der_expect(part[7].value, part[7].len, &pos, DER_SEQUENCE, &c.extensions) ||
	      der_extension(&c, ski_oid, sizeof(ski_oid), &octets);
	pos = 0;
	if (bad || der_expect(octets.value, octets.len, &pos, DER_OCTET_STRING, &c.ski) != 0)
		return err_set(err, ERR_CA, "the CA's certificate has no subject key identifier");
	*ret = c;
	return 0;
}

int
der_put_time(struct blob *to, int64_t t, struct err *err)
{
	char text[UTC_TEXT_LEN], out[16];
	size_t i, n = 0;

	/* "2026-11-20T21:00:00Z" without its separators */
	utc_text(t, text);
	for (i = 0; text[i] != '\0' && n < sizeof(out); i++)
		if (strchr("-:T", text[i]) == NULL)
			out[n++] = text[i];
	if (n != 15)
		return err_set(err, ERR_INTERNAL, "a time out of range");
	if (strncmp(out, "2050", 4) < 0)
		return der_put(to, DER_UTCTIME, out + 2, 13, err);
	return der_put(to, DER_GENERALIZEDTIME, out, 15, err);
}

static bool
arc(const char *dotted, size_t len, size_t *at, uint64_t *ret)
{
	const size_t from = *at;

	for (*ret = 0; *at < len && dotted[*at] >= '0' && dotted[*at] <= '9' && *at - from < 10;
	     (*at)++)
		*ret = *ret * 10 + (uint64_t)(dotted[*at] - '0');
	if (*at == from || (*at < len && dotted[*at] != '.'))
		return false;
	(*at)++;
	return true;
}

/* X.690, 8.19.2: seven bits to an octet, the highest first */
static int
put_arc(struct blob *to, uint64_t n, struct err *err)
{
	uint8_t out[10];
	size_t i = sizeof(out);

	out[--i] = (uint8_t)(n & 0x7f);
	while ((n >>= 7) != 0)
		out[--i] = (uint8_t)(0x80 | (n & 0x7f));
	return blob_append(to, out + i, sizeof(out) - i, err);
}

int
der_put_oid(struct blob *to, const char *dotted, size_t len, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	uint64_t first, n;
	size_t at = 0;
	int rc;

	if (!arc(dotted, len, &at, &first) || !arc(dotted, len, &at, &n) || first > 2)
		return err_set(err, ERR_CA, "not an object identifier");
	if ((rc = put_arc(&b, first * 40 + n, err)) != 0)
		return rc;
	while (at < len) {
		if (!arc(dotted, len, &at, &n))
			return err_set(err, ERR_CA, "not an object identifier");
		if ((rc = put_arc(&b, n, err)) != 0)
			return rc;
	}
	return der_put(to, DER_OID, b.data, b.len, err);
}
