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

int
tlv_read_len(const uint8_t *data, size_t len, size_t *pos, size_t octets_max, size_t *ret)
{
	size_t n, octets;

	if (*pos >= len)
		return -1;
	n = data[(*pos)++];
	octets = n & 0x7f;
	if (n >= 0x80) {
		if (octets < 1 || octets > octets_max || len - *pos < octets)
			return -1;
		for (n = 0; octets > 0; octets--)
			n = n << 8 | data[(*pos)++];
	}
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
	if (read_tag(data, len, &at, &t.tag) != 0 || tlv_read_len(data, len, &at, 2, &t.len) != 0)
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

size_t
tlv_write_len(uint8_t ret[static TLV_LEN_MAX], size_t len)
{
	size_t octets = 0, i;

	while (len >= 0x80 && octets < TLV_LEN_MAX - 1 && len >> (8 * octets) != 0)
		octets++;
	ret[0] = (uint8_t)(octets == 0 ? len : 0x80 | octets);
	for (i = 1; i <= octets; i++)
		ret[i] = (uint8_t)(len >> (8 * (octets - i)) & 0xff);
	return 1 + octets;
}

int
tlv_put(struct blob *to, uint32_t tag, const void *value, size_t len, struct err *err)
{
	uint8_t head[4 + TLV_LEN_MAX];
	size_t n = 0;
	int shift, rc;

	if (len > 0xffff)
		return err_set(err, ERR_INTERNAL, "a TLV of %zu bytes is too long", len);
	for (shift = 24; shift >= 0; shift -= 8)
		if (n > 0 || (tag >> shift & 0xff) != 0 || shift == 0)
			head[n++] = (uint8_t)(tag >> shift & 0xff);
	n += tlv_write_len(head + n, len);
	if ((rc = blob_append(to, head, n, err)) != 0)
		return rc;
	return blob_append(to, value, len, err);
}
