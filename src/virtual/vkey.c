/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "virtual/vkey_i.h"

#define APDU_MS 10 /* an estimate, of a real key */

/* The historical bytes tell the generations apart: "Yubikey4" and the YubiKey 5's own. */
static const uint8_t atr_five[] = {0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73,
    0xC0, 0x21, 0xC0, 0x57, 0x59, 0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40};
static const uint8_t atr_nfc[] = {0x3B, 0x8D, 0x80, 0x01, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57, 0x59,
    0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0xF9};
static const uint8_t atr_four[] = {0x3B, 0xF8, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x59, 0x75,
    0x62, 0x69, 0x6B, 0x65, 0x79, 0x34, 0xD4};

void
vkey_set_clock(struct vkey *v, const struct vkey_clock *clock)
{
	v->a.env.clock = clock != NULL ? clock : &vwait_system;
	if (v->other != NULL)
		v->other->a.env.clock = v->a.env.clock;
}

int
vkey_power(struct vkey *v, enum vkey_power what)
{
	if (!v->present)
		return VKEY_REMOVED;
	applet_reset(&v->a);
	frame_reset(&v->frame);
	v->powered = what != VKEY_POWER_OFF;
	return VKEY_OK;
}

size_t
vkey_atr(const struct vkey *v, uint8_t out[static VKEY_ATR_MAX])
{
	bool five = state_fw(&v->a.st, 5, 0, 0);
	const uint8_t *atr = v->a.env.nfc ? atr_nfc : five ? atr_five : atr_four;
	size_t len = v->a.env.nfc ? sizeof(atr_nfc) : five ? sizeof(atr_five) : sizeof(atr_four);

	memcpy(out, atr, len);
	return len;
}

bool
vkey_present(const struct vkey *v)
{
	return v->present;
}

void
vkey_insert(struct vkey *v)
{
	v->present = true;
	v->back_ms = -1;
}

void
vkey_remove(struct vkey *v)
{
	applet_reset(&v->a);
	frame_reset(&v->frame);
	v->powered = v->present = false;
	v->back_ms = -1;
}

int
vkey_back_ms(const struct vkey *v)
{
	return v->present ? -1 : v->back_ms;
}

static int
arm_swap(struct vkey *v, const struct vfault *added, char *msg, size_t msg_len)
{
	for (const struct vfault *f = v->faults.f; f < added; f++) {
		if (f->kind == VFAULT_SWAP)
			return state_say(msg, msg_len, "fault: a swap is armed already");
	}
	return vkey_open_other(v, added->swap, msg, msg_len);
}

int
vkey_fault(struct vkey *v, const char *spec, char *msg, size_t msg_len)
{
	const struct vfault *added;

	if (vfault_add(&v->faults, spec, msg, msg_len) != 0)
		return VKEY_FAILED;
	added = &v->faults.f[v->faults.n - 1];
	if (added->kind != VFAULT_SWAP || arm_swap(v, added, msg, msg_len) == 0)
		return VKEY_OK;
	v->faults.n--;
	return VKEY_FAILED;
}

const struct vkey_witness *
vkey_witness(const struct vkey *v)
{
	return &v->a.st.witness;
}

/* Number, header, length of the data, what came of it: never the data. One write per line. */
static void
log_apdu(struct vkey *v, const uint8_t *in, size_t len, const char *outcome)
{
	struct command c;
	char line[128];
	bool extended;
	int n;

	if (v->log_fd < 0)
		return;
	frame_parse(in, len, &c, &extended);
	n = snprintf(line, sizeof(line), "%llu %02X %02X %02X %02X %zu %s\n",
	    (unsigned long long)v->a.st.witness.apdus, c.cla, c.ins, c.p1, c.p2, c.len, outcome);
	if (write(v->log_fd, line, (size_t)n) != n)
		v->log_failed = true;
}

static void
log_answer(struct vkey *v, const uint8_t *in, size_t len, const struct vbuf *out, const char *note)
{
	char text[64];

	snprintf(
	    text, sizeof(text), "%02X%02X%s", out->b[out->len - 2], out->b[out->len - 1], note);
	log_apdu(v, in, len, text);
}

static void
pull(struct vkey *v, const struct vfault *f)
{
	vkey_remove(v);
	v->back_ms = f->back_ms;
}

static void
mangle(const struct vfault *f, struct vbuf *out)
{
	static const uint8_t zeroes[16];
	uint8_t sw[2] = {out->b[out->len - 2], out->b[out->len - 1]};

	switch (f->kind) {
	case VFAULT_SHORT:
		out->len = 1;
		break;
	case VFAULT_LONG:
		out->len -= 2;
		vtlv_raw(out, zeroes, sizeof(zeroes));
		vtlv_raw(out, sw, sizeof(sw));
		break;
	case VFAULT_GARBAGE:
		if (out->len > 2)
			RAND_bytes(out->b, (int)out->len - 2);
		else
			RAND_bytes(out->b, 2);
		break;
	default:
		break;
	}
}

/* Another hand was faster than the reader: its key has power, and nothing else of the former. */
static void
swap(struct vkey *v)
{
	struct vkey was = *v, *o = v->other;

	v->a = o->a;
	v->frame = o->frame;
	v->lock_fd = o->lock_fd;
	v->log_fd = o->log_fd;
	v->log_failed = o->log_failed;
	o->a = was.a;
	o->frame = was.frame;
	o->lock_fd = was.lock_fd;
	o->log_fd = was.log_fd;
	o->log_failed = was.log_failed;
	applet_reset(&v->a);
	frame_reset(&v->frame);
	applet_reset(&o->a);
	frame_reset(&o->frame);
	OPENSSL_cleanse(&was, sizeof(was));
}

/* False: the key was removed meanwhile. */
static bool
exec_timed(struct vkey *v, const struct vfault *f, const uint8_t *in, size_t len, struct vbuf *out)
{
	unsigned delay = f->kind == VFAULT_DELAY ? (unsigned)f->delay_ms : 0;

	if (v->a.env.real_timing)
		vwait_ms(&v->a, APDU_MS);
	if (v->powered)
		frame_exec(&v->frame, &v->a, in, len, out);
	if (v->powered)
		vwait_ms(&v->a, delay);
	if (!v->powered)
		log_apdu(v, in, len, "removed-during");
	return v->powered;
}

/* The command with its fault, if one is due. VKEY_OK: out holds the answer to deliver. */
static int
exec(struct vkey *v, const struct vfault *f, const uint8_t *in, size_t len, struct vbuf *out)
{
	const uint8_t sw[2] = {(uint8_t)(f->sw >> 8), (uint8_t)f->sw};

	if (f->kind == VFAULT_REMOVE_BEFORE) {
		log_apdu(v, in, len, "removed-before");
		pull(v, f);
		return VKEY_REMOVED;
	}
	if (f->kind == VFAULT_SWAP && f->back_ms >= 0) {
		log_apdu(v, in, len, "removed-before swap");
		swap(v);
		pull(v, f);
		return VKEY_REMOVED;
	}
	if (f->kind == VFAULT_SW) {
		vtlv_raw(out, sw, sizeof(sw));
		log_answer(v, in, len, out, " fault");
		return VKEY_OK;
	}
	if (!exec_timed(v, f, in, len, out))
		return VKEY_REMOVED;
	log_answer(v, in, len, out,
	    f->kind == VFAULT_NONE	     ? ""
	    : f->kind == VFAULT_REMOVE_AFTER ? " removed-after"
					     : " fault");
	if (f->kind == VFAULT_REMOVE_AFTER || f->kind == VFAULT_REMOVE_ANSWERED)
		pull(v, f);
	mangle(f, out);
	return f->kind == VFAULT_REMOVE_AFTER ? VKEY_REMOVED : VKEY_OK;
}

int
vkey_apdu(struct vkey *v, const uint8_t *in, size_t len, uint8_t *out, size_t cap, size_t *ret_len)
{
	struct vbuf answer = {0};
	struct vfault f;
	int rc;

	if (!v->present)
		return VKEY_REMOVED;
	if (!v->powered)
		return VKEY_OFF;
	v->a.st.witness.apdus++;
	f = vfault_take(&v->faults, in, len);
	if (f.kind != VFAULT_NONE) {
		v->a.st.witness.faults++;
		v->a.st.dirty = true;
	}
	if (f.kind == VFAULT_SWAP && f.back_ms < 0) {
		v->a.st.witness.apdus--;
		state_save(&v->a.st);
		swap(v);
		v->a.st.witness.apdus++;
	}
	rc = exec(v, &f, in, len, &answer);
	if (v->a.st.dirty)
		state_save(&v->a.st);
	if (rc != VKEY_OK)
		return rc;
	/* The witness is worth nothing if it may be incomplete. */
	if (v->log_failed || answer.bad || answer.len > cap)
		return VKEY_FAILED;
	memcpy(out, answer.b, answer.len);
	*ret_len = answer.len;
	return VKEY_OK;
}
