/* SPDX-License-Identifier: BSD-2-Clause */
/* The records of another CA: index.txt line by line, its certificates, its last CRL and the number
 * of that. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "signer/crl.h"
#include "signer/import.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)

/* ---- the certificates themselves ---- */

/* Is it the one of this line, by this CA? */
static int
check_der(const struct importing *im, const struct import_line *l, const char *path,
    const struct blob *der, struct err *err)
{
	uint8_t serial[LOG_SERIAL_LEN];
	struct cert_info info;

	if (cert_read(der->data, der->len, &info, err) != 0)
		return err_set(err, ERR_USAGE, "%s is not a certificate", path);
	if (log_serial(info.serial, info.serial_len, serial) != 0 ||
	    memcmp(serial, l->cert.serial, sizeof(serial)) != 0)
		return err_set(err, ERR_USAGE,
		    "%s has a different serial number than its file name says", path);
	if (cert_issued_by(der, &im->certs[LOG_ISSUING], NULL) != 0)
		return err_set(err, ERR_USAGE, "%s was not issued by this CA", path);
	return 0;
}

/* Those that are there: the records need not have them. */
static int
find_der(const struct importing *im, const struct import_line *l, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char path[PATH_MAX];
	int rc, n;

	if (im->what->certs == NULL)
		return 0;
	n = snprintf(path, sizeof(path), "%s/%s.pem", im->what->certs, l->hex);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, ERR_USAGE, "path too long: %s", im->what->certs);
	if ((rc = file_read(path, &pem, NULL)) != 0)
		return rc == ERR_ABSENT ? 0 : err_set(err, ERR_USAGE, "cannot read %s", path);
	if (cert_from_pem(&pem, ret, err) != 0)
		return err_set(err, ERR_USAGE, "%s is not a certificate in PEM", path);
	return check_der(im, l, path, ret, err);
}

/* ---- index.txt ---- */

static void
count(struct signer_imported *to, const struct import_line *l, bool der)
{
	to->certs++;
	to->revoked += l->status == 'R';
	to->held += l->status == 'R' && l->cert.reason == REASON_HOLD;
	to->expired += l->status == 'E';
	to->invalidity += l->invalidity;
	to->with_der += der;
}

static int
take_line(
    struct importing *im, struct log *log, const struct log_who *who, char *text, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct import_line l;
	struct log_row row;
	const char *why;
	int rc;

	if ((why = import_index_line(text, &l)) != NULL)
		return err_set(err, ERR_USAGE, "%s", why);
	if ((rc = find_der(im, &l, &der, err)) != 0)
		return rc;
	row = (struct log_row){.what = "import",
	    .ca = LOG_ISSUING,
	    .serial = l.cert.serial,
	    .serial_len = LOG_SERIAL_LEN,
	    .not_after = l.cert.not_after,
	    .revoked = l.cert.revoked_at,
	    .number = l.cert.reason,
	    .text = l.subject,
	    .data = der.data,
	    .data_len = der.len};
	if ((rc = log_append_some(log, who, &row, err)) == ERR_CA)
		return err_set(err, ERR_USAGE, "serial number %s appears twice", l.hex);
	if (rc == 0)
		count(im->ret, &l, der.len > 0);
	return rc;
}

static int
read_index(struct importing *im, struct log *log, const struct log_who *who, struct err *err)
{
	CLEAN(file_stream_closep) FILE *f = fopen(im->what->index, "re");
	CLEAN(file_line_freep) char *text = NULL;
	size_t size = 0, n = 0;
	ssize_t len;
	int rc;

	if (f == NULL)
		return err_errno(err, ERR_USAGE, "cannot read %s", im->what->index);
	while ((len = getline(&text, &size, f)) > 0) {
		n++;
		while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			text[--len] = '\0';
		if (len == 0 || text[0] == '#')
			continue;
		rc = strlen(text) == (size_t)len ? take_line(im, log, who, text, err)
						 : err_set(err, ERR_USAGE, "it contains a NUL");
		if (rc != 0)
			return err_wrap(err, "%s: line %zu", im->what->index, n), rc;
	}
	return ferror(f) ? err_errno(err, ERR_USAGE, "cannot read %s", im->what->index) : 0;
}

/* ---- the CRL, and its number ---- */

/* The file has the next one, in hexadecimal. */
static int
read_number(const char *path, uint64_t *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	char hex[32], *end;
	uint64_t next;
	size_t len;
	int rc;

	if ((rc = file_read(path, &text, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	for (len = text.len; len > 0 && (text.data[len - 1] == '\n' || text.data[len - 1] == '\r');)
		len--;
	snprintf(hex, sizeof(hex), "%.*s", (int)(len < sizeof(hex) ? len : sizeof(hex) - 1),
	    (const char *)text.data);
	errno = 0;
	next = strtoull(hex, &end, 16);
	if (len == 0 || len >= sizeof(hex) || strspn(hex, "0123456789abcdefABCDEF") != len ||
	    errno != 0 || next > INT64_MAX)
		return err_set(err, ERR_USAGE, "%s does not contain a hexadecimal number", path);
	if (next > 0 && next - 1 > *ret)
		*ret = next - 1;
	return 0;
}

/* Everyone on it must be in the index as revoked. */
static int
compare_crl(struct importing *im, const struct log *log, const struct log_who *who,
    struct crl_scan *s, struct err *err)
{
	const struct crl_plan plan = {
	    .ca = LOG_ISSUING, .this_update = who->now, .next_update = who->now + DAY};
	int rc;

	if (s->number > im->ret->crl_number)
		im->ret->crl_number = s->number;
	rc = crl_guard_scan(log, &plan, s, im->what->crl,
	    im->what->index == NULL ? "no index was given for; give --index FILE"
				    : "the index does not have as revoked",
	    err);
	return rc == ERR_CA || rc == ERR_FIT ? ERR_USAGE : rc;
}

static int
read_crl(struct importing *im, const struct log *log, const struct log_who *who, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	const char *path = im->what->crl;
	struct crl_scan s;
	int rc;

	if ((rc = crl_file_from_pem(path, NULL, &f, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	if (crl_scan_begin(&f, &im->certs[LOG_ISSUING], &s, err) != 0) {
		err_wrap(err, "%s", path);
		return ERR_USAGE;
	}
	return compare_crl(im, log, who, &s, err);
}

int
import_records(struct importing *im, struct log *log, const struct log_who *who, struct err *err)
{
	const struct signer_import *w = im->what;
	struct log_row row = {.what = "import-crl", .ca = LOG_ISSUING};
	int rc;

	if ((w->index != NULL && (rc = read_index(im, log, who, err)) != 0) ||
	    (w->crlnumber != NULL &&
		(rc = read_number(w->crlnumber, &im->ret->crl_number, err)) != 0) ||
	    (w->crl != NULL && (rc = read_crl(im, log, who, err)) != 0))
		return rc;
	row.number = (int64_t)im->ret->crl_number;
	return row.number == 0 ? 0 : log_append_some(log, who, &row, err);
}
