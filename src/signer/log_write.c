/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of the issuance log, written. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/text.h"
#include "base/utc.h"
#include "signer/log.h"
#include "signer/log_read.h"
#include "signer/log_write.h"

#define SERIAL_HEX (2 * LOG_SERIAL_LEN + 1)
#define HASH_HEX (2 * LOG_HASH_LEN + 1)

static void
text_freep(char **s)
{
	free(*s);
}

/* Without zeros in front, but one octet at least. */
static void
serial_hex(const uint8_t *serial, size_t len, char ret[static SERIAL_HEX])
{
	for (; len > 1 && *serial == 0; len--)
		serial++;
	text_hex(serial, len, ret);
}

static char *
base64(const struct blob *b)
{
	char *text = malloc((b->len + 2) / 3 * 4 + 1);

	if (text != NULL)
		EVP_EncodeBlock((uint8_t *)text, b->data, (int)b->len);
	return text;
}

static int
sha256_hex(const struct blob *b, char ret[static HASH_HEX], struct err *err)
{
	uint8_t md[LOG_HASH_LEN];

	if (EVP_Digest(b->data, b->len, md, NULL, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash");
	text_hex(md, sizeof(md), ret);
	return 0;
}

/* For whom: only with a holder's certificate. */
static int
add_grounds(json_t *entry, const struct log_intent *in, struct err *err)
{
	char hash[HASH_HEX];
	int rc;

	if (in->profile == NULL)
		return 0;
	if (json_object_set_new(entry, "profile", json_string(in->profile)) != 0)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if (in->attestation == NULL)
		return json_object_set_new(entry, "key", json_string("software")) == 0
			   ? 0
			   : err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = sha256_hex(in->attestation, hash, err)) != 0)
		return rc;
	if (json_object_set_new(entry, "token", json_integer(in->token)) != 0 ||
	    json_object_set_new(entry, "attestation", json_string(hash)) != 0)
		return err_set(err, ERR_INTERNAL, "out of memory");
	return 0;
}

int
log_cert_intent(
    struct log *log, const struct log_who *who, const struct log_intent *in, struct err *err)
{
	CLEAN(text_freep) char *tbs = base64(in->tbs);
	char serial[SERIAL_HEX], hash[HASH_HEX], not_after[UTC_TEXT_LEN];
	json_t *entry;
	int rc;

	serial_hex(in->serial, SIGNER_SERIAL_LEN, serial);
	utc_text(in->not_after, not_after);
	if (tbs == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = sha256_hex(in->tbs, hash, err)) != 0)
		return rc;
	entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "what", "intent", "ca",
	    log_ca_names[in->ca], "serial", serial, "not_after", not_after, "sha256", hash, "tbs",
	    tbs);
	if (entry != NULL && (rc = add_grounds(entry, in, err)) != 0) {
		json_decref(entry);
		return rc;
	}
	return log_append(log, who, entry, err);
}

int
log_cert_signed(struct log *log, const struct log_who *who, const uint8_t *serial,
    const struct blob *cert, struct err *err)
{
	CLEAN(text_freep) char *text = base64(cert);
	char hex[SERIAL_HEX];

	if (text == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	serial_hex(serial, SIGNER_SERIAL_LEN, hex);
	return log_append(log, who,
	    json_pack("{s:s, s:s, s:s}", "what", "signed", "serial", hex, "cert", text), err);
}

int
log_forbidden(struct log *log, const struct log_who *who, const uint8_t *serial, struct err *err)
{
	char hex[SERIAL_HEX];

	serial_hex(serial, SIGNER_SERIAL_LEN, hex);
	return log_append(
	    log, who, json_pack("{s:s, s:s}", "what", "forbidden", "serial", hex), err);
}

int
log_revoked(struct log *log, const struct log_who *who, const uint8_t *serial, size_t len,
    enum signer_reason reason, struct err *err)
{
	char hex[SERIAL_HEX];

	serial_hex(serial, len, hex);
	return log_append(log, who,
	    json_pack("{s:s, s:s, s:i}", "what", "revoked", "serial", hex, "reason", (int)reason),
	    err);
}

int
log_released(
    struct log *log, const struct log_who *who, const uint8_t *serial, size_t len, struct err *err)
{
	char hex[SERIAL_HEX];

	serial_hex(serial, len, hex);
	return log_append(
	    log, who, json_pack("{s:s, s:s}", "what", "released", "serial", hex), err);
}

static int
crl_line(struct log *log, const struct log_who *who, const char *what, enum log_ca ca,
    uint64_t number, const uint8_t *hash, struct err *err)
{
	char hex[HASH_HEX];

	text_hex(hash, LOG_HASH_LEN, hex);
	return log_append(log, who,
	    json_pack("{s:s, s:s, s:I, s:s}", "what", what, "ca", log_ca_names[ca], "number",
		(json_int_t)number, "sha256", hex),
	    err);
}

int
log_crl_intent(struct log *log, const struct log_who *who, enum log_ca ca, uint64_t number,
    const uint8_t hash[static LOG_HASH_LEN], struct err *err)
{
	return crl_line(log, who, "crl-intent", ca, number, hash, err);
}

int
log_crl_signed(struct log *log, const struct log_who *who, enum log_ca ca, uint64_t number,
    const uint8_t hash[static LOG_HASH_LEN], struct err *err)
{
	return crl_line(log, who, "crl-signed", ca, number, hash, err);
}

/* Appending changes what is walked: the intents are gathered first. There is one, but for a log
 * that two wrote. */
static int
next_intent(const struct log *log, struct log_cert *ret, struct err *err)
{
	CLEAN(log_walk_end) struct log_walk walk = {0};
	int rc;

	if ((rc = log_walk_begin(log, &walk, err)) != 0)
		return rc;
	while ((rc = log_walk_next(&walk, ret, err)) == 1)
		if (ret->state == LOG_INTENT)
			return 1;
	return rc;
}

int
log_abandon(struct log *log, const struct log_who *who, struct err *err)
{
	char hex[SERIAL_HEX];
	struct log_cert c;
	int rc;

	while (log->sums.open > 0) {
		if ((rc = next_intent(log, &c, err)) != 1)
			return rc != 0 ? rc : log_damaged(log, "counts intents wrongly", err);
		serial_hex(c.serial, sizeof(c.serial), hex);
		rc = log_append(
		    log, who, json_pack("{s:s, s:s}", "what", "abandoned", "serial", hex), err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
log_torn(struct log *log, const struct log_who *who, size_t bytes, struct err *err)
{
	return log_append(
	    log, who, json_pack("{s:s, s:I}", "what", "torn", "bytes", (json_int_t)bytes), err);
}

/* ---- another CA's records ---- */

int
log_import_ca(struct log *log, const struct log_who *who, enum log_ca ca, const struct blob *cert,
    struct err *err)
{
	CLEAN(text_freep) char *text = base64(cert);

	if (text == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	return log_append_some(log, who,
	    json_pack("{s:s, s:s, s:s}", "what", "import-ca", "ca", log_ca_names[ca], "cert", text),
	    err);
}

int
log_import(
    struct log *log, const struct log_who *who, const struct log_imported *in, struct err *err)
{
	char hex[SERIAL_HEX], not_after[UTC_TEXT_LEN], revoked[UTC_TEXT_LEN];
	json_t *entry;

	serial_hex(in->cert.serial, sizeof(in->cert.serial), hex);
	utc_text(in->cert.not_after, not_after);
	entry = json_pack("{s:s, s:s, s:s, s:s, s:s}", "what", "import", "ca",
	    log_ca_names[in->cert.ca], "serial", hex, "not_after", not_after, "subject",
	    in->subject);
	if (entry != NULL && in->cert.revoked_at != 0) {
		utc_text(in->cert.revoked_at, revoked);
		if (json_object_set_new(entry, "revoked", json_string(revoked)) != 0 ||
		    json_object_set_new(entry, "reason", json_integer(in->cert.reason)) != 0) {
			json_decref(entry);
			entry = NULL;
		}
	}
	if (entry != NULL && in->der != NULL) {
		CLEAN(text_freep) char *text = base64(in->der);

		if (text == NULL || json_object_set_new(entry, "cert", json_string(text)) != 0) {
			json_decref(entry);
			entry = NULL;
		}
	}
	return log_append_some(log, who, entry, err);
}

int
log_import_crl(
    struct log *log, const struct log_who *who, enum log_ca ca, uint64_t number, struct err *err)
{
	return log_append_some(log, who,
	    json_pack("{s:s, s:s, s:I}", "what", "import-crl", "ca", log_ca_names[ca], "number",
		(json_int_t)number),
	    err);
}
