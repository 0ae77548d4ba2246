/* SPDX-License-Identifier: BSD-2-Clause */
/* message_request: a request for a certificate as fields of a message, by its table. */
#include <string.h>

#include "signer/message.h"

static const struct request_field *
by_tag(uint8_t tag)
{
	const struct request_field *all;
	size_t n, i;

	all = request_fields(&n);
	for (i = 0; i < n; i++)
		if (tag > TAG_REQUEST && all[i].tag == tag - TAG_REQUEST)
			return &all[i];
	return NULL;
}

/* What is not given is left out, so that there is one way to say it. */
int
message_request_ok(enum request_form form, const struct message_field *f)
{
	const struct request_field *field = by_tag(f->tag);

	if (field == NULL || (field->forms & form) == 0)
		return -1;
	if (request_is_number(field))
		return f->len == MESSAGE_NUMBER_LEN && message_field_number(f) != 0 ? 0 : -1;
	if (field->kind == REQUEST_BYTES)
		return f->len == field->size ? 0 : -1;
	return f->len >= 1 && f->len <= REQUEST_NAMES_MAX ? 0 : -1;
}

int
message_request(const struct message *m, struct request *ret, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < m->n; i++) {
		const struct message_field *f = &m->fields[i];
		const struct request_field *field = by_tag(f->tag);
		struct request_value v = {.data = f->data, .len = f->len};

		if (field == NULL)
			continue;
		if (request_is_number(field))
			v.number = message_field_number(f);
		if ((rc = request_put(ret, field, &v, err)) != 0)
			return rc;
	}
	return 0;
}

int
message_put_request(
    struct blob *frame, enum request_form form, const struct request *request, struct err *err)
{
	const struct request_field *all;
	size_t n, i;
	int rc = 0;

	all = request_fields(&n);
	for (i = 0; i < n && rc == 0; i++) {
		const struct request_value v = request_get(request, &all[i]);
		const uint8_t tag = (uint8_t)(TAG_REQUEST + all[i].tag);

		if ((all[i].forms & form) == 0 || !request_given(request, &all[i]))
			continue;
		rc = request_is_number(&all[i]) ? message_put_number(frame, tag, v.number, err)
						: message_put_raw(frame, tag, v.data, v.len, err);
	}
	return rc;
}
