/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_token: one thing done to one token, without a CA: what `ykenroll token` offers.
 *
 * Works without a registry. Where the home has one that knows the token, the verbs that change it
 * refuse (ERR_OCCUPIED) and name the command that does it with escrow and audit; changing the PIN
 * is the holder's own business, allowed and audited.
 *
 * Everything that can be known is checked before the first secret is asked for, and that before the
 * first change. Secrets come from desk_ui.secret. Common errors: those of token_open; ERR_USAGE
 * not for this firmware.
 */
#ifndef YKENROLL_WORKFLOW_TOKEN_H
#define YKENROLL_WORKFLOW_TOKEN_H

#include "ykenroll/workflow.h"

/* ---- looking ---- */

struct workflow_token_entry {
	struct device_entry device;
	struct token_config config;
	bool registered;
	enum registry_token_state state;
	char holder[REGISTRY_TEXT_MAX]; /* may be empty */
};
/* Every card in every reader. *ret malloc'ed. */
MUST_CHECK int workflow_token_list(
    const struct desk *w, struct workflow_token_entry **ret, size_t *ret_n, struct err *err);

struct workflow_token_slot {
	const struct device_slot *slot;
	bool has_key, has_cert; /* has_key: as far as the firmware tells (5.3), or attests */
	bool key_known;		/* key is filled */
	struct token_slot key;
	bool cert_readable; /* cert is filled */
	struct cert_info cert;
	bool cert_matches;	     /* the key in the slot, as far as that is known */
	int attest_code;	     /* 0 attested, ERR_ABSENT not (imported), ERR_ATTEST refused */
	bool attest_rehearsal;	     /* by the rehearsal root, not by Yubico */
	char attest[X509_TEXT_MAX];  /* anchor, or why not */
	char trouble[X509_TEXT_MAX]; /* why the slot could not be read; "": it was */
};

#define WORKFLOW_TOKEN_SLOTS 25

struct workflow_token_info {
	struct token_id id;
	struct token_config config;
	struct token_pin_state pin, puk;
	struct token_mgm_state mgm;
	bool no_puk;				       /* a Bio */
	bool mgm_protected, mgm_derived, puk_disabled; /* what ykman's flags say */
	bool has_guid, has_ccc;
	uint8_t guid[DEVICE_GUID_LEN];
	struct workflow_token_slot slots[WORKFLOW_TOKEN_SLOTS]; /* those in use */
	size_t n_slots, n_trouble;
	bool registered;
	enum registry_token_state state;
	char holder[REGISTRY_TEXT_MAX];
};
/* Reads only, spends no try. *ret is large; the caller wipes it with workflow_token_info_wipe. */
MUST_CHECK int workflow_token_info(
    const struct desk *w, struct workflow_token_info *ret, struct err *err);
void workflow_token_info_wipe(struct workflow_token_info *info);

/* The slot's certificate, or where key is wanted its public key (DER). Errors: ERR_ABSENT. */
MUST_CHECK int workflow_token_export(
    const struct desk *w, uint8_t slot, bool key, struct blob *ret_der, struct err *err);

struct workflow_token_attest {
	uint8_t slot;
	bool verify;
	uint8_t pin_policy, touch_policy; /* at least this strict; 0: any */
};
/* ret_leaf, ret_f9: DER. With verify *ret is filled; attestation_wipe it. Errors: ERR_ABSENT;
 * ERR_ATTEST. */
MUST_CHECK int workflow_token_attest(const struct desk *w, const struct workflow_token_attest *what,
    struct blob *ret_leaf, struct blob *ret_f9, struct attestation *ret, struct err *err);

/* ---- secrets ---- */

MUST_CHECK int workflow_token_change_pin(
    const struct desk *w, struct token_id *ret, struct err *err);
/* keep: called with a PUK that was made here (generate) before it is set, to write it down. */
struct workflow_token_new {
	bool generate;
	int (*keep)(void *ctx, const struct secret *value, struct err *err);
	void *ctx;
};
MUST_CHECK int workflow_token_change_puk(const struct desk *w, const struct workflow_token_new *how,
    struct token_id *ret, struct err *err);
MUST_CHECK int workflow_token_unblock_pin(
    const struct desk *w, struct token_id *ret, struct err *err);
/* Resets PIN and PUK to the factory's. Errors: ERR_OCCUPIED they are not, and no force. */
MUST_CHECK int workflow_token_set_retries(const struct desk *w, unsigned pin_tries,
    unsigned puk_tries, struct token_id *ret, struct err *err);

struct workflow_token_mgmkey {
	struct workflow_token_new new_key; /* keep may be NULL with protect */
	enum device_mgm_alg alg;	   /* 0: what the firmware does best */
	bool touch;
	bool protect; /* also in the token, readable with the PIN: ykman's convention */
};
MUST_CHECK int workflow_token_change_mgmkey(const struct desk *w,
    const struct workflow_token_mgmkey *how, bool *ret_changed, struct token_id *ret,
    struct err *err);

/* ---- keys and certificates ---- */

struct workflow_token_generate {
	uint8_t slot;
	enum key_alg alg;
	uint8_t pin_policy, touch_policy; /* x509.h */
};
/* Errors: ERR_OCCUPIED something is in the slot and no force: the text says what. */
MUST_CHECK int workflow_token_generate(const struct desk *w,
    const struct workflow_token_generate *what, struct blob *ret_spki, struct err *err);

struct workflow_token_request {
	uint8_t slot;
	struct csr_fields fields; /* without attestation and f9 */
	bool attest;		  /* carry them */
};
MUST_CHECK int workflow_token_request(const struct desk *w,
    const struct workflow_token_request *what, struct blob *ret_der, struct err *err);

struct workflow_token_import {
	uint8_t slot;
	const struct blob *der;
	bool keep_chuid; /* else a new card identity tells Windows that something is new */
};
/* Errors: ERR_FIT too large, or not of the slot's key; ERR_OCCUPIED another certificate. ret_gzip:
 * had to be compressed. */
MUST_CHECK int workflow_token_import(const struct desk *w, const struct workflow_token_import *what,
    bool *ret_gzip, struct err *err);

struct workflow_token_delete {
	uint8_t slot;
	bool key, cert;
	bool keep_chuid;
};
MUST_CHECK int workflow_token_delete(
    const struct desk *w, const struct workflow_token_delete *what, struct err *err);

/* Key and certificate. */
MUST_CHECK int workflow_token_move(const struct desk *w, uint8_t from, uint8_t to, struct err *err);

/* All of the PIV application but its attestation key, after saying what is lost. */
MUST_CHECK int workflow_token_reset(const struct desk *w, struct token_id *ret, struct err *err);

#endif
