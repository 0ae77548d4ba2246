/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "signer/der.h"
#include "signer/import.h"
#include "signer/log.h"

#define FIELDS 6

/* As `openssl ca -revoke` writes them; what some bring with them. */
static const struct {
	const char *name;
	uint8_t reason;
	enum { NOTHING, A_TIME, A_WORD } more;
} reasons[] = {
    {"unspecified", 0, NOTHING},
    {"keyCompromise", 1, NOTHING},
    {"CACompromise", 2, NOTHING},
    {"affiliationChanged", 3, NOTHING},
    {"superseded", 4, NOTHING},
    {"cessationOfOperation", 5, NOTHING},
    {"certificateHold", 6, NOTHING},
    {"privilegeWithdrawn", 9, NOTHING},
    {"AACompromise", 10, NOTHING},
    {"holdInstruction", 6, A_WORD},
    {"keyTime", 1, A_TIME},
    {"CAkeyTime", 2, A_TIME},
};

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ */
static int
time_of(const char *text, int64_t *ret)
{
	const size_t len = strlen(text);

	return der_time_of(len == 13 ? DER_UTCTIME : DER_GENERALIZEDTIME, text, len, ret);
}

/* Two digits that RFC 5280, 4.1.2.5.1 reads as 1950 to 1995, and some write for 2050 to 2095. */
static bool
vague(const char *text)
{
	return strlen(text) == 13 && strncmp(text, "50", 2) >= 0 && strncmp(text, "96", 2) < 0;
}

static int
take_end(const char *text, struct import_line *l)
{
	char later[16];

	snprintf(later, sizeof(later), "20%.13s", text);
	l->vague = vague(text);
	if (l->vague && time_of(later, &l->end_later) != 0)
		return -1;
	return time_of(text, &l->cert.not_after);
}

/* OpenSSL puts a backslash before a tab that is meant. */
static size_t
split(char *line, char *fields[static FIELDS])
{
	size_t n = 0;
	char *p, *to;

	for (p = to = fields[n++] = line; *p != '\0'; p++) {
		if (*p == '\\' && p[1] == '\t')
			*to++ = *++p;
		else if (*p != '\t')
			*to++ = *p;
		else {
			*to++ = '\0';
			if (n == FIELDS)
				return FIELDS + 1;
			fields[n++] = to = p + 1;
		}
	}
	*to = '\0';
	return n;
}

const char *
import_serial(const char *hex, struct import_line *l)
{
	uint8_t serial[LOG_SERIAL_LEN];
	char even[2 * LOG_SERIAL_LEN + 1];
	size_t len = strlen(hex), i;

	while (len > 2 * LOG_SERIAL_LEN && *hex == '0') {
		hex++;
		len--;
	}
	if (len == 0 || len > 2 * LOG_SERIAL_LEN)
		return "a serial number must have 1 to 20 octets";
	snprintf(even, sizeof(even), "%s%s", len % 2 == 0 ? "" : "0", hex);
	len = strlen(even) / 2;
	if (text_unhex(even, serial, len) != 0 || log_serial(serial, len, l->cert.serial) != 0)
		return "the serial number is not hexadecimal (0-9, A-F)";
	snprintf(l->hex, sizeof(l->hex), "%s", even);
	for (i = 0; l->hex[i] != '\0'; i++)
		l->hex[i] = (char)toupper((unsigned char)l->hex[i]);
	return NULL;
}

static const char *
take_reason(char *reason, struct import_line *l)
{
	char *more = strchr(reason, ',');
	int64_t when;
	size_t i;

	if (more != NULL)
		*more++ = '\0';
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcasecmp(reasons[i].name, reason) == 0)
			break;
	if (i == sizeof(reasons) / sizeof(reasons[0]))
		return "the revocation reason is none of RFC 5280, 5.3.1, such as keyCompromise";
	if ((reasons[i].more == NOTHING) != (more == NULL))
		return "unexpected text after the revocation reason: only holdInstruction, keyTime and CAkeyTime have one";
	if (reasons[i].more == A_TIME && time_of(more, &when) != 0)
		return "the time of compromise is malformed";
	l->invalidity = reasons[i].more == A_TIME;
	l->cert.reason = reasons[i].reason;
	return NULL;
}

static const char *
take_revocation(char *field, struct import_line *l)
{
	char *reason = strchr(field, ',');

	if (l->status != 'R')
		return *field == '\0' ? NULL : "it has a revocation time but is not revoked";
	if (reason != NULL)
		*reason++ = '\0';
	if (vague(field))
		return "the year of the revocation time has two digits, and the century is not "
		       "clear; write it with four: YYYYMMDDHHMMSSZ";
	if (time_of(field, &l->cert.revoked_at) != 0 || l->cert.revoked_at <= 0)
		return "the revocation time is malformed; write it as YYYYMMDDHHMMSSZ";
	return reason == NULL ? NULL : take_reason(reason, l);
}

static const char *
take_subject(const char *dn, struct import_line *l)
{
	size_t n = 0;

	for (; *dn != '\0'; dn++) {
		if (n + 5 > sizeof(l->subject))
			return "the subject is too long";
		if (*dn >= 0x20 && *dn < 0x7f)
			l->subject[n++] = *dn;
		else
			n += (size_t)snprintf(
			    l->subject + n, 5, "\\x%02X", (unsigned)(unsigned char)*dn);
	}
	l->subject[n] = '\0';
	return NULL;
}

const char *
import_index_line(char *line, struct import_line *ret)
{
	char *fields[FIELDS];
	const char *why;

	memset(ret, 0, sizeof(*ret));
	ret->cert.ca = LOG_ISSUING;
	ret->cert.state = LOG_SIGNED;
	if (split(line, fields) != FIELDS)
		return "it does not have 6 fields separated by tabs";
	if (strlen(fields[0]) != 1 || strchr("VRE", fields[0][0]) == NULL)
		return "its status is not V, R or E";
	ret->status = fields[0][0];
	if (take_end(fields[1], ret) != 0)
		return "the expiry time is malformed; write it as YYYYMMDDHHMMSSZ";
	if ((why = take_revocation(fields[2], ret)) != NULL ||
	    (why = import_serial(fields[3], ret)) != NULL)
		return why;
	return take_subject(fields[5], ret);
}
