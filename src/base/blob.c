/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "ykenroll/blob.h"
#include "ykenroll/secret.h"

void
blob_wipe(struct blob *b)
{
	if (b->data != NULL)
		secret_wipe_bytes(b->data, b->len);
	free(b->data);
	b->data = NULL;
	b->len = 0;
}

int
blob_set(struct blob *b, const void *data, size_t len, struct err *err)
{
	blob_wipe(b);
	return blob_append(b, data, len, err);
}

int
blob_append(struct blob *b, const void *data, size_t len, struct err *err)
{
	uint8_t *p;

	if (len == 0)
		return 0;
	if (len > SIZE_MAX - b->len || (p = malloc(b->len + len)) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory (%zu bytes)", len);
	if (b->len > 0)
		memcpy(p, b->data, b->len);
	memcpy(p + b->len, data, len);
	len += b->len;
	blob_wipe(b);
	b->data = p;
	b->len = len;
	return 0;
}

void
blob_move(struct blob *to, struct blob *from)
{
	blob_wipe(to);
	*to = *from;
	from->data = NULL;
	from->len = 0;
}

bool
blob_equal(const struct blob *a, const struct blob *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}
