/* SPDX-License-Identifier: BSD-2-Clause */
/* names: which ones are possible. */
#include <string.h>
#include <strings.h>

#include <openssl/x509.h>

#include "base/text.h"
#include "key/ossl.h"
#include "signer/der.h"
#include "signer/names.h"
#include "signer/profile.h"

#define LOCAL_MAX 64 /* bytes before the @: RFC 5321, 4.5.3.1.1 */
#define LABEL_MAX 63 /* RFC 1035, 2.3.4 */
#define DNS_MAX 253
#define SID_MAX 184 /* characters of the longest SID */
#define DIGITS "0123456789"
#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS

/* ---- one name ---- */

/* dot-atom of RFC 5322, 3.2.3, without quoting and comments */
static bool
local_ok(const char *s, size_t len)
{
	size_t i;

	if (len < 1 || len > LOCAL_MAX || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (i = 0; i < len; i++) {
		if (strchr(ALNUM ".!#$%&'*+/=?^_`{|}~-", s[i]) == NULL)
			return false;
		if (s[i] == '.' && s[i + 1] == '.')
			return false;
	}
	return true;
}

/* letters, digits, hyphens between them, dots between labels */
static bool
domain_ok(const char *s)
{
	size_t n;

	for (;; s += n + 1) {
		n = strspn(s, ALNUM "-");
		if (n < 1 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (s[n] == '\0')
			return true;
		if (s[n] != '.')
			return false;
	}
}

static int
check_email(const char *email, struct err *err)
{
	const char *at = strchr(email, '@');

	if (strlen(email) > SIGNER_EMAIL_MAX || at == NULL ||
	    !local_ok(email, (size_t)(at - email)) || !domain_ok(at + 1))
		return err_set(err, ERR_USAGE,
		    "invalid e-mail address for a certificate: use ASCII, one @, at most %d bytes",
		    SIGNER_EMAIL_MAX);
	return 0;
}

/* What people read: in the subject, in a UPN. */
static int
check_text(const char *text, const char *what, size_t max, struct err *err)
{
	const size_t len = strlen(text);

	if (len == 0)
		return err_set(err, ERR_USAGE, "the %s is empty", what);
	if (!text_is_plain(text))
		return err_set(err, ERR_USAGE,
		    "the %s has control or invisible characters, or is not UTF-8; type it again",
		    what);
	if (text[0] == ' ' || text[len - 1] == ' ')
		return err_set(err, ERR_USAGE, "the %s begins or ends with a space", what);
	if (text_chars(text) > max)
		return err_set(err, ERR_USAGE,
		    "the %s has %zu characters; a certificate has room for %zu", what,
		    text_chars(text), max);
	return 0;
}

static int
check_upn(const char *upn, struct err *err)
{
	const char *at = strchr(upn, '@');
	int rc;

	if ((rc = check_text(upn, "user principal name", SIGNER_EMAIL_MAX, err)) != 0)
		return rc;
	if (at == NULL || at == upn || strchr(upn, ' ') != NULL || !domain_ok(at + 1))
		return err_set(
		    err, ERR_USAGE, "a user principal name is NAME@DOMAIN without spaces");
	return 0;
}

/* "S-1-", then numbers with hyphens between: MS-DTYP, 2.4.2.1 */
static int
check_sid(const char *sid, struct err *err)
{
	const char *p = sid + 4;
	size_t n, parts = 0;
	bool ok = strlen(sid) <= SID_MAX && strncmp(sid, "S-1-", 4) == 0;

	for (; ok; p += n + 1) {
		n = strspn(p, DIGITS);
		ok = n >= 1 && n <= 15 && ++parts <= 16;
		if (p[n] != '-') {
			ok = ok && p[n] == '\0' && parts >= 2;
			break;
		}
	}
	return ok ? 0 : err_set(err, ERR_USAGE, "a SID looks like S-1-5-21-1111-2222-3333-1105");
}

/* RFC 6125, 6.4.3: a wildcard is the whole first label, and never of a top level. */
static int
check_dns(const char *name, struct err *err)
{
	const bool wild = strncmp(name, "*.", 2) == 0;
	const char *rest = wild ? name + 2 : name, *last = strrchr(rest, '.');

	if (strlen(name) > DNS_MAX || !domain_ok(rest) || (wild && last == NULL))
		return err_set(err, ERR_USAGE,
		    "invalid DNS name for a certificate: use letters, digits, hyphens and dots, "
		    "optionally *. in front; write an international name as xn--…");
	last = last == NULL ? rest : last + 1;
	if (strspn(last, DIGITS) == strlen(last))
		return err_set(err, ERR_USAGE, "a DNS name does not end in a number: use --ip");
	return 0;
}

static int
check_field(enum rules_field f, const char *value, struct err *err)
{
	/* upper bounds of RFC 5280, appendix A */
	static const size_t max[FIELDS] = {[FIELD_C] = 2,
	    [FIELD_ST] = 128,
	    [FIELD_L] = 128,
	    [FIELD_O] = 64,
	    [FIELD_OU] = 64,
	    [FIELD_SERIAL] = 64};
	int rc;

	if ((rc = check_text(value, rules_fields[f], max[f], err)) != 0)
		return rc;
	if (f == FIELD_C && strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2)
		return err_set(err, ERR_USAGE, "C must be a country code of two capital letters");
	if (f == FIELD_SERIAL && strspn(value, ALNUM " '()+,-./:=?") != strlen(value))
		return err_set(
		    err, ERR_USAGE, "serialNumber may have letters, digits and '()+,-./:=?");
	return 0;
}

/* ---- all of them ---- */

/* A holder called like a CA: chain builders look for issuers by name. Compared as X.509 does,
 * without regard to case and runs of spaces. */
static int
not_a_ca(const struct blob *ca, const struct names *names, struct err *err)
{
	CLEAN(name_freep) X509_NAME *name = NULL;
	CLEAN(x509_freep) X509 *x = NULL;
	const uint8_t *p = ca->data;
	int rc;

	if ((rc = profile_name(names, &name, err)) != 0)
		return rc;
	if ((x = d2i_X509(NULL, &p, (long)ca->len)) == NULL)
		return err_set(err, ERR_INTERNAL, "cannot compare the name");
	if (X509_NAME_cmp(name, X509_get_subject_name(x)) == 0)
		return err_set(err, ERR_USAGE, "'%s' is the CA's own name; choose another one",
		    names->who.name);
	return 0;
}

/* As openssl-ca(1): match means like the CA's own. */
static int
match(const struct ca *ca, enum rules_field f, struct names *n, struct err *err)
{
	CLEAN(names_wipe) struct names own = {0};
	struct der_cert issuer;
	int rc;

	if ((rc = der_cert(&ca->cert[LOG_ISSUING], &issuer, err)) != 0 ||
	    (rc = names_read_subject(&issuer.subject, &own, err)) != 0)
		return rc;
	if (own.field[f] == NULL)
		return err_set(err, ERR_USAGE,
		    "the policy says %s = match, but the CA's own name has no %s: use supplied",
		    rules_fields[f], rules_fields[f]);
	if (n->field[f] == NULL)
		return names_keep(n, own.field[f], strlen(own.field[f]), &n->field[f], err);
	if (strcmp(own.field[f], n->field[f]) != 0)
		return err_set(err, ERR_USAGE, "%s must match the CA's own, which is %s",
		    rules_fields[f], own.field[f]);
	return 0;
}

static int
check_subject(const struct ca *ca, const struct profile *p, struct names *n, struct err *err)
{
	int rc, f;

	for (f = 0; f < FIELDS; f++) {
		if (n->field[f] != NULL && p->fields[f] == FIELD_NONE)
			return err_set(err, ERR_USAGE,
			    "profile %s does not allow %s in the subject; a [policy] section in "
			    "ykenroll.conf can allow it",
			    p->name, rules_fields[f]);
		if (n->field[f] == NULL && p->fields[f] == FIELD_SUPPLIED)
			return err_set(err, ERR_USAGE,
			    "profile %s requires %s in the subject; use --subject %s=…", p->name,
			    rules_fields[f], rules_fields[f]);
		if (p->fields[f] == FIELD_MATCH &&
		    (rc = match(ca, (enum rules_field)f, n, err)) != 0)
			return rc;
		if (n->field[f] != NULL &&
		    (rc = check_field((enum rules_field)f, n->field[f], err)) != 0)
			return rc;
	}
	return 0;
}

static const char *
first_name(unsigned set)
{
	static const char *const words[] = {"e-mail address (--email)",
	    "user principal name (--upn)", "card's GUID", "DNS name (--dns)", "IP address (--ip)",
	    "SID (--sid)"};

	return words[set == 0 ? 0 : ffs((int)set) - 1];
}

static void
leave_out(struct names *n, unsigned set)
{
	if ((set & NAME_EMAIL) != 0)
		n->who.email[0] = '\0';
	if ((set & NAME_UPN) != 0)
		n->who.upn[0] = '\0';
	if ((set & NAME_UUID) != 0)
		memset(n->uuid, 0, sizeof(n->uuid));
	if ((set & NAME_SID) != 0)
		n->who.sid[0] = '\0';
}

static int
check_set(const struct profile *p, struct names *n, struct err *err)
{
	const unsigned given = names_have(n), lack = p->names_must & ~given;
	unsigned excess = given & ~p->names;

	if (!p->software) {
		leave_out(n, excess);
		excess &= NAME_DNS | NAME_IP;
	}
	if (excess != 0)
		return err_set(err, ERR_USAGE, "profile %s does not allow the %s", p->name,
		    first_name(excess));
	if (lack != 0)
		return err_set(
		    err, ERR_USAGE, "profile %s requires the %s", p->name, first_name(lack));
	if ((p->eku & EKU_SERVER) != 0 && (given & (NAME_DNS | NAME_IP)) == 0)
		return err_set(err, ERR_USAGE,
		    "profile %s requires the names by which clients reach the server: --dns or "
		    "--ip",
		    p->name);
	return 0;
}

static int
check_servers(const struct names *n, struct err *err)
{
	size_t i, j;
	int rc;

	for (i = 0; i < n->n_dns; i++) {
		if ((rc = check_dns(n->dns[i], err)) != 0)
			return rc;
		for (j = 0; j < i; j++)
			if (strcmp(n->dns[i], n->dns[j]) == 0)
				return err_set(err, ERR_USAGE, "a DNS name is given twice");
	}
	for (i = 0; i < n->n_ip; i++)
		for (j = 0; j < i; j++)
			if (n->ip[i].len == n->ip[j].len &&
			    memcmp(n->ip[i].bytes, n->ip[j].bytes, n->ip[i].len) == 0)
				return err_set(err, ERR_USAGE, "an IP address is given twice");
	return 0;
}

int
names_check(const struct ca *ca, const struct profile *p, struct names *n, struct err *err)
{
	size_t i;
	int rc;

	if ((rc = check_text(n->who.name, "name", SIGNER_CN_MAX, err)) != 0 ||
	    (rc = check_set(p, n, err)) != 0 || (rc = check_subject(ca, p, n, err)) != 0 ||
	    (n->who.email[0] != '\0' && (rc = check_email(n->who.email, err)) != 0) ||
	    (n->who.upn[0] != '\0' && (rc = check_upn(n->who.upn, err)) != 0) ||
	    (n->who.sid[0] != '\0' && (rc = check_sid(n->who.sid, err)) != 0) ||
	    (rc = check_servers(n, err)) != 0)
		return rc;
	for (i = 0; i < LOG_CAS; i++)
		if ((rc = not_a_ca(&ca->cert[i], n, err)) != 0)
			return rc;
	return 0;
}
