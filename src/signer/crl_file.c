/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "key/ossl.h"
#include "signer/crl_file.h"

#define CHUNK 49152	 /* bytes of DER at a time; divisible by 48, a PEM line */
#define LINE_MAX_PEM 200 /* characters; ours have 64 */
#define BEGIN "-----BEGIN X509 CRL-----"
#define END "-----END X509 CRL-----"

static void
encode_ctx_freep(EVP_ENCODE_CTX **ctx)
{
	EVP_ENCODE_CTX_free(*ctx);
}

int
crl_file_temp(const char *dir, struct crl_file *ret, FILE **ret_stream, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	CLEAN(file_closep) int copy = -1;
	const char *tmp = getenv("TMPDIR");
	char name[PATH_MAX];
	int rc;

	if (dir == NULL)
		dir = tmp == NULL ? "/tmp" : tmp;
	if ((rc = file_join(name, sizeof(name), dir, ".crl.XXXXXX", err)) != 0)
		return rc;
	if ((f.fd = mkostemp(name, O_CLOEXEC)) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot write in %s", dir);
	unlink(name);
	if ((copy = fcntl(f.fd, F_DUPFD_CLOEXEC, 3)) < 0 ||
	    (*ret_stream = fdopen(copy, "w")) == NULL)
		return err_errno(err, ERR_INTERNAL, "cannot write in %s", dir);
	copy = -1;
	crl_file_move(ret, &f);
	return 0;
}

void
crl_file_move(struct crl_file *to, struct crl_file *from)
{
	*to = *from;
	*from = (struct crl_file)CRL_FILE_INIT;
}

int
crl_file_map(struct crl_file *f, size_t start, struct err *err)
{
	struct stat st;
	void *p;

	if (fstat(f->fd, &st) != 0 || (size_t)st.st_size <= start)
		return err_errno(err, ERR_INTERNAL, "cannot stat a temporary file");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, f->fd, 0);
	if (p == MAP_FAILED)
		return err_errno(err, ERR_INTERNAL, "cannot map a temporary file");
	f->map = p;
	f->map_len = (size_t)st.st_size;
	f->der = f->map + start;
	f->len = f->map_len - start;
	return 0;
}

void
crl_file_forget(const struct crl_file *f, size_t upto)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t len = (size_t)(f->der - f->map) + upto;

	(void)madvise(f->map, len / page * page, MADV_DONTNEED);
}

void
crl_file_unmap(struct crl_file *f)
{
	if (f->map != NULL)
		munmap(f->map, f->map_len);
	f->map = NULL;
	f->der = NULL;
	f->len = 0;
}

void
crl_file_close(struct crl_file *f)
{
	crl_file_unmap(f);
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct crl_file)CRL_FILE_INIT;
}

int
crl_file_hash(const struct crl_file *f, uint8_t ret[static LOG_HASH_LEN], struct err *err)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t at, n;

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	for (at = 0; at < f->len; at += n) {
		n = f->len - at < CHUNK ? f->len - at : CHUNK;
		if (EVP_DigestUpdate(ctx, f->der + at, n) != 1)
			return err_set(err, ERR_INTERNAL, "cannot hash");
		crl_file_forget(f, at + n);
	}
	return EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? 0
						       : err_set(err, ERR_INTERNAL, "cannot hash");
}

/* ---- PEM in ---- */

static int
no_crl(const char *path, struct err *err)
{
	return err_set(err, ERR_ABSENT, "%s contains no CRL", path);
}

static int
damaged(const char *path, struct err *err)
{
	return err_set(err, ERR_FIT, "%s contains a CRL that is damaged or cut off", path);
}

static int
find_begin(FILE *f, char **line, size_t *size)
{
	while (getline(line, size, f) > 0)
		if (strncmp(*line, BEGIN, strlen(BEGIN)) == 0)
			return 0;
	return -1;
}

static int
decode_lines(FILE *f, const char *path, FILE *to, struct err *err)
{
	CLEAN(encode_ctx_freep) EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	CLEAN(file_line_freep) char *line = NULL;
	uint8_t out[LINE_MAX_PEM];
	size_t size = 0;
	ssize_t len;
	int n;

	if (ctx == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	EVP_DecodeInit(ctx);
	if (find_begin(f, &line, &size) != 0)
		return ferror(f) ? err_errno(err, ERR_INTERNAL, "cannot read %s", path)
				 : no_crl(path, err);
	while ((len = getline(&line, &size, f)) > 0) {
		if (strncmp(line, END, strlen(END)) == 0)
			return EVP_DecodeFinal(ctx, out, &n) == 1 ? 0 : damaged(path, err);
		if (len > LINE_MAX_PEM || line[0] == '-' ||
		    EVP_DecodeUpdate(ctx, out, &n, (const uint8_t *)line, (int)len) < 0)
			return damaged(path, err);
		if (fwrite(out, 1, (size_t)n, to) != (size_t)n)
			return err_errno(err, ERR_INTERNAL, "cannot write a temporary file");
	}
	return ferror(f) ? err_errno(err, ERR_INTERNAL, "cannot read %s", path)
			 : damaged(path, err);
}

static int
open_stream(const char *path, FILE **ret, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_ABSENT, "%s does not exist", path);
	if (fd < 0 || (*ret = fdopen(fd, "r")) == NULL) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path);
	}
	return 0;
}

int
crl_file_next(FILE *from, const char *path, const char *dir, struct crl_file *ret, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	CLEAN(file_stream_closep) FILE *to = NULL;
	int rc;

	if ((rc = crl_file_temp(dir, &f, &to, err)) != 0 ||
	    (rc = decode_lines(from, path, to, err)) != 0)
		return rc;
	if (fflush(to) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot write a temporary file");
	if (ftello(to) == 0)
		return damaged(path, err);
	if ((rc = crl_file_map(&f, 0, err)) != 0)
		return rc;
	crl_file_move(ret, &f);
	return 0;
}

int
crl_file_from_pem(const char *path, const char *dir, struct crl_file *ret, struct err *err)
{
	CLEAN(file_stream_closep) FILE *from = NULL;
	int rc = open_stream(path, &from, err);

	if (rc != 0)
		return rc;
	rc = crl_file_next(from, path, dir, ret, err);
	return rc == ERR_FIT ? no_crl(path, err) : rc;
}

/* ---- PEM out ---- */

static bool
put(FILE *to, const void *data, size_t len)
{
	return fwrite(data, 1, len, to) == len;
}

/* pem NULL: DER. */
static bool
put_chunks(const struct crl_file *f, EVP_ENCODE_CTX *pem, FILE *to)
{
	uint8_t out[CHUNK / 48 * 65 + 128];
	size_t at, n;
	int len;

	for (at = 0; at < f->len; at += n) {
		n = f->len - at < CHUNK ? f->len - at : CHUNK;
		if (pem == NULL ? !put(to, f->der + at, n)
				: EVP_EncodeUpdate(pem, out, &len, f->der + at, (int)n) != 1 ||
				      !put(to, out, (size_t)len))
			return false;
		crl_file_forget(f, at + n);
	}
	if (pem == NULL)
		return true;
	EVP_EncodeFinal(pem, out, &len);
	return put(to, out, (size_t)len);
}

int
crl_file_put(const struct crl_file *f, bool pem, FILE *to, const char *path, struct err *err)
{
	CLEAN(encode_ctx_freep) EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	bool good = ctx != NULL;

	if (good && pem) {
		EVP_EncodeInit(ctx);
		good = put(to, BEGIN "\n", strlen(BEGIN "\n")) && put_chunks(f, ctx, to) &&
		       put(to, END "\n", strlen(END "\n"));
	} else if (good) {
		good = put_chunks(f, NULL, to);
	}
	return good && fflush(to) == 0 ? 0 : err_errno(err, ERR_INTERNAL, "cannot write %s", path);
}

size_t
crl_file_pem_len(const struct crl_file *f)
{
	const size_t digits = (f->len + 2) / 3 * 4;

	return strlen(BEGIN "\n" END "\n") + digits + (digits + 63) / 64;
}

/* A stream that takes what is in another one, and nothing else. */
static ssize_t
compare(void *from, const char *data, size_t len)
{
	char there[8192];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < sizeof(there) ? len - at : sizeof(there);
		if (fread(there, 1, n, from) != n || memcmp(there, data + at, n) != 0)
			return 0;
	}
	return (ssize_t)len;
}

static int
read_back(const struct crl_file *f, const char *path, struct err *err)
{
	CLEAN(file_stream_closep) FILE *from = NULL;
	CLEAN(file_stream_closep) FILE *to = NULL;
	int rc;

	if ((rc = open_stream(path, &from, err)) != 0)
		return rc;
	to = fopencookie(from, "w", (cookie_io_functions_t){.write = compare});
	if (to == NULL || crl_file_put(f, true, to, path, NULL) != 0 || getc(from) != EOF)
		return err_set(err, ERR_INTERNAL,
		    "the file read back from disk differs from what was written");
	return 0;
}

static int
write_temp(const struct crl_file *f, int fd, const char *temp, mode_t mode, struct err *err)
{
	CLEAN(file_stream_closep) FILE *to = fdopen(fd, "w");
	int rc;

	if (to == NULL) {
		close(fd);
		return err_errno(err, ERR_INTERNAL, "cannot write %s", temp);
	}
	if (fchmod(fd, mode) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot write %s", temp);
	if ((rc = crl_file_put(f, true, to, temp, err)) != 0 ||
	    (rc = file_fsync(fd, temp, err)) != 0)
		return rc;
	return read_back(f, temp, err);
}

int
crl_file_to_pem(const struct crl_file *f, const char *path, mode_t mode, struct err *err)
{
	char temp[PATH_MAX];
	int rc, fd, n = snprintf(temp, sizeof(temp), "%s.XXXXXX", path);

	if (n < 0 || (size_t)n >= sizeof(temp))
		return err_set(err, ERR_INTERNAL, "path too long: %s", path);
	if ((fd = mkostemp(temp, O_CLOEXEC)) < 0)
		return err_errno(
		    err, ERR_INTERNAL, "cannot create a temporary file beside %s", path);
	rc = write_temp(f, fd, temp, mode, err);
	if (rc == 0 && rename(temp, path) != 0)
		rc = err_errno(err, ERR_INTERNAL, "cannot replace %s", path);
	if (rc != 0) {
		unlink(temp);
		return rc == ERR_ABSENT ? ERR_INTERNAL : rc;
	}
	return file_sync_dir(path, err);
}
