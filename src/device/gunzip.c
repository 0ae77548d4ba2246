/* SPDX-License-Identifier: BSD-2-Clause */
#define ZLIB_CONST /* next_in is only read */
#include <zlib.h>

#include "device/gunzip.h"

#define OUT_MAX 16384
#define WINDOW_GZIP (15 + 16) /* zlib.h: write a gzip header */
#define WINDOW_ANY (15 + 32)  /* zlib.h: recognise gzip and zlib by the header */
#define MEM_LEVEL 8	      /* zlib.h: the default */

/* All of it at once, by what init has made of z. */
static int
run(z_stream *z, int init, int (*step)(z_stream *, int), int (*end)(z_stream *),
    const struct blob *in, struct blob *ret, const char *bad, struct err *err)
{
	uint8_t out[OUT_MAX];
	int r;

	if (init != Z_OK)
		return err_set(err, ERR_INTERNAL, "out of memory");
	z->next_in = in->data;
	z->avail_in = (uInt)in->len;
	z->next_out = out;
	z->avail_out = sizeof(out);
	r = step(z, Z_FINISH);
	(void)end(z);
	if (r != Z_STREAM_END || z->avail_in != 0)
		return err_set(err, ERR_FIT, "%s", bad);
	return blob_set(ret, out, sizeof(out) - z->avail_out, err);
}

int
gunzip(const struct blob *in, struct blob *ret, struct err *err)
{
	z_stream z = {0};

	return run(&z, inflateInit2(&z, WINDOW_ANY), inflate, inflateEnd, in, ret,
	    "the compressed certificate is damaged or too long", err);
}

int
gzip(const struct blob *in, struct blob *ret, struct err *err)
{
	z_stream z = {0};

	return run(&z,
	    deflateInit2(
		&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEM_LEVEL, Z_DEFAULT_STRATEGY),
	    deflate, deflateEnd, in, ret, "the certificate is too long", err);
}
