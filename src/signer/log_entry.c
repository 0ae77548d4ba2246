/* SPDX-License-Identifier: BSD-2-Clause */
/* What the lines of the issuance log mean: one function per kind of line, for reading and writing
 * alike. log_write.c writes them. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "signer/log.h"
#include "signer/log_write.h"

const char *const log_ca_names[LOG_CAS] = {[LOG_ISSUING] = "issuing", [LOG_ROOT] = "root"};

int
log_serial(const uint8_t *serial, size_t len, uint8_t ret[static LOG_SERIAL_LEN])
{
	if (len == 0)
		return -1;
	for (; len > LOG_SERIAL_LEN && *serial == 0; len--)
		serial++;
	if (len > LOG_SERIAL_LEN)
		return -1;
	memset(ret, 0, LOG_SERIAL_LEN - len);
	memcpy(ret + LOG_SERIAL_LEN - len, serial, len);
	return 0;
}

static const uint8_t *
serial_at(const void *array, size_t position)
{
	return ((const struct log_cert *)array)[position].serial;
}

int
log_find(
    const struct log *log, const uint8_t *serial, size_t len, struct log_cert *ret, struct err *err)
{
	uint8_t own[LOG_SERIAL_LEN];
	size_t i;

	if (log_serial(serial, len, own) != 0)
		return ERR_ABSENT;
	i = log_index_find(&log->index, log->certs, serial_at, own);
	if (i == SIZE_MAX)
		return log_base_find(&log->base, own, ret, err);
	*ret = log->certs[i];
	return 0;
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

/* Into what changed since the checkpoint; the same serial is not there yet. */
static int
add(struct log *log, const struct log_cert *c, struct err *err)
{
	int rc;

	if ((rc = grow(log, err)) != 0)
		return rc;
	log->certs[log->n] = *c;
	if ((rc = log_index_put(&log->index, log->certs, serial_at, log->n, err)) != 0)
		return rc;
	log->n++;
	return 0;
}

static int
serial_of(const json_t *entry, uint8_t ret[static LOG_SERIAL_LEN])
{
	const char *hex = json_string_value(json_object_get(entry, "serial"));
	const size_t len = hex == NULL ? 0 : strlen(hex) / 2;
	uint8_t serial[LOG_SERIAL_LEN];

	if (len == 0 || len > sizeof(serial) || text_unhex(hex, serial, len) != 0)
		return -1;
	return log_serial(serial, len, ret);
}

/* The certificate that an entry is about, to be changed. Errors: ERR_CA there is none. */
static int
take(struct log *log, const json_t *entry, struct log_cert **ret, struct err *err)
{
	uint8_t serial[LOG_SERIAL_LEN];
	struct log_cert c;
	size_t i;
	int rc;

	if (serial_of(entry, serial) != 0)
		return not_a_move(err);
	i = log_index_find(&log->index, log->certs, serial_at, serial);
	if (i == SIZE_MAX) {
		if ((rc = log_base_find(&log->base, serial, &c, err)) != 0)
			return rc == ERR_ABSENT ? not_a_move(err) : rc;
		if ((rc = add(log, &c, err)) != 0)
			return rc;
		i = log->n - 1;
	}
	*ret = &log->certs[i];
	return 0;
}

static int
ca_of(const json_t *entry)
{
	const char *name = json_string_value(json_object_get(entry, "ca"));
	int i;

	for (i = 0; name != NULL && i < LOG_CAS; i++)
		if (strcmp(name, log_ca_names[i]) == 0)
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

/* One that the log has not yet. */
static int
add_new(struct log *log, const struct log_cert *c, struct err *err)
{
	struct log_cert there;
	int rc;

	if ((rc = log_find(log, c->serial, sizeof(c->serial), &there, err)) != ERR_ABSENT)
		return rc == 0 ? not_a_move(err) : rc;
	if ((rc = add(log, c, err)) == 0)
		log->sums.certs++;
	return rc;
}

static int
on_intent(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	struct log_cert c = {.state = LOG_INTENT, .line_at = at};
	int rc, ca = ca_of(entry);

	if (ca < 0 || serial_of(entry, c.serial) != 0 ||
	    time_of(entry, "not_after", &c.not_after) != 0)
		return not_a_move(err);
	c.ca = (uint8_t)ca;
	if ((rc = add_new(log, &c, err)) == 0)
		log->sums.open++;
	return rc;
}

static int
on_signed(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	struct log_cert *c;
	int rc;

	if ((rc = take(log, entry, &c, err)) != 0)
		return rc;
	if (c->state != LOG_INTENT || !json_is_string(json_object_get(entry, "cert")))
		return not_a_move(err);
	c->state = LOG_SIGNED;
	c->line_at = at;
	log->sums.open--;
	return 0;
}

static int
on_abandoned(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	struct log_cert *c;
	int64_t when;
	int rc;

	(void)at;
	if ((rc = take(log, entry, &c, err)) != 0)
		return rc;
	if (c->state != LOG_INTENT || time_of(entry, "time", &when) != 0)
		return not_a_move(err);
	c->revoked_at = when;
	c->state = LOG_ABANDONED;
	c->reason = REASON_UNSPECIFIED;
	log->sums.stale = true;
	log->sums.open--;
	return 0;
}

static int
on_forbidden(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	struct log_cert c = {.ca = LOG_ISSUING, .state = LOG_FORBIDDEN, .line_at = at};

	return serial_of(entry, c.serial) != 0 ? not_a_move(err) : add_new(log, &c, err);
}

static int
on_revoked(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const json_int_t reason = json_integer_value(json_object_get(entry, "reason"));
	struct log_cert *c;
	int64_t when;
	int rc;

	(void)at;
	if ((rc = take(log, entry, &c, err)) != 0)
		return rc;
	if (c->state != LOG_SIGNED || reason < 0 || reason > LOG_REASON_MAX ||
	    time_of(entry, "time", &when) != 0)
		return not_a_move(err);
	/* A second reason does not change since when: RFC 5280, 5.3.1 is about the certificate. */
	if (c->revoked_at == 0)
		c->revoked_at = when;
	c->reason = (uint8_t)reason;
	c->released = false;
	log->sums.stale = true;
	return 0;
}

static int
on_released(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	struct log_cert *c;
	int rc;

	(void)at;
	if ((rc = take(log, entry, &c, err)) != 0)
		return rc;
	if (c->state != LOG_SIGNED || c->revoked_at == 0 || c->reason != REASON_HOLD)
		return not_a_move(err);
	c->revoked_at = 0;
	c->reason = REASON_UNSPECIFIED;
	c->released = true;
	log->sums.stale = true;
	return 0;
}

/* As another CA's records say: issued there, perhaps revoked there. */
static int
on_import(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const json_int_t reason = json_integer_value(json_object_get(entry, "reason"));
	const bool revoked = json_object_get(entry, "revoked") != NULL;
	struct log_cert c = {.state = LOG_SIGNED, .line_at = at};
	int rc, ca = ca_of(entry);

	if (ca < 0 || serial_of(entry, c.serial) != 0 || reason < 0 || reason > LOG_REASON_MAX ||
	    time_of(entry, "not_after", &c.not_after) != 0 ||
	    (revoked && (time_of(entry, "revoked", &c.revoked_at) != 0 || c.revoked_at == 0)))
		return not_a_move(err);
	c.ca = (uint8_t)ca;
	c.reason = revoked ? (uint8_t)reason : REASON_UNSPECIFIED;
	if ((rc = add_new(log, &c, err)) == 0)
		log->sums.stale = log->sums.stale || revoked;
	return rc;
}

static int
on_crl_intent(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const json_int_t number = json_integer_value(json_object_get(entry, "number"));
	const int ca = ca_of(entry);

	(void)at;
	if (ca < 0 || number <= 0 || (uint64_t)number <= log->sums.crls[ca].number)
		return not_a_move(err);
	log->sums.crls[ca].number = (uint64_t)number;
	return 0;
}

static int
on_crl_signed(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const json_int_t number = json_integer_value(json_object_get(entry, "number"));
	const char *hex = json_string_value(json_object_get(entry, "sha256"));
	const int ca = ca_of(entry);
	uint8_t sha256[LOG_HASH_LEN];
	struct log_crl *crl;

	(void)at;
	if (ca < 0 || number <= 0 || hex == NULL || text_unhex(hex, sha256, sizeof(sha256)) != 0)
		return not_a_move(err);
	crl = &log->sums.crls[ca];
	if ((uint64_t)number != crl->number || (uint64_t)number <= crl->signed_number)
		return not_a_move(err);
	crl->signed_number = (uint64_t)number;
	memcpy(crl->sha256, sha256, sizeof(sha256));
	log->sums.stale = log->sums.stale && ca != LOG_ISSUING;
	return 0;
}

static int
on_torn(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	(void)log;
	(void)at;
	return json_is_integer(json_object_get(entry, "bytes")) ? 0 : not_a_move(err);
}

/* The certificates of a CA that was made elsewhere; its serial there is none of ours. */
static int
on_import_ca(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	(void)log;
	(void)at;
	return ca_of(entry) >= 0 && json_is_string(json_object_get(entry, "cert"))
		   ? 0
		   : not_a_move(err);
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
    {"import-ca", on_import_ca},
    {"import", on_import},
    /* the number that another CA's CRLs have come to: ours rise from there */
    {"import-crl", on_crl_intent},
};

/* Any line may tell how far the registry's audit chain is. */
static int
take_audit(struct log *log, const json_t *entry, struct err *err)
{
	const json_int_t rows = json_integer_value(json_object_get(entry, "audit_rows"));
	const char *hex = json_string_value(json_object_get(entry, "audit_head"));
	struct log_audit audit = {.rows = (uint64_t)rows};

	if (rows == 0 && hex == NULL)
		return 0;
	if (rows <= 0 || hex == NULL || text_unhex(hex, audit.head, sizeof(audit.head)) != 0)
		return not_a_move(err);
	if (audit.rows >= log->sums.audit.rows)
		log->sums.audit = audit;
	return 0;
}

int
log_apply(struct log *log, const json_t *entry, int64_t at, struct err *err)
{
	const char *what = json_string_value(json_object_get(entry, "what"));
	size_t i;
	int rc;

	for (i = 0; what != NULL && i < sizeof(moves) / sizeof(moves[0]); i++)
		if (strcmp(moves[i].what, what) == 0) {
			rc = moves[i].apply(log, entry, at, err);
			return rc != 0 ? rc : take_audit(log, entry, err);
		}
	return not_a_move(err);
}
