/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <time.h>

#include "base/tlv.h"
#include "base/utc.h"
#include "signer/der.h"

#define YEAR_2050 INT64_C(2524608000) /* from then on GeneralizedTime: RFC 5280, 4.1.2.5 */
#define YEAR_10000 INT64_C(253402300800)

/* ---- writing ---- */

size_t
der_head(uint8_t ret[static DER_HEAD_MAX], uint8_t tag, size_t len)
{
	ret[0] = tag;
	return 1 + tlv_write_len(ret + 1, len);
}

void
der_out_wipe(struct der_out *o)
{
	blob_wipe(&o->b);
}

void
der_fail(struct der_out *o, int code, const char *why)
{
	if (o->rc == 0)
		o->rc = err_set(o->err, code, "%s", why);
}

void
der_raw(struct der_out *o, const void *data, size_t len)
{
	if (o->rc == 0)
		o->rc = blob_append(&o->b, data, len, o->err);
}

void
der_wrap(struct der_out *o, size_t at, uint8_t tag)
{
	uint8_t head[DER_HEAD_MAX];
	const size_t len = o->b.len - at, n = der_head(head, tag, len);

	if (o->rc == 0 && len >= DER_LEN_LIMIT)
		o->rc =
		    err_set(o->err, ERR_INTERNAL, "a DER element of %zu bytes is too long", len);
	der_raw(o, head, n);
	if (o->rc != 0)
		return;
	memmove(o->b.data + at + n, o->b.data + at, len);
	memcpy(o->b.data + at, head, n);
}

void
der_wrap_some(struct der_out *o, size_t at, uint8_t tag)
{
	if (o->b.len > at)
		der_wrap(o, at, tag);
}

void
der_put(struct der_out *o, uint8_t tag, const void *value, size_t len)
{
	const size_t at = o->b.len;

	der_raw(o, value, len);
	der_wrap(o, at, tag);
}

static uint8_t *
put_digits(uint8_t *p, int v)
{
	*p++ = (uint8_t)('0' + v / 10 % 10);
	*p++ = (uint8_t)('0' + v % 10);
	return p;
}

size_t
der_time(uint8_t ret[static DER_TIME_MAX], int64_t t)
{
	const time_t at = (time_t)t;
	const bool late = t >= YEAR_2050;
	uint8_t *p = ret + 2;
	struct tm tm;

	gmtime_r(&at, &tm);
	if (late)
		p = put_digits(p, (tm.tm_year + 1900) / 100);
	p = put_digits(p, tm.tm_year % 100);
	p = put_digits(p, tm.tm_mon + 1);
	p = put_digits(p, tm.tm_mday);
	p = put_digits(p, tm.tm_hour);
	p = put_digits(p, tm.tm_min);
	p = put_digits(p, tm.tm_sec);
	*p++ = 'Z';
	ret[0] = late ? DER_GENERALIZEDTIME : DER_UTCTIME;
	ret[1] = (uint8_t)(p - ret - 2);
	return (size_t)(p - ret);
}

void
der_put_time(struct der_out *o, int64_t t)
{
	uint8_t raw[DER_TIME_MAX];

	if (t < 0 || t >= YEAR_10000) {
		der_fail(o, ERR_INTERNAL, "a time is out of range");
		return;
	}
	der_raw(o, raw, der_time(raw, t));
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
static void
put_arc(struct der_out *o, uint64_t n)
{
	uint8_t out[10];
	size_t i = sizeof(out);

	out[--i] = (uint8_t)(n & 0x7f);
	while ((n >>= 7) != 0)
		out[--i] = (uint8_t)(0x80 | (n & 0x7f));
	der_raw(o, out + i, sizeof(out) - i);
}

void
der_put_oid(struct der_out *o, const char *dotted, size_t len)
{
	const size_t begin = o->b.len;
	uint64_t first, n;
	size_t at = 0;
	bool good;

	good = arc(dotted, len, &at, &first) && arc(dotted, len, &at, &n) && first <= 2;
	if (good)
		put_arc(o, first * 40 + n);
	while (good && at < len)
		if ((good = arc(dotted, len, &at, &n)))
			put_arc(o, n);
	if (!good)
		der_fail(o, ERR_CA, "not an object identifier");
	der_wrap(o, begin, DER_OID);
}

/* ---- reading ---- */

int
der_next(const uint8_t *data, size_t len, size_t *pos, struct der *ret)
{
	uint8_t head[DER_HEAD_MAX];
	size_t at = *pos;
	struct der d;

	if (at >= len || len - at < 2 || (data[at] & 0x1f) == 0x1f)
		return -1;
	d.raw = data + at;
	d.tag = data[at++];
	if (data[at] < 0x80) /* most are so short, and this is where a long CRL's time goes */
		d.len = data[at++];
	/* minimal (X.690, 10.1): as many octets as ours would have */
	else if (tlv_read_len(data, len, &at, TLV_LEN_MAX - 1, &d.len) != 0 ||
		 d.len >= DER_LEN_LIMIT || at - *pos != der_head(head, d.tag, d.len))
		return -1;
	if (d.len > len - at)
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
	return *pos < len && data[*pos] == tag ? der_next(data, len, pos, ret) : -1;
}

bool
der_is(const struct der *d, const void *bytes, size_t len)
{
	return d->len == len && memcmp(d->value, bytes, len) == 0;
}

int
der_next_extension(const struct der *list, size_t *pos, struct der_ext *ret)
{
	struct der_ext e = {.critical = false};
	struct der ext, critical;
	size_t at = 0;

	if (der_expect(list->value, list->len, pos, DER_SEQUENCE, &ext) != 0 ||
	    der_expect(ext.value, ext.len, &at, DER_OID, &e.oid) != 0)
		return -1;
	e.critical = der_expect(ext.value, ext.len, &at, DER_BOOLEAN, &critical) == 0;
	if (der_expect(ext.value, ext.len, &at, DER_OCTET_STRING, &e.octets) != 0 || at != ext.len)
		return -1;
	*ret = e;
	return 0;
}

int
der_extension(const struct der_cert *cert, const uint8_t *oid, size_t oid_len, struct der *ret)
{
	struct der_ext e;
	size_t pos = 0;

	while (der_next_extension(&cert->extensions, &pos, &e) == 0)
		if (der_is(&e.oid, oid, oid_len)) {
			*ret = e.octets;
			return 0;
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

static int
digits(const uint8_t *p, size_t n, int *ret)
{
	int v = 0;

	for (; n > 0; n--, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		v = v * 10 + (*p - '0');
	}
	*ret = v;
	return 0;
}

int
der_time_of(uint8_t tag, const void *text, size_t len, int64_t *ret)
{
	const size_t year_len = tag == DER_UTCTIME ? 2 : 4;
	const uint8_t *p = text;
	int year, month, day, hour, minute, second;

	if ((tag != DER_UTCTIME && tag != DER_GENERALIZEDTIME) || len != year_len + 11 ||
	    p[len - 1] != 'Z' || digits(p, year_len, &year) != 0 ||
	    digits(p + year_len, 2, &month) != 0 || digits(p + year_len + 2, 2, &day) != 0 ||
	    digits(p + year_len + 4, 2, &hour) != 0 || digits(p + year_len + 6, 2, &minute) != 0 ||
	    digits(p + year_len + 8, 2, &second) != 0)
		return -1;
	if (year_len == 2)
		year += year < 50 ? 2000 : 1900;
	return utc_make(year, month, day, hour, minute, second, ret);
}
