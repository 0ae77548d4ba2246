/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vtlv - the token's own BER-TLV: a bounded output buffer and a reader of one-byte tags.
 * Nothing allocates. A buffer that overflowed stays marked bad; callers look once, at the end.
 */
#ifndef VIRTUAL_VTLV_H
#define VIRTUAL_VTLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VTLV_CLEAN(fn) __attribute__((cleanup(fn)))

struct vbuf {
	uint8_t b[4096];
	size_t len;
	bool bad;
};

struct vtlv {
	uint8_t tag;
	const uint8_t *val;
	size_t len;
};

void vtlv_raw(struct vbuf *out, const void *data, size_t len);

/* tag of one, two or three bytes, e.g. 0x7F49; the shortest length form. */
void vtlv_put(struct vbuf *out, unsigned tag, const void *val, size_t len);

/* Takes the next element off (*p, *left); false at the end or where the encoding is broken. */
bool vtlv_next(const uint8_t **p, size_t *left, struct vtlv *ret);

/* Finds a tag among the elements of data; the whole of data must be well formed. */
bool vtlv_find(const uint8_t *data, size_t len, uint8_t tag, struct vtlv *ret);

#endif
