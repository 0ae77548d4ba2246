/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escrow: one secret as a CMS AuthEnvelopedData (RFC 5083; AES-256-GCM; ephemeral ECDH, or
 *RSA-OAEP) to some certificates. What is sealed says whose it is, so that a blob that was moved to
 *another row is noticed:
 *
 *	ykenroll-secret 1
 *	serial 12345678
 *	kind management-key
 *	version 1
 *	algorithm 0A
 *	value <hexadecimal; a PUK as it is>
 *
 * No database here. The plain text exists in secrets' memory only.
 */
#ifndef REGISTRY_ESCROW_H
#define REGISTRY_ESCROW_H

#include "ykenroll/registry_escrow.h"

#define ESCROW_RECOVERY_CERT "recovery.crt"
#define ESCROW_FLIGHT_CERT "flight.crt"
#define ESCROW_FLIGHT_KEY "flight.key"
#define ESCROW_RECEIPT_CERT "receipt.crt"
#define ESCROW_RECEIPT_KEY "receipt.key"

struct escrow;

/* to: the recipients, known to be the right ones. Errors: ERR_USAGE the in-flight key is open to
 * others, or its certificate is another key's. */
MUST_CHECK int escrow_load(
    const char *home, const struct registry_recipients *to, struct escrow **ret, struct err *err);
void escrow_freep(struct escrow **e);

struct escrow_label {
	uint32_t serial;
	enum registry_secret_kind kind;
	unsigned version;
	uint8_t alg;
};

/* Seal to the recipients and to the in-flight key, each unless its result is NULL. */
MUST_CHECK int escrow_seal(const struct escrow *e, const struct escrow_label *label,
    const struct secret *secret, struct blob *ret_recovery, struct blob *ret_flight,
    struct err *err);
/* Any text, which has no label, to one certificate. */
MUST_CHECK int escrow_seal_to(
    const struct blob *cert_der, const struct blob *text, struct blob *ret, struct err *err);
/* Open with a recipient's key, cert_der being its certificate. Errors: as below; ERR_FIT it is
 * not sealed to that one; the key's own. */
MUST_CHECK int escrow_open(const struct key *key, const struct blob *cert_der,
    const struct blob *sealed, struct escrow_label *label, struct secret *ret, struct err *err);
/* Can be sealed to this certificate? Its name. Errors: ERR_USAGE. */
MUST_CHECK int escrow_cert_check(
    const struct blob *der, char *ret_name, size_t size, struct err *err);
/* Open with the in-flight key. Errors: ERR_INTERNAL damaged, or not the secret of that label (its
 * alg is not compared but set). */
MUST_CHECK int escrow_open_flight(const struct escrow *e, const struct blob *sealed,
    struct escrow_label *label, struct secret *ret, struct err *err);

/* escrow_text.c: the plain text above. */
MUST_CHECK int escrow_text_write(const struct escrow_label *label, const struct secret *secret,
    struct secret *ret_text, struct err *err);
MUST_CHECK int escrow_text_read(
    struct secret *text, struct escrow_label *label, struct secret *ret, struct err *err);

/* The DER of a PEM certificate file. Errors: ERR_ABSENT; ERR_USAGE. */
MUST_CHECK int escrow_cert_file(const char *path, struct blob *ret_der, struct err *err);
MUST_CHECK int escrow_cert_write(const char *path, const struct blob *der, struct err *err);
/* Is it that of this key? */
bool escrow_cert_fits(const struct blob *der, const struct key *key);

/* escrow_make.c: may a certificate have this name? Errors: ERR_USAGE. */
MUST_CHECK int escrow_name_check(const char *cn, struct err *err);

/* Can the recovery key go to where it is to go? One that is there must be this home's, and, unless
 * recovery_pass is NULL, be opened by it. Errors: ERR_OCCUPIED; ERR_USAGE the directory. */
MUST_CHECK int escrow_out_check(const struct registry_init *init, struct err *err);
/* Recovery key, in-flight key and their certificates. Can be run again after a
 * crash. */
MUST_CHECK int escrow_make(
    const struct registry_init *init, struct blob *ret_recovery_der, struct err *err);

/* The key that signs receipts, and its certificate. Not encrypted, as the in-flight key: it vouches
 * for what this home says, and whoever has the home can say anything. */
MUST_CHECK int escrow_make_receipt_key(const char *home, struct err *err);
/* escrow.c: sign with it. */
MUST_CHECK int escrow_receipt_sign(const char *home, const struct blob *cert_der,
    const struct blob *text, struct blob *ret_cms, struct err *err);

#endif
