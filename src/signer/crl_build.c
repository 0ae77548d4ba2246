/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "signer/crl.h"
#include "signer/der.h"
#include "signer/sign.h"

#define DAY INT64_C(86400)
#define ROOM 16384   /* bytes of the file before the entries, for what precedes them */
#define ENTRY_MAX 64 /* bytes of one revokedCertificates entry */

static const uint8_t version_2[] = {0x02, 0x01, 0x01};
static const uint8_t aki_head[] = {
    0x30, 0x1f, 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14};
/* crlEntryExtensions with reasonCode alone (5.3.1); the reason follows */
static const uint8_t reason_head[] = {
    0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01};

/* An expired certificate stays for one more CRL after its end (RFC 5280, 3.3), and a day. */
int64_t
crl_ended(const struct crl_plan *plan)
{
	return plan->this_update - 2 * (plan->next_update - plan->this_update) - DAY;
}

int
crl_walk(
    const struct log *log, const struct crl_plan *plan, struct db_stmt **ret_walk, struct err *err)
{
	return log_walk(log, plan->ca, crl_ended(plan), ret_walk, err);
}

/* ---- one entry ---- */

/* Minimal, with a zero in front where it would be negative. */
static uint8_t *
put_serial(uint8_t *p, const uint8_t *serial)
{
	size_t skip = 0, zero;

	while (skip < LOG_SERIAL_LEN - 1 && serial[skip] == 0)
		skip++;
	zero = serial[skip] >> 7;
	*p++ = DER_INTEGER;
	*p++ = (uint8_t)(LOG_SERIAL_LEN - skip + zero);
	if (zero != 0)
		*p++ = 0;
	memcpy(p, serial + skip, LOG_SERIAL_LEN - skip);
	return p + LOG_SERIAL_LEN - skip;
}

/* Always below 128 bytes: a length of one. */
static size_t
put_entry(uint8_t e[static ENTRY_MAX], const struct log_cert *c)
{
	uint8_t *p = e + 2;

	p = put_serial(p, c->serial);
	p += der_time(p, c->revoked_at);
	/* unspecified is said by saying nothing: 5.3.1 */
	if (c->reason != REASON_UNSPECIFIED) {
		memcpy(p, reason_head, sizeof(reason_head));
		p += sizeof(reason_head);
		*p++ = c->reason;
	}
	e[0] = DER_SEQUENCE;
	e[1] = (uint8_t)(p - e - 2);
	return (size_t)(p - e);
}

/* ---- what is around them ---- */

static void
put_number(uint8_t to[static 8], uint64_t n)
{
	int i;

	for (i = 7; i >= 0; i--, n >>= 8)
		to[i] = (uint8_t)(n & 0xff);
}

/* Not critical. */
static void
put_extension(
    struct der_out *o, const uint8_t *oid, size_t oid_len, uint8_t tag, const void *v, size_t len)
{
	const size_t begin = o->b.len;
	size_t value;

	der_put(o, DER_OID, oid, oid_len);
	value = o->b.len;
	der_put(o, tag, v, len);
	der_wrap(o, value, DER_OCTET_STRING);
	der_wrap(o, begin, DER_SEQUENCE);
}

static void
put_extensions(struct der_out *o, const struct der_cert *issuer, const struct crl_plan *plan)
{
	static const uint8_t number_oid[] = {0x55, 0x1d, 0x14}; /* 5.2.3 */
	static const uint8_t audit_oid[] = {CRL_AUDIT_OID_DER};
	uint8_t number[9] = {0}, audit[CRL_AUDIT_LEN];
	size_t skip = 0;

	der_raw(o, aki_head, sizeof(aki_head));
	der_raw(o, issuer->ski.value, issuer->ski.len);
	put_number(number + 1, plan->number);
	while (skip < 8 && number[skip] == 0 && (number[skip + 1] & 0x80) == 0)
		skip++;
	put_extension(
	    o, number_oid, sizeof(number_oid), DER_INTEGER, number + skip, sizeof(number) - skip);
	put_number(audit, plan->audit.rows);
	memcpy(audit + 8, plan->audit.head, LOG_HASH_LEN);
	if (plan->ca == LOG_ISSUING && plan->audit.rows > 0)
		put_extension(
		    o, audit_oid, sizeof(audit_oid), DER_OCTET_STRING, audit, sizeof(audit));
	der_wrap(o, 0, DER_SEQUENCE);
	der_wrap(o, 0, DER_CONTEXT_0);
}

/* From version to nextUpdate. */
static void
put_before(struct der_out *o, const struct der_cert *issuer, const struct crl_plan *plan,
    const struct sign_algorithm *alg)
{
	der_raw(o, version_2, sizeof(version_2));
	der_raw(o, alg->der, alg->der_len);
	der_raw(o, issuer->subject.raw, issuer->subject.raw_len);
	der_put_time(o, plan->this_update);
	der_put_time(o, plan->next_update);
}

/* ---- the file ---- */

static int
cannot_write(struct err *err)
{
	return err_errno(err, ERR_INTERNAL, "cannot write the CRL");
}

static int
write_entries(FILE *to, const struct log *log, const struct crl_plan *plan, struct err *err)
{
	CLEAN(db_donep) struct db_stmt *walk = NULL;
	uint8_t e[ENTRY_MAX];
	struct log_cert c;
	size_t len;
	int rc;

	if (fseeko(to, ROOM, SEEK_SET) != 0)
		return cannot_write(err);
	if ((rc = crl_walk(log, plan, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(walk, &c, err)) == 1) {
		len = put_entry(e, &c);
		if (fwrite(e, 1, len, to) != len)
			return cannot_write(err);
	}
	return rc;
}

/* What follows the entries. *ret_len: bytes of them. */
static int
write_after(FILE *to, const struct blob *after, size_t *ret_len, struct err *err)
{
	const off_t end = ftello(to);

	if (end < ROOM || fwrite(after->data, 1, after->len, to) != after->len || fflush(to) != 0)
		return cannot_write(err);
	*ret_len = (size_t)end - ROOM;
	return 0;
}

static int
write_at(int fd, const void *data, size_t len, size_t at, struct err *err)
{
	const ssize_t n = pwrite(fd, data, len, (off_t)at);

	return n == (ssize_t)len ? 0 : cannot_write(err);
}

/* What precedes the entries, to end where they begin: only then their length is known. *ret_start:
 * where the to-be-signed part begins. */
static int
write_front(int fd, const struct blob *before, size_t entries_len, size_t len, size_t *ret_start,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob front = {0};
	uint8_t h[DER_HEAD_MAX], list[DER_HEAD_MAX];
	/* revokedCertificates is absent when there are none (5.1.2.6) */
	const size_t list_len = entries_len > 0 ? der_head(list, DER_SEQUENCE, entries_len) : 0;
	const size_t total = before->len + list_len + len;
	int rc;

	if (total >= DER_LEN_LIMIT || before->len + 3 * DER_HEAD_MAX > ROOM)
		return err_set(err, ERR_CA, "a CRL of %zu bytes is too long", total);
	if ((rc = blob_append(&front, h, der_head(h, DER_SEQUENCE, total), err)) != 0 ||
	    (rc = blob_append(&front, before->data, before->len, err)) != 0 ||
	    (rc = blob_append(&front, list, list_len, err)) != 0)
		return rc;
	*ret_start = ROOM - front.len;
	return write_at(fd, front.data, front.len, *ret_start, err);
}

int
crl_build(const struct log *log, const struct crl_plan *plan, struct crl_file *ret, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	CLEAN(der_out_wipe) struct der_out before = {.err = err}, after = {.err = err};
	CLEAN(file_stream_closep) FILE *to = NULL;
	const struct sign_algorithm *alg;
	size_t entries_len = 0, start = 0;
	struct der_cert issuer;
	int rc;

	if ((rc = der_cert(plan->issuer, &issuer, err)) != 0 ||
	    (rc = sign_algorithm(key_algorithm(plan->key), &alg, err)) != 0)
		return rc;
	if (issuer.ski.len != 20)
		return err_set(err, ERR_CA, "the CA's key identifier has an unexpected length");
	put_before(&before, &issuer, plan, alg);
	put_extensions(&after, &issuer, plan);
	if ((rc = before.rc) != 0 || (rc = after.rc) != 0 ||
	    (rc = crl_file_temp(plan->dir, &f, &to, err)) != 0 ||
	    (rc = write_entries(to, log, plan, err)) != 0 ||
	    (rc = write_after(to, &after.b, &entries_len, err)) != 0 ||
	    (rc = write_front(
		 f.fd, &before.b, entries_len, entries_len + after.b.len, &start, err)) != 0 ||
	    (rc = crl_file_map(&f, start, err)) != 0)
		return rc;
	crl_file_move(ret, &f);
	return 0;
}

int
crl_build_end(struct crl_file *f, const struct crl_plan *plan, const uint8_t *sig, size_t sig_len,
    struct err *err)
{
	CLEAN(der_out_wipe) struct der_out after = {.err = err};
	uint8_t h[DER_HEAD_MAX];
	const size_t start = (size_t)(f->der - f->map), tbs_len = f->len;
	const struct sign_algorithm *alg;
	size_t h_len;
	int rc;

	if ((rc = sign_algorithm(key_algorithm(plan->key), &alg, err)) != 0)
		return rc;
	sign_put(&after, alg, sig, sig_len);
	h_len = der_head(h, DER_SEQUENCE, tbs_len + after.b.len);
	if ((rc = after.rc) != 0 ||
	    (rc = write_at(f->fd, after.b.data, after.b.len, start + tbs_len, err)) != 0 ||
	    (rc = write_at(f->fd, h, h_len, start - h_len, err)) != 0)
		return rc;
	crl_file_unmap(f);
	return crl_file_map(f, start - h_len, err);
}
