/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key: private keys wherever they live, behind one type.
 *
 * A struct key is made by key_extern (public key + signing callback: a token), key_generate (in
 * memory), key_p11_open (an HSM) or key_file_load (encrypted PKCS#8, or a file that names a key in
 * an HSM). All are used in the same way: src/key/evp.h
 * hands x509 and signer an OpenSSL EVP_PKEY whose private operation is the callback. Freed with
 * key_freep, once; objects made with the key must be gone before.
 *
 * The callback runs exactly once per signature and never for a size query or a probe: PIN and touch
 * hang on it. Not thread safe.
 */
#ifndef YKENROLL_KEY_H
#define YKENROLL_KEY_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"
#include "ykenroll/secret.h"

enum key_alg {
	KEY_NONE = 0,
	KEY_P256,
	KEY_P384,
	KEY_ED25519,
	KEY_X25519,
	KEY_RSA2048,
	KEY_RSA3072,
	KEY_RSA4096,
};

#define KEY_SIG_MAX 512	   /* bytes: RSA-4096 */
#define KEY_SCRYPT_N 16384 /* 2^14, r = 8, p = 1: the least that is written */

/* ykman's spelling: "ECCP256", "ECCP384", "ED25519", "X25519", "RSA2048", … */
const char *key_alg_name(enum key_alg alg);
/* Accepts ykman's names in any case and "P-256", "P-384". KEY_NONE when unknown. */
enum key_alg key_alg_parse(const char *text);

struct key;

struct key_ops {
	/* EC: in is the digest, of the field's size: the left part of a longer one, zeros in front
	 * of a shorter one; the answer is DER SEQUENCE { r, s }. Ed25519: in is the message. RSA:
	 * in is one padded block of the modulus' size. *sig_len is the room at sig on entry and the
	 * length on return. */
	int (*sign)(void *ctx, const uint8_t *in, size_t in_len, uint8_t *sig, size_t *sig_len,
	    struct err *err);
	void (*free)(void *ctx); /* may be NULL; no I/O with a card in it */
};

/* A key whose private half is elsewhere. spki: DER SubjectPublicKeyInfo. ctx is owned from here on,
 * also on failure. Errors: ERR_FIT (not a key that we know); ERR_INTERNAL. */
MUST_CHECK int key_extern(const uint8_t *spki, size_t spki_len, const struct key_ops *ops,
    void *ctx, struct key **ret, struct err *err);

/* P-256, P-384, Ed25519 or RSA in memory. Errors: ERR_INTERNAL. */
MUST_CHECK int key_generate(enum key_alg alg, struct key **ret, struct err *err);

void key_freep(struct key **key);

enum key_alg key_algorithm(const struct key *key);
MUST_CHECK int key_spki(const struct key *key, struct blob *ret_der, struct err *err);

/* The error that the callback gave last, or NULL. OpenSSL can only say "failed": whoever used the
 * key for an OpenSSL call that failed asks here first. key_forget_error clears it. */
const struct err *key_error(const struct key *key);
void key_forget_error(struct key *key);

/* ---- files ---- */

/* Write an in-memory key as encrypted PKCS#8 PEM (PBES2, scrypt, AES-256-CBC), mode 0600, never
 * over a file that exists. Of a key in an HSM only the name is written: a line with its PKCS #11
 * URI, without PIN. Errors: ERR_OCCUPIED; ERR_USAGE (empty passphrase); ERR_INTERNAL. */
MUST_CHECK int key_file_save(
    const struct key *key, const char *path, const struct secret *pass, struct err *err);

/* Read such a file; pass: the passphrase, or the HSM's PIN. Refused: unencrypted; readable by
 * others; a KDF weaker than scrypt N = 2^14. The time spent in the KDF is added to key_kdf_ns.
 * Errors: ERR_CA wrong passphrase, and as key_p11_open; ERR_USAGE refused, says why and what to do;
 * ERR_ABSENT; ERR_INTERNAL. */
MUST_CHECK int key_file_load(
    const char *path, const struct secret *pass, struct key **ret, struct err *err);

/* What has to be given to open a key. */
enum key_secret { KEY_SECRET_NONE, KEY_SECRET_PASSPHRASE, KEY_SECRET_PIN };

MUST_CHECK int key_file_secret(const char *path, enum key_secret *ret, struct err *err);

/* A private key in PEM as other programs leave it, encrypted in whatever way or not at all; pass
 * may be NULL. To be saved with key_file_save. Errors: ERR_CA wrong passphrase; ERR_USAGE not a
 * key, not one of our algorithms; ERR_INTERNAL. */
MUST_CHECK int key_import(
    const char *path, const struct secret *pass, struct key **ret, struct err *err);
/* Is that one encrypted? */
MUST_CHECK int key_import_asks(const char *path, bool *ret, struct err *err);

extern bool key_pass_wrong; /* of the last key_file_load: another passphrase may be right */
extern int64_t key_kdf_ns;  /* nanoseconds this process has spent deriving keys from passphrases */

/* ---- keys in a PKCS #11 token: an HSM, SoftHSM, or another host's by p11-kit's remoting ----
 *
 * uri: RFC 7512, with object= or id=, the token, perhaps module-name= (p11-kit's registered
 * modules; without it they are searched) or module-path= (absolute, root's), perhaps
 * pin-source=file:PATH (owner-only), never pin-value.
 *
 * A PIN is tried once in the life of a process, and never when it is the last try. A signature that
 * fails, for whatever reason, is the last that this key is asked for: what the token did is not
 * known. A call that takes longer than a minute (ten to generate) ends the process with SIGALRM.
 *
 * Errors: ERR_USAGE the URI; ERR_CA wrong PIN, no such token or key, a failing HSM; ERR_AMBIGUOUS
 * two tokens or keys fit; ERR_OCCUPIED to generate, and there is such a key; ERR_INTERNAL. */
MUST_CHECK int key_p11_open(
    const char *uri, const struct secret *pin, struct key **ret, struct err *err);
/* Called when there is no such key yet and one is about to be made; what it returns ends that. */
struct key_note {
	int (*making)(void *ctx, struct err *err);
	void *ctx;
};
/* P-256, P-384, Ed25519, RSA-3072 or RSA-4096; sensitive, not extractable. note may be NULL. */
MUST_CHECK int key_p11_generate(const char *uri, enum key_alg alg, const struct secret *pin,
    const struct key_note *note, struct key **ret, struct err *err);
/* Has an HSM refused a PIN in the life of this process? Then the next process should not try the
 * same. */
bool key_pin_refused(void);
/* Has the key failed, and is not asked again? */
bool key_broken(const struct key *key);
/* Is its private half in an HSM? */
bool key_outside(const struct key *key);
/* Is it such a URI, and must a PIN be asked for? Nothing is opened. */
MUST_CHECK int key_p11_secret(const char *uri, enum key_secret *ret, struct err *err);

#endif
