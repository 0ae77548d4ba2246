/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "virtual/vattest.h"
#include "virtual/vcrypt.h"
#include "virtual/vkey_i.h"

#define DEFAULT_FIRMWARE "5.7.1"

/* The historical bytes tell the generations apart: "Yubikey4" and the YubiKey 5's own. */
static const uint8_t atr_five[] = {0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73,
    0xC0, 0x21, 0xC0, 0x57, 0x59, 0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40};
static const uint8_t atr_four[] = {0x3B, 0xF8, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x59, 0x75,
    0x62, 0x69, 0x6B, 0x65, 0x79, 0x34, 0xD4};

static bool
parse_firmware(const char *text, uint8_t fw[static 3])
{
	int n = 0;

	/* One digit each: that is all a client's version pattern takes. */
	return sscanf(text, "%1hhu.%1hhu.%1hhu%n", &fw[0], &fw[1], &fw[2], &n) == 3 &&
	       text[n] == '\0' && (fw[0] == 4 || fw[0] == 5);
}

static int
config_check(const struct vkey_config *c, const struct state *st, char *msg, size_t msg_len)
{
	uint8_t fw[3];
	const char *what = NULL;

	if (c->firmware != NULL &&
	    (!parse_firmware(c->firmware, fw) || memcmp(fw, st->firmware, sizeof(fw)) != 0))
		what = "firmware";
	else if (c->serial != 0 && c->serial != st->serial)
		what = "serial number";
	else if (c->form_factor != 0 && c->form_factor != st->form_factor)
		what = "form factor";
	if (what == NULL)
		return 0;
	snprintf(msg, msg_len, "%s: this key has another %s", st->path, what);
	return -1;
}

static uint32_t
made_up_serial(void)
{
	uint32_t s = 0;

	RAND_bytes((unsigned char *)&s, sizeof(s));
	return 20000000 + s % 10000000;
}

static int
make_new(const struct vkey_config *c, struct state *st, char *msg, size_t msg_len)
{
	const char *fw = c->firmware != NULL ? c->firmware : DEFAULT_FIRMWARE;

	if (!parse_firmware(fw, st->firmware)) {
		snprintf(msg, msg_len, "firmware \"%s\": want 4.y.z or 5.y.z, one digit each", fw);
		return -1;
	}
	if (c->serial > INT32_MAX) {
		snprintf(msg, msg_len, "serial number %u: want one below 2^31", c->serial);
		return -1;
	}
	st->serial = c->serial != 0 ? c->serial : made_up_serial();
	st->form_factor = c->form_factor != 0 ? c->form_factor : 0x01;
	st->pin_complexity = c->pin_complexity;
	state_factory_refs(st);
	state_factory_mgm(st);
	return vattest_provision(st, c->root_dir, msg, msg_len);
}

static int
open_beside(const char *path, const char *suffix, int flags)
{
	char *name = NULL;
	int fd = -1;

	if (asprintf(&name, "%s%s", path, suffix) >= 0)
		fd = open(name, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(name);
	return fd;
}

/* The state file itself is replaced at each save: the lock needs a file that stays. */
static int
take_files(struct vkey *v, const char *path, char *msg, size_t msg_len)
{
	v->lock_fd = open_beside(path, ".lock", O_RDWR);
	if (v->lock_fd < 0) {
		snprintf(msg, msg_len, "%s.lock: %s", path, strerror(errno));
		return -1;
	}
	if (flock(v->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		snprintf(msg, msg_len, "%s: in use by another process", path);
		return -1;
	}
	v->log_fd = open_beside(path, ".log", O_WRONLY | O_APPEND);
	v->a.st.path = strdup(path);
	if (v->log_fd < 0 || v->a.st.path == NULL) {
		snprintf(msg, msg_len, "%s.log: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

static int
open_state(struct vkey *v, const struct vkey_config *c, char *msg, size_t msg_len)
{
	struct state *st = &v->a.st;
	uint64_t logged;
	int rc = 1;

	if (c->state != NULL) {
		if (take_files(v, c->state, msg, msg_len) != 0)
			return -1;
		rc = state_load(st, c->state, msg, msg_len);
	}
	if (rc == 0)
		rc = config_check(c, st, msg, msg_len);
	else if (rc == 1)
		rc = make_new(c, st, msg, msg_len);
	if (rc != 0)
		return -1;
	/* The log gets a line per APDU, the state only what changed something. */
	if (st->path != NULL && (logged = inspect_log_tail(st->path)) > st->witness.apdus)
		st->witness.apdus = logged;
	if (st->touch_never != c->touch_never)
		st->dirty = true;
	st->touch_never = c->touch_never;
	if (state_save(st) != 0) {
		snprintf(msg, msg_len, "%s: %s", c->state, strerror(errno));
		return -1;
	}
	return 0;
}

int
vkey_open(const struct vkey_config *config, struct vkey **ret, char *msg, size_t msg_len)
{
	struct vkey *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		snprintf(msg, msg_len, "out of memory");
		return VKEY_FAILED;
	}
	state_init(&v->a.st);
	v->lock_fd = v->log_fd = v->back_ms = -1;
	v->present = true;
	if (open_state(v, config, msg, msg_len) != 0) {
		v->a.st.dirty = false;
		vkey_free(v);
		return VKEY_FAILED;
	}
	*ret = v;
	return VKEY_OK;
}

void
vkey_free(struct vkey *v)
{
	if (v == NULL)
		return;
	state_save(&v->a.st);
	if (v->log_fd >= 0)
		close(v->log_fd);
	if (v->lock_fd >= 0)
		close(v->lock_fd);
	applet_reset(&v->a);
	frame_reset(&v->frame);
	state_wipe(&v->a.st);
	free(v);
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
	size_t len = five ? sizeof(atr_five) : sizeof(atr_four);

	memcpy(out, five ? atr_five : atr_four, len);
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

int
vkey_fault(struct vkey *v, const char *spec, char *msg, size_t msg_len)
{
	return vfault_add(&v->faults, spec, msg, msg_len) == 0 ? VKEY_OK : VKEY_FAILED;
}

void
vkey_fault_clear(struct vkey *v)
{
	v->faults.n = 0;
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
	case VFAULT_DELAY:
		nanosleep(&(struct timespec){.tv_sec = f->delay_ms / 1000,
			      .tv_nsec = (long)(f->delay_ms % 1000) * 1000000},
		    NULL);
		break;
	default:
		break;
	}
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
	if (f->kind == VFAULT_SW) {
		vtlv_raw(out, sw, sizeof(sw));
		log_answer(v, in, len, out, " fault");
		return VKEY_OK;
	}
	frame_exec(&v->frame, &v->a, in, len, out);
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

char *
vkey_root_pem(const struct vkey *v)
{
	const uint8_t *p = v->a.st.root_der;
	X509 *x = d2i_X509(NULL, &p, (long)v->a.st.root_len);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *pem = NULL;
	long n;

	if (x != NULL && bio != NULL && PEM_write_bio_X509(bio, x) == 1 &&
	    (n = BIO_get_mem_data(bio, &text)) > 0)
		pem = strndup(text, (size_t)n);
	BIO_free(bio);
	X509_free(x);
	return pem;
}

static uint8_t
alg_of(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "RSA"))
		return bits == 1024   ? VCRYPT_RSA1024
		       : bits == 2048 ? VCRYPT_RSA2048
		       : bits == 3072 ? VCRYPT_RSA3072
				      : VCRYPT_RSA4096;
	if (EVP_PKEY_is_a(key, "EC"))
		return bits == 256 ? VCRYPT_P256 : VCRYPT_P384;
	return EVP_PKEY_is_a(key, "ED25519") ? VCRYPT_ED25519 : VCRYPT_X25519;
}

int
vkey_set_slot_public(struct vkey *v, uint8_t id, uint8_t pin_policy, uint8_t touch_policy,
    const uint8_t *spki_der, size_t spki_len)
{
	struct state_slot *slot = state_slot(&v->a.st, id);
	const uint8_t *p = spki_der;
	EVP_PKEY *key = slot != NULL ? d2i_PUBKEY(NULL, &p, (long)spki_len) : NULL;

	if (key == NULL)
		return VKEY_FAILED;
	vslot_fill(slot, alg_of(key), key, pin_policy, touch_policy, STATE_GENERATED);
	slot->public_only = true;
	v->a.st.dirty = true;
	return state_save(&v->a.st) == 0 ? VKEY_OK : VKEY_FAILED;
}

int
vkey_set_object(struct vkey *v, uint32_t id, const uint8_t *data, size_t len)
{
	if (state_object_set(&v->a.st, id, data, len) != 0)
		return VKEY_FAILED;
	return state_save(&v->a.st) == 0 ? VKEY_OK : VKEY_FAILED;
}

char *
vkey_inspect(const struct vkey *v)
{
	return inspect_json(&v->a.st);
}
