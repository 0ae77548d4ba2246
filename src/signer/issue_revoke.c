/* SPDX-License-Identifier: BSD-2-Clause */
/* issue_revoke: what was signed is taken back. */
#include <string.h>

#include "base/text.h"
#include "base/utc.h"
#include "signer/crl.h"
#include "signer/issue.h"
#include "ykenroll/x509.h"

static int
absent(const uint8_t *serial, size_t len, struct err *err)
{
	char hex[2 * LOG_SERIAL_LEN + 1];

	text_hex(serial, len < LOG_SERIAL_LEN ? len : LOG_SERIAL_LEN, hex);
	return err_set(
	    err, ERR_ABSENT, "this CA has issued no certificate with serial number %s", hex);
}

int
issue_signed(
    const struct ca *ca, const uint8_t *serial, size_t len, struct log_cert *ret, struct err *err)
{
	int rc;

	if ((rc = log_sound(ca->log, err)) != 0 ||
	    ((rc = log_find(ca->log, serial, len, ret, err)) != 0 && rc != ERR_ABSENT))
		return rc;
	return rc == 0 && ret->ca == LOG_ISSUING && ret->state == LOG_SIGNED
		   ? 0
		   : absent(serial, len, err);
}

static bool
reason_known(int64_t reason)
{
	return reason == REASON_UNSPECIFIED || reason == REASON_KEY_COMPROMISE ||
	       (reason >= REASON_AFFILIATION_CHANGED && reason <= REASON_HOLD);
}

static int
release(const struct log_cert *c, struct err *err)
{
	return c->reason == REASON_HOLD
		   ? 0
		   : err_set(err, ERR_CA,
			 "the certificate is revoked for good (reason %u); only a certificate on "
			 "hold can be resumed",
			 c->reason);
}

/* On hold may become revoked, and every reason may turn out to be a compromise (RFC 5280, 5.3.1).
 */
static int
revoke(const struct log_cert *c, int64_t reason, struct err *err)
{
	return c->revoked_at == 0 || c->reason == REASON_HOLD || reason == REASON_KEY_COMPROMISE
		   ? 0
		   : err_set(
			 err, ERR_CA, "the certificate is already revoked (reason %u)", c->reason);
}

/* Revoked is what the CRL lists, as it lies there for the servers: it is read back. */
static int
publish(struct ca *ca, uint32_t peer, bool always, const uint8_t *serial, size_t len, bool listed,
    struct err *err)
{
	char hex[2 * LOG_SERIAL_LEN + 1];
	bool there = !listed;
	int rc;

	if ((rc = crl_shows(ca, peer, always, serial, len, &there, err)) != 0 || there == listed)
		return rc;
	/* one that was made to last longer or shorter lists others of those that expired */
	if (!always &&
	    ((rc = crl_shows(ca, peer, true, serial, len, &there, err)) != 0 || there == listed))
		return rc;
	text_hex(serial, len, hex);
	return err_set(err, ERR_CA,
	    "CRL number %llu %s certificate %s; find out why with: ykenroll ca log",
	    (unsigned long long)ca->crls[LOG_ISSUING].number,
	    listed ? "does not list" : "still lists", hex);
}

static int
expired(const struct log_cert *c, struct err *err)
{
	char end[UTC_TEXT_LEN];

	utc_text(c->not_after, end);
	return err_set(err, ERR_CA,
	    "the certificate expired at %s, and no CRL lists it any more: nothing was revoked%s",
	    end,
	    c->intent != 0
		? ""
		: "; if that is not its end, give the certificate: ykenroll revoke FILE");
}

int
issue_revoke(struct ca *ca, uint32_t peer, const uint8_t *serial, size_t len, int64_t reason,
    struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	const bool off = reason == REASON_RELEASE;
	struct log_cert c;
	int rc;

	if (!off && !reason_known(reason))
		return err_set(
		    err, ERR_USAGE, "%lld is not a revocation reason", (long long)reason);
	if ((rc = issue_signed(ca, serial, len, &c, err)) != 0)
		return rc;
	if (!off && !crl_will_list(ca, &c))
		return expired(&c, err);
	/* once more: only make sure that the list is out */
	if (off ? c.revoked_at == 0 : c.revoked_at != 0 && c.reason == reason)
		return publish(ca, peer, false, serial, len, !off, err);
	if ((rc = off ? release(&c, err) : revoke(&c, reason, err)) != 0 ||
	    (rc = log_of_serial(ca->log, &who, off ? "released" : "revoked", serial, len,
		 off ? 0 : reason, err)) != 0)
		return rc;
	return publish(ca, peer, true, serial, len, !off, err);
}

int
issue_take(struct ca *ca, uint32_t peer, const uint8_t *der, size_t len, struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	CLEAN(blob_wipe) struct blob cert = {0};
	struct log_row row = {.ca = LOG_ISSUING, .data = der, .data_len = len};
	struct cert_info info;
	struct log_cert c;
	int rc;

	if ((rc = blob_set(&cert, der, len, err)) != 0 ||
	    (rc = cert_read(der, len, &info, err)) != 0 ||
	    (rc = cert_issued_by(&cert, &ca->cert[LOG_ISSUING], err)) != 0)
		return ca_refused(err);
	if (blob_equal(&cert, &ca->cert[LOG_ISSUING]))
		return err_set(err, ERR_CA, "this is the issuing CA's own certificate");
	rc = log_find(ca->log, info.serial, info.serial_len, &c, err);
	if ((rc != 0 && rc != ERR_ABSENT) ||
	    (rc == 0 && (c.intent != 0 || c.not_after == info.not_after ||
			    (c.revoked_at != 0 && crl_will_list(ca, &c)))))
		return rc;
	row.what = rc == 0 ? "import-cert" : "import";
	row.serial = info.serial;
	row.serial_len = info.serial_len;
	row.not_after = info.not_after;
	row.text = info.subject;
	return log_append(ca->log, &who, &row, err);
}

/* One that is revoked stays revoked as it is; one that expired long ago is on no CRL. */
static int
forbid_signed(struct ca *ca, uint32_t peer, const uint8_t *serial, const struct log_cert *c,
    int64_t reason, struct err *err)
{
	if (!crl_will_list(ca, c))
		return crl_renew(ca, peer, false, err);
	return c->revoked_at != 0 && c->reason != REASON_HOLD
		   ? publish(ca, peer, false, serial, SIGNER_SERIAL_LEN, true, err)
		   : issue_revoke(ca, peer, serial, SIGNER_SERIAL_LEN, reason, err);
}

int
issue_forbid(struct ca *ca, uint32_t peer, const uint8_t *serial, int64_t reason, bool *ret_signed,
    struct err *err)
{
	const struct log_who who = ca_who(ca, peer);
	struct log_cert c = {0};
	bool was_signed;
	int rc;

	if ((rc = log_usable(ca->log, ca->now(), err)) != 0)
		return rc;
	if (!reason_known(reason))
		return err_set(
		    err, ERR_USAGE, "%lld is not a revocation reason", (long long)reason);
	rc = log_find(ca->log, serial, SIGNER_SERIAL_LEN, &c, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (rc == 0 && c.ca != LOG_ISSUING)
		return absent(serial, SIGNER_SERIAL_LEN, err);
	was_signed = rc == 0 && c.state == LOG_SIGNED;
	if (was_signed)
		rc = forbid_signed(ca, peer, serial, &c, reason, err);
	else if (rc == ERR_ABSENT)
		rc = log_of_serial(ca->log, &who, "forbidden", serial, SIGNER_SERIAL_LEN, 0, err);
	if (rc == 0)
		*ret_signed = was_signed;
	return rc;
}
