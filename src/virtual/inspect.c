/* SPDX-License-Identifier: BSD-2-Clause */
/* What a key is and holds, as JSON without its secrets. */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "virtual/vcrypt.h"
#include "virtual/vkey_i.h"

static const char *const pin_policies[] = {
    "default", "never", "once", "always", "match-once", "match-always"};
static const char *const touch_policies[] = {"default", "never", "always", "cached"};
static const char *const fingers[] = {"right", "wrong", "none"};

static const char *
name(const char *const *names, size_t n, uint8_t i)
{
	return i < n ? names[i] : "?";
}

#define NAME(names, i) name(names, sizeof(names) / sizeof((names)[0]), i)

/* Infineon's prime generator: YSA-2017-01, CVE-2017-15361 (ROCA). */
static bool
is_roca(const struct state *st, const struct state_slot *s)
{
	return s->origin == STATE_GENERATED && vcrypt_alg(NULL, s->alg)->kind == VCRYPT_RSA &&
	       state_fw(st, 4, 2, 0) && !state_fw(st, 4, 3, 5);
}

static json_t *
slot_json(const struct state *st, const struct state_slot *s)
{
	json_t *j = json_pack("{ss,ss,ss,ss}", "algorithm", vcrypt_alg(NULL, s->alg)->name,
	    "pin_policy", NAME(pin_policies, s->pin_policy), "touch_policy",
	    NAME(touch_policies, s->touch_policy), "origin",
	    s->origin == STATE_GENERATED ? "generated" : "imported");

	if (j != NULL && is_roca(st, s))
		json_object_set_new(j, "weak", json_string("CVE-2017-15361 (ROCA)"));
	return j;
}

static json_t *
object_json(const struct state_object *o)
{
	return json_integer((json_int_t)o->len);
}

static json_t *
ref(const struct state_ref *r, bool factory)
{
	return json_pack(
	    "{si,si,sb}", "tries", (int)r->max, "left", (int)r->left, "factory", (int)factory);
}

static json_t *
touch(const struct state *st)
{
	if (st->touch == VKEY_TOUCH_AFTER)
		return json_sprintf("after %u ms", st->touch_ms);
	return json_string(st->touch == VKEY_TOUCH_NEVER ? "never" : "at-once");
}

static const char *
fips(const struct state *st)
{
	if (!state_is_fips(st))
		return "no";
	if (!state_fips_enforced(st))
		return "series";
	return state_fips_approved(st) ? "approved" : "not approved";
}

static void
add_surroundings(json_t *j, const struct state *st, const struct surroundings *env)
{
	json_object_set_new(j, "timing", json_string(env->real_timing ? "real" : "host"));
	json_object_set_new(j, "atr", json_string(env->nfc ? "nfc" : "usb"));
	if (state_is_bio(st))
		json_object_set_new(j, "finger", json_string(fingers[env->finger]));
}

/* env NULL: nothing surrounds it. */
static char *
inspect_json(const struct state *st, const struct surroundings *env)
{
	const struct vkey_witness *w = &st->witness;
	char fw[16];
	json_t *j;
	char *text;

	snprintf(fw, sizeof(fw), "%d.%d.%d", st->firmware[0], st->firmware[1], st->firmware[2]);
	j = json_pack("{si,ss,si,ss,sb,so,so,so,so,so,s{ss,sb,ss},sI,s{sI,sI,sI},sI}", "serial",
	    (int)st->serial, "firmware", fw, "form_factor", (int)st->form_factor, "fips", fips(st),
	    "pin_complexity", (int)st->pin_complexity, "touch", touch(st), "slots",
	    state_slots_json(st, slot_json), "objects", state_objects_json(st, object_json), "pin",
	    ref(&st->pin, state_pin_is_factory(st)), "puk", ref(&st->puk, state_puk_is_factory(st)),
	    "management_key", "algorithm", vcrypt_mgm(st->mgm.alg)->name, "factory",
	    (int)state_mgm_is_factory(st), "touch_policy",
	    NAME(touch_policies, st->mgm.touch_policy), "apdus", (json_int_t)w->apdus, "refused",
	    "verify", (json_int_t)w->refused_verify, "change", (json_int_t)w->refused_change,
	    "reset_retry", (json_int_t)w->refused_reset_retry, "faults", (json_int_t)w->faults);
	if (j != NULL && env != NULL)
		add_surroundings(j, st, env);
	if (j != NULL && state_is_bio(st))
		json_object_set_new(j, "finger_left", json_integer(st->finger_left));
	text = j != NULL ? json_dumps(j, JSON_INDENT(2)) : NULL;
	json_decref(j);
	return text;
}

char *
vkey_inspect(const struct vkey *v)
{
	return inspect_json(&v->a.st, &v->a.env);
}

char *
vkey_inspect_file(const char *path, char *msg, size_t msg_len)
{
	struct state st;
	char *text = NULL;
	int rc;

	state_init(&st);
	rc = state_load(&st, path, msg, msg_len);
	if (rc == 1)
		snprintf(msg, msg_len, "%s: no such file", path);
	if (rc == 0) {
		text = inspect_json(&st, NULL);
		if (text == NULL)
			snprintf(msg, msg_len, "out of memory");
	}
	state_wipe(&st);
	return text;
}
