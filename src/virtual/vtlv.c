/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "virtual/vtlv.h"

void
vtlv_raw(struct vbuf *out, const void *data, size_t len)
{
	if (out->bad || len > sizeof(out->b) - out->len) {
		out->bad = true;
		return;
	}
	if (len > 0)
		memcpy(out->b + out->len, data, len);
	out->len += len;
}

void
vtlv_put(struct vbuf *out, unsigned tag, const void *val, size_t len)
{
	uint8_t head[6];
	size_t n = 0;

	for (int shift = 16; shift >= 0; shift -= 8)
		if (shift == 0 || (tag >> shift) != 0)
			head[n++] = (uint8_t)(tag >> shift);
	if (len >= 0x100) {
		head[n++] = 0x82;
		head[n++] = (uint8_t)(len >> 8);
	} else if (len >= 0x80) {
		head[n++] = 0x81;
	}
	head[n++] = (uint8_t)len;
	vtlv_raw(out, head, n);
	vtlv_raw(out, val, len);
}

/* The length octets at p: how many there are, or 0 where they are broken. */
static size_t
length_octets(const uint8_t *p, size_t left, size_t *ret_len)
{
	if (left >= 1 && p[0] < 0x80) {
		*ret_len = p[0];
		return 1;
	}
	if (left >= 2 && p[0] == 0x81) {
		*ret_len = p[1];
		return 2;
	}
	if (left >= 3 && p[0] == 0x82) {
		*ret_len = (size_t)p[1] << 8 | p[2];
		return 3;
	}
	return 0;
}

bool
vtlv_next(const uint8_t **p, size_t *left, struct vtlv *ret)
{
	size_t len, octets;

	if (*left < 2)
		return false;
	octets = length_octets(*p + 1, *left - 1, &len);
	if (octets == 0 || len > *left - 1 - octets)
		return false;
	ret->tag = (*p)[0];
	ret->val = *p + 1 + octets;
	ret->len = len;
	*p = ret->val + len;
	*left -= 1 + octets + len;
	return true;
}

bool
vtlv_find(const uint8_t *data, size_t len, uint8_t tag, struct vtlv *ret)
{
	struct vtlv t;
	bool found = false;

	while (vtlv_next(&data, &len, &t)) {
		if (t.tag == tag && !found) {
			*ret = t;
			found = true;
		}
	}
	return found && len == 0;
}
