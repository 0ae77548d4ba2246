/* SPDX-License-Identifier: BSD-2-Clause */
/* list: which tokens, of all that are registered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utc.h"
#include "ykenroll/workflow.h"

/* ---- advisories ---- */

#define RSA (1u << KEY_RSA2048 | 1u << KEY_RSA3072 | 1u << KEY_RSA4096)
#define ECDSA (1u << KEY_P256 | 1u << KEY_P384)

static const struct {
	enum workflow_advisory bit;
	const char *name, *id;
	int32_t first, last; /* firmware: 5.7.1 is 0x050701 */
	unsigned algs;	     /* bits 1 << enum key_alg */
} advisories[WORKFLOW_ADVISORIES] = {
    {ADVISORY_ROCA, "ROCA", "YSA-2017-01", 0x040206, 0x040304, RSA},
    {ADVISORY_FIPS, "YSA-2019-02", "YSA-2019-02", 0x040402, 0x040404, ~(1u << KEY_NONE)},
    {ADVISORY_EUCLEAK, "EUCLEAK", "YSA-2024-03", 0, 0x0506ff, ECDSA},
};

static int32_t
number(const uint8_t firmware[static 3])
{
	return firmware[0] << 16 | firmware[1] << 8 | firmware[2];
}

/* The bits that hold for a key of this algorithm. */
static unsigned
advisories_of(const uint8_t firmware[static 3], enum key_alg alg)
{
	const int32_t v = number(firmware);
	unsigned bits = 0;
	size_t i;

	for (i = 0; i < WORKFLOW_ADVISORIES; i++)
		if ((advisories[i].algs & 1u << alg) != 0 && v >= advisories[i].first &&
		    v <= advisories[i].last)
			bits |= advisories[i].bit;
	return bits;
}

const char *
workflow_advisory_name(enum workflow_advisory one)
{
	size_t i;

	for (i = 0; i < WORKFLOW_ADVISORIES; i++)
		if (advisories[i].bit == one)
			return advisories[i].name;
	return "unknown";
}

static int
parse_advisory(const char *text, unsigned *ret, struct err *err)
{
	size_t i;

	*ret = ADVISORY_ROCA | ADVISORY_FIPS | ADVISORY_EUCLEAK;
	if (strcasecmp(text, "any") == 0)
		return 0;
	for (i = 0; i < WORKFLOW_ADVISORIES; i++)
		if (strcasecmp(text, advisories[i].name) == 0 ||
		    strcasecmp(text, advisories[i].id) == 0) {
			*ret = advisories[i].bit;
			return 0;
		}
	return err_set(err, ERR_USAGE,
	    "invalid --advisory '%s'; use ROCA, EUCLEAK, their YSA numbers, or any", text);
}

/* ---- firmware ---- */

struct versions {
	int32_t first, last; /* none, where last is less */
};

/* "5.7": the lowest and the highest that begin with it. */
static int
parse_version(const char *text, struct versions *ret)
{
	unsigned v[3] = {0};
	int end = 0;
	const int n = sscanf(text, "%3u%n.%3u%n.%3u%n", &v[0], &end, &v[1], &end, &v[2], &end);

	if (n < 1 || text[end] != '\0' || v[0] > 255 || v[1] > 255 || v[2] > 255)
		return -1;
	ret->first = (int32_t)(v[0] << 16 | v[1] << 8 | v[2]);
	ret->last = ret->first | (n == 1 ? 0xffff : n == 2 ? 0xff : 0);
	return 0;
}

static int
parse_firmware(const char *text, struct versions *ret, struct err *err)
{
	static const struct {
		const char *sign;
		bool less, more, equal;
	} signs[] = {{"", .equal = true}, {"=", .equal = true}, {"<", .less = true},
	    {">", .more = true}, {"<=", .less = true, .equal = true},
	    {">=", .more = true, .equal = true}};
	const size_t n = strspn(text, "<>=");
	struct versions named;
	size_t i;

	*ret = (struct versions){.last = 0xffffff};
	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strlen(signs[i].sign) == n && strncmp(signs[i].sign, text, n) == 0)
			break;
	if (i == sizeof(signs) / sizeof(signs[0]) || parse_version(text + n, &named) != 0)
		return err_set(err, ERR_USAGE,
		    "invalid --firmware '%s'; write it like 5.7, '<5.7', '<=5.6.9', '>5.4' "
		    "or '>=5.4.3'",
		    text);
	if (!signs[i].less)
		ret->first = signs[i].equal ? named.first : named.last + 1;
	if (!signs[i].more)
		ret->last = signs[i].equal ? named.last : named.first - 1;
	return 0;
}

/* ---- time ---- */

static int
duration(const char *text, int64_t *ret, struct err *err)
{
	static const struct {
		char unit;
		int64_t sec;
	} units[] = {{'\0', 86400}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
	unsigned long long n;
	char *end;
	size_t i;

	errno = 0;
	n = strtoull(text, &end, 10);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text[0] >= '0' && text[0] <= '9' && errno == 0 && n <= 100000 &&
		    *end == units[i].unit && (*end == '\0' || end[1] == '\0')) {
			*ret = (int64_t)n * units[i].sec;
			return 0;
		}
	return err_set(err, ERR_USAGE, "invalid time '%s'; write it like 12h, 30d or 8w", text);
}

/* ---- the list ---- */

struct listing {
	const struct workflow_list *what;
	int64_t before; /* 0: any */
	int64_t holder; /* 0: any, or those that part fits */
	const char *part;
	unsigned states, advisory;
	struct versions firmware;
	int (*row)(void *ctx, const struct workflow_listed *one);
	void *ctx;
};

static int
parse_states(const char *text, unsigned *ret, struct err *err)
{
	enum registry_token_state s;
	size_t n;

	for (*ret = 0; *text != '\0'; text += n + (text[n] == ',')) {
		n = strcspn(text, ",");
		for (s = TOKEN_NEW; s <= TOKEN_RETIRED; s++)
			if (strlen(registry_token_state_name(s)) == n &&
			    strncmp(registry_token_state_name(s), text, n) == 0)
				break;
		if (s > TOKEN_RETIRED)
			return err_set(err, ERR_USAGE,
			    "invalid --state '%.*s'; use new, personalised, issued, active, "
			    "suspended, lost, damaged or retired",
			    (int)n, text);
		*ret |= 1u << s;
	}
	return *ret != 0
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "--state is empty; use new, personalised, issued, active, suspended, lost, damaged "
			 "or retired");
}

static int
find_holder(struct registry *r, const char *text, int64_t *ret, struct err *err)
{
	struct registry_found found = {0};
	const int rc = registry_find(r, text, &found, err);

	if (rc == ERR_ABSENT || (rc == 0 && found.holder == 0))
		return err_set(err, ERR_ABSENT, "no holder matches %s", text);
	*ret = found.holder;
	return rc;
}

static int
is_part(void *ctx, const struct registry_row *row)
{
	return registry_holder_has(&row->holder, ctx);
}

/* Who is named in full is that one alone. */
static int
parse_holder(struct registry *r, const char *text, struct listing *l, struct err *err)
{
	const int rc = find_holder(r, text, &l->holder, err);

	if (rc != ERR_ABSENT || text[0] == '\0' ||
	    registry_list(r, 0, is_part, (void *)(uintptr_t)text, NULL) != 1)
		return rc;
	l->part = text;
	if (err != NULL)
		*err = (struct err)ERR_INIT;
	return 0;
}

static int
parse(struct registry *r, struct listing *l, struct err *err)
{
	const struct workflow_list *what = l->what;
	int64_t within = 0;
	int rc = 0;

	if (what->expiring != NULL) {
		if ((rc = duration(what->expiring, &within, err)) != 0)
			return rc;
		l->before = utc_now() + within;
	}
	if ((what->state != NULL && (rc = parse_states(what->state, &l->states, err)) != 0) ||
	    (what->firmware != NULL &&
		(rc = parse_firmware(what->firmware, &l->firmware, err)) != 0) ||
	    (what->advisory != NULL &&
		(rc = parse_advisory(what->advisory, &l->advisory, err)) != 0) ||
	    (what->holder != NULL && (rc = parse_holder(r, what->holder, l, err)) != 0))
		return rc;
	return 0;
}

static bool
fits(const struct listing *l, const struct workflow_listed *one)
{
	const struct registry_row *row = &one->row;
	const int32_t v = number(row->token.firmware);

	if (l->before != 0 &&
	    (!row->has_cert || row->cert_state != CERT_ACTIVE || row->not_after > l->before))
		return false;
	if (l->holder != 0 && row->holder.id != l->holder)
		return false;
	if (l->part != NULL && !registry_holder_has(&row->holder, l->part))
		return false;
	if (l->states != 0 && (l->states & 1u << row->token.state) == 0)
		return false;
	if (l->advisory != 0 && (l->advisory & one->advisories) == 0)
		return false;
	return l->what->firmware == NULL || (v >= l->firmware.first && v <= l->firmware.last);
}

static int
take(void *ctx, const struct registry_row *row)
{
	const struct listing *l = ctx;
	struct workflow_listed one = {.row = *row};

	if (row->has_cert)
		one.advisories = advisories_of(row->token.firmware, (enum key_alg)row->key_alg);
	return fits(l, &one) ? l->row(l->ctx, &one) : 0;
}

int
workflow_list(struct registry *r, const struct workflow_list *what,
    int (*row)(void *ctx, const struct workflow_listed *one), void *ctx, struct err *err)
{
	struct listing l = {.what = what, .row = row, .ctx = ctx};
	int rc;

	if ((rc = parse(r, &l, err)) != 0)
		return rc;
	return registry_list(r, 0, take, &l, err);
}

/* ---- of keys that are in no token ---- */

const char *
workflow_software_state(const struct registry_software *one)
{
	if (one->revoked != 0)
		return one->reason == REASON_HOLD ? "suspended" : "revoked";
	if (one->not_after <= utc_now())
		return "expired";
	return one->renewed ? "renewed" : "active";
}

struct software {
	int64_t before; /* 0: all */
	int (*row)(void *ctx, const struct registry_software *one, const struct blob *cert);
	void *ctx;
};

static int
take_software(void *ctx, const struct registry_software *one, const struct blob *cert)
{
	const struct software *s = ctx;

	return s->before == 0 || (one->revoked == 0 && !one->renewed && one->not_after <= s->before)
		   ? s->row(s->ctx, one, cert)
		   : 0;
}

int
workflow_list_software(struct registry *r, const struct workflow_list *what,
    int (*row)(void *ctx, const struct registry_software *one, const struct blob *cert), void *ctx,
    struct err *err)
{
	struct software s = {.row = row, .ctx = ctx};
	int rc;

	if ((!what->all && what->expiring == NULL) || what->holder != NULL || what->state != NULL ||
	    what->firmware != NULL || what->advisory != NULL)
		return 0;
	if (what->expiring != NULL) {
		if ((rc = duration(what->expiring, &s.before, err)) != 0)
			return rc;
		s.before += utc_now();
	}
	return registry_software_each(r, 0, take_software, &s, err);
}

/* ---- rows of the audit ---- */

/* A day, a time, or so long ago. */
static int
parse_since(const char *text, int64_t *ret, struct err *err)
{
	char day[40];
	int rc;

	snprintf(day, sizeof(day), "%sT00:00:00Z", text);
	if (utc_parse(text, ret) == 0 || utc_parse(day, ret) == 0)
		return 0;
	if ((rc = duration(text, ret, NULL)) != 0)
		return err_set(err, rc,
		    "invalid --since '%s'; write it like 2026-11-30, 2026-11-30T09:00:00Z, or 30d "
		    "for so long ago",
		    text);
	*ret = utc_now() - *ret;
	return 0;
}

int
workflow_audit_rows(struct registry *r, const struct workflow_audit_rows *what,
    int (*row)(void *ctx, const struct registry_audit_row *row), void *ctx, struct err *err)
{
	struct registry_audit_which which = {.token = what->token, .ticket = what->ticket};
	int rc;

	if ((what->since != NULL && (rc = parse_since(what->since, &which.since, err)) != 0) ||
	    (what->holder != NULL && (rc = find_holder(r, what->holder, &which.holder, err)) != 0))
		return rc;
	return registry_audit_rows(r, &which, row, ctx, err);
}
