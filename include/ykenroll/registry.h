/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry: who holds which token, its certificates, its sealed secrets, the steps of work in
 * progress, and the audit chain. SQLite in home/registry.db (synchronous=FULL). Every function that
 * changes something is one transaction with its audit row in it; none stays open when it returns.
 * Strings in results belong to the result and go with it. Text is UTF-8.
 *
 * escrow: secrets sealed with CMS (AES-256-GCM) twice: to the recipients (registry_escrow.h), and
 * to this home's in-flight key. The second copy goes when the work is finished. Serial, kind and
 * version are inside the sealed text.
 *
 * Common errors: ERR_INTERNAL (disk full, database damaged, locked too long).
 */
#ifndef YKENROLL_REGISTRY_H
#define YKENROLL_REGISTRY_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"
#include "ykenroll/secret.h"
#include "ykenroll/x509.h"
#include "ykenroll/x509_request.h"

#define REGISTRY_SERIAL_LEN 16 /* of a certificate */
#define REGISTRY_GUID_LEN 16
#define REGISTRY_TEXT_MAX REQUEST_TEXT_MAX

struct registry;

/* ---- life ---- */

struct registry_init {
	const char *home;
	const char *recovery_cert_name; /* CN of the recovery certificate */
	const char *recovery_out; /* path of the recovery private key (encrypted PKCS#8), must not
				     exist, but for one that an interrupted call made here */
	const struct secret *recovery_pass;
	bool anew; /* a registry in which nothing has happened yet is made anew: an interrupted init
		      has left it, and nobody knows where its recovery key is */
};
/* Make registry.db, flight.key, recovery.crt in home, and the recovery key, which is read back and
 * opened. The certificate's hash goes into the chain. Errors: ERR_OCCUPIED. */
MUST_CHECK int registry_init(const struct registry_init *init, struct err *err);
/* Could it be made? recovery_pass NULL: as far as that can be told without. Changes nothing. */
MUST_CHECK int registry_init_check(const struct registry_init *init, struct err *err);

/* actor: who does it, for the audit rows ("uid 1000 (alice)"). Applies migrations, checks integrity
 * of the newest audit rows and that recovery.crt is the one in the chain. Errors: ERR_ABSENT no
 * registry in this home; ERR_USAGE newer schema, or recovery.crt exchanged. */
MUST_CHECK int registry_open(
    const char *home, const char *actor, struct registry **ret, struct err *err);
void registry_closep(struct registry **r);
/* Time spent in COMMIT since open. The checkpoint at close is counted as file_fsync_ns. */
int64_t registry_commit_ns(const struct registry *r);

/* ---- holders and tokens ---- */

/* Errors: ERR_ABSENT. */
MUST_CHECK int registry_holder(
    struct registry *r, const char *key, struct holder *ret, struct err *err);

enum registry_token_state {
	TOKEN_NEW,
	TOKEN_PERSONALISED,
	TOKEN_ISSUED,
	TOKEN_ACTIVE,
	TOKEN_SUSPENDED,
	TOKEN_LOST,
	TOKEN_DAMAGED,
	TOKEN_RETIRED,
};
const char *registry_token_state_name(enum registry_token_state s); /* "active" … */
/* May a token go from one state to the other? A const table; design section 4. */
bool registry_token_move_allowed(enum registry_token_state from, enum registry_token_state to);

struct registry_token {
	uint32_t serial;
	uint8_t firmware[3];
	enum registry_token_state state;
	int64_t holder_id; /* 0: none */
	int64_t changed;   /* UTC seconds */
};
/* Errors: ERR_ABSENT. */
MUST_CHECK int registry_token(
    struct registry *r, uint32_t serial, struct registry_token *ret, struct err *err);
/* The first of this holder's tokens that are not lost, damaged or retired, and how many there are.
 * *ret stays as it is where there is none. */
MUST_CHECK int registry_tokens_of(struct registry *r, int64_t holder_id, struct registry_token *ret,
    size_t *ret_n, struct err *err);

/* A token that is to be made as new for somebody else: it becomes new, without a holder, its
 * secrets old. lost: what that destroys, for the audit row. Errors: ERR_ABSENT; ERR_OCCUPIED its
 * state does not allow it, or work on it is open. */
MUST_CHECK int registry_recycle(
    struct registry *r, uint32_t serial, const char *lost, struct err *err);

/* ---- secrets ---- */

enum registry_secret_kind {
	SECRET_MGMKEY,
	SECRET_PUK,
	SECRET_KINDS, /* in escrow; the next one never is: registry_escrow.h */
	SECRET_PIN = SECRET_KINDS,
};
const char *registry_secret_kind_name(
    enum registry_secret_kind k); /* "management-key", "puk", "pin" */

/* Make the sealed pair for a new secret of this token. version: 1, 2, …, one above the last of its
 * kind. */
struct registry_sealed {
	enum registry_secret_kind kind;
	unsigned version;
	uint8_t alg;		      /* enum device_mgm_alg of a management key; 0 */
	int64_t recipients;	      /* generation (registry_escrow.h) */
	struct blob recovery, flight; /* DER CMS AuthEnvelopedData */
};
MUST_CHECK int registry_seal(struct registry *r, uint32_t serial, enum registry_secret_kind kind,
    uint8_t alg, const struct secret *secret, struct registry_sealed *ret, struct err *err);
void registry_sealed_wipe(struct registry_sealed *s);

/* The pending secret of this kind, opened with the in-flight key. Errors: ERR_ABSENT none is
 * pending. */
MUST_CHECK int registry_flight_open(struct registry *r, uint32_t serial,
    enum registry_secret_kind kind, struct secret *ret, uint8_t *ret_alg, struct err *err);

/* ---- work in progress ---- */

struct registry_work {
	int64_t id;
	char plan[32];	      /* "enroll" */
	struct request asked; /* for which holder and token, and all else that its table keeps */
	int64_t started;
	/* the certificate of this work, if it got that far */
	bool has_cert;
	uint8_t cert_serial[REGISTRY_SERIAL_LEN];
	struct blob cert; /* DER, empty while only prepared */
};
void registry_work_wipe(struct registry_work *w);

enum registry_begin {
	BEGIN_FIRST, /* the holder's only token that is not lost, damaged or retired */
	BEGIN_MORE,  /* or another one */
	BEGIN_HELD,  /* on a token that they hold: its state stays what it is */
};
/* Intent: holder (made, or found by key; the texts that are given are brought up to date, the
 * others stay), token (new -> personalised), work row, the sealed secrets as pending, one audit
 * row. w->id and the holder's are set. Errors: ERR_OCCUPIED the token has open work, is active, or
 * (of BEGIN_HELD) is not this holder's; the holder has another one; ERR_ABSENT of BEGIN_HELD: it is
 * not registered. */
MUST_CHECK int registry_begin(struct registry *r, struct registry_work *w,
    const struct registry_sealed *sealed, size_t n_sealed, enum registry_begin how,
    struct err *err);

/* Would it? recycled: after registry_recycle. Nothing is changed, w neither. Errors: as
 * registry_begin. */
MUST_CHECK int registry_begin_check(struct registry *r, const struct registry_work *w,
    enum registry_begin how, bool recycled, struct err *err);

/* The open work on this token. Errors: ERR_ABSENT. */
MUST_CHECK int registry_work_open(
    struct registry *r, uint32_t serial, struct registry_work *ret, struct err *err);

/* What was asked for the token's newest certificate that came to its end. Errors: ERR_ABSENT there
 * is none. */
MUST_CHECK int registry_request(
    struct registry *r, uint32_t serial, struct request *ret, struct err *err);

/* Record that a step of the work is done, with a detail for people (may be NULL). Idempotent. */
MUST_CHECK int registry_step(
    struct registry *r, int64_t work, const char *step, const char *detail, struct err *err);
bool registry_step_done(struct registry *r, int64_t work, const char *step);

/* Certificate of this work: prepared (before it is signed), then issued (with its DER; token ->
 * issued). */
MUST_CHECK int registry_cert_prepared(struct registry *r, int64_t work,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], const uint8_t spki_sha256[static 32],
    int64_t not_before, int64_t not_after, struct err *err);
MUST_CHECK int registry_cert_issued(
    struct registry *r, int64_t work, const struct blob *der, struct err *err);
/* The work's certificate is given up: revoked (it had been signed) or dropped (it had not). Frees
 * the work to prepare another. reason: RFC 5280 code. */
MUST_CHECK int registry_cert_abandoned(
    struct registry *r, int64_t work, bool was_signed, int reason, struct err *err);

/* All proved: certificate active, token active, secrets current (older ones kept as old), in-flight
 * copies deleted, work closed, one audit row with proof (a short text). */
MUST_CHECK int registry_finish(
    struct registry *r, int64_t work, const char *proof, struct err *err);
/* As registry_finish, for work that made no certificate: the token goes to that state (its own:
 * it stays). Retired ends the life of its secrets, too: they become old. */
MUST_CHECK int registry_close(struct registry *r, int64_t work, enum registry_token_state to,
    const char *note, struct err *err);
/* The work is given up (the token was reset elsewhere): closed, its certificate must have been
 * abandoned before. A token becomes new, and stays what it is of BEGIN_HELD. */
MUST_CHECK int registry_give_up(struct registry *r, int64_t work, const char *why, struct err *err);

/* ---- looking ---- */

enum registry_cert_state {
	CERT_PREPARED,
	CERT_ISSUED,
	CERT_ACTIVE,
	CERT_SUPERSEDED,
	CERT_REVOKED,
	CERT_DROPPED
};
const char *registry_cert_state_name(enum registry_cert_state s);

struct registry_row { /* one token with its newest certificate */
	struct registry_token token;
	struct holder holder; /* id 0: none */
	bool has_cert;
	enum registry_cert_state cert_state;
	uint8_t cert_serial[REGISTRY_SERIAL_LEN];
	uint8_t cert_sha256[32], spki_sha256[32];
	int64_t not_before, not_after;
	uint8_t key_alg; /* key.h; of the certificate */
	bool work_open;
};
/* Calls row for each token, ordered by serial; a non-zero return of row stops and is returned.
 * serial 0: all. */
MUST_CHECK int registry_list(struct registry *r, uint32_t serial,
    int (*row)(void *ctx, const struct registry_row *row), void *ctx, struct err *err);

/* One token's; its serial is 0 when the registry does not know it. */
MUST_CHECK int registry_row(
    struct registry *r, uint32_t serial, struct registry_row *ret, struct err *err);

/* The DER of the token's active (or issued) certificate. Errors: ERR_ABSENT. */
MUST_CHECK int registry_token_cert(
    struct registry *r, uint32_t serial, struct blob *ret, struct err *err);

/* ---- revoking ---- */

struct registry_cert { /* one that was signed, or may have been */
	uint8_t serial[REGISTRY_SERIAL_LEN];
	struct registry_token token;
	struct holder holder; /* whose it was made for */
	enum registry_cert_state state;
	int reason; /* RFC 5280 code, when revoked */
	int64_t not_before, not_after;
	uint8_t sha256[32]; /* of the DER; zeros when it is not here */
};
struct registry_which {	       /* all that is given must fit */
	const uint8_t *serial; /* REGISTRY_SERIAL_LEN, or NULL */
	uint32_t token;	       /* 0: any */
	int64_t holder;	       /* 0: any */
	int64_t after;	       /* those that end later than this */
};
/* Calls row for each certificate but dropped ones, oldest first, as registry_list does. */
MUST_CHECK int registry_certs(struct registry *r, const struct registry_which *which,
    int (*row)(void *ctx, const struct registry_cert *cert), void *ctx, struct err *err);

/* 1 the one with this serial, 0 there is none, or an error. */
MUST_CHECK int registry_cert(struct registry *r, const uint8_t serial[static REGISTRY_SERIAL_LEN],
    struct registry_cert *ret, struct err *err);

struct registry_live { /* whose and what for a certificate in a token was made */
	int64_t holder;
	uint32_t token;
	char profile[64];
};
/* Calls row, as registry_list does, with each certificate in a token (DER) that was signed, ends
 * later than `after` and is not revoked in the registry (the CRL may know better), oldest first. */
MUST_CHECK int registry_live(struct registry *r, int64_t after,
    int (*row)(void *ctx, const struct registry_live *of, const struct blob *der), void *ctx,
    struct err *err);

struct registry_revocation {
	uint32_t token;
	struct registry_revoked {
		uint8_t serial[REGISTRY_SERIAL_LEN];
		bool was_signed; /* else it is dropped */
	} * certs;
	size_t n;
	int reason;
	bool move;		      /* the token, too */
	enum registry_token_state to; /* lost, damaged, retired */
	const char *note;	      /* for the audit: reason and ticket in words */
};
/* What the CA has revoked: the certificates' states, the token's, and open work on it given up.
 * What is so already is left; nothing to do writes nothing. Errors: ERR_ABSENT; ERR_OCCUPIED the
 * token cannot become that; ERR_HELD its work has a certificate that is not among these. */
MUST_CHECK int registry_revoke(
    struct registry *r, const struct registry_revocation *v, struct err *err);

/* active <-> suspended, with its audit row; nothing when it is so. Errors: ERR_OCCUPIED. */
MUST_CHECK int registry_suspend(
    struct registry *r, uint32_t token, bool suspend, const char *note, struct err *err);

/* ---- audit ---- */

/* One row on its own, for what changes nothing else here. */
MUST_CHECK int registry_audit(struct registry *r, const char *action, uint32_t token_serial,
    const char *detail, struct err *err);
/* Walk the chain from the first row. Errors: ERR_INTERNAL naming the first row that does not fit.
 */
MUST_CHECK int registry_audit_verify(struct registry *r, int64_t *ret_rows, struct err *err);

/* ---- certificates for keys that are in no token: servers', programs', responders' ---- */

/* The issuance log is the truth of what was signed; here is what people and other rooms look up. A
 * crash between the two leaves one that only the log has.
 */

#define REGISTRY_PATH_MAX 1024

struct registry_software {
	uint8_t serial[REGISTRY_SERIAL_LEN];
	char profile[64];
	char subject[X509_TEXT_MAX]; /* RFC 2253, escaped */
	int64_t not_before, not_after;
	int64_t revoked;	      /* 0: is not */
	int reason;		      /* RFC 5280 code, when revoked */
	char path[REGISTRY_PATH_MAX]; /* the file that it is in; empty: not known, or renewed */
	bool chain;		      /* with the issuing CA's behind it */
	unsigned days;		      /* as it was asked for; 0: the profile's */
	bool renewed; /* registry_software_each: a later one has its profile and subject */
};

/* r may be NULL here, in a home without a registry: nothing is written. */

/* Enter one that was signed, for which this profile and days were asked, with an audit row of this
 * action ("issue", "renew", "p12"). path: the file that has it from now on, and no other one
 * (absolute; NULL: none); chain: with the issuing CA's behind it. Errors: ERR_FIT not a certificate
 * of ours. */
MUST_CHECK int registry_software_put(struct registry *r, const char *action,
    const struct request *asked, const struct blob *cert, const char *path, bool chain,
    struct err *err);

/* Errors: ERR_ABSENT. */
MUST_CHECK int registry_software_find(struct registry *r,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], struct registry_software *ret,
    struct err *err);
/* Those that end later than after, the eldest first, as registry_list. cert: DER, for the call. */
MUST_CHECK int registry_software_each(struct registry *r, int64_t after,
    int (*row)(void *ctx, const struct registry_software *one, const struct blob *cert), void *ctx,
    struct err *err);

/* What the CA has taken back or (reason -1) released, with its audit row, also where the registry
 * does not know the certificate. action: "revoke", "suspend", "resume". r may be NULL. */
MUST_CHECK int registry_software_taken(struct registry *r, const char *action,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], int reason, const char *note,
    struct err *err);

/* ---- the audit chain and what must never go back ---- */

/*
 * A mark says how far the chain is: so many rows, and the hash of the last of them, which stands
 * for all before it. Marks are kept where whoever edits the registry cannot put them back: in the
 * CA's CRLs (under its signature) and in the signer's log. A registry that has not the row of a
 * mark, or another one, is older than the mark, or was edited.
 *
 * registry_open compares the registry with pub/issuing.crl of its home, where that tells a mark.
 */

struct registry_mark {
	uint64_t rows; /* 0: none */
	uint8_t head[32];
};
/* Where the chain is now. */
MUST_CHECK int registry_mark(struct registry *r, struct registry_mark *ret, struct err *err);
/* Does the registry have the mark's row? whose: "CRL number 7" for the error. Errors: ERR_INTERNAL
 * it has not, with what is lost; a rollback that covers the row was accepted: 0. */
MUST_CHECK int registry_mark_check(
    struct registry *r, const struct registry_mark *mark, const char *whose, struct err *err);

/* The mark in a CRL file (PEM, or DER), found at its end without reading the rest; the signature is
 * not looked at. rows 0: it has none. Errors: ERR_ABSENT no such file; ERR_INTERNAL. */
MUST_CHECK int registry_mark_of_crl(const char *path, struct registry_mark *ret, struct err *err);

/* Live with a registry that is older than the mark: a row in the chain says so and takes the number
 * behind the mark's, so that what was lost stays a gap for ever. Only for a registry that
 * registry_open_old has opened. Errors: ERR_USAGE it is not older; no reason. */
MUST_CHECK int registry_accept_rollback(
    struct registry *r, const struct registry_mark *mark, const char *why, struct err *err);
/* As registry_open, without the comparison with marks. */
MUST_CHECK int registry_open_old(
    const char *home, const char *actor, struct registry **ret, struct err *err);

/* ---- receipts ---- */

/* What a certificate was issued for, kept beside it. Once it is prepared; idempotent. */
MUST_CHECK int registry_cert_evidence(struct registry *r, int64_t work, const struct blob *csr,
    const struct blob *attestation, const struct blob *f9, struct err *err);

struct registry_receipt {
	struct registry_token token;
	struct holder holder;
	struct blob cert, csr, attestation, f9; /* DER; the last three may be empty */
	char operator_[REGISTRY_TEXT_MAX];	/* who finished the work */
	char proof[REGISTRY_TEXT_MAX];		/* of the login */
	int64_t at;				/* and when */
	struct registry_mark audit;		/* the row that says so, and its hash */
};
/* Of the token's active certificate. Errors: ERR_ABSENT it has none. */
MUST_CHECK int registry_receipt(
    struct registry *r, uint32_t token, struct registry_receipt *ret, struct err *err);
void registry_receipt_wipe(struct registry_receipt *receipt);

/* Sign a text (CMS, DER) with the home's receipt key, which is made when it is first needed and
 * is in the chain; it certifies nothing. Errors: ERR_USAGE receipt.crt was exchanged. */
MUST_CHECK int registry_receipt_sign(
    struct registry *r, const struct blob *text, struct blob *ret_cms, struct err *err);

/* A consistent copy while others write, by SQLite's backup; for the owner only, never over a file
 * that exists. With an audit row before it; meanwhile is called while nobody can write into it.
 * Secrets in it are sealed as in the registry; names are
 * not. Errors: ERR_OCCUPIED; ERR_INTERNAL. */
MUST_CHECK int registry_backup(struct registry *r, const char *path,
    int (*meanwhile)(void *ctx, struct err *err), void *ctx, struct err *err);

/* ---- looking closer ---- */

/*
 * Finding things in the registry, and reading what belongs to them. Nothing here changes anything.
 */

/* A certificate's serial number as openssl, ykman, browsers and people write it: hexadecimal of
 * either case, with 0x, "serial=", colons, spaces, hyphens or DER's leading zero octet; or decimal.
 * False: none of 16 octets. */
bool registry_serial_parse(const char *text, uint8_t ret[static REGISTRY_SERIAL_LEN]);

struct registry_found { /* exactly one of them */
	int64_t holder; /* 0: not a holder */
	uint32_t token; /* 0: not a token */
	bool has_cert;
	uint8_t cert_serial[REGISTRY_SERIAL_LEN];
};
/* Is text a part of the holder's name, e-mail or key, whatever its case and accents? */
bool registry_holder_has(const struct holder *holder, const char *text);
/* A holder (by key, external id, e-mail, UPN, directory DN or name), a token (serial number) or a
 * certificate (serial number). Errors: ERR_ABSENT none; ERR_AMBIGUOUS more than one. */
MUST_CHECK int registry_find(
    struct registry *r, const char *what, struct registry_found *ret, struct err *err);

/* Errors: ERR_ABSENT. */
MUST_CHECK int registry_holder_by_id(
    struct registry *r, int64_t id, struct holder *ret, struct err *err);

/* What should be on a token, and whether the registry itself still says what was written. */
struct registry_expected {
	bool finished; /* by work that was finished: the three below are known */
	uint8_t key_alg, pin_policy, touch_policy; /* key.h, x509.h */
	bool has_cert; /* the active one, else the newest that was signed */
	enum registry_cert_state cert_state;
	int cert_reason; /* RFC 5280, when revoked */
	uint8_t cert_serial[REGISTRY_SERIAL_LEN], cert_sha256[32], spki_sha256[32];
	int64_t not_after;
	bool cert_damaged;    /* its DER is not what the hash beside it says */
	unsigned cert_active; /* how many are active; more than one never is */
	struct registry_expected_secret {
		bool there;   /* a current one */
		bool damaged; /* the sealed blob is not the one in the chain */
		bool spent;
		uint8_t alg;
	} secrets[SECRET_KINDS];
};
/* Of a token that is registered. */
MUST_CHECK int registry_expected(
    struct registry *r, uint32_t token, struct registry_expected *ret, struct err *err);
/* Is this the card identifier that a work gave the token? 1 yes, or none gave it any; 0; or an
 * error. */
MUST_CHECK int registry_guid_known(struct registry *r, uint32_t token,
    const uint8_t guid[static REGISTRY_GUID_LEN], struct err *err);

enum registry_secret_state { SECRET_PENDING, SECRET_CURRENT, SECRET_OLD };
const char *registry_secret_state_name(enum registry_secret_state s);

struct registry_secret {
	uint32_t token;
	enum registry_secret_kind kind;
	unsigned version;
	enum registry_secret_state state;
	int64_t recipients; /* generation that it is sealed to */
	int64_t opened;	    /* UTC seconds when somebody was shown it; 0: never */
	int64_t changed;
};
/* The sealed secrets of a token (0: of all), oldest first; of row as for registry_list. */
MUST_CHECK int registry_secrets(struct registry *r, uint32_t token,
    int (*row)(void *ctx, const struct registry_secret *secret), void *ctx, struct err *err);

struct registry_audit_row {
	int64_t seq, at;
	uint32_t token; /* 0: none */
	char actor[REGISTRY_TEXT_MAX], action[REGISTRY_TEXT_MAX];
	char detail[2048];
	uint8_t prev[32], hash[32];
};
struct registry_audit_which { /* 0, NULL: any */
	uint32_t token;
	int64_t since;	    /* UTC seconds */
	int64_t holder;	    /* who had the token then, or is named by the key */
	const char *ticket; /* works with it, and what names it */
};
/* The audit rows that fit all of it, in order. A non-zero return of row stops and is returned. */
MUST_CHECK int registry_audit_rows(struct registry *r, const struct registry_audit_which *which,
    int (*row)(void *ctx, const struct registry_audit_row *row), void *ctx, struct err *err);

#endif
