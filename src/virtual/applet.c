/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "virtual/applet.h"

#define CAPABILITY_PIV 0x10
#define FIPS_PIV 0x02

static const uint8_t aid_piv[] = {0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0};
static const uint8_t aid_management[] = {0xA0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17};

/* Application property template, the same from 5.2 to 5.7. */
static const uint8_t piv_template[] = {0x61, 0x11, 0x4F, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00,
    0x79, 0x07, 0x4F, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08};

static applet_fn version, serial;

static const struct piv_command {
	uint8_t ins;
	uint8_t since[3];
	applet_fn *fn;
} piv_commands[] = {
    {INS_VERIFY, {0}, vpin_verify},
    {INS_CHANGE, {0}, vpin_change},
    {INS_RESET_RETRY, {0}, vpin_reset_retry},
    {INS_AUTHENTICATE, {0}, vauth_general},
    {INS_GENERATE, {0}, vslot_generate},
    {INS_GET_DATA, {0}, vdata_get},
    {INS_PUT_DATA, {0}, vdata_put},
    {INS_VERSION, {0}, version},
    {INS_SERIAL, {5, 0, 0}, serial},
    {INS_ATTEST, {4, 3, 0}, vslot_attest},
    {INS_METADATA, {5, 3, 0}, vslot_metadata},
    {INS_MOVE, {5, 7, 0}, vslot_move},
    {INS_SET_RETRIES, {0}, vpin_set_retries},
    {INS_RESET, {0}, vpin_reset},
    {INS_IMPORT, {0}, vslot_import},
    {INS_SET_MGM, {0}, vauth_set_mgm},
};

static uint16_t
version(struct applet *a, const struct command *c, struct vbuf *out)
{
	(void)c;
	vtlv_raw(out, a->st.firmware, sizeof(a->st.firmware));
	return SW_OK;
}

static uint16_t
serial(struct applet *a, const struct command *c, struct vbuf *out)
{
	uint32_t s = a->st.serial;
	uint8_t be[4] = {(uint8_t)(s >> 24), (uint8_t)(s >> 16), (uint8_t)(s >> 8), (uint8_t)s};

	(void)c;
	vtlv_raw(out, be, sizeof(be));
	return SW_OK;
}

void
applet_stale(struct applet *a)
{
	a->ses.fresh = a->ses.match_fresh = false;
}

void
applet_reset(struct applet *a)
{
	a->resets++;
	OPENSSL_cleanse(&a->ses, sizeof(a->ses));
}

/* The Management application: its greeting, READ CONFIG, and a Bio key's only way to be reset. */
static void
greet(const struct state *st, struct vbuf *out)
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
management_exec(struct applet *a, const struct command *c, struct vbuf *out)
{
	if (c->ins == INS_DEVICE_RESET && state_is_bio(&a->st)) {
		vpin_zeroize(&a->st);
		return SW_OK;
	}
	if (c->ins != INS_READ_CONFIG)
		return SW_INS;
	return c->p1 == 0x00 ? read_config(a, out) : SW_P1P2;
}

/* The PIV name may be cut short, as nearly everyone sends it, down to the registered id. */
static enum applet_id
find_applet(const struct command *c)
{
	if (c->len >= 5 && c->len <= sizeof(aid_piv) && memcmp(c->data, aid_piv, c->len) == 0)
		return APPLET_PIV;
	if (c->len == sizeof(aid_management) && memcmp(c->data, aid_management, c->len) == 0)
		return APPLET_MANAGEMENT;
	return APPLET_NONE;
}

/* Selecting PIV again keeps the PIN and the management key; another application drops them. */
static uint16_t
select_applet(struct applet *a, const struct command *c, struct vbuf *out)
{
	enum applet_id id;

	if (c->p1 != 0x04)
		return SW_P1P2;
	id = find_applet(c);
	if (id == APPLET_NONE)
		return SW_NOT_FOUND;
	if (id != a->ses.selected)
		applet_reset(a);
	a->ses.selected = id;
	if (id == APPLET_PIV)
		vtlv_raw(out, piv_template, sizeof(piv_template));
	else
		greet(&a->st, out);
	return SW_OK;
}

static uint16_t
piv_exec(struct applet *a, const struct command *c, struct vbuf *out)
{
	for (size_t i = 0; i < sizeof(piv_commands) / sizeof(piv_commands[0]); i++) {
		const struct piv_command *p = &piv_commands[i];

		if (p->ins == c->ins && state_fw(&a->st, p->since[0], p->since[1], p->since[2]))
			return p->fn(a, c, out);
	}
	return SW_INS;
}

static uint16_t
dispatch(struct applet *a, const struct command *c, struct vbuf *out)
{
	if (c->cla != 0x00)
		return SW_CLA;
	if (c->ins == INS_SELECT)
		return select_applet(a, c, out);
	if (a->ses.selected == APPLET_PIV)
		return piv_exec(a, c, out);
	if (a->ses.selected == APPLET_MANAGEMENT)
		return management_exec(a, c, out);
	return SW_INS;
}

static void
count_refusal(struct vkey_witness *w, const struct command *c)
{
	if (c->ins == INS_VERIFY && c->p2 == 0x80 && c->len > 0)
		w->refused_verify++;
	if (c->ins == INS_CHANGE)
		w->refused_change++;
	if (c->ins == INS_RESET_RETRY)
		w->refused_reset_retry++;
}

uint16_t
applet_exec(struct applet *a, const struct command *c, struct vbuf *out)
{
	uint16_t sw;

	out->len = 0;
	out->bad = false;
	/* A challenge is good for the very next command. */
	a->ses.expect = a->ses.step;
	a->ses.step = AUTH_IDLE;
	sw = dispatch(a, c, out);
	/* Only a VERIFY that succeeded leaves PIN or finger fresh, and only for the next command.
	 */
	if (c->ins != INS_VERIFY || sw != SW_OK || c->len == 0)
		applet_stale(a);
	if ((sw & 0xFFF0) == SW_TRIES || sw == SW_BLOCKED) {
		count_refusal(&a->st.witness, c);
		a->st.dirty = true;
	}
	if (state_save(&a->st) != 0)
		sw = SW_MEMORY;
	if (out->bad)
		sw = SW_FAILURE;
	if (sw != SW_OK)
		out->len = 0;
	return sw;
}
