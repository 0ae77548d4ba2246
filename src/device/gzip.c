/* SPDX-License-Identifier: BSD-2-Clause */
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include "device/gunzip.h"

#define OUT_MAX 16384
#define WINDOW_GZIP (15 + 16) /* zlib.h: write a gzip header */
#define MEM_LEVEL 8	      /* zlib.h: the default */

int
gzip(const uint8_t *data, size_t len, struct blob *ret, struct err *err)
{
	uint8_t out[OUT_MAX];
	z_stream z = {0};
	uInt got;
	int r;

	z.next_in = data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = sizeof(out);
	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEM_LEVEL,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, ERR_INTERNAL, "out of memory");
	r = deflate(&z, Z_FINISH);
	got = (uInt)sizeof(out) - z.avail_out;
	(void)deflateEnd(&z);
	if (r != Z_STREAM_END)
		return err_set(err, ERR_FIT, "the certificate is too long");
	return blob_set(ret, out, got, err);
}
