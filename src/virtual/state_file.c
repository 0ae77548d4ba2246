/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON form of a state: see state.h. Byte strings are hexadecimal. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "virtual/state.h"
#include "virtual/vcrypt.h"
#include "virtual/vkey_i.h"
#include "virtual/vtlv.h"

#define STATE_FORMAT 1
#define LOG_LINE_MAX 128
#define KEY_DER_MAX 4096 /* RSA 4096 takes 2400 */

static void
json_free(json_t **j)
{
	json_decref(*j);
}

static json_t *
hex_json(const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * len + 1);
	json_t *j;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[data[i] >> 4];
		text[2 * i + 1] = digits[data[i] & 15];
	}
	j = json_stringn(text, 2 * len);
	free(text);
	return j;
}

/* Of a hexadecimal text, at most cap bytes; 0 where it is none. */
static size_t
json_bytes(const json_t *j, uint8_t *ret, size_t cap)
{
	const char *text = json_string_value(j);
	size_t len = 0;

	if (text == NULL || *text == '\0')
		return 0;
	return OPENSSL_hexstr2buf_ex(ret, cap, &len, text, '\0') == 1 ? len : 0;
}

static int
json_byte(const json_t *obj, const char *name, uint8_t *ret)
{
	json_int_t v = json_integer_value(json_object_get(obj, name));

	if (!json_is_integer(json_object_get(obj, name)) || v < 0 || v > 255)
		return -1;
	*ret = (uint8_t)v;
	return 0;
}

static json_t *
ref_json(const struct state_ref *r)
{
	return json_pack("{so,si,si}", "value", hex_json(r->value, sizeof(r->value)), "max",
	    (int)r->max, "left", (int)r->left);
}

static int
ref_parse(const json_t *j, struct state_ref *r)
{
	const size_t len = json_bytes(json_object_get(j, "value"), r->value, sizeof(r->value));

	return len != sizeof(r->value) || json_byte(j, "max", &r->max) != 0
		   ? -1
		   : json_byte(j, "left", &r->left);
}

static json_t *
key_json(const struct state_slot *s)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(s->key);
	unsigned char *der = NULL;
	int len = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0;
	json_t *j = len > 0 ? hex_json(der, (size_t)len) : NULL;

	OPENSSL_clear_free(der, (size_t)len);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return j;
}

static json_t *
slot_json(const struct state *st, const struct state_slot *s)
{
	(void)st;
	return json_pack("{si,si,si,si,so}", "algorithm", (int)s->alg, "pin_policy",
	    (int)s->pin_policy, "touch_policy", (int)s->touch_policy, "origin", (int)s->origin,
	    "key", key_json(s));
}

json_t *
state_slots_json(
    const struct state *st, json_t *(*one)(const struct state *st, const struct state_slot *s))
{
	json_t *all = json_object();

	for (size_t i = 0; i < STATE_SLOTS; i++) {
		const struct state_slot *s = &st->slots[i];
		char name[3];

		snprintf(name, sizeof(name), "%02x", s->id);
		if (s->alg != 0)
			json_object_set_new(all, name, one(st, s));
	}
	return all;
}

static int
slot_parse(const json_t *j, struct state_slot *s)
{
	uint8_t der[KEY_DER_MAX];
	const uint8_t *p = der;
	size_t len = json_bytes(json_object_get(j, "key"), der, sizeof(der));

	if (json_byte(j, "algorithm", &s->alg) == 0 && vcrypt_alg(NULL, s->alg) != NULL &&
	    json_byte(j, "pin_policy", &s->pin_policy) == 0 &&
	    json_byte(j, "touch_policy", &s->touch_policy) == 0 &&
	    json_byte(j, "origin", &s->origin) == 0 && len > 0)
		s->key = d2i_AutoPrivateKey(NULL, &p, (long)len);
	OPENSSL_cleanse(der, len);
	return s->key != NULL ? 0 : -1;
}

static int
slots_parse(json_t *all, struct state *st)
{
	const char *name;
	json_t *j;

	json_object_foreach(all, name, j)
	{
		struct state_slot *s = state_slot(st, (uint8_t)strtoul(name, NULL, 16));

		if (s == NULL || slot_parse(j, s) != 0)
			return -1;
	}
	return 0;
}

static json_t *
object_json(const struct state_object *o)
{
	return hex_json(o->data, o->len);
}

json_t *
state_objects_json(const struct state *st, json_t *(*one)(const struct state_object *o))
{
	json_t *all = json_object();

	for (size_t i = 0; i < st->nobjects; i++) {
		char name[9];

		snprintf(name, sizeof(name), "%06x", (unsigned)st->objects[i].id);
		json_object_set_new(all, name, one(&st->objects[i]));
	}
	return all;
}

static int
objects_parse(json_t *all, struct state *st)
{
	uint8_t data[STATE_OBJECT_MAX];
	const char *name;
	json_t *j;

	json_object_foreach(all, name, j)
	{
		size_t len = json_bytes(j, data, sizeof(data));

		if (len == 0 ||
		    state_object_set(st, (uint32_t)strtoul(name, NULL, 16), data, len) != 0)
			return -1;
	}
	return 0;
}

static json_t *
witness_json(const struct vkey_witness *w)
{
	return json_pack("{sI,sI,sI,sI,sI}", "apdus", (json_int_t)w->apdus, "refused_verify",
	    (json_int_t)w->refused_verify, "refused_change", (json_int_t)w->refused_change,
	    "refused_reset_retry", (json_int_t)w->refused_reset_retry, "faults",
	    (json_int_t)w->faults);
}

static void
witness_parse(const json_t *j, struct vkey_witness *w)
{
	w->apdus = (uint64_t)json_integer_value(json_object_get(j, "apdus"));
	w->refused_verify = (uint64_t)json_integer_value(json_object_get(j, "refused_verify"));
	w->refused_change = (uint64_t)json_integer_value(json_object_get(j, "refused_change"));
	w->refused_reset_retry =
	    (uint64_t)json_integer_value(json_object_get(j, "refused_reset_retry"));
	w->faults = (uint64_t)json_integer_value(json_object_get(j, "faults"));
}

/* By enum vkey_touch; a state says nothing of "kept". */
static const char *const touch_names[] = {"", "at-once", "never", "after"};

static void
touch_parse(const json_t *j, struct state *st)
{
	const char *word = json_string_value(json_object_get(j, "touch"));
	json_int_t ms = json_integer_value(json_object_get(j, "touch_ms"));

	for (unsigned i = VKEY_TOUCH_AT_ONCE; word != NULL && i <= VKEY_TOUCH_AFTER; i++)
		if (strcmp(touch_names[i], word) == 0)
			st->touch = (enum vkey_touch)i;
	st->touch_ms =
	    st->touch == VKEY_TOUCH_AFTER && ms >= 0 && ms <= INT32_MAX ? (unsigned)ms : 0;
}

static json_t *
state_json(const struct state *st)
{
	char fw[16];

	snprintf(fw, sizeof(fw), "%d.%d.%d", st->firmware[0], st->firmware[1], st->firmware[2]);
	return json_pack("{si,ss,si,si,ss,si,sb,si,so,so,s{si,si,so},so,so,so}", "format",
	    STATE_FORMAT, "firmware", fw, "serial", (int)st->serial, "form_factor",
	    (int)st->form_factor, "touch", touch_names[st->touch], "touch_ms", (int)st->touch_ms,
	    "pin_complexity", (int)st->pin_complexity, "finger_left", (int)st->finger_left, "pin",
	    ref_json(&st->pin), "puk", ref_json(&st->puk), "management_key", "algorithm",
	    (int)st->mgm.alg, "touch_policy", (int)st->mgm.touch_policy, "value",
	    hex_json(st->mgm.key, st->mgm.len), "slots", state_slots_json(st, slot_json), "objects",
	    state_objects_json(st, object_json), "witness", witness_json(&st->witness));
}

static int
mgm_parse(const json_t *j, struct state_mgm *mgm)
{
	mgm->len = json_bytes(json_object_get(j, "value"), mgm->key, sizeof(mgm->key));
	return json_byte(j, "algorithm", &mgm->alg) != 0 || vcrypt_mgm(mgm->alg) == NULL ||
		       mgm->len != vcrypt_mgm(mgm->alg)->key_len
		   ? -1
		   : json_byte(j, "touch_policy", &mgm->touch_policy);
}

static int
identity_parse(const json_t *j, struct state *st)
{
	const char *fw = json_string_value(json_object_get(j, "firmware"));

	if (json_integer_value(json_object_get(j, "format")) != STATE_FORMAT || fw == NULL ||
	    sscanf(fw, "%hhu.%hhu.%hhu", &st->firmware[0], &st->firmware[1], &st->firmware[2]) != 3)
		return -1;
	st->serial = (uint32_t)json_integer_value(json_object_get(j, "serial"));
	touch_parse(j, st);
	st->pin_complexity = json_is_true(json_object_get(j, "pin_complexity"));
	if (json_byte(j, "finger_left", &st->finger_left) != 0)
		st->finger_left = STATE_FINGER_TRIES;
	return json_byte(j, "form_factor", &st->form_factor);
}

/* The last APDU's number in the log of a state; 0 where there is none. */
static uint64_t
log_tail(const char *state_path)
{
	char *path = NULL, line[2 * LOG_LINE_MAX];
	unsigned long long last = 0, n;
	FILE *f = NULL;

	if (asprintf(&path, "%s.log", state_path) >= 0)
		f = fopen(path, "re");
	free(path);
	if (f == NULL)
		return 0;
	/* Far enough back for one whole line, wherever this lands in the one before it. */
	if (fseek(f, -(long)sizeof(line), SEEK_END) == 0)
		(void)!fgets(line, sizeof(line), f);
	else
		rewind(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%llu ", &n) == 1)
			last = n;
	fclose(f);
	return last;
}

int
state_load(struct state *st, const char *path, char *msg, size_t msg_len)
{
	VTLV_CLEAN(json_free) json_t *j = NULL;
	/* It gets a line per APDU, the state only what changed something. */
	const uint64_t logged = log_tail(path);
	json_error_t err;

	st->witness.apdus = logged;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return 1;
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &err);
	if (j == NULL)
		return state_say(msg, msg_len, "%s: line %d: %s", path, err.line, err.text);
	if (identity_parse(j, st) != 0 || ref_parse(json_object_get(j, "pin"), &st->pin) != 0 ||
	    ref_parse(json_object_get(j, "puk"), &st->puk) != 0 ||
	    mgm_parse(json_object_get(j, "management_key"), &st->mgm) != 0 ||
	    slots_parse(json_object_get(j, "slots"), st) != 0 ||
	    objects_parse(json_object_get(j, "objects"), st) != 0)
		return state_say(msg, msg_len, "%s: not the state of a virtual YubiKey", path);
	witness_parse(json_object_get(j, "witness"), &st->witness);
	if (logged > st->witness.apdus)
		st->witness.apdus = logged;
	st->dirty = false;
	return 0;
}

/* A rename is on disk only when the directory is. */
static int
sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd, rc;

	if (copy == NULL)
		return -1;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int
write_file(const char *path, const json_t *j)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return -1;
	rc = json_dumpfd(j, fd, JSON_INDENT(1) | JSON_SORT_KEYS);
	if (rc == 0)
		rc = fsync(fd);
	if (close(fd) != 0)
		rc = -1;
	return rc;
}

int
state_save(struct state *st)
{
	VTLV_CLEAN(json_free) json_t *j = NULL;
	char *tmp = NULL;
	int rc = -1;

	if (st->path == NULL || !st->dirty)
		return 0;
	j = state_json(st);
	if (j == NULL || asprintf(&tmp, "%s.tmp", st->path) < 0)
		return -1;
	if (write_file(tmp, j) == 0 && rename(tmp, st->path) == 0 && sync_directory(st->path) == 0)
		rc = 0;
	free(tmp);
	if (rc == 0)
		st->dirty = false;
	return rc;
}
