/* SPDX-License-Identifier: BSD-2-Clause */
/* log_index: where a serial is in an array, in a time that does not grow with it. */
#ifndef SIGNER_LOG_INDEX_H
#define SIGNER_LOG_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "ykenroll/err.h"

#define LOG_SERIAL_LEN 20 /* octets, with zeros in front: the longest of RFC 5280, 4.1.2.2 */

/* Open addressing; zeroed is empty. A serial's home is where its octets say: ours are random, and
 * those of an imported CA are spread by a multiplication. */
struct log_index {
	uint32_t *slots; /* position + 1, or 0 */
	size_t size;	 /* a power of two, at least twice n */
	size_t n;
};

/* The serial of a position, LOG_SERIAL_LEN octets. */
typedef const uint8_t *log_index_serial(const void *array, size_t position);

/* SIZE_MAX when it is not there. */
size_t log_index_find(const struct log_index *x, const void *array, log_index_serial *serial_of,
    const uint8_t *serial);
/* The array has this serial at this position now; it had it nowhere before. Errors: ERR_INTERNAL.
 */
MUST_CHECK int log_index_put(struct log_index *x, const void *array, log_index_serial *serial_of,
    size_t position, struct err *err);
void log_index_wipe(struct log_index *x);

#endif
