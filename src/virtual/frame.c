/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <openssl/crypto.h>

#include "virtual/vkey_i.h"

#define CLA_CHAIN 0x10
#define SHORT_MAX 256

void
frame_reset(struct frame *f)
{
	OPENSSL_cleanse(f, sizeof(*f));
}

static bool
parse_extended(const uint8_t *in, size_t len, struct command *c)
{
	size_t lc = (size_t)in[5] << 8 | in[6];

	if (len == 7)
		return true; /* Le alone */
	if (len != 7 + lc && len != 9 + lc)
		return false;
	c->data = in + 7;
	c->len = lc;
	return true;
}

bool
frame_parse(const uint8_t *in, size_t len, struct command *c, bool *ret_extended)
{
	*c = (struct command){0};
	*ret_extended = false;
	if (len < 4)
		return false;
	c->cla = in[0];
	c->ins = in[1];
	c->p1 = in[2];
	c->p2 = in[3];
	c->data = in + 4;
	if (len <= 5)
		return true;
	if (in[4] == 0) {
		*ret_extended = true;
		return len >= 7 && parse_extended(in, len, c);
	}
	if (len != 5 + (size_t)in[4] && len != 6 + (size_t)in[4])
		return false;
	c->data = in + 5;
	c->len = in[4];
	return true;
}

static void
put_sw(struct vbuf *out, uint16_t sw)
{
	uint8_t be[2] = {(uint8_t)(sw >> 8), (uint8_t)sw};

	vtlv_raw(out, be, sizeof(be));
}

/* libykpiv 2.2 has room for 256 bytes and the status word, whatever Le it sent. */
static void
send_part(struct frame *f, size_t most, struct vbuf *out)
{
	size_t left = f->answer.len - f->sent;
	size_t n = left < most ? left : most;

	vtlv_raw(out, f->answer.b + f->sent, n);
	f->sent += n;
	left -= n;
	f->pending = left > 0;
	put_sw(out, left == 0 ? SW_OK : (uint16_t)(SW_MORE | (left > 0xFF ? 0 : left)));
}

static bool
same_chain(const struct frame *f, const struct command *c)
{
	return f->chaining && f->chain_head[0] == c->ins && f->chain_head[1] == c->p1 &&
	       f->chain_head[2] == c->p2;
}

static uint16_t
chain_add(struct frame *f, const struct command *c)
{
	if (!same_chain(f, c)) {
		f->chain_len = 0;
		f->chain_head[0] = c->ins;
		f->chain_head[1] = c->p1;
		f->chain_head[2] = c->p2;
		f->chaining = true;
	}
	if (c->len > sizeof(f->chain) - f->chain_len) {
		f->chaining = false;
		return SW_LENGTH;
	}
	if (c->len > 0)
		memcpy(f->chain + f->chain_len, c->data, c->len);
	f->chain_len += c->len;
	return SW_OK;
}

static void
exec_whole(struct frame *f, struct applet *a, struct command *c, bool extended, struct vbuf *out)
{
	uint16_t sw;

	if (same_chain(f, c)) {
		sw = chain_add(f, c);
		if (sw != SW_OK) {
			put_sw(out, sw);
			return;
		}
		c->data = f->chain;
		c->len = f->chain_len;
	}
	f->chaining = false;
	sw = applet_exec(a, c, &f->answer);
	f->sent = 0;
	if (sw != SW_OK)
		put_sw(out, sw);
	else
		send_part(f, extended ? sizeof(f->answer.b) : SHORT_MAX, out);
}

static void
get_response(struct frame *f, struct applet *a, bool extended, struct vbuf *out)
{
	f->chaining = false;
	applet_stale(a);
	if (f->pending)
		send_part(f, extended ? sizeof(f->answer.b) : SHORT_MAX, out);
	else
		put_sw(out, SW_DATA);
}

void
frame_exec(struct frame *f, struct applet *a, const uint8_t *in, size_t len, struct vbuf *out)
{
	struct command c;
	bool extended;

	if (!frame_parse(in, len, &c, &extended)) {
		put_sw(out, SW_LENGTH);
		return;
	}
	if (c.cla == 0x00 && c.ins == INS_GET_RESPONSE) {
		get_response(f, a, extended, out);
		return;
	}
	f->pending = false;
	if (c.cla == CLA_CHAIN) {
		/* Parts of a GENERAL AUTHENTICATE do not come between it and its VERIFY. */
		if (c.ins != INS_AUTHENTICATE)
			applet_stale(a);
		put_sw(out, chain_add(f, &c));
		return;
	}
	exec_whole(f, a, &c, extended, out);
}
