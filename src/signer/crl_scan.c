/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "signer/crl.h"
#include "ykenroll/x509.h"

#define FORGET 1048576 /* bytes: more is read before the pages go */

static int
unreadable(struct err *err)
{
	return err_set(err, ERR_FIT, "this is not a valid CRL");
}

/* ---- extensions ---- */

static int
number_of(const struct der *octets, uint64_t *ret)
{
	struct der n;
	size_t pos = 0, i;
	uint64_t v = 0;

	if (der_expect(octets->value, octets->len, &pos, DER_INTEGER, &n) != 0 ||
	    pos != octets->len || n.len < 1 || n.len > 8 || (n.value[0] & 0x80) != 0)
		return -1;
	for (i = 0; i < n.len; i++)
		v = v << 8 | n.value[i];
	*ret = v;
	return 0;
}

static int
aki_of(const struct der *octets, struct der *ret)
{
	struct der aki, id;
	size_t pos = 0, at = 0;

	if (der_expect(octets->value, octets->len, &pos, DER_SEQUENCE, &aki) != 0)
		return -1;
	while (at < aki.len) {
		if (der_next(aki.value, aki.len, &at, &id) != 0)
			return -1;
		if (id.tag == 0x80) /* [0] keyIdentifier */
			*ret = id;
	}
	return 0;
}

static int
audit_of(const struct der *octets, struct signer_audit *ret)
{
	struct der raw;
	size_t pos = 0, i;

	if (der_expect(octets->value, octets->len, &pos, DER_OCTET_STRING, &raw) != 0 ||
	    pos != octets->len || raw.len != CRL_AUDIT_LEN)
		return -1;
	ret->rows = 0;
	for (i = 0; i < 8; i++)
		ret->rows = ret->rows << 8 | raw.value[i];
	memcpy(ret->head, raw.value + 8, LOG_HASH_LEN);
	return 0;
}

static int
take_extensions(struct crl_scan *s, const struct der *wrapped)
{
	static const uint8_t number[] = {0x55, 0x1d, 0x14}, aki[] = {0x55, 0x1d, 0x23},
			     audit[] = {CRL_AUDIT_OID_DER};
	struct der_ext e;
	size_t pos = 0;
	int bad = 0;

	if (der_expect(wrapped->value, wrapped->len, &pos, DER_SEQUENCE, &s->extensions) != 0 ||
	    pos != wrapped->len)
		return -1;
	for (pos = 0; !bad && pos < s->extensions.len;) {
		if (der_next_extension(&s->extensions, &pos, &e) != 0)
			return -1;
		s->other += e.critical; /* none of ours is */
		if (der_is(&e.oid, number, sizeof(number)))
			bad = number_of(&e.octets, &s->number);
		else if (der_is(&e.oid, aki, sizeof(aki)))
			bad = aki_of(&e.octets, &s->aki);
		else if (der_is(&e.oid, audit, sizeof(audit)))
			bad = audit_of(&e.octets, &s->audit);
		else
			s->other++;
	}
	return bad;
}

/* ---- the whole ---- */

static int
take_tbs(struct crl_scan *s)
{
	const struct der *t = &s->tbs;
	struct der d;
	size_t pos = 0, back;

	/* absent: version 1, which some CAs still make */
	s->v2 = der_expect(t->value, t->len, &pos, DER_INTEGER, &d) == 0;
	if ((s->v2 && (d.len != 1 || d.value[0] != 1)) ||
	    der_expect(t->value, t->len, &pos, DER_SEQUENCE, &s->alg) != 0 ||
	    der_expect(t->value, t->len, &pos, DER_SEQUENCE, &s->issuer) != 0 ||
	    der_next(t->value, t->len, &pos, &d) != 0 ||
	    der_time_of(d.tag, d.value, d.len, &s->this_update) != 0)
		return -1;
	back = pos;
	if (der_next(t->value, t->len, &pos, &d) != 0 ||
	    der_time_of(d.tag, d.value, d.len, &s->next_update) != 0)
		pos = back;
	if (der_expect(t->value, t->len, &pos, DER_SEQUENCE, &s->list) == 0)
		s->has_list = true;
	if (der_expect(t->value, t->len, &pos, DER_CONTEXT_0, &d) == 0 &&
	    take_extensions(s, &d) != 0)
		return -1;
	return pos == t->len ? 0 : -1;
}

/* By OpenSSL: another CA may have signed it in another way than ours do. */
static int
verify(const struct crl_file *f, const struct blob *issuer, struct err *err)
{
	struct crl c;
	int rc;

	if ((rc = crl_frame(f->der, f->len, true, &c, err)) == 0)
		rc = crl_verify(&c, issuer, err);
	crl_file_forget(f, f->len);
	return rc == ERR_PROOF ? ERR_FIT : rc;
}

int
crl_scan_begin(
    const struct crl_file *f, const struct blob *issuer, struct crl_scan *ret, struct err *err)
{
	struct crl_scan s = {.f = f};
	struct der outer;
	size_t pos = 0, at = 0;

	if (der_expect(f->der, f->len, &pos, DER_SEQUENCE, &outer) != 0 || pos != f->len ||
	    der_expect(outer.value, outer.len, &at, DER_SEQUENCE, &s.tbs) != 0 || take_tbs(&s) != 0)
		return unreadable(err);
	*ret = s;
	return issuer == NULL ? 0 : verify(f, issuer, err);
}

/* ---- entries ---- */

bool
crl_entry_firmer(const struct crl_entry *e, const struct log_cert *c)
{
	return c->revoked_at != 0 && c->reason == REASON_HOLD && e->reason != REASON_HOLD;
}

static int
take_entry_extensions(struct crl_scan *s, const struct der *list, struct crl_entry *ret)
{
	static const uint8_t reason[] = {0x55, 0x1d, 0x15};
	struct der value;
	struct der_ext e;
	size_t pos = 0, in;

	while (pos < list->len) {
		in = 0;
		if (der_next_extension(list, &pos, &e) != 0)
			return -1;
		s->other += e.critical;
		if (!der_is(&e.oid, reason, sizeof(reason))) {
			s->other++;
			continue;
		}
		if (der_expect(e.octets.value, e.octets.len, &in, 0x0a, &value) != 0 ||
		    in != e.octets.len || value.len != 1)
			return -1;
		ret->reason = value.value[0];
		ret->has_reason = true;
	}
	return 0;
}

int
crl_scan_next(struct crl_scan *s, struct crl_entry *ret, struct err *err)
{
	struct crl_entry e = {0};
	struct der d, serial, when, list;
	size_t pos = 0;

	if (s->at == s->list.len)
		return 0;
	if (der_expect(s->list.value, s->list.len, &s->at, DER_SEQUENCE, &d) != 0 ||
	    der_expect(d.value, d.len, &pos, DER_INTEGER, &serial) != 0 ||
	    der_next(d.value, d.len, &pos, &when) != 0 ||
	    der_time_of(when.tag, when.value, when.len, &e.revoked_at) != 0 || serial.len < 1 ||
	    (serial.value[0] & 0x80) != 0 || log_serial(serial.value, serial.len, e.serial) != 0)
		return unreadable(err);
	if (pos < d.len && (der_expect(d.value, d.len, &pos, DER_SEQUENCE, &list) != 0 ||
			       take_entry_extensions(s, &list, &e) != 0 || pos != d.len))
		return unreadable(err);
	s->entries++;
	if (s->at - s->forgotten > FORGET)
		crl_file_forget(s->f, (size_t)(s->list.value - s->f->der) + (s->forgotten = s->at));
	*ret = e;
	return 1;
}
