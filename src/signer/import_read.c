/* SPDX-License-Identifier: BSD-2-Clause */
/* The records of another CA: index.txt line by line, its certificates, its last CRL and the number
 * of that. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>

#include "base/file.h"
#include "key/ossl.h"
#include "signer/crl.h"
#include "signer/import.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)

/* ---- the certificates themselves ---- */

/* Is it the one of this line, by this CA? A serial in decimal names another one. */
static int
check_der(const struct importing *im, struct import_line *l, const char *path,
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
	if (info.not_after != l->cert.not_after && !(l->vague && info.not_after == l->end_later))
		return err_set(err, ERR_USAGE,
		    "%s expires at another time than this line says, so it may be another "
		    "certificate; serial numbers must be hexadecimal",
		    path);
	l->cert.not_after = info.not_after;
	return 0;
}

/* When a revocation may leave the CRL only a certificate can say; what was revoked there stays, as
 * openssl ca leaves it. */
static int
check_end(struct import_line *l, bool der, struct err *err)
{
	if (l->vague && !der)
		return err_set(err, ERR_USAGE,
		    "the year of the expiry time has two digits, and the century is not clear (XCA "
		    "writes 60 for 2060); write it with four, YYYYMMDDHHMMSSZ, or give the "
		    "certificates: --certs DIR");
	if (!der || l->status == 'R')
		l->cert.not_after = LOG_NEVER;
	return 0;
}

/* Those that are there: the records need not have them. */
static int
find_der(const struct importing *im, struct import_line *l, struct blob *ret, struct err *err)
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
	if ((rc = find_der(im, &l, &der, err)) != 0 || (rc = check_end(&l, der.len > 0, err)) != 0)
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
		return err_set(err, ERR_USAGE,
		    "serial number %s appears twice; keep the line that is true (R rather than V): grep -in %s %s",
		    l.hex, l.hex, im->what->index);
	if (rc == 0)
		count(im->ret, &l, der.len > 0);
	return rc;
}

/* Editors elsewhere put a mark in front of the text. */
static int
check_mark(const char *line, const char *path, struct err *err)
{
	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		return err_set(err, ERR_USAGE,
		    "it begins with a byte-order mark; remove it: tail -c +4 %s >NEW", path);
	if (strncmp(line, "\xff\xfe", 2) == 0 || strncmp(line, "\xfe\xff", 2) == 0)
		return err_set(err, ERR_USAGE,
		    "it is UTF-16; convert it: iconv -f UTF-16 -t UTF-8 %s >NEW", path);
	return 0;
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
		rc = n == 1 ? check_mark(text, im->what->index, err) : 0;
		if (rc == 0)
			rc = strlen(text) == (size_t)len
				 ? take_line(im, log, who, text, err)
				 : err_set(err, ERR_USAGE, "it contains a NUL");
		if (rc != 0)
			return err_wrap(err, "%s: line %zu", im->what->index, n), rc;
	}
	return ferror(f) ? err_errno(err, ERR_USAGE, "cannot read %s", im->what->index) : 0;
}

/* ---- certificates that the index lacks ---- */

#define NAMED 5 /* of those that are missing */

struct missing {
	size_t n;
	char names[512];
};

/* Is there a line, and no certificate for it, that means this one by its serial in decimal? */
static bool
in_decimal(const struct importing *im, const struct log *log, const struct cert_info *info)
{
	CLEAN(bignum_freep) BIGNUM *n = BN_bin2bn(info->serial, (int)info->serial_len, NULL);
	CLEAN(ossl_text_freep) char *text = n == NULL ? NULL : BN_bn2dec(n);
	char path[PATH_MAX];
	struct import_line l;
	struct log_cert c;

	if (im->what->index == NULL || text == NULL || import_serial(text, &l) != NULL ||
	    log_find(log, l.cert.serial, LOG_SERIAL_LEN, &c, NULL) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s.pem", im->what->certs, l.hex);
	return access(path, F_OK) != 0;
}

static int
look_at(struct importing *im, struct log *log, const struct log_who *who, const char *path,
    struct missing *m, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0}, der = {0};
	struct log_row row = {.what = "import", .ca = LOG_ISSUING};
	struct cert_info info;
	struct log_cert c;

	if (file_read(path, &pem, NULL) != 0 || cert_from_pem(&pem, &der, NULL) != 0 ||
	    cert_read(der.data, der.len, &info, NULL) != 0)
		return err_set(
		    err, ERR_USAGE, "%s is not a certificate in PEM; move it elsewhere", path);
	if (log_find(log, info.serial, info.serial_len, &c, NULL) == 0 ||
	    blob_equal(&der, &im->certs[LOG_ISSUING]) ||
	    cert_issued_by(&der, &im->certs[LOG_ISSUING], NULL) != 0)
		return 0;
	if (in_decimal(im, log, &info))
		return err_set(err, ERR_USAGE,
		    "the index has the serial number of %s in decimal; write it in hexadecimal",
		    path);
	if (!im->what->add_missing) {
		if (m->n++ < NAMED)
			snprintf(m->names + strlen(m->names), sizeof(m->names) - strlen(m->names),
			    " %.80s", strrchr(path, '/') + 1);
		return 0;
	}
	row.serial = info.serial;
	row.serial_len = info.serial_len;
	row.not_after = info.not_after;
	row.text = info.subject;
	row.data = der.data;
	row.data_len = der.len;
	im->ret->added++;
	im->ret->certs++;
	im->ret->with_der++;
	return log_append_some(log, who, &row, err);
}

static int
read_certs(struct importing *im, struct log *log, const struct log_who *who, struct err *err)
{
	const char *const at = im->what->certs;
	CLEAN(file_dir_closep) DIR *dir = opendir(at);
	struct missing m = {0};
	struct dirent *e;
	char path[PATH_MAX];
	int rc;

	if (dir == NULL)
		return err_errno(err, ERR_USAGE, "cannot read %s", at);
	while ((e = readdir(dir)) != NULL)
		if (fnmatch("*.@(pem|crt|cer)", e->d_name, FNM_EXTMATCH) == 0 &&
		    ((rc = file_join(path, sizeof(path), at, e->d_name, err)) != 0 ||
			(rc = look_at(im, log, who, path, &m, err)) != 0))
			return rc;
	return m.n == 0
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "%zu certificates in %s are not in the index:%s%s; add the lines, or use "
			 "--add-missing, which takes them as not revoked",
			 m.n, at, m.names, m.n > NAMED ? " ..." : "");
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
	    im->what->index == NULL
		? "no index was given for (give --index FILE, or use --add-missing to import them)"
		: "the index does not have as revoked (correct it, or use --add-missing to "
		  "import them)",
	    err);
	return rc == ERR_CA || rc == ERR_FIT ? ERR_USAGE : rc;
}

/* What it lists and the index does not have, or has as not revoked. */
static int
add_revoked(struct importing *im, struct log *log, const struct log_who *who, struct crl_scan s,
    struct err *err)
{
	struct log_row row;
	struct crl_entry e;
	struct log_cert c;
	int rc, found;

	while ((rc = crl_scan_next(&s, &e, err)) == 1) {
		found = log_find(log, e.serial, sizeof(e.serial), &c, err);
		if (found != 0 && found != ERR_ABSENT)
			return found;
		if (found == 0 && c.revoked_at != 0 && !crl_entry_firmer(&e, &c))
			continue;
		row = (struct log_row){.what = found == 0 ? "revoked" : "import",
		    .ca = found == 0 ? -1 : LOG_ISSUING,
		    .serial = e.serial,
		    .serial_len = sizeof(e.serial),
		    .not_after = found == 0 ? 0 : LOG_NEVER,
		    .revoked = found == 0 ? 0 : e.revoked_at,
		    .number = e.reason};
		if ((rc = log_append_some(log, who, &row, err)) != 0)
			return rc;
		im->ret->added++;
		im->ret->revoked++;
		im->ret->certs += found != 0;
		im->ret->held += e.reason == REASON_HOLD;
	}
	return rc == ERR_FIT ? ERR_USAGE : rc;
}

static int
read_crl(struct importing *im, struct log *log, const struct log_who *who, struct err *err)
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
	rc = im->what->add_missing ? add_revoked(im, log, who, s, err) : 0;
	return rc != 0 ? rc : compare_crl(im, log, who, &s, err);
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
	    (w->crl != NULL && (rc = read_crl(im, log, who, err)) != 0) ||
	    (w->certs != NULL && (rc = read_certs(im, log, who, err)) != 0))
		return rc;
	row.number = (int64_t)im->ret->crl_number;
	return row.number == 0 ? 0 : log_append_some(log, who, &row, err);
}
