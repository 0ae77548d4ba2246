/* SPDX-License-Identifier: BSD-2-Clause */
/* What the lines of the issuance log mean: one function per kind of line, for reading and writing
 * alike, and the functions that write them. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/text.h"
#include "base/utc.h"
#include "signer/log.h"

#define SERIAL_HEX (2 * SIGNER_SERIAL_LEN + 1)
#define HASH_HEX (2 * LOG_HASH_LEN + 1)

static const char *const ca_names[LOG_CAS] = {[LOG_ISSUING] = "issuing", [LOG_ROOT] = "root"};

static void
text_freep(char **s)
{
	free(*s);
}

static const uint8_t *
serial_at(const void *array, size_t position)
{
	return ((const struct log_cert *)array)[position].serial;
}

static struct log_cert *
find(const struct log *log, const uint8_t *serial)
{
	const size_t i = log_index_find(&log->index, log->certs, serial_at, serial);

	return i == SIZE_MAX ? NULL : &log->certs[i];
}

const struct log_cert *
log_find(const struct log *log, const uint8_t serial[static SIGNER_SERIAL_LEN])
{
	return find(log, serial);
}

static int
not_a_move(struct err *err)
{
	return err_set(err, ERR_CA, "the issuance log does not allow this");
}

static int
grow(struct log *log, struct err *err)
{
	const size_t room = log->room == 0 ? 64 : log->room * 2;
	struct log_cert *p;

	if (log->n < log->room)
		return 0;
	if ((p = reallocarray(log->certs, room, sizeof(*p))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	log->certs = p;
	log->room = room;
	return 0;
}

static int
add(struct log *log, const struct log_cert *c, struct err *err)
{
	int rc;

	if ((rc = grow(log, err)) != 0)
		return rc;
	log->certs[log->n] = *c;
	if ((rc = log_index_put(&log->index, log->certs, serial_at, log->n, err)) == 0)
		log->n++;
	return rc;
}

static int
serial_of(const json_t *entry, uint8_t ret[static SIGNER_SERIAL_LEN])
{
	const char *hex = json_string_value(json_object_get(entry, "serial"));

	return hex == NULL ? -1 : text_unhex(hex, ret, SIGNER_SERIAL_LEN);
}

static int
ca_of(const json_t *entry)
{
	const char *name = json_string_value(json_object_get(entry, "ca"));
	int i;

	for (i = 0; name != NULL && i < LOG_CAS; i++)
		if (strcmp(name, ca_names[i]) == 0)
			return i;
	return -1;
}

static int
time_of(const json_t *entry, const char *name, int64_t *ret)
{
	const char *text = json_string_value(json_object_get(entry, name));

	return text == NULL ? -1 : utc_parse(text, ret);
}

/* ---- one function per "what" ---- */

static int
on_intent(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	struct log_cert c = {.state = LOG_INTENT, .line_at = at};
	int rc, ca = ca_of(entry);

	if (ca < 0 || serial_of(entry, c.serial) != 0 || find(log, c.serial) != NULL ||
	    time_of(entry, "not_after", &c.not_after) != 0)
		return not_a_move(err);
	c.ca = (uint8_t)ca;
	if ((rc = add(log, &c, err)) == 0)
		log->open++;
	return rc;
}

static int
on_signed(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct log_cert *c;

	if (serial_of(entry, serial) != 0 || (c = find(log, serial)) == NULL ||
	    c->state != LOG_INTENT || !json_is_string(json_object_get(entry, "cert")))
		return not_a_move(err);
	c->state = LOG_SIGNED;
	c->line_at = at;
	log->open--;
	return 0;
}

static int
on_abandoned(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct log_cert *c;

	(void)at;
	if (serial_of(entry, serial) != 0 || (c = find(log, serial)) == NULL ||
	    c->state != LOG_INTENT || time_of(entry, "time", &c->revoked_at) != 0)
		return not_a_move(err);
	c->state = LOG_ABANDONED;
	c->reason = REASON_UNSPECIFIED;
	log->stale = true;
	log->open--;
	return 0;
}

static int
on_forbidden(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	struct log_cert c = {.ca = LOG_ISSUING, .state = LOG_FORBIDDEN, .line_at = at};

	if (serial_of(entry, c.serial) != 0 || find(log, c.serial) != NULL)
		return not_a_move(err);
	return add(log, &c, err);
}

static int
on_revoked(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct log_cert *c;
	json_int_t reason = json_integer_value(json_object_get(entry, "reason"));
	int64_t when;

	(void)at;
	if (serial_of(entry, serial) != 0 || (c = find(log, serial)) == NULL ||
	    c->state != LOG_SIGNED || reason < 0 || reason > REASON_HOLD ||
	    time_of(entry, "time", &when) != 0)
		return not_a_move(err);
	/* A second reason does not change since when: RFC 5280, 5.3.1 is about the certificate. */
	if (c->revoked_at == 0)
		c->revoked_at = when;
	c->reason = (uint8_t)reason;
	log->stale = true;
	return 0;
}

static int
on_released(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct log_cert *c;

	(void)at;
	if (serial_of(entry, serial) != 0 || (c = find(log, serial)) == NULL ||
	    c->state != LOG_SIGNED || c->revoked_at == 0 || c->reason != REASON_HOLD)
		return not_a_move(err);
	c->revoked_at = 0;
	c->reason = REASON_UNSPECIFIED;
	log->stale = true;
	return 0;
}

static int
on_crl_intent(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const json_int_t number = json_integer_value(json_object_get(entry, "number"));
	const int ca = ca_of(entry);

	(void)at;
	if (ca < 0 || number <= 0 || (uint64_t)number <= log->crls[ca].number)
		return not_a_move(err);
	log->crls[ca].number = (uint64_t)number;
	return 0;
}

static int
on_crl_signed(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const json_int_t number = json_integer_value(json_object_get(entry, "number"));
	const char *hex = json_string_value(json_object_get(entry, "sha256"));
	const int ca = ca_of(entry);
	uint8_t sha256[LOG_HASH_LEN];

	(void)at;
	if (ca < 0 || number <= 0 || (uint64_t)number != log->crls[ca].number ||
	    (uint64_t)number <= log->crls[ca].signed_number || hex == NULL ||
	    text_unhex(hex, sha256, sizeof(sha256)) != 0)
		return not_a_move(err);
	log->crls[ca].signed_number = (uint64_t)number;
	memcpy(log->crls[ca].sha256, sha256, sizeof(sha256));
	log->stale = log->stale && ca != LOG_ISSUING;
	return 0;
}

static int
on_torn(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	(void)log;
	(void)at;
	return json_is_integer(json_object_get(entry, "bytes")) ? 0 : not_a_move(err);
}

static const struct {
	const char *what;
	int (*apply)(struct log *log, const json_t *entry, int64_t at, struct err *err);
} moves[] = {
    {"intent", on_intent},
    {"signed", on_signed},
    {"abandoned", on_abandoned},
    {"forbidden", on_forbidden},
    {"revoked", on_revoked},
    {"released", on_released},
    {"crl-intent", on_crl_intent},
    {"crl-signed", on_crl_signed},
    {"torn", on_torn},
};

int
log_apply(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const char *what = json_string_value(json_object_get(entry, "what"));
	size_t i;

	for (i = 0; what != NULL && i < sizeof(moves) / sizeof(moves[0]); i++)
		if (strcmp(moves[i].what, what) == 0)
			return moves[i].apply(log, entry, at, err);
	return not_a_move(err);
}

/* ---- writing them ---- */

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
	if ((rc = sha256_hex(in->attestation, hash, err)) != 0)
		return rc;
	if (json_object_set_new(entry, "profile", json_string(in->profile)) != 0 ||
	    json_object_set_new(entry, "token", json_integer(in->token)) != 0 ||
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

	text_hex(in->serial, SIGNER_SERIAL_LEN, serial);
	utc_text(in->not_after, not_after);
	if (tbs == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = sha256_hex(in->tbs, hash, err)) != 0)
		return rc;
	entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "what", "intent", "ca",
	    ca_names[in->ca], "serial", serial, "not_after", not_after, "sha256", hash, "tbs", tbs);
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
	text_hex(serial, SIGNER_SERIAL_LEN, hex);
	return log_append(log, who,
	    json_pack("{s:s, s:s, s:s}", "what", "signed", "serial", hex, "cert", text), err);
}

int
log_forbidden(struct log *log, const struct log_who *who, const uint8_t *serial, struct err *err)
{
	char hex[SERIAL_HEX];

	text_hex(serial, SIGNER_SERIAL_LEN, hex);
	return log_append(
	    log, who, json_pack("{s:s, s:s}", "what", "forbidden", "serial", hex), err);
}

int
log_revoked(struct log *log, const struct log_who *who, const uint8_t *serial,
    enum signer_reason reason, struct err *err)
{
	char hex[SERIAL_HEX];

	text_hex(serial, SIGNER_SERIAL_LEN, hex);
	return log_append(log, who,
	    json_pack("{s:s, s:s, s:i}", "what", "revoked", "serial", hex, "reason", (int)reason),
	    err);
}

int
log_released(struct log *log, const struct log_who *who, const uint8_t *serial, struct err *err)
{
	char hex[SERIAL_HEX];

	text_hex(serial, SIGNER_SERIAL_LEN, hex);
	return log_append(
	    log, who, json_pack("{s:s, s:s}", "what", "released", "serial", hex), err);
}

static int
crl_line(struct log *log, const struct log_who *who, const char *what, enum log_ca ca,
    uint64_t number, const struct blob *hashed, struct err *err)
{
	char hash[HASH_HEX];
	int rc;

	if ((rc = sha256_hex(hashed, hash, err)) != 0)
		return rc;
	return log_append(log, who,
	    json_pack("{s:s, s:s, s:I, s:s}", "what", what, "ca", ca_names[ca], "number",
		(json_int_t)number, "sha256", hash),
	    err);
}

int
log_crl_intent(struct log *log, const struct log_who *who, enum log_ca ca, uint64_t number,
    const struct blob *tbs, struct err *err)
{
	return crl_line(log, who, "crl-intent", ca, number, tbs, err);
}

int
log_crl_signed(struct log *log, const struct log_who *who, enum log_ca ca, uint64_t number,
    const struct blob *crl, struct err *err)
{
	return crl_line(log, who, "crl-signed", ca, number, crl, err);
}

int
log_abandon(struct log *log, const struct log_who *who, struct err *err)
{
	char hex[SERIAL_HEX];
	size_t i;
	int rc;

	for (i = 0; i < log->n; i++) {
		if (log->certs[i].state != LOG_INTENT)
			continue;
		text_hex(log->certs[i].serial, SIGNER_SERIAL_LEN, hex);
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
