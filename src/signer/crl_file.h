/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crl_file: a CRL's DER in a temporary file without a name, mapped to be read. A CRL of a million
 * entries has 50 MB: they are on disk, and in memory only where somebody is reading.
 */
#ifndef SIGNER_CRL_FILE_H
#define SIGNER_CRL_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "signer/log.h"
#include "ykenroll/blob.h"

struct crl_file {
	int fd;
	uint8_t *map; /* NULL: nothing is mapped */
	size_t map_len;
	const uint8_t *der; /* into map */
	size_t len;
};
#define CRL_FILE_INIT    \
	{                \
		.fd = -1 \
	}

/* An empty one in this directory (NULL: $TMPDIR, or /tmp), and a stream that writes it. Errors:
 * ERR_INTERNAL. */
MUST_CHECK int crl_file_temp(
    const char *dir, struct crl_file *ret, FILE **ret_stream, struct err *err);
/* What is in *to is not looked at; *from is closed afterwards. */
void crl_file_move(struct crl_file *to, struct crl_file *from);
/* Map what was written; the DER starts there and goes to the end. Errors: ERR_INTERNAL. */
MUST_CHECK int crl_file_map(struct crl_file *f, size_t start, struct err *err);
/* der[0..upto) was read, and need not stay in memory. */
void crl_file_forget(const struct crl_file *f, size_t upto);
void crl_file_unmap(struct crl_file *f);
void crl_file_close(struct crl_file *f);

/* From the first CRL in PEM at path, by way of a temporary file in dir. Errors: ERR_ABSENT there is
 * no file, or no CRL in it; ERR_INTERNAL. */
MUST_CHECK int crl_file_from_pem(
    const char *path, const char *dir, struct crl_file *ret, struct err *err);
/* The next one in an open file. Errors: ERR_ABSENT there is no more, or it is broken. */
MUST_CHECK int crl_file_next(
    FILE *from, const char *path, const char *dir, struct crl_file *ret, struct err *err);
/* Write it, as PEM of crl_file_pem_len bytes or as DER. path: of the stream. Errors: ERR_INTERNAL.
 */
MUST_CHECK int crl_file_put(
    const struct crl_file *f, bool pem, FILE *to, const char *path, struct err *err);
size_t crl_file_pem_len(const struct crl_file *f);
/* Replace path: temporary beside it, write, fsync, read it back and compare, rename, fsync the
 * directory. Errors: ERR_INTERNAL; the old file is then still whole. */
MUST_CHECK int crl_file_to_pem(
    const struct crl_file *f, const char *path, mode_t mode, struct err *err);

/* Of the DER. Errors: ERR_INTERNAL. */
MUST_CHECK int crl_file_hash(
    const struct crl_file *f, uint8_t ret[static LOG_HASH_LEN], struct err *err);

#endif
