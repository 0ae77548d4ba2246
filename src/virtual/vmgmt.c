/* SPDX-License-Identifier: BSD-2-Clause */
/* The Management application: its greeting, READ CONFIG, and a Bio key's only way to be reset. */
#include <stdio.h>

#include "virtual/applet.h"

#define CAPABILITY_PIV 0x10
#define FIPS_PIV 0x02

void
vmgmt_select(const struct state *st, struct vbuf *out)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "Virtual mgr - FW version %d.%d.%d", st->firmware[0],
	    st->firmware[1], st->firmware[2]);

	vtlv_raw(out, text, (size_t)n);
}

/* Tags: A.10. PIN complexity and the FIPS words came with 5.7. */
static uint16_t
read_config(const struct applet *a, struct vbuf *out)
{
	const struct state *st = &a->st;
	struct vbuf page = {0};
	const uint8_t piv[2] = {0x00, CAPABILITY_PIV}, zero[2] = {0};
	const uint8_t serial[4] = {(uint8_t)(st->serial >> 24), (uint8_t)(st->serial >> 16),
	    (uint8_t)(st->serial >> 8), (uint8_t)st->serial};
	const uint8_t challenge_timeout = 0x0F, complexity = st->pin_complexity;
	const uint8_t capable[2] = {0, state_is_fips(st) ? FIPS_PIV : 0};
	const uint8_t approved[2] = {0, state_fips_approved(st) ? FIPS_PIV : 0};
	uint8_t len;

	vtlv_put(&page, 0x01, piv, sizeof(piv));
	vtlv_put(&page, 0x02, serial, sizeof(serial));
	vtlv_put(&page, 0x03, piv, sizeof(piv));
	vtlv_put(&page, 0x04, &st->form_factor, 1);
	vtlv_put(&page, 0x05, st->firmware, sizeof(st->firmware));
	vtlv_put(&page, 0x06, zero, 2);
	vtlv_put(&page, 0x07, &challenge_timeout, 1);
	vtlv_put(&page, 0x08, zero, 1);
	vtlv_put(&page, 0x0A, zero, 1);
	if (a->env.nfc) {
		vtlv_put(&page, 0x0D, piv, sizeof(piv));
		vtlv_put(&page, 0x0E, piv, sizeof(piv));
	}
	if (state_fw(st, 5, 7, 0)) {
		vtlv_put(&page, 0x14, capable, sizeof(capable));
		vtlv_put(&page, 0x15, approved, sizeof(approved));
		vtlv_put(&page, 0x16, &complexity, 1);
	}
	len = (uint8_t)page.len;
	vtlv_raw(out, &len, 1);
	vtlv_raw(out, page.b, page.len);
	return SW_OK;
}

static uint16_t
device_reset(struct applet *a)
{
	if (!state_is_bio(&a->st))
		return SW_INS;
	vpin_zeroize(&a->st);
	return SW_OK;
}

uint16_t
vmgmt_exec(struct applet *a, const struct command *c, struct vbuf *out)
{
	if (c->ins == INS_DEVICE_RESET)
		return device_reset(a);
	if (c->ins != INS_READ_CONFIG)
		return SW_INS;
	if (c->p1 != 0x00)
		return SW_P1P2;
	return read_config(a, out);
}
