/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "signer/log_index.h"

#define FIRST_SIZE 128

static size_t
home(const uint8_t *serial, size_t size)
{
	uint64_t a, b;

	/* the last octets: an imported CA's short serials have zeros in front */
	memcpy(&a, serial + LOG_SERIAL_LEN - sizeof(a), sizeof(a));
	memcpy(&b, serial + LOG_SERIAL_LEN - sizeof(a) - sizeof(b), sizeof(b));
	a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */
	return (size_t)(a >> 32) & (size - 1);
}

size_t
log_index_find(const struct log_index *x, const void *array, log_index_serial *serial_of,
    const uint8_t *serial)
{
	size_t at;

	if (x->size == 0)
		return SIZE_MAX;
	for (at = home(serial, x->size); x->slots[at] != 0; at = (at + 1) & (x->size - 1))
		if (memcmp(serial_of(array, x->slots[at] - 1), serial, LOG_SERIAL_LEN) == 0)
			return x->slots[at] - 1;
	return SIZE_MAX;
}

static void
place(uint32_t *slots, size_t size, const uint8_t *serial, uint32_t slot)
{
	size_t at = home(serial, size);

	while (slots[at] != 0)
		at = (at + 1) & (size - 1);
	slots[at] = slot;
}

static int
grow(struct log_index *x, const void *array, log_index_serial *serial_of, struct err *err)
{
	const size_t size = x->size == 0 ? FIRST_SIZE : x->size * 2;
	uint32_t *slots;
	size_t i;

	if (x->n + 1 <= x->size / 2)
		return 0;
	if (x->n >= UINT32_MAX - 1 || (slots = calloc(size, sizeof(*slots))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	for (i = 0; i < x->size; i++)
		if (x->slots[i] != 0)
			place(slots, size, serial_of(array, x->slots[i] - 1), x->slots[i]);
	free(x->slots);
	x->slots = slots;
	x->size = size;
	return 0;
}

int
log_index_put(struct log_index *x, const void *array, log_index_serial *serial_of, size_t position,
    struct err *err)
{
	int rc = grow(x, array, serial_of, err);

	if (rc != 0)
		return rc;
	place(x->slots, x->size, serial_of(array, position), (uint32_t)position + 1);
	x->n++;
	return 0;
}

void
log_index_wipe(struct log_index *x)
{
	free(x->slots);
	*x = (struct log_index){0};
}
