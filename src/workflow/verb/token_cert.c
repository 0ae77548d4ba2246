/* SPDX-License-Identifier: BSD-2-Clause */
/* token_cert: certificates in and out of slots; deleting, moving, and starting anew. */
#include <stdio.h>

#include "workflow/verb/verb.h"

/* Of its own: what the certificate in the slot says of the key is no witness. */
static bool
tells_key(const struct slot *s)
{
	return (s->key_known && s->key.spki.len > 0) || s->attested;
}

static int
matches(const struct slot *s, uint8_t number, const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob key = {0}, cert = {0};
	int rc;

	if (!tells_key(s))
		return err_set(err, ERR_FIT,
		    "slot %02x has no key, or does not report its public key, so the certificate "
		    "cannot be checked against it; use --force to import it anyway",
		    number);
	if ((rc = cert_spki(der->data, der->len, &cert, err)) != 0 ||
	    (rc = slot_spki(s, number, &key, err)) != 0 || blob_equal(&key, &cert))
		return rc;
	return err_set(err, ERR_FIT, "the certificate does not match the key in slot %02x", number);
}

/* --force: without a key to compare, or over another certificate. Never for another key. */
static int
check_import(const struct verb *v, const struct slot *s, const struct workflow_token_import *what,
    struct err *err)
{
	char text[SLOT_TEXT_MAX];
	int rc;

	if ((tells_key(s) || !v->s.w->force) && (rc = matches(s, what->slot, what->der, err)) != 0)
		return rc;
	if (!s->has_cert || v->s.w->force || blob_equal(&s->cert_der, what->der))
		return 0;
	slot_text(s, text);
	return err_set(err, ERR_OCCUPIED,
	    "slot %02x of token %u holds %s; use --force to replace the certificate", what->slot,
	    v->s.serial, text);
}

static int
read_back(struct verb *v, uint8_t slot, const struct blob *packed, bool is_gzip,
    const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob got = {0};
	int rc;

	if ((rc = token_put_packed(v->s.token, slot, packed, is_gzip, err)) != 0 ||
	    (rc = token_get_cert(v->s.token, slot, &got, err)) != 0)
		return rc;
	return blob_equal(&got, der)
		   ? 0
		   : err_set(err, ERR_GONE,
			 "the certificate read back from slot %02x is not the one that was written",
			 slot);
}

int
workflow_token_import(
    const struct desk *w, const struct workflow_token_import *what, bool *ret_gzip, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	CLEAN(blob_wipe) struct blob packed = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	bool is_gzip;
	int rc;

	if ((rc = device_pack_cert(what->der, &packed, &is_gzip, err)) != 0 ||
	    (rc = verb_open(&v, w, "import", VERB_CHANGE, err)) != 0 ||
	    (rc = slot_look(v.s.token, what->slot, false, &slot, err)) != 0 ||
	    (rc = check_import(&v, &slot, what, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = read_back(&v, what->slot, &packed, is_gzip, what->der, err)) != 0)
		return rc;
	if (!what->keep_chuid && (rc = verb_new_chuid(&v, err)) != 0)
		return rc;
	*ret_gzip = is_gzip;
	return verb_done(&v, NULL, err, "a certificate into slot %02x", what->slot);
}

int
workflow_token_export(
    const struct desk *w, uint8_t slot, bool key, struct blob *ret_der, struct err *err)
{
	CLEAN(slot_wipe) struct slot s = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "export", VERB_LOOK, err)) != 0)
		return rc;
	if (!key)
		return token_get_cert(v.s.token, slot, ret_der, err);
	if ((rc = slot_look(v.s.token, slot, false, &s, err)) != 0)
		return rc;
	return slot_spki(&s, slot, ret_der, err);
}

/* ---- deleting and moving ---- */

static int
has_move(const struct verb *v, struct err *err)
{
	const uint8_t *fw = token_id(v->s.token)->firmware;

	if (fw[0] > 5 || (fw[0] == 5 && fw[1] >= 7))
		return 0;
	return err_set(err, ERR_USAGE,
	    "moving or deleting a key needs firmware 5.7 or later; this token has %d.%d.%d. To "
	    "get rid of the key, generate another one in its place",
	    fw[0], fw[1], fw[2]);
}

static int
confirm_delete(const struct verb *v, const struct slot *s, const struct workflow_token_delete *what,
    struct err *err)
{
	char text[SLOT_TEXT_MAX], question[SLOT_TEXT_MAX + 160];

	slot_text(s, text);
	snprintf(question, sizeof(question),
	    "Slot %02x of token %u holds %s. Delete %s? A deleted key cannot be restored.",
	    what->slot, v->s.serial, text, what->cert ? "key and certificate" : "the key");
	return session_confirm(&v->s, question, err);
}

static int
check_delete(struct verb *v, const struct workflow_token_delete *what, struct err *err)
{
	CLEAN(slot_wipe) struct slot s = {0};
	int rc;

	if (what->key && (rc = has_move(v, err)) != 0)
		return rc;
	if ((rc = slot_look(v->s.token, what->slot, false, &s, err)) != 0)
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
    const struct desk *w, const struct workflow_token_delete *what, struct err *err)
{
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "delete", VERB_CHANGE, err)) != 0 ||
	    (rc = check_delete(&v, what, err)) != 0 || (rc = verb_authenticate(&v, err)) != 0)
		return rc;
	if (what->key && (rc = token_delete_key(v.s.token, what->slot, err)) != 0 &&
	    rc != ERR_ABSENT)
		return rc;
	if (what->cert) {
		if ((rc = token_delete_cert(v.s.token, what->slot, err)) != 0)
			return rc;
		if (!what->keep_chuid && (rc = verb_new_chuid(&v, err)) != 0)
			return rc;
	}
	return verb_done(&v, NULL, err, "slot %02x:%s%s", what->slot, what->key ? " key" : "",
	    what->cert ? " certificate" : "");
}

static int
check_move(struct verb *v, uint8_t from, uint8_t to, struct slot *ret, struct err *err)
{
	CLEAN(slot_wipe) struct slot target = {0};
	char text[SLOT_TEXT_MAX];
	int rc;

	if (from == to)
		return err_set(err, ERR_USAGE, "the slots are the same");
	if ((rc = has_move(v, err)) != 0 ||
	    (rc = slot_look(v->s.token, from, false, ret, err)) != 0 ||
	    (rc = slot_look(v->s.token, to, false, &target, err)) != 0)
		return rc;
	if (!ret->has_key)
		return err_set(err, ERR_ABSENT, "slot %02x has no key", from);
	if (!target.has_key && !target.has_cert)
		return 0;
	slot_text(&target, text);
	return err_set(err, ERR_OCCUPIED,
	    "slot %02x of token %u holds %s: delete that first, since moving does not overwrite",
	    to, v->s.serial, text);
}

/* The certificate is in both slots while the key moves, so that at no time it is in none. */
static int
move_both(struct verb *v, uint8_t from, uint8_t to, const struct slot *slot, struct err *err)
{
	CLEAN(blob_wipe) struct blob packed = {0};
	bool is_gzip;
	int rc;

	if (!slot->cert_readable)
		return token_move_key(v->s.token, from, to, err);
	if ((rc = device_pack_cert(&slot->cert_der, &packed, &is_gzip, err)) != 0 ||
	    (rc = token_put_packed(v->s.token, to, &packed, is_gzip, err)) != 0)
		return rc;
	if ((rc = token_move_key(v->s.token, from, to, err)) == 0)
		return token_delete_cert(v->s.token, from, err);
	if (rc != ERR_GONE && token_delete_cert(v->s.token, to, NULL) != 0)
		err_wrap(err, "a copy of the certificate stays in slot %02x", to);
	return rc;
}

int
workflow_token_move(const struct desk *w, uint8_t from, uint8_t to, struct err *err)
{
	CLEAN(slot_wipe) struct slot slot = {0};
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "move", VERB_CHANGE, err)) != 0 ||
	    (rc = check_move(&v, from, to, &slot, err)) != 0 ||
	    (rc = verb_authenticate(&v, err)) != 0 ||
	    (rc = move_both(&v, from, to, &slot, err)) != 0)
		return rc;
	return verb_done(&v, NULL, err, "slot %02x to %02x", from, to);
}

/* ---- reset ---- */

int
workflow_token_reset(const struct desk *w, struct token_id *ret, struct err *err)
{
	char lost[SLOT_LOST_MAX] = "", question[SLOT_LOST_MAX + 256];
	CLEAN(verb_wipe) struct verb v = {0};
	int rc;

	if ((rc = verb_open(&v, w, "reset", VERB_CHANGE, err)) != 0 ||
	    (rc = slot_lost(v.s.token, lost, err)) != 0)
		return rc;
	snprintf(question, sizeof(question),
	    "Reset the PIV application of token %u to factory defaults? Erased for good:%s. PIN, "
	    "PUK and management key become the factory defaults. Continue?",
	    v.s.serial, lost[0] != '\0' ? lost : " nothing but PIN, PUK and objects");
	if ((rc = session_confirm(&v.s, question, err)) != 0 ||
	    (rc = token_reset(v.s.token, err)) != 0)
		return rc;
	return verb_done(&v, ret, err, "PIV was reset");
}
