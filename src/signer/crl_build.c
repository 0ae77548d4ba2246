/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "signer/crl_build.h"
#include "signer/der.h"
#include "signer/seal.h"

#define DAY INT64_C(86400)
#define ROOM 16384   /* bytes of the file before the entries, for what precedes them */
#define HEAD_MAX 6   /* bytes of tag and length */
#define ENTRY_MAX 64 /* bytes of one revokedCertificates entry */
#define YEAR_2050 INT64_C(2524608000) /* from then on GeneralizedTime: 4.1.2.5 */

static const uint8_t version_2[] = {0x02, 0x01, 0x01};
static const uint8_t aki_head[] = {
    0x30, 0x1f, 0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14};
static const uint8_t number_oid[] = {0x06, 0x03, 0x55, 0x1d, 0x14};
static const uint8_t audit_oid[] = {CRL_AUDIT_OID_DER};
/* crlEntryExtensions with reasonCode alone (5.3.1); the reason follows */
static const uint8_t reason_head[] = {
    0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01};

static void
stream_closep(FILE **f)
{
	if (*f != NULL)
		fclose(*f);
}

/* An expired certificate stays for one more CRL after its end (RFC 5280, 3.3), and a day. */
bool
crl_listed(const struct log_cert *c, const struct crl_plan *plan)
{
	const int64_t life = plan->next_update - plan->this_update;

	return c->not_after + 2 * life + DAY > plan->this_update;
}

/* ---- one entry ---- */

static uint8_t *
put_digits(uint8_t *p, int v)
{
	*p++ = (uint8_t)('0' + v / 10 % 10);
	*p++ = (uint8_t)('0' + v % 10);
	return p;
}

static uint8_t *
put_time(uint8_t *p, int64_t t)
{
	const time_t at = (time_t)t;
	const bool late = t >= YEAR_2050;
	struct tm tm;

	gmtime_r(&at, &tm);
	*p++ = late ? DER_GENERALIZEDTIME : DER_UTCTIME;
	*p++ = late ? 15 : 13;
	if (late)
		p = put_digits(p, (tm.tm_year + 1900) / 100);
	p = put_digits(p, tm.tm_year % 100);
	p = put_digits(p, tm.tm_mon + 1);
	p = put_digits(p, tm.tm_mday);
	p = put_digits(p, tm.tm_hour);
	p = put_digits(p, tm.tm_min);
	p = put_digits(p, tm.tm_sec);
	*p++ = 'Z';
	return p;
}

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

	p = put_time(put_serial(p, c->serial), c->revoked_at);
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

/* CRLNumber (5.2.3), not critical. */
static int
put_number(struct blob *to, uint64_t number, struct err *err)
{
	CLEAN(blob_wipe) struct blob e = {0}, n = {0};
	uint8_t raw[9] = {0};
	size_t i, skip = 0;
	int rc;

	for (i = 0; i < 8; i++)
		raw[8 - i] = (uint8_t)(number >> (8 * i) & 0xff);
	while (skip < 8 && raw[skip] == 0 && (raw[skip + 1] & 0x80) == 0)
		skip++;
	if ((rc = der_put(&n, DER_INTEGER, raw + skip, sizeof(raw) - skip, err)) != 0 ||
	    (rc = blob_append(&e, number_oid, sizeof(number_oid), err)) != 0 ||
	    (rc = der_put(&e, DER_OCTET_STRING, n.data, n.len, err)) != 0)
		return rc;
	return der_put(to, DER_SEQUENCE, e.data, e.len, err);
}

static int
put_audit(struct blob *to, const struct log_audit *audit, struct err *err)
{
	CLEAN(blob_wipe) struct blob e = {0}, n = {0};
	uint8_t raw[CRL_AUDIT_LEN];
	size_t i;
	int rc;

	for (i = 0; i < 8; i++)
		raw[7 - i] = (uint8_t)(audit->rows >> (8 * i) & 0xff);
	memcpy(raw + 8, audit->head, LOG_HASH_LEN);
	if ((rc = der_put(&n, DER_OCTET_STRING, raw, sizeof(raw), err)) != 0 ||
	    (rc = der_put(&e, DER_OID, audit_oid, sizeof(audit_oid), err)) != 0 ||
	    (rc = der_put(&e, DER_OCTET_STRING, n.data, n.len, err)) != 0)
		return rc;
	return der_put(to, DER_SEQUENCE, e.data, e.len, err);
}

static int
put_extensions(struct blob *to, const struct der_cert *issuer, const struct crl_plan *plan,
    const struct log_audit *audit, struct err *err)
{
	CLEAN(blob_wipe) struct blob list = {0}, all = {0};
	int rc;

	if (issuer->ski.len != 20)
		return err_set(err, ERR_CA, "the CA's key identifier has another length");
	if ((rc = blob_append(&list, aki_head, sizeof(aki_head), err)) != 0 ||
	    (rc = blob_append(&list, issuer->ski.value, issuer->ski.len, err)) != 0 ||
	    (rc = put_number(&list, plan->number, err)) != 0 ||
	    (plan->ca == LOG_ISSUING && audit->rows > 0 &&
		(rc = put_audit(&list, audit, err)) != 0) ||
	    (rc = der_put(&all, DER_SEQUENCE, list.data, list.len, err)) != 0)
		return rc;
	return der_put(to, DER_CONTEXT_0, all.data, all.len, err);
}

/* Tag and length of len bytes that follow. */
static size_t
head(uint8_t ret[static HEAD_MAX], uint8_t tag, size_t len)
{
	size_t bytes = 0, n = 2, i;

	while (len >= 0x80 && bytes < sizeof(uint32_t) && len >> (8 * bytes) != 0)
		bytes++;
	ret[0] = tag;
	ret[1] = (uint8_t)(bytes == 0 ? len : 0x80 | bytes);
	for (i = bytes; i > 0; i--)
		ret[n++] = (uint8_t)(len >> (8 * (i - 1)) & 0xff);
	return n;
}

/* ---- the file ---- */

/* From version to nextUpdate. */
static int
put_before(
    struct blob *to, const struct crl_plan *plan, const struct der_cert *issuer, struct err *err)
{
	const uint8_t *alg;
	size_t alg_len;
	int rc, nid;

	if ((rc = seal_algorithm(key_algorithm(plan->key), &alg, &alg_len, &nid, err)) != 0 ||
	    (rc = blob_append(to, version_2, sizeof(version_2), err)) != 0 ||
	    (rc = blob_append(to, alg, alg_len, err)) != 0 ||
	    (rc = blob_append(to, issuer->subject.raw, issuer->subject.raw_len, err)) != 0 ||
	    (rc = der_put_time(to, plan->this_update, err)) != 0)
		return rc;
	return der_put_time(to, plan->next_update, err);
}

static int
cannot_write(struct err *err)
{
	return err_errno(err, ERR_INTERNAL, "cannot write the CRL");
}

static int
write_entries(FILE *to, const struct log *log, const struct crl_plan *plan, size_t *ret_entries,
    struct err *err)
{
	CLEAN(db_donep) struct db_stmt *walk = NULL;
	uint8_t e[ENTRY_MAX];
	struct log_cert c;
	size_t len;
	int rc;

	if ((rc = log_walk(log, plan->ca, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(walk, &c, err)) == 1) {
		if (!crl_listed(&c, plan))
			continue;
		len = put_entry(e, &c);
		if (fwrite(e, 1, len, to) != len)
			return cannot_write(err);
		++*ret_entries;
	}
	return rc;
}

/* The entries from ROOM on, and what follows them. ret_len: bytes of the entries; of all. */
static int
write_rest(FILE *to, const struct log *log, const struct crl_plan *plan, const struct blob *after,
    size_t *ret_entries, size_t *ret_entries_len, size_t *ret_len, struct err *err)
{
	off_t end;
	int rc;

	if (fseeko(to, ROOM, SEEK_SET) != 0)
		return cannot_write(err);
	if ((rc = write_entries(to, log, plan, ret_entries, err)) != 0)
		return rc;
	if ((end = ftello(to)) < ROOM || fwrite(after->data, 1, after->len, to) != after->len ||
	    fflush(to) != 0)
		return cannot_write(err);
	*ret_entries_len = (size_t)end - ROOM;
	*ret_len = *ret_entries_len + after->len;
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
	uint8_t h[HEAD_MAX], list[HEAD_MAX];
	/* revokedCertificates is absent when there are none (5.1.2.6) */
	const size_t list_len = entries_len > 0 ? head(list, DER_SEQUENCE, entries_len) : 0;
	const size_t total = before->len + list_len + len;
	int rc;

	if (total >= DER_LEN_LIMIT || before->len + 3 * HEAD_MAX > ROOM)
		return err_set(err, ERR_CA, "a CRL of %zu bytes is too long", total);
	if ((rc = blob_append(&front, h, head(h, DER_SEQUENCE, total), err)) != 0 ||
	    (rc = blob_append(&front, before->data, before->len, err)) != 0 ||
	    (rc = blob_append(&front, list, list_len, err)) != 0)
		return rc;
	*ret_start = ROOM - front.len;
	return write_at(fd, front.data, front.len, *ret_start, err);
}

static int
open_stream(int fd, FILE **ret, struct err *err)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy >= 0 && (*ret = fdopen(copy, "w")) != NULL)
		return 0;
	if (copy >= 0)
		close(copy);
	return cannot_write(err);
}

int
crl_build(const struct log *log, const struct crl_plan *plan, struct crl_file *ret,
    size_t *ret_entries, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	CLEAN(blob_wipe) struct blob before = {0}, after = {0};
	CLEAN(stream_closep) FILE *to = NULL;
	size_t entries = 0, entries_len = 0, len = 0, start = 0;
	struct der_cert issuer;
	int rc;

	if ((rc = der_cert(plan->issuer, &issuer, err)) != 0 ||
	    (rc = put_before(&before, plan, &issuer, err)) != 0 ||
	    (rc = put_extensions(&after, &issuer, plan, &plan->audit, err)) != 0 ||
	    (rc = crl_file_temp(plan->dir, &f, err)) != 0 ||
	    (rc = open_stream(f.fd, &to, err)) != 0 ||
	    (rc = write_rest(to, log, plan, &after, &entries, &entries_len, &len, err)) != 0 ||
	    (rc = write_front(f.fd, &before, entries_len, len, &start, err)) != 0 ||
	    (rc = crl_file_map(&f, start, err)) != 0)
		return rc;
	*ret = f;
	f = (struct crl_file)CRL_FILE_INIT;
	*ret_entries = entries;
	return 0;
}

int
crl_build_end(struct crl_file *f, const struct crl_plan *plan, const uint8_t *sig, size_t sig_len,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob bits = {0}, after = {0};
	uint8_t h[HEAD_MAX];
	const size_t start = (size_t)(f->der - f->map), tbs_len = f->len;
	const uint8_t *alg;
	size_t alg_len, h_len;
	int rc, nid;

	if ((rc = seal_algorithm(key_algorithm(plan->key), &alg, &alg_len, &nid, err)) != 0 ||
	    (rc = blob_append(&after, alg, alg_len, err)) != 0 ||
	    (rc = blob_append(&bits, "", 1, err)) != 0 || /* no unused bits */
	    (rc = blob_append(&bits, sig, sig_len, err)) != 0 ||
	    (rc = der_put(&after, DER_BIT_STRING, bits.data, bits.len, err)) != 0)
		return rc;
	h_len = head(h, DER_SEQUENCE, tbs_len + after.len);
	if ((rc = write_at(f->fd, after.data, after.len, start + tbs_len, err)) != 0 ||
	    (rc = write_at(f->fd, h, h_len, start - h_len, err)) != 0)
		return rc;
	crl_file_unmap(f);
	return crl_file_map(f, start - h_len, err);
}
