/* SPDX-License-Identifier: BSD-2-Clause */
/* token_cert: certificates in and out of slots; deleting, moving, and starting anew. */
#include <stdio.h>
#include <string.h>

#include "workflow/verb.h"

static int
matches(const struct verb_slot *s, uint8_t slot, const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob key = {0}, cert = {0};
	int rc;

	if ((rc = cert_spki(der->data, der->len, &cert, err)) != 0)
		return rc;
	if (s->key_known && s->key.spki.len > 0)
		rc = blob_set(&key, s->key.spki.data, s->key.spki.len, err);
	else if (s->attested)
		rc = cert_spki(s->leaf.data, s->leaf.len, &key, err);
	else
		return err_set(err, ERR_FIT,
		    "slot %02x has no key, or does not tell its public key, so that the certificate "
		    "cannot be compared with it; --force imports it all the same",
		    slot);
	if (rc != 0 || blob_equal(&key, &cert))
		return rc;
	return err_set(
	    err, ERR_FIT, "the certificate is not for the key that is in slot %02x", slot);
}

/* --force: without a key to compare, or over another certificate. Never for another key. */
static int
check_import(const struct verb *v, const struct verb_slot *s,
    const struct workflow_token_import *what, struct err *err)
{
	const bool comparable = (s->key_known && s->key.spki.len > 0) || s->attested;
	char text[VERB_TEXT_MAX];
	int rc;

	if ((comparable || !v->w->force) && (rc = matches(s, what->slot, what->der, err)) != 0)
		return rc;
	if (!s->has_cert || v->w->force || blob_equal(&s->cert_der, what->der))
		return 0;
	verb_slot_text(s, text);
	return err_set(err, ERR_OCCUPIED,
	    "slot %02x of token %u holds %s; --force replaces the certificate", what->slot,
	    token_id(v->token)->serial, text);
}

static int
read_back(struct verb *v, uint8_t slot, const struct blob *packed, bool is_gzip,
    const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob got = {0};
	int rc;

	if ((rc = token_put_packed(v->token, slot, packed, is_gzip, err)) != 0 ||
	    (rc = token_get_cert(v->token, slot, &got, err)) != 0)
		return rc;
	return blob_equal(&got, der)
		   ? 0
		   : err_set(err, ERR_GONE, "slot %02x gives another certificate than was written",
			 slot);
}

int
workflow_token_import(const struct workflow *w, const struct workflow_token_import *what,
    bool *ret_gzip, struct err *err)
{
	CLEAN(verb_slot_wipe) struct verb_slot slot = {0};
	CLEAN(blob_wipe) struct blob packed = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	char text[64];
	bool is_gzip;
	int rc;

	if ((rc = device_pack_cert(what->der, &packed, &is_gzip, err)) != 0 ||
	    (rc = verb_open(&v, w, "import", VERB_CHANGE, err)) != 0 ||
	    (rc = verb_slot(&v, what->slot, false, &slot, err)) != 0 ||
	    (rc = check_import(&v, &slot, what, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = read_back(&v, what->slot, &packed, is_gzip, what->der, err)) != 0)
		return rc;
	if (!what->keep_chuid && (rc = verb_new_chuid(&v, err)) != 0)
		return rc;
	*ret_gzip = is_gzip;
	snprintf(text, sizeof(text), "a certificate into slot %02x", what->slot);
	return verb_audit(&v, text, err);
}

int
workflow_token_export(
    const struct workflow *w, uint8_t slot, bool key, struct blob *ret_der, struct err *err)
{
	CLEAN(verb_slot_wipe) struct verb_slot s = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "export", VERB_LOOK, err)) != 0)
		return rc;
	if (!key)
		return token_get_cert(v.token, slot, ret_der, err);
	if ((rc = verb_slot(&v, slot, false, &s, err)) != 0)
		return rc;
	return verb_slot_spki(&s, slot, ret_der, err);
}

/* ---- deleting and moving ---- */

static int
has_move(const struct verb *v, struct err *err)
{
	const uint8_t *fw = token_id(v->token)->firmware;

	if (fw[0] > 5 || (fw[0] == 5 && fw[1] >= 7))
		return 0;
	return err_set(err, ERR_USAGE,
	    "keys are moved and deleted by firmware 5.7 and later, this token has %d.%d.%d; on this "
	    "one a key goes by generating another one over it",
	    fw[0], fw[1], fw[2]);
}

static int
confirm(const struct verb *v, const char *question, struct err *err)
{
	if (v->w->ui.confirm == NULL)
		return err_set(err, ERR_PERSON, "nobody can be asked");
	return v->w->ui.confirm(v->w->ui.ctx, question, err);
}

static int
confirm_delete(const struct verb *v, const struct verb_slot *s,
    const struct workflow_token_delete *what, struct err *err)
{
	char text[VERB_TEXT_MAX], question[VERB_TEXT_MAX + 160];

	verb_slot_text(s, text);
	snprintf(question, sizeof(question),
	    "Slot %02x of token %u holds %s. Delete %s? A key cannot be had again.", what->slot,
	    token_id(v->token)->serial, text, what->cert ? "key and certificate" : "the key");
	return confirm(v, question, err);
}

static int
check_delete(struct verb *v, const struct workflow_token_delete *what, struct err *err)
{
	CLEAN(verb_slot_wipe) struct verb_slot s = {0};
	int rc;

	if (what->key && (rc = has_move(v, err)) != 0)
		return rc;
	if ((rc = verb_slot(v, what->slot, false, &s, err)) != 0)
		return rc;
	if ((!what->key || !s.has_key) && (!what->cert || !s.has_cert))
		return err_set(err, ERR_ABSENT, "slot %02x has no %s", what->slot,
		    !what->key	  ? "certificate"
		    : !what->cert ? "key"
				  : "key and no certificate");
	return what->key && s.has_key ? confirm_delete(v, &s, what, err) : 0;
}

int
workflow_token_delete(
    const struct workflow *w, const struct workflow_token_delete *what, struct err *err)
{
	CLEAN(verb_wipe) struct verb v = {0};
	char text[64];
	int rc;

	if ((rc = verb_open(&v, w, "delete", VERB_CHANGE, err)) != 0 ||
	    (rc = check_delete(&v, what, err)) != 0 || (rc = verb_authenticate(&v, err)) != 0)
		return rc;
	if (what->key && (rc = token_delete_key(v.token, what->slot, err)) != 0 && rc != ERR_ABSENT)
		return rc;
	if (what->cert) {
		if ((rc = token_delete_cert(v.token, what->slot, err)) != 0)
			return rc;
		if (!what->keep_chuid && (rc = verb_new_chuid(&v, err)) != 0)
			return rc;
	}
	snprintf(text, sizeof(text), "slot %02x:%s%s", what->slot, what->key ? " key" : "",
	    what->cert ? " certificate" : "");
	return verb_audit(&v, text, err);
}

static int
check_move(struct verb *v, uint8_t from, uint8_t to, struct verb_slot *ret, struct err *err)
{
	CLEAN(verb_slot_wipe) struct verb_slot target = {0};
	char text[VERB_TEXT_MAX];
	int rc;

	if (from == to)
		return err_set(err, ERR_USAGE, "the slots are the same");
	if ((rc = has_move(v, err)) != 0 || (rc = verb_slot(v, from, false, ret, err)) != 0 ||
	    (rc = verb_slot(v, to, false, &target, err)) != 0)
		return rc;
	if (!ret->has_key)
		return err_set(err, ERR_ABSENT, "slot %02x has no key", from);
	if (!target.has_key && !target.has_cert)
		return 0;
	verb_slot_text(&target, text);
	return err_set(err, ERR_OCCUPIED,
	    "slot %02x of token %u holds %s: delete that first, a move replaces nothing", to,
	    token_id(v->token)->serial, text);
}

/* The certificate is in both slots while the key moves, so that at no time it is in none. */
static int
move_both(struct verb *v, uint8_t from, uint8_t to, const struct verb_slot *slot, struct err *err)
{
	CLEAN(blob_wipe) struct blob packed = {0};
	bool is_gzip;
	int rc;

	if (!slot->cert_readable)
		return token_move_key(v->token, from, to, err);
	if ((rc = device_pack_cert(&slot->cert_der, &packed, &is_gzip, err)) != 0 ||
	    (rc = token_put_packed(v->token, to, &packed, is_gzip, err)) != 0)
		return rc;
	if ((rc = token_move_key(v->token, from, to, err)) == 0)
		return token_delete_cert(v->token, from, err);
	if (rc != ERR_GONE && token_delete_cert(v->token, to, NULL) != 0)
		err_wrap(err, "a copy of the certificate stays in slot %02x", to);
	return rc;
}

int
workflow_token_move(const struct workflow *w, uint8_t from, uint8_t to, struct err *err)
{
	CLEAN(verb_slot_wipe) struct verb_slot slot = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	char text[64];
	int rc;

	if ((rc = verb_open(&v, w, "move", VERB_CHANGE, err)) != 0 ||
	    (rc = check_move(&v, from, to, &slot, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = move_both(&v, from, to, &slot, err)) != 0)
		return rc;
	snprintf(text, sizeof(text), "slot %02x to %02x", from, to);
	return verb_audit(&v, text, err);
}

/* ---- reset ---- */

int
workflow_token_reset(const struct workflow *w, struct token_id *ret, struct err *err)
{
	char lost[VERB_LOST_MAX] = "", question[VERB_LOST_MAX + 256];
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "reset", VERB_CHANGE, err)) != 0 ||
	    (rc = verb_lost(&v, lost, err)) != 0)
		return rc;
	snprintf(question, sizeof(question),
	    "The PIV application of token %u becomes as new. Lost for ever:%s. PIN, PUK and management "
	    "key become the factory's. Do it?",
	    token_id(v.token)->serial,
	    lost[0] != '\0' ? lost : " nothing but PIN, PUK and objects");
	if ((rc = confirm(&v, question, err)) != 0 || (rc = token_reset(v.token, err)) != 0)
		return rc;
	*ret = *token_id(v.token);
	return verb_audit(&v, "PIV was reset", err);
}
