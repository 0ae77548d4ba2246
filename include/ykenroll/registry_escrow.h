/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_escrow: opening what registry_seal has sealed, and to whom it is sealed.
 *
 *	registry_escrow_unlock -> registry_escrow_open … -> registry_escrow_lockp
 *
 * Recipients have roles: recovery (offline, in a safe) and helpdesk (at hand, for unblock and
 * reissue). All of them open every secret. They form numbered generations: 0 is recovery.crt as
 * init made it (and 1, once there are others); each registry_escrow_change makes the next one.
 * Their hashes are in the audit chain, and a set that the chain does not know is refused at
 * registry_open.
 *
 * Opening leaves an audit row, and marks the secret for replacement, before anything is decrypted:
 * whoever opens one wants to use it, and a secret that was used is not a secret any more. A plan
 * that opens a secret sets a new one in the same run where it can.
 *
 * See registry.h for the life cycle and the common errors.
 */
#ifndef YKENROLL_REGISTRY_ESCROW_H
#define YKENROLL_REGISTRY_ESCROW_H

#include "ykenroll/key.h"
#include "ykenroll/registry.h"

enum registry_role { ROLE_RECOVERY, ROLE_HELPDESK, ROLES };
const char *registry_role_name(enum registry_role role); /* "recovery" */

#define REGISTRY_RECIPIENTS_MAX 16
struct registry_recipient {
	enum registry_role role;
	char name[REGISTRY_TEXT_MAX]; /* CN, for people */
	uint8_t sha256[32];	      /* of the certificate's DER */
	struct blob der;
};
struct registry_recipients {
	int64_t generation;
	struct registry_recipient list[REGISTRY_RECIPIENTS_MAX];
	size_t n;
	int64_t stale; /* secrets that are still sealed to an older generation */
};
MUST_CHECK int registry_recipients(
    struct registry *r, struct registry_recipients *ret, struct err *err);
void registry_recipients_wipe(struct registry_recipients *set);

/* ---- opening ---- */

struct registry_escrow_key;
/* where: an encrypted PKCS#8 file; pass: its passphrase. Errors: those of key_file_load; ERR_USAGE
 * also a PKCS #11 URI; ERR_FIT it is the key of none of the recipients. */
MUST_CHECK int registry_escrow_unlock(struct registry *r, const char *where,
    const struct secret *pass, struct registry_escrow_key **ret, struct err *err);
void registry_escrow_lockp(struct registry_escrow_key **key);

struct registry_escrow_open {
	uint32_t token;
	enum registry_secret_kind kind;
	unsigned version; /* 0: the current one; where there is none, the newest */
	const char *why;  /* for the audit: the plan, the reason, the ticket */
};
/* Leaves the audit row and the mark, then opens: the blob's hash must be in the chain, and token,
 * kind and version inside the sealed text. ret_alg may be NULL. Errors: ERR_ABSENT there is no such
 * secret; ERR_FIT it is not sealed to this key; ERR_USAGE no reason. */
MUST_CHECK int registry_escrow_open(struct registry *r, const struct registry_escrow_key *key,
    const struct registry_escrow_open *what, struct secret *ret, uint8_t *ret_alg, struct err *err);

/* Is the current secret of this kind to be replaced at the next contact, since it was opened? False
 * also where there is none. */
bool registry_secret_spent(struct registry *r, uint32_t token, enum registry_secret_kind kind);

/* ---- changing the recipients ---- */

struct registry_escrow_change {
	struct {
		enum registry_role role;
		struct blob der; /* certificate: P-256, P-384 or RSA, with a subject key id */
	} add[REGISTRY_RECIPIENTS_MAX];
	size_t n_add;
	const char *remove[REGISTRY_RECIPIENTS_MAX]; /* names, or beginnings of hashes */
	size_t n_remove;
	const char *why;
};
/* The next generation, in one transaction: what is sealed from now on is sealed to it. Without any
 * change, nothing. Errors: ERR_USAGE a certificate or name that does not fit, no recovery recipient
 * left; ERR_FIT key cannot open what must be sealed anew; ERR_AMBIGUOUS. */
MUST_CHECK int registry_escrow_change(struct registry *r, const struct registry_escrow_key *key,
    const struct registry_escrow_change *change, struct err *err);
/* Seal everything that older generations hold to the newest one. May be killed at any point, and
 * run again. ret_n: how many were sealed. */
MUST_CHECK int registry_escrow_reseal(
    struct registry *r, const struct registry_escrow_key *key, int64_t *ret_n, struct err *err);

/* A key pair for a role: the encrypted key to key_path (must not exist), its certificate (PEM) to
 * cert_path (must not exist). Nothing is changed in a registry. Errors: ERR_OCCUPIED; ERR_USAGE. */
MUST_CHECK int registry_escrow_make_key(const char *name, const char *key_path,
    const struct secret *pass, const char *cert_path, struct err *err);

/* ---- letters ---- */

/*
 * First PINs that the program made, until the holder has them.
 *
 * A PIN that nobody typed must outlive a crash and a lost letter, so it is kept, sealed to this
 * home's in-flight key, from before the token gets it until somebody says that the letter was
 * handed over. It is never sealed to the recovery certificates: a PIN is the holder's alone.
 */

/* Keep the PIN of this token, in place of one that was kept before. */
MUST_CHECK int registry_letter_keep(
    struct registry *r, uint32_t serial, const struct secret *pin, struct err *err);

/* Errors: ERR_ABSENT none is kept. */
MUST_CHECK int registry_letter_pin(
    struct registry *r, uint32_t serial, struct secret *ret, struct err *err);

/* The holder has it, or it is of no use any more: gone from the registry, with an audit row that
 * says why. Errors: ERR_ABSENT. */
MUST_CHECK int registry_letter_end(
    struct registry *r, uint32_t serial, const char *why, struct err *err);

struct registry_letter {
	struct registry_token token;
	struct holder holder;
	int64_t made; /* UTC seconds */
};
/* Those that wait, by serial; 0: all. A non-zero return of row stops and is returned. */
MUST_CHECK int registry_letters(struct registry *r, uint32_t serial,
    int (*row)(void *ctx, const struct registry_letter *letter), void *ctx, struct err *err);

/* A letter for whoever has the key of this certificate (PEM file): CMS AuthEnvelopedData, DER.
 * Errors: ERR_ABSENT no such file; ERR_USAGE nothing can be sealed to it. */
MUST_CHECK int registry_letter_seal(
    const char *cert_path, const struct blob *text, struct blob *ret, struct err *err);

#endif
