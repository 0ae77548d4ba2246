/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening keys, making new ones, and letting go of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "virtual/vattest.h"
#include "virtual/vcrypt.h"
#include "virtual/vkey_i.h"

#define DEFAULT_FIRMWARE "5.7.1"
#define FORM_FIPS 0x80

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
	else if (c->form_factor != 0 &&
		 ((c->form_factor ^ st->form_factor) & (uint8_t)~FORM_FIPS) != 0)
		what = "form factor";
	else if ((c->fips || (c->form_factor & FORM_FIPS) != 0) && !state_is_fips(st))
		what = "series (not FIPS)";
	if (what == NULL)
		return 0;
	return state_say(msg, msg_len, "%s: this key has another %s", st->path, what);
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

	if (!parse_firmware(fw, st->firmware))
		return state_say(
		    msg, msg_len, "firmware \"%s\": use 4.y.z or 5.y.z, one digit each", fw);
	if (c->serial > INT32_MAX)
		return state_say(msg, msg_len, "serial number %u: use one below 2^31", c->serial);
	st->serial = c->serial != 0 ? c->serial : made_up_serial();
	st->form_factor = c->form_factor != 0 ? c->form_factor : 0x01;
	if (c->fips)
		st->form_factor |= FORM_FIPS;
	if (c->pin_complexity && !state_fw(st, 5, 7, 0))
		return state_say(
		    msg, msg_len, "firmware %s has no PIN complexity: use 5.7.0 or later", fw);
	st->pin_complexity = c->pin_complexity || state_fips_enforced(st);
	state_factory_refs(st);
	state_factory_mgm(st);
	return vattest_provision(st, c->root_dir, c->f9_rsa, msg, msg_len);
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
	if (v->lock_fd < 0)
		return state_say(msg, msg_len, "%s.lock: %s", path, strerror(errno));
	if (flock(v->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return state_say(msg, msg_len, "%s: in use by another process", path);
	v->log_fd = open_beside(path, ".log", O_WRONLY | O_APPEND);
	v->a.st.path = strdup(path);
	if (v->log_fd < 0 || v->a.st.path == NULL)
		return state_say(msg, msg_len, "%s.log: %s", path, strerror(errno));
	return 0;
}

static void
set_touch(struct state *st, const struct vkey_config *c)
{
	unsigned ms = c->touch == VKEY_TOUCH_AFTER ? c->touch_ms : 0;

	if (c->touch == VKEY_TOUCH_KEPT || (c->touch == st->touch && ms == st->touch_ms))
		return;
	st->touch = c->touch;
	st->touch_ms = ms;
	st->dirty = true;
}

/* Firmware 4 knows no reader without contacts; FIPS 140-3 wants a secure channel there. */
static int
surround(struct vkey *v, const struct vkey_config *c, char *msg, size_t msg_len)
{
	const struct state *st = &v->a.st;

	if (c->nfc && (!state_fw(st, 5, 0, 0) || state_fips_enforced(st)))
		return state_say(msg, msg_len, "NFC: not with %s",
		    state_fips_enforced(st) ? "a FIPS key, which wants a secure channel (SCP) there"
					    : "firmware 4");
	v->a.env = (struct surroundings){.real_timing = c->real_timing,
	    .nfc = c->nfc,
	    .finger = c->finger,
	    .clock = c->clock != NULL ? c->clock : &vwait_system};
	if (c->root_dir == NULL)
		return 0;
	v->root_dir = strdup(c->root_dir);
	return v->root_dir != NULL ? 0 : -1;
}

static int
open_state(struct vkey *v, const struct vkey_config *c, char *msg, size_t msg_len)
{
	struct state *st = &v->a.st;
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
	set_touch(st, c);
	if (surround(v, c, msg, msg_len) != 0)
		return -1;
	if (state_save(st) != 0)
		return state_say(msg, msg_len, "%s: %s", c->state, strerror(errno));
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
	vkey_free(v->other);
	free(v->root_dir);
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
vkey_open_other(struct vkey *v, const char *path, char *msg, size_t msg_len)
{
	const struct state *st = &v->a.st;
	char fw[16];
	struct vkey_config like = {.state = path,
	    .root_dir = v->root_dir,
	    .clock = v->a.env.clock,
	    .f9_rsa = state_slot(&v->a.st, 0xF9)->alg == VCRYPT_RSA2048};

	if (v->other != NULL && v->other->a.st.path != NULL &&
	    strcmp(v->other->a.st.path, path) == 0)
		return 0;
	vkey_free(v->other);
	v->other = NULL;
	/* What is there already may be any key. */
	if (access(path, F_OK) != 0) {
		snprintf(
		    fw, sizeof(fw), "%d.%d.%d", st->firmware[0], st->firmware[1], st->firmware[2]);
		like.firmware = fw;
		like.form_factor = st->form_factor;
		like.pin_complexity = st->pin_complexity;
	}
	if (vkey_open(&like, &v->other, msg, msg_len) != VKEY_OK)
		return -1;
	v->other->a.env = v->a.env;
	v->other->a.st.touch = st->touch;
	v->other->a.st.touch_ms = st->touch_ms;
	return 0;
}
