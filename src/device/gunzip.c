/* SPDX-License-Identifier: BSD-2-Clause */
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include "device/gunzip.h"

#define PLAIN_MAX 16384
#define WINDOW_ANY (15 + 32) /* zlib.h: recognise gzip and zlib by the header */

int
gunzip(const uint8_t *data, size_t len, struct blob *ret, struct err *err)
{
	uint8_t plain[PLAIN_MAX];
	z_stream z = {0};
	uInt got;
	int r;

	z.next_in = data;
	z.avail_in = (uInt)len;
	z.next_out = plain;
	z.avail_out = sizeof(plain);
	if (inflateInit2(&z, WINDOW_ANY) != Z_OK)
		return err_set(err, ERR_INTERNAL, "out of memory");
	r = inflate(&z, Z_FINISH);
	got = (uInt)sizeof(plain) - z.avail_out;
	(void)inflateEnd(&z);
	if (r != Z_STREAM_END || z.avail_in != 0)
		return err_set(err, ERR_FIT, "the compressed certificate is damaged or too long");
	return blob_set(ret, plain, got, err);
}
