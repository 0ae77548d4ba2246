/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device: PC/SC readers and the YubiKey PIV application.
 *
 *   device_open -> token_open (one card, one PC/SC transaction) -> token_* … -> token_closep ->
 * device_closep
 *
 * A struct token holds its transaction from token_open to token_closep, which resets the card so
 * that no verified PIN stays behind. Within it nobody else talks to the card. After a reset or
 * removal every call gives ERR_GONE: the caller opens again and identity (serial) is checked again.
 * Not thread safe.
 *
 * Common errors, not repeated below: ERR_GONE (removed, reset by another, deadline passed, or an
 * answer that is not of the right form), ERR_INTERNAL. No function retries, and none sends a PIN or
 * PUK of which one try is left unless DEVICE_LAST_TRY is given.
 */
#ifndef YKENROLL_DEVICE_H
#define YKENROLL_DEVICE_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"
#include "ykenroll/key.h"
#include "ykenroll/secret.h"

#define DEVICE_READER_MAX 128 /* bytes of a reader's name, with the NUL (PC/SC's limit) */
#define DEVICE_CERT_MAX 3052  /* bytes of DER that a slot takes uncompressed */
#define DEVICE_GUID_LEN 16
#define DEVICE_SLOT_F9 0xf9 /* the attestation key: read, never written */
#define DEVICE_LAST_TRY 1u  /* flag: send even if this may block the PIN or PUK */

/* Factory values (printed on the box): "123456", "12345678", 0102…08 three times. */
extern const char device_factory_pin[], device_factory_puk[];
extern const uint8_t device_factory_mgmkey[24];

enum device_mgm_alg { MGM_3DES = 0x03, MGM_AES128 = 0x08, MGM_AES192 = 0x0a, MGM_AES256 = 0x0c };
size_t device_mgm_len(enum device_mgm_alg alg);	      /* 24, 16, 24, 32 bytes */
const char *device_mgm_name(enum device_mgm_alg alg); /* "AES-192" */

enum device_object {
	OBJ_CHUID = 0x5fc102,
	OBJ_CERT_9A = 0x5fc105,
	OBJ_CCC = 0x5fc107,
	OBJ_PRINTED = 0x5fc109,
	OBJ_ADMIN = 0x5fff00,
	OBJ_ATTESTATION = 0x5fff01,
};

/* A slot that holds a key: 9a 9c 9d 9e, 82 to 95, f9. */
struct device_slot {
	uint8_t slot;
	const char *name; /* ykman's: "AUTHENTICATION", "RETIRED1" */
	uint32_t cert_object;
};
const struct device_slot *device_slots(size_t *ret_n); /* all, in that order */
const struct device_slot *device_slot(uint8_t slot);   /* NULL: none of them */
const struct device_slot *device_slot_parse(
    const char *text); /* "9a", "0x9A", a name in any case */

struct device;
struct token;

/* Called around an operation that may wait for a touch: begin true before, false after. May be
 * NULL. */
struct device_ui {
	void (*touch)(void *ctx, bool begin);
	void *ctx;
	/* Called in the SIGALRM handler where PC/SC has been silent for 30 s (60 s awaiting a
	 * touch, more while RSA is generated): write what to do and _exit, nothing else is safe
	 * there. When it returns, or is NULL, the process ends with status 14. */
	void (*deadline)(void *ctx);
	/* Called when a token is waited for (device_choice.wait_sec), with why there is none yet;
	 * with NULL when that is over. May be NULL. */
	void (*waiting)(void *ctx, const char *why);
};

struct token_id {
	uint32_t serial; /* 0: unknown */
	uint8_t firmware[3];
	char reader[DEVICE_READER_MAX]; /* as PC/SC gave it: escape before showing */
};

/* Why what is in a reader cannot be used, as far as somebody has to tell it from the rest. */
enum device_why {
	DEVICE_OTHER,
	DEVICE_FOREIGN, /* not a YubiKey */
	DEVICE_PIV_OFF,
	DEVICE_REFUSED, /* pcscd (polkit) does not let this user in */
};

/* A reader and what is in it, for listing. usable is false where reason says why (not a YubiKey,
 * PIV disabled, held). */
struct device_entry {
	struct token_id id;
	bool usable;
	int code; /* enum err_code that opening it would give, 0 when usable */
	enum device_why why;
	char reason[200];
};

struct device_choice {
	uint32_t serial;    /* 0: not chosen by serial */
	const char *reader; /* exact name, or NULL */
	unsigned wait_sec;  /* so long may it take until the token is there and free */
};

/* Time and traffic since device_open, libykpiv's included: the program links src/device/interpose.c
 * for that; without it token_open fails. */
struct device_stats {
	unsigned apdus;	 /* sent, each part of a chain and each GET RESPONSE counted */
	int64_t card_ns; /* in PC/SC calls */
};

/* ---- what is around a token, for a diagnosis ---- */

#define DEVICE_SOCKET "/run/pcscd/pcscd.comm"
#define DEVICE_HOLDERS_MAX 16

/* A process that is connected to pcscd, or (connected false) one that is known to use cards and
 * cannot be looked at any closer by this user. We ourselves are left out. */
struct device_holder {
	int pid;
	bool connected;
	char name[32];	 /* as it calls itself: escape before showing */
	const char *fix; /* how to make it let go of the card, or NULL */
};
/* Returns how many, those that are connected first. *ret_hidden: connections of processes that this
 * user cannot see. Asks the kernel only. */
size_t device_holders(struct device_holder ret[static DEVICE_HOLDERS_MAX], size_t *ret_hidden);

enum device_service {
	SERVICE_RUNS,
	SERVICE_ABSENT,	 /* nobody listens */
	SERVICE_CLOSED,	 /* the socket's permissions */
	SERVICE_REFUSED, /* polkit */
	SERVICE_FAILED,
};
struct device_machine {
	enum device_service service;
	const char *daemon; /* where pcscd is installed, or NULL */
	const char *driver; /* where the CCID driver is, or NULL */
	unsigned readers;   /* that pcscd has, empty ones too */
	unsigned usb_keys;  /* YubiKeys on the USB */
	unsigned usb_ccid;  /* of them with their smart card interface (CCID) on */
};
/* No device may be open. Errors: ERR_INTERNAL. */
MUST_CHECK int device_machine(
    const struct device_ui *ui, struct device_machine *ret, struct err *err);
const char *device_libykpiv(void); /* version at run time, "2.7.1" */

/* ---- readers and tokens ---- */

/* Errors: ERR_NO_TOKEN pcscd does not run or refuses us (says which and the remedy). */
MUST_CHECK int device_open(const struct device_ui *ui, struct device **ret, struct err *err);
void device_closep(struct device **dev); /* no token may be open */
struct device_stats device_stats(const struct device *dev);

/* Every reader with a card in it. *ret is malloc'ed, free it. 0 entries is not an error. */
MUST_CHECK int device_list(
    struct device *dev, struct device_entry **ret, size_t *ret_n, struct err *err);

/* Connect to the chosen token, or to the only one. Selects PIV, reads version and serial.
 * Errors: ERR_NO_TOKEN no reader, no card, no YubiKey, PIV disabled: the text says which;
 * ERR_AMBIGUOUS more than one and none chosen: the text lists the serials; ERR_HELD: the
 * text names who has it, where /proc tells. With wait_sec, what is not there or held is waited for
 * first; the wait is not in device_stats. */
MUST_CHECK int token_open(
    struct device *dev, const struct device_choice *choice, struct token **ret, struct err *err);
void token_closep(struct token **token); /* resets the card */
const struct token_id *token_id(const struct token *token);

/* ---- state, without spending anything ---- */

struct token_pin_state {
	bool known;	/* metadata was there (firmware 5.3) */
	bool factory;	/* still the factory's value (known only) */
	int tries_left; /* -1 unknown */
	int tries_max;	/* -1 unknown */
};
struct token_mgm_state {
	bool known;
	bool factory;
	bool touch;
	enum device_mgm_alg alg; /* MGM_3DES when not known (before 5.3 there is no other) */
};
/* Metadata of PIN, PUK and management key; before firmware 5.3 the PIN's tries by an empty VERIFY,
 * the rest unknown. Errors: ERR_ABSENT there is no PUK (a Bio). */
MUST_CHECK int token_pin_state(struct token *token, struct token_pin_state *ret, struct err *err);
MUST_CHECK int token_puk_state(struct token *token, struct token_pin_state *ret, struct err *err);
MUST_CHECK int token_mgm_state(struct token *token, struct token_mgm_state *ret, struct err *err);

/* The token as a whole, from the Management application. */
struct token_config {
	bool known;			 /* the token tells (firmware 4.1) */
	uint8_t form_factor;		 /* for device_form_name; 0: it does not tell */
	bool fips_series, fips_approved; /* approved: PIV is in that mode */
	bool pin_complexity;		 /* refuses simple PINs and PUKs */
};
/* Selects PIV anew: what was authenticated or verified is so no more. */
MUST_CHECK int token_config(struct token *token, struct token_config *ret, struct err *err);
const char *device_form_name(uint8_t form_factor); /* "USB-C nano" */

struct token_slot {
	enum key_alg alg;
	uint8_t pin_policy, touch_policy; /* x509.h */
	bool generated;			  /* on the token, not imported */
	struct blob spki;		  /* may be empty; the caller wipes */
};
/* Errors: ERR_ABSENT empty slot, or firmware before 5.3 (then the text says so). */
MUST_CHECK int token_slot(
    struct token *token, uint8_t slot, struct token_slot *ret, struct err *err);

/* ---- secrets ---- */

/* Mutual authentication, algorithm read from the card. No counter: a wrong key costs nothing.
 * Errors: ERR_MGMKEY. */
MUST_CHECK int token_authenticate(struct token *token, const struct secret *key, struct err *err);
/* Needs token_authenticate. Errors: ERR_MGMKEY; ERR_USAGE wrong length, weak DES key, algorithm
 * unknown to the firmware. */
MUST_CHECK int token_set_mgmkey(struct token *token, enum device_mgm_alg alg,
    const struct secret *key, bool touch, struct err *err);
/* Best algorithm this firmware takes: AES-192 from 5.4.2, else 3DES. Makes a random key, never a
 * weak one. */
enum device_mgm_alg device_mgm_best(const uint8_t firmware[static 3]);
MUST_CHECK int device_mgm_generate(enum device_mgm_alg alg, struct secret *ret, struct err *err);

/* PIN and PUK: 6 to 8 bytes. Errors: ERR_USAGE length or charset of the new one, or complexity
 * refused by the token; ERR_PIN wrong, err->tries left, also given unsent where one try is left;
 * ERR_BLOCKED. */
MUST_CHECK int token_verify_pin(
    struct token *token, const struct secret *pin, unsigned flags, struct err *err);
MUST_CHECK int token_change_pin(struct token *token, const struct secret *old,
    const struct secret *new_pin, unsigned flags, struct err *err);
MUST_CHECK int token_change_puk(struct token *token, const struct secret *old,
    const struct secret *new_puk, unsigned flags, struct err *err);
/* RESET RETRY COUNTER: a new PIN with the PUK. */
MUST_CHECK int token_unblock_pin(struct token *token, const struct secret *puk,
    const struct secret *new_pin, unsigned flags, struct err *err);
/* Sets the counters AND resets PIN and PUK to the factory's. Needs management key and PIN. 1..15
 * each. */
MUST_CHECK int token_set_retries(
    struct token *token, unsigned pin_tries, unsigned puk_tries, struct err *err);
/* Length and characters that this firmware takes; says what is wrong. Errors: ERR_USAGE. */
MUST_CHECK int device_pin_check(const struct secret *pin, const char *what, struct err *err);

/* PIN and PUK are blocked by wrong values, then all keys, certificates and objects but those of
 * slot F9 are gone, and PIN, PUK and management key are the factory's. Errors: ERR_USAGE a Bio,
 * which is reset otherwise. */
MUST_CHECK int token_reset(struct token *token, struct err *err);

/* ---- keys ---- */

/* Can this firmware make such a key, and well? Errors: ERR_USAGE. */
MUST_CHECK int device_alg_check(
    enum key_alg alg, const uint8_t firmware[static 3], struct err *err);

/* Needs token_authenticate. pin_policy, touch_policy: x509.h values, 0 for the slot's default. */
MUST_CHECK int token_generate(struct token *token, uint8_t slot, enum key_alg alg,
    uint8_t pin_policy, uint8_t touch_policy, struct blob *ret_spki, struct err *err);
/* Need token_authenticate, and firmware 5.7. Errors: ERR_USAGE older; ERR_ABSENT nothing there;
 * ERR_OCCUPIED to is in use. */
MUST_CHECK int token_move_key(struct token *token, uint8_t from, uint8_t to, struct err *err);
MUST_CHECK int token_delete_key(struct token *token, uint8_t slot, struct err *err);
/* Attestation certificate of the slot (DER). Errors: ERR_ABSENT empty slot or imported key. */
MUST_CHECK int token_attest(
    struct token *token, uint8_t slot, struct blob *ret_der, struct err *err);
/* One private operation as in struct key_ops.sign. touch: announce it. Errors: ERR_PIN (not
 * verified; tries unknown, -1); ERR_TOUCH (policy wants touch and none came); ERR_ABSENT no such
 * key in the slot. */
MUST_CHECK int token_sign(struct token *token, uint8_t slot, enum key_alg alg, bool touch,
    const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len, struct err *err);
/* A struct key for the slot. The token must outlive it. */
MUST_CHECK int token_key(struct token *token, uint8_t slot, const struct blob *spki, bool touch,
    struct key **ret, struct err *err);

/* ---- objects ---- */

/* Content of the object (what is inside 53). Errors: ERR_ABSENT; ERR_PIN not verified (PRINTED). */
MUST_CHECK int token_get_object(
    struct token *token, uint32_t object, struct blob *ret, struct err *err);
/* Needs token_authenticate. An empty blob deletes. Errors: ERR_FIT too large. */
MUST_CHECK int token_put_object(
    struct token *token, uint32_t object, const struct blob *content, struct err *err);
/* The slot's certificate as DER (gzip undone, bounded), DEVICE_SLOT_F9's too. Errors: ERR_ABSENT;
 * ERR_FIT not a certificate object. */
MUST_CHECK int token_get_cert(
    struct token *token, uint8_t slot, struct blob *ret_der, struct err *err);
/* Needs token_authenticate. Uncompressed up to DEVICE_CERT_MAX. Errors: ERR_FIT. */
MUST_CHECK int token_put_cert(
    struct token *token, uint8_t slot, const struct blob *der, struct err *err);
/* A certificate as a slot takes it: as it is up to DEVICE_CERT_MAX, compressed above. Errors:
 * ERR_FIT too long all the same. */
MUST_CHECK int device_pack_cert(
    const struct blob *der, struct blob *ret, bool *ret_gzip, struct err *err);
/* Need token_authenticate. */
MUST_CHECK int token_put_packed(
    struct token *token, uint8_t slot, const struct blob *packed, bool is_gzip, struct err *err);
MUST_CHECK int token_delete_cert(struct token *token, uint8_t slot, struct err *err);

/* CHUID with this GUID and expiry (yyyymmdd from UTC seconds); CCC with a random card id. Need
 * token_authenticate. */
MUST_CHECK int token_put_chuid(struct token *token, const uint8_t guid[static DEVICE_GUID_LEN],
    int64_t expires, struct err *err);
/* Errors: ERR_ABSENT. */
MUST_CHECK int token_get_guid(
    struct token *token, uint8_t ret_guid[static DEVICE_GUID_LEN], struct err *err);
MUST_CHECK int token_put_ccc(struct token *token, struct err *err);

#endif
