/* SPDX-License-Identifier: BSD-2-Clause */
/* Data objects: what may be read, what may be written, and how much of it. */
#include "virtual/applet.h"

static const uint8_t discovery[] = {0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00,
    0x00, 0x10, 0x00, 0x01, 0x00, 0x5F, 0x2F, 0x02, 0x40, 0x00};

#define ID_DISCOVERY 0x7E

/* Fingerprints, printed information, facial image, iris: SP 800-73-4 part 1, table 2. */
static bool
needs_pin(uint32_t id)
{
	return id == 0x5FC103 || id == 0x5FC108 || id == 0x5FC109 || id == 0x5FC121;
}

/* The tag list 5C: one identifier of one to three bytes. */
static bool
parse_id(const struct command *c, const uint8_t **rest, size_t *left, uint32_t *ret)
{
	struct vtlv t;

	*rest = c->data;
	*left = c->len;
	if (!vtlv_next(rest, left, &t) || t.tag != 0x5C || t.len < 1 || t.len > 3)
		return false;
	*ret = 0;
	for (size_t i = 0; i < t.len; i++)
		*ret = *ret << 8 | t.val[i];
	return true;
}

uint16_t
vdata_get(struct applet *a, const struct command *c, struct vbuf *out)
{
	const struct state_object *o;
	const uint8_t *rest;
	size_t left;
	uint32_t id;

	if (c->p1 != 0x3F || c->p2 != 0xFF)
		return SW_P1P2;
	if (!parse_id(c, &rest, &left, &id) || left != 0)
		return SW_DATA;
	if (id == ID_DISCOVERY) {
		vtlv_raw(out, discovery, sizeof(discovery));
		return SW_OK;
	}
	if (needs_pin(id) && !a->ses.verified && !a->ses.matched)
		return SW_SECURITY;
	o = state_object(&a->st, id);
	if (o == NULL)
		return SW_NOT_FOUND;
	vtlv_put(out, 0x53, o->data, o->len);
	return SW_OK;
}

uint16_t
vdata_put(struct applet *a, const struct command *c, struct vbuf *out)
{
	const uint8_t *rest;
	struct vtlv t;
	size_t left;
	uint32_t id;

	(void)out;
	if (!a->ses.admin)
		return SW_SECURITY;
	if (c->p1 != 0x3F || c->p2 != 0xFF)
		return SW_P1P2;
	if (!parse_id(c, &rest, &left, &id) || (id & 0xFF0000) != 0x5F0000 ||
	    !vtlv_next(&rest, &left, &t) || t.tag != 0x53 || left != 0)
		return SW_DATA;
	return state_object_set(&a->st, id, t.val, t.len) == 0 ? SW_OK : SW_NO_SPACE;
}
