/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/tlv.h"

static int
read_tag(const uint8_t *data, size_t len, size_t *pos, uint32_t *ret)
{
	uint32_t tag = data[(*pos)++];
	int more = 2; /* three bytes at most: 5FC105 */

	if ((tag & 0x1f) == 0x1f) {
		do {
			if (*pos >= len || more-- == 0)
				return -1;
			tag = tag << 8 | data[(*pos)++];
		} while ((tag & 0x80) != 0);
	}
	*ret = tag;
	return 0;
}

static int
read_len(const uint8_t *data, size_t len, size_t *pos, size_t *ret)
{
	size_t n, bytes;

	if (*pos >= len)
		return -1;
	n = data[(*pos)++];
	if (n < 0x80) {
		*ret = n;
		return 0;
	}
	bytes = n & 0x7f;
	if (bytes < 1 || bytes > 2 || len - *pos < bytes)
		return -1;
	for (n = 0; bytes > 0; bytes--)
		n = n << 8 | data[(*pos)++];
	*ret = n;
	return 0;
}

int
tlv_next(const uint8_t *data, size_t len, size_t *pos, struct tlv *ret)
{
	size_t at = *pos;
	struct tlv t;

	if (at >= len)
		return 0;
	if (read_tag(data, len, &at, &t.tag) != 0 || read_len(data, len, &at, &t.len) != 0)
		return -1;
	if (t.len > len - at)
		return -1;
	t.value = data + at;
	*pos = at + t.len;
	*ret = t;
	return 1;
}

int
tlv_find(const uint8_t *data, size_t len, uint32_t tag, struct tlv *ret)
{
	size_t pos = 0, found = 0;
	struct tlv t;
	int r;

	while ((r = tlv_next(data, len, &pos, &t)) == 1) {
		if (t.tag != tag)
			continue;
		*ret = t;
		found++;
	}
	return r == 0 && found == 1 ? 0 : -1;
}

int
tlv_put(struct blob *to, uint32_t tag, const void *value, size_t len, struct err *err)
{
	uint8_t head[8];
	size_t n = 0;
	int shift, rc;

	for (shift = 24; shift >= 0; shift -= 8)
		if (n > 0 || (tag >> shift & 0xff) != 0 || shift == 0)
			head[n++] = (uint8_t)(tag >> shift & 0xff);
	if (len > 0xffff)
		return err_set(err, ERR_INTERNAL, "TLV of %zu bytes", len);
	if (len > 0xff) {
		head[n++] = 0x82;
		head[n++] = (uint8_t)(len >> 8);
	} else if (len > 0x7f) {
		head[n++] = 0x81;
	}
	head[n++] = (uint8_t)(len & 0xff);
	if ((rc = blob_append(to, head, n, err)) != 0)
		return rc;
	return blob_append(to, value, len, err);
}
