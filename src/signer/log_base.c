/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "key/ossl.h"
#include "signer/log_base.h"

/* head | n records | SHA-256 of both. Numbers are big-endian. */
#define MAGIC "ykenroll state of issuance.log 1\n"
#define HEAD_LEN 320
#define RECORD_LEN 48 /* serial, ca, state, reason, released, revoked_at, not_after, line_at */
#define CHUNK 1024    /* records */

static void
put64(uint8_t **p, uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		(*p)[i] = (uint8_t)(v & 0xff);
	*p += 8;
}

static uint64_t
get64(const uint8_t **p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | (*p)[i];
	*p += 8;
	return v;
}

static void
put_hash(uint8_t **p, const uint8_t *hash)
{
	memcpy(*p, hash, LOG_HASH_LEN);
	*p += LOG_HASH_LEN;
}

static void
get_hash(const uint8_t **p, uint8_t *hash)
{
	memcpy(hash, *p, LOG_HASH_LEN);
	*p += LOG_HASH_LEN;
}

static void
put_head(const struct log_sums *s, uint8_t head[static HEAD_LEN])
{
	uint8_t *p = head + sizeof(MAGIC);
	size_t i;

	memset(head, 0, HEAD_LEN);
	memcpy(head, MAGIC, sizeof(MAGIC));
	put64(&p, s->lines);
	put64(&p, (uint64_t)s->end);
	put64(&p, (uint64_t)s->last_time);
	put_hash(&p, s->head);
	for (i = 0; i < LOG_CAS; i++) {
		put64(&p, s->crls[i].number);
		put64(&p, s->crls[i].signed_number);
		put_hash(&p, s->crls[i].sha256);
	}
	put64(&p, s->audit.rows);
	put_hash(&p, s->audit.head);
	put64(&p, s->certs);
	put64(&p, s->open);
	put64(&p, s->stale);
}

static int
get_head(const uint8_t head[static HEAD_LEN], struct log_sums *s)
{
	const uint8_t *p = head + sizeof(MAGIC);
	size_t i;

	if (memcmp(head, MAGIC, sizeof(MAGIC)) != 0)
		return -1;
	s->lines = get64(&p);
	s->end = (int64_t)get64(&p);
	s->last_time = (int64_t)get64(&p);
	get_hash(&p, s->head);
	for (i = 0; i < LOG_CAS; i++) {
		s->crls[i].number = get64(&p);
		s->crls[i].signed_number = get64(&p);
		get_hash(&p, s->crls[i].sha256);
	}
	s->audit.rows = get64(&p);
	get_hash(&p, s->audit.head);
	s->certs = get64(&p);
	s->open = get64(&p);
	s->stale = get64(&p) != 0;
	return 0;
}

static void
put_record(const struct log_cert *c, uint8_t *p)
{
	memcpy(p, c->serial, LOG_SERIAL_LEN);
	p += LOG_SERIAL_LEN;
	*p++ = c->ca;
	*p++ = c->state;
	*p++ = c->reason;
	*p++ = c->released;
	put64(&p, (uint64_t)c->revoked_at);
	put64(&p, (uint64_t)c->not_after);
	put64(&p, (uint64_t)c->line_at);
}

static void
get_record(const uint8_t *p, struct log_cert *c)
{
	memcpy(c->serial, p, LOG_SERIAL_LEN);
	p += LOG_SERIAL_LEN;
	c->ca = *p++;
	c->state = *p++;
	c->reason = *p++;
	c->released = *p++ != 0;
	c->revoked_at = (int64_t)get64(&p);
	c->not_after = (int64_t)get64(&p);
	c->line_at = (int64_t)get64(&p);
}

/* ---- reading ---- */

static int
read_at(int fd, void *to, size_t len, uint64_t at)
{
	uint8_t *p = to;
	ssize_t n;

	while (len > 0) {
		n = pread(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int
hash_file(int fd, uint64_t len, uint8_t *ret)
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t buffer[65536];
	uint64_t at;
	size_t n;

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return -1;
	for (at = 0; at < len; at += n) {
		n = len - at < sizeof(buffer) ? (size_t)(len - at) : sizeof(buffer);
		if (read_at(fd, buffer, n, at) != 0 || EVP_DigestUpdate(ctx, buffer, n) != 1)
			return -1;
	}
	return EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? 0 : -1;
}

static int
check(int fd, struct log_sums *ret)
{
	uint8_t head[HEAD_LEN], want[LOG_HASH_LEN], have[LOG_HASH_LEN];
	struct log_sums s = {0};
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 ||
	    (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0) ||
	    st.st_size < HEAD_LEN + LOG_HASH_LEN)
		return -1;
	if (read_at(fd, head, sizeof(head), 0) != 0 || get_head(head, &s) != 0 ||
	    s.certs > UINT32_MAX ||
	    (uint64_t)st.st_size != HEAD_LEN + s.certs * RECORD_LEN + LOG_HASH_LEN)
		return -1;
	if (hash_file(fd, (uint64_t)st.st_size - LOG_HASH_LEN, have) != 0 ||
	    read_at(fd, want, sizeof(want), (uint64_t)st.st_size - LOG_HASH_LEN) != 0 ||
	    memcmp(want, have, sizeof(want)) != 0)
		return -1;
	*ret = s;
	return 0;
}

void
log_base_open(const char *path, struct log_base *ret, struct log_sums *ret_sums)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*ret = (struct log_base){.fd = -1};
	if (fd < 0)
		return;
	if (check(fd, ret_sums) != 0) {
		close(fd);
		return;
	}
	*ret = (struct log_base){.fd = fd, .n = ret_sums->certs, .lines = ret_sums->lines};
}

void
log_base_close(struct log_base *b)
{
	if (b->fd >= 0)
		close(b->fd);
	*b = (struct log_base){.fd = -1};
}

static int
unreadable(struct err *err)
{
	return err_set(err, ERR_INTERNAL,
	    "the checkpoint of the issuance log cannot be read; look at the disk, remove "
	    "ca/issuance.state and start again");
}

int
log_base_find(
    const struct log_base *b, const uint8_t *serial, struct log_cert *ret, struct err *err)
{
	uint64_t low = 0, high = b->fd < 0 ? 0 : b->n, middle;
	uint8_t record[RECORD_LEN];
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (read_at(b->fd, record, sizeof(record), HEAD_LEN + middle * RECORD_LEN) != 0)
			return unreadable(err);
		order = memcmp(serial, record, LOG_SERIAL_LEN);
		if (order == 0) {
			get_record(record, ret);
			return 0;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return ERR_ABSENT;
}

int
log_base_read_begin(const struct log_base *b, struct log_base_reader *r, struct err *err)
{
	*r = (struct log_base_reader){.base = b};
	if (b->fd >= 0 && (r->buffer = malloc((size_t)CHUNK * RECORD_LEN)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	return 0;
}

int
log_base_read(struct log_base_reader *r, struct log_cert *ret, struct err *err)
{
	const uint64_t left = r->base->fd < 0 ? 0 : r->base->n - r->next;
	const size_t n = left < CHUNK ? (size_t)left : CHUNK;

	if (r->used == r->have && n == 0)
		return 0;
	if (r->used == r->have) {
		if (read_at(r->base->fd, r->buffer, n * RECORD_LEN,
			HEAD_LEN + r->next * RECORD_LEN) != 0)
			return unreadable(err);
		r->next += n;
		r->have = n;
		r->used = 0;
	}
	get_record(r->buffer + r->used++ * RECORD_LEN, ret);
	return 1;
}

void
log_base_read_end(struct log_base_reader *r)
{
	free(r->buffer);
	*r = (struct log_base_reader){0};
}

/* ---- writing ---- */

struct log_base_writer {
	char path[PATH_MAX], temp[PATH_MAX];
	int fd;
	EVP_MD_CTX *hash;
	uint64_t left; /* certificates that are still to come */
	bool begun;
	uint8_t last[LOG_SERIAL_LEN];
	uint8_t buffer[CHUNK * RECORD_LEN];
	size_t used; /* bytes of it */
};

static int
flush(struct log_base_writer *w, struct err *err)
{
	const uint8_t *p = w->buffer;
	ssize_t n;

	if (EVP_DigestUpdate(w->hash, p, w->used) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	while (w->used > 0) {
		n = write(w->fd, p, w->used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_INTERNAL, "cannot write %s", w->temp);
		p += n;
		w->used -= (size_t)n;
	}
	return 0;
}

int
log_base_write_begin(
    const char *path, const struct log_sums *sums, struct log_base_writer **ret, struct err *err)
{
	CLEAN(log_base_writer_freep) struct log_base_writer *w = calloc(1, sizeof(*w));
	int n;

	if (w == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	w->fd = -1;
	n = snprintf(w->temp, sizeof(w->temp), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(w->temp))
		return err_set(err, ERR_INTERNAL, "path too long: %s", path);
	memcpy(w->path, path, strlen(path) + 1);
	(void)unlink(w->temp); /* what a crash left */
	w->fd = open(w->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd < 0)
		return err_errno(err, ERR_INTERNAL, "cannot write %s", w->temp);
	if ((w->hash = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(w->hash, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	put_head(sums, w->buffer);
	w->used = HEAD_LEN;
	w->left = sums->certs;
	*ret = TAKE(w);
	return 0;
}

int
log_base_write(struct log_base_writer *w, const struct log_cert *c, struct err *err)
{
	int rc;

	if (w->left == 0 || (w->begun && memcmp(c->serial, w->last, LOG_SERIAL_LEN) <= 0))
		return err_set(err, ERR_INTERNAL, "the checkpoint's certificates do not add up");
	if (w->used + RECORD_LEN > sizeof(w->buffer) && (rc = flush(w, err)) != 0)
		return rc;
	put_record(c, w->buffer + w->used);
	w->used += RECORD_LEN;
	memcpy(w->last, c->serial, LOG_SERIAL_LEN);
	w->begun = true;
	w->left--;
	return 0;
}

int
log_base_write_end(struct log_base_writer *w, struct err *err)
{
	int rc;

	if (w->left != 0)
		return err_set(err, ERR_INTERNAL, "the checkpoint's certificates do not add up");
	if ((rc = flush(w, err)) != 0)
		return rc;
	if (EVP_DigestFinal_ex(w->hash, w->buffer, NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	if (write(w->fd, w->buffer, LOG_HASH_LEN) != LOG_HASH_LEN)
		return err_errno(err, ERR_INTERNAL, "cannot write %s", w->temp);
	if ((rc = file_fsync(w->fd, w->temp, err)) != 0)
		return rc;
	if (rename(w->temp, w->path) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot replace %s", w->path);
	close(w->fd);
	w->fd = -1; /* there is nothing to remove any more */
	return file_sync_dir(w->path, err);
}

void
log_base_writer_freep(struct log_base_writer **w)
{
	if (*w == NULL)
		return;
	if ((*w)->fd >= 0) {
		close((*w)->fd);
		unlink((*w)->temp);
	}
	EVP_MD_CTX_free((*w)->hash);
	free(*w);
	*w = NULL;
}
