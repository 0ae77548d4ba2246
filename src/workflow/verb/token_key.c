/* SPDX-License-Identifier: BSD-2-Clause */
/* token_key: keys made in a slot, and requests signed by them. */

#include "workflow/verb/verb.h"

/* What a FIPS token refuses is refused here, in words. */
static int
check_fips(struct verb *v, const struct workflow_token_generate *what, struct err *err)
{
	struct token_config config;
	int rc;

	if ((rc = token_config(v->s.token, &config, err)) != 0)
		return rc;
	if (!config.fips_series)
		return 0;
	if (what->alg == KEY_X25519)
		return err_set(err, ERR_USAGE, "FIPS tokens do not support X25519 keys");
	if (what->pin_policy == PIN_NEVER)
		return err_set(err, ERR_USAGE, "FIPS tokens do not support the PIN policy never");
	return 0;
}

static int
check_free(struct verb *v, uint8_t slot, struct slot *ret, struct err *err)
{
	char text[SLOT_TEXT_MAX];
	int rc;

	if ((rc = slot_look(v->s.token, slot, false, ret, err)) != 0)
		return rc;
	if ((!ret->has_key && !ret->has_cert) || v->s.w->force)
		return 0;
	slot_text(ret, text);
	return err_set(err, ERR_OCCUPIED,
	    "slot %02x of token %u holds %s; use --force to overwrite it", slot, v->s.serial, text);
}

int
workflow_token_generate(const struct desk *w, const struct workflow_token_generate *what,
    struct blob *ret_spki, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	CLEAN(blob_wipe) struct blob spki = {0};
	int rc;

	if ((rc = verb_open(&v, w, "generate", VERB_CHANGE, err)) != 0 ||
	    (rc = device_alg_check(what->alg, token_id(v.s.token)->firmware, err)) != 0 ||
	    (rc = check_fips(&v, what, err)) != 0 ||
	    (rc = check_free(&v, what->slot, &slot, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = token_generate(v.s.token, what->slot, what->alg, what->pin_policy,
		 what->touch_policy, &spki, err)) != 0)
		return rc;
	/* The certificate of the key that is gone would only be in the way. */
	if (slot.has_cert && (rc = token_delete_cert(v.s.token, what->slot, err)) != 0)
		return rc;
	blob_move(ret_spki, &spki);
	return verb_done(&v, NULL, err, "slot %02x: %s", what->slot, key_alg_name(what->alg));
}

/* ---- requests ---- */

/* Slot 9E's default is to ask for no PIN. Before metadata, that is all that is known. */
static bool
wants_pin(const struct slot *s, uint8_t slot)
{
	return s->key_known ? s->key.pin_policy != PIN_NEVER : slot != 0x9e;
}

static int
add_attestation(struct verb *v, const struct slot *slot, struct blob *f9, struct csr_fields *fields,
    struct err *err)
{
	int rc;

	if (!slot->attested)
		return err_set(
		    err, ERR_ABSENT, "the key was imported, so there is no attestation to include");
	if ((rc = token_get_cert(v->s.token, DEVICE_SLOT_F9, f9, err)) != 0)
		return rc;
	fields->attestation = &slot->leaf;
	fields->f9 = f9;
	return 0;
}

static int
sign_request(struct verb *v, const struct workflow_token_request *what, const struct slot *slot,
    const struct csr_fields *fields, struct blob *ret, struct err *err)
{
	const bool touch = slot->key_known && slot->key.touch_policy > TOUCH_NEVER;
	CLEAN(blob_wipe) struct blob spki = {0};
	CLEAN(key_freep) struct key *key = NULL;
	int rc;

	if (slot->key_known && slot->key.alg == KEY_X25519)
		return err_set(err, ERR_USAGE,
		    "the X25519 key in slot %02x cannot sign, so it cannot sign a request",
		    what->slot);
	if ((rc = slot_spki(slot, what->slot, &spki, err)) != 0 ||
	    (rc = token_key(v->s.token, what->slot, &spki, touch, &key, err)) != 0)
		return rc;
	/* Nothing between this and the signature: policy "always" would forget it. */
	if (wants_pin(slot, what->slot) && (rc = verb_pin(v, err)) != 0)
		return rc;
	return csr_build(key, fields, ret, err);
}

int
workflow_token_request(const struct desk *w, const struct workflow_token_request *what,
    struct blob *ret_der, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	CLEAN(blob_wipe) struct blob f9 = {0};
	struct csr_fields fields = what->fields;
	int rc;

	if ((rc = csr_check(&fields, err)) != 0 ||
	    (rc = verb_open(&v, w, "request", VERB_LOOK, err)) != 0 ||
	    (rc = slot_look(v.s.token, what->slot, what->attest, &slot, err)) != 0)
		return rc;
	if (what->attest && (rc = add_attestation(&v, &slot, &f9, &fields, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_ATTEST,
					      "slot %02x: no attestation: the key "
					      "was imported, or there is none",
					      what->slot)
					: rc;
	return sign_request(&v, what, &slot, &fields, ret_der, err);
}
