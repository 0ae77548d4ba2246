/* SPDX-License-Identifier: BSD-2-Clause */
/* find: whom or what does a word mean? */
#include <openssl/bn.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "key/ossl.h"
#include "registry/room.h"

#define SERIAL_DIGITS 40 /* decimal digits of 16 octets, and one */

/* "serial=", "0x", and what people put between octets. */
static bool
squeeze(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	while (isspace((unsigned char)*text))
		text++;
	if (strncasecmp(text, "serial=", 7) == 0)
		text += 7;
	if (strncasecmp(text, "0x", 2) == 0)
		text += 2;
	for (; *text != '\0'; text++) {
		if (*text == ':' || *text == '-' || isspace((unsigned char)*text))
			continue;
		if (n == size - 1)
			return false;
		ret[n++] = *text;
	}
	ret[n] = '\0';
	return n > 0;
}

static bool
from_decimal(const char *digits, uint8_t ret[static REGISTRY_SERIAL_LEN])
{
	CLEAN(bignum_freep) BIGNUM *bn = NULL;

	if (digits[strspn(digits, "0123456789")] != '\0' ||
	    BN_dec2bn(&bn, digits) != (int)strlen(digits))
		return false;
	/* fewer octets is no serial of ours, and may be a token's */
	return BN_num_bytes(bn) == REGISTRY_SERIAL_LEN &&
	       BN_bn2binpad(bn, ret, REGISTRY_SERIAL_LEN) == REGISTRY_SERIAL_LEN;
}

/* Our serials have 32 hexadecimal digits and, since their first octet is 0x40 to 0x7f, 38 or 39
 * decimal ones: one text is never both. */
bool
registry_serial_parse(const char *text, uint8_t ret[static REGISTRY_SERIAL_LEN])
{
	char digits[2 * SERIAL_DIGITS];
	const char *p = digits;

	if (!squeeze(text, digits, sizeof(digits)))
		return false;
	if (strlen(p) == 2 * REGISTRY_SERIAL_LEN + 2 && strncmp(p, "00", 2) == 0)
		p += 2; /* DER's sign octet */
	if (strlen(p) == 2 * REGISTRY_SERIAL_LEN)
		return text_unhex(p, ret, REGISTRY_SERIAL_LEN) == 0;
	return strlen(p) < SERIAL_DIGITS && from_decimal(p, ret);
}

static uint32_t
token_serial(const char *text)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)text[0]) || strlen(text) > 10)
		return 0;
	n = strtoull(text, &end, 10);
	return *end == '\0' && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* What identifies comes before what describes: somebody's name may be another one's id. */
static const struct {
	const char *sql;
	bool folded; /* is what is looked for */
} ways[] = {
    {"SELECT id FROM holders WHERE key = ?1 OR external = ?1", false},
    {"SELECT id FROM holders WHERE ?1 <> '' AND (email = ?1 COLLATE NOCASE OR upn = ?1 COLLATE "
     "NOCASE OR directory = ?1 COLLATE NOCASE)",
	false},
    {"SELECT id FROM holders WHERE name = ?1", false},
    {"SELECT id FROM holders WHERE folded = ?1", true},
};

static int
find_holder(struct registry *r, const char *what, int64_t *ret, struct err *err)
{
	char folded[REGISTRY_FOLD_MAX];
	size_t i;
	int rc;

	registry_fold(what, folded);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		CLEAN(db_donep) struct db_stmt *st = NULL;

		if ((rc = db_next(r->db, ways[i].sql, DB_ARGS(DB_T(ways[i].folded ? folded : what)),
			 &st, err)) < 0)
			return rc;
		if (rc == 0)
			continue;
		*ret = db_col_int(st, 0);
		if ((rc = db_step(st, err)) < 0)
			return rc;
		return rc == 0 ? 0
			       : err_set(err, ERR_AMBIGUOUS,
				     "more than one holder matches %s; give the e-mail "
				     "address or id",
				     what);
	}
	return 0;
}

bool
registry_holder_has(const struct holder *holder, const char *text)
{
	const char *const in[] = {holder->name, holder->email, holder->key};
	char part[REGISTRY_FOLD_MAX], all[REGISTRY_FOLD_MAX];
	size_t i;

	registry_fold(text, part);
	for (i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		registry_fold(in[i], all);
		if (strstr(all, part) != NULL)
			return true;
	}
	return false;
}

int
registry_find(struct registry *r, const char *what, struct registry_found *ret, struct err *err)
{
	struct registry_found f = {.token = token_serial(what)};
	int64_t one;
	int rc;

	if ((rc = registry_text_check(what, REGISTRY_TEXT_MAX, "the search text", err)) != 0)
		return rc;
	f.has_cert = registry_serial_parse(what, f.cert_serial);
	if (f.has_cert && (rc = db_int(r->db, "SELECT 1 FROM certificates WHERE serial = ?",
			       DB_ARGS(DB_B(f.cert_serial, REGISTRY_SERIAL_LEN)), &one, err)) < 0)
		return rc;
	f.has_cert = f.has_cert && rc == 1;
	if ((rc = db_int(r->db, "SELECT 1 FROM tokens WHERE serial = ?", DB_ARGS(DB_I(f.token)),
		 &one, err)) < 0)
		return rc;
	if (rc == 0)
		f.token = 0;
	if ((rc = find_holder(r, what, &f.holder, err)) != 0)
		return rc;
	if ((f.holder != 0) + (f.token != 0) + f.has_cert > 1)
		return err_set(err, ERR_AMBIGUOUS,
		    "%s is both the id of a holder and a serial number; give the holder's e-mail "
		    "address, or another name of the token or certificate",
		    what);
	if (f.holder == 0 && f.token == 0 && !f.has_cert)
		return err_set(err, ERR_ABSENT, "no holder, token or certificate matches %s", what);
	*ret = f;
	return 0;
}
