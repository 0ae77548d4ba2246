/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlv: BER-TLV as PIV uses it (SP 800-73-4 part 1, appendix A): tags of one to three bytes,
 * definite lengths of at most 0x82 form when read (a token never has more than 3 KiB to say).
 */
#ifndef BASE_TLV_H
#define BASE_TLV_H

#include <stdint.h>

#include "ykenroll/blob.h"

struct tlv {
	uint32_t tag;
	const uint8_t *value; /* into the buffer that was read */
	size_t len;
};

/* Read the TLV at *pos of data[0..len) and move *pos behind it. Returns 1, 0 at the end, -1 when
 * malformed. */
int tlv_next(const uint8_t *data, size_t len, size_t *pos, struct tlv *ret);

/* Find the only TLV with this tag at the top level. Returns 0; -1 when absent, twice there, or
 * anything is malformed. */
int tlv_find(const uint8_t *data, size_t len, uint32_t tag, struct tlv *ret);

/* Append tag, length, value. value may be NULL with len 0. Errors: ERR_INTERNAL. */
MUST_CHECK int tlv_put(
    struct blob *to, uint32_t tag, const void *value, size_t len, struct err *err);

/* A length alone, for those who have their own tags: as many octets as it takes, below 2^32. Gives
 * how many that were. */
#define TLV_LEN_MAX 5
size_t tlv_write_len(uint8_t ret[static TLV_LEN_MAX], size_t len);
/* The one at *pos of data[0..len), which has at most octets_max octets behind the first; moves *pos
 * behind it. Minimal or not. Returns 0, or -1. */
int tlv_read_len(const uint8_t *data, size_t len, size_t *pos, size_t octets_max, size_t *ret);

#endif
