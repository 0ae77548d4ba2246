/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * der: the signer's own DER writer and reader (X.690, 8.1 and 10.1), of which check and sign make
 * their bytes. It shares nothing with OpenSSL's encoder: that is what it is for.
 */
#ifndef SIGNER_DER_H
#define SIGNER_DER_H

#include <stdint.h>

#include "ykenroll/blob.h"

#define DER_LEN_LIMIT (1u << 28) /* bytes; a CRL of a million entries has 50 MB */

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_UTCTIME = 0x17,
	DER_GENERALIZEDTIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_3 = 0xa3,
};

struct der {
	uint8_t tag;
	const uint8_t *value; /* into the buffer that was read */
	size_t len;
	const uint8_t *raw; /* with tag and length */
	size_t raw_len;
};

/* What is written. The first failure stays in rc and err, and what follows does nothing, so that it
 * is looked at once, at the end. */
struct der_out {
	struct blob b;
	struct err *err;
	int rc;
};
void der_out_wipe(struct der_out *o); /* fits CLEAN() */

void der_fail(struct der_out *o, int code, const char *why);
/* Append bytes that are DER already; tag, length, value. */
void der_raw(struct der_out *o, const void *data, size_t len);
void der_put(struct der_out *o, uint8_t tag, const void *value, size_t len);
/* What was appended since b.len was at becomes the value of one element. */
void der_wrap(struct der_out *o, size_t at, uint8_t tag);
void der_wrap_some(struct der_out *o, size_t at, uint8_t tag); /* unless there is nothing */
/* An OBJECT IDENTIFIER from its dotted form. ERR_CA: not one. */
void der_put_oid(struct der_out *o, const char *dotted, size_t len);
/* UTCTime through 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
void der_put_time(struct der_out *o, int64_t t);

/* The same for those who write by themselves: how many bytes it were. */
#define DER_HEAD_MAX 6
#define DER_TIME_MAX 17
size_t der_head(uint8_t ret[static DER_HEAD_MAX], uint8_t tag, size_t len);
size_t der_time(uint8_t ret[static DER_TIME_MAX], int64_t t); /* years 1970 to 9999 */

/* Read the element at *pos of data[0..len) and move *pos behind it. One-byte tags, minimal definite
 * lengths below 2^28. Returns 0, or -1 (end, malformed). */
int der_next(const uint8_t *data, size_t len, size_t *pos, struct der *ret);

/* As der_next, and the tag must be this one. */
int der_expect(const uint8_t *data, size_t len, size_t *pos, uint8_t tag, struct der *ret);

/* Is its value these bytes? */
bool der_is(const struct der *d, const void *bytes, size_t len);

/* One of SEQUENCE OF Extension, and *pos behind it. Returns 0, or -1 (end, malformed). */
struct der_ext {
	struct der oid, octets;
	bool critical;
};
int der_next_extension(const struct der *list, size_t *pos, struct der_ext *ret);

/* What others need of a certificate that this CA, or its root, made. */
struct der_cert {
	struct der subject; /* Name */
	struct der not_after;
	struct der extensions; /* SEQUENCE OF Extension */
	struct der ski;	       /* value: the key identifier */
};
/* Errors: ERR_CA not a certificate with a subject key identifier. */
MUST_CHECK int der_cert(const struct blob *cert, struct der_cert *ret, struct err *err);

/* The value of the extension with this OID, an OCTET STRING. Returns 0, or -1: it has none. */
int der_extension(const struct der_cert *cert, const uint8_t *oid, size_t oid_len, struct der *ret);

/* Either of the two times, with seconds and Z. Returns 0, or -1: it is none. */
int der_time_of(uint8_t tag, const void *text, size_t len, int64_t *ret);

#endif
