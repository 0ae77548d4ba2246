/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utc.h"
#include "signer/crl.h"
#include "signer/keeper.h"
#include "ykenroll/x509.h"

#define DAY INT64_C(86400)
#define SEC_NS INT64_C(1000000000)
#define STEP_MIN 30 /* seconds that a clock may drift from one turn to the next */

static void say(const struct keeper *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(const struct keeper *k, const char *fmt, ...)
{
	char line[ERR_TEXT_MAX + 256];
	va_list ap;

	if (k->say == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	k->say(k->ctx, line);
}

/* ---- the clock ---- */

/* Whatever failed may go well at another time of the day. */
static void
note_step(struct keeper *k, int64_t now, int64_t mono_ns)
{
	const int64_t offset = now - mono_ns / SEC_NS;

	if (k->offset != 0 && llabs(offset - k->offset) > STEP_MIN)
		k->next_ns = 0;
	k->offset = offset;
}

/* Errors of the log itself are told to who asks. */
static void
note_behind(struct keeper *k, const struct ca *ca, int64_t now)
{
	struct err why = ERR_INIT;
	const bool behind = !ca->log->failed && log_usable(ca->log, now, &why) != 0;

	if (behind && !k->behind)
		say(k, "signing is stopped: %s", why.text);
	if (!behind && k->behind)
		say(k, "the clock is correct again: signing goes on");
	k->behind = behind;
}

/* ---- the root's CRL ---- */

static void
note_root(struct keeper *k, const struct ca *ca, int64_t now)
{
	const struct ca_crl *crl = &ca->crls[LOG_ROOT];
	char end[UTC_TEXT_LEN];

	/* once a day, of the clock's days */
	if (k->root_at != 0 && now >= k->root_at && now - k->root_at < DAY)
		return;
	if (!crl->there || now - crl->from < (crl->until - crl->from) / 2)
		return;
	k->root_at = now;
	utc_text(crl->until, end);
	say(k,
	    now < crl->until
		? "the root's CRL expires %s and more than half of its lifetime is over: stop "
		  "this signer, run ykenroll ca crl --root, start it again"
		: "the root's CRL expired %s, and servers that check it refuse everybody: stop "
		  "this signer, run ykenroll ca crl --root, start it again",
	    end);
}

/* ---- the issuing CA's ---- */

static void
renew(struct keeper *k, struct ca *ca, int64_t mono_ns)
{
	struct err why = ERR_INIT;
	char end[UTC_TEXT_LEN];

	if (crl_renew(ca, (uint32_t)geteuid(), false, &why) == 0) {
		k->pause = 0;
		return;
	}
	k->pause = k->pause == 0 ? KEEPER_PAUSE_MIN : k->pause * 2;
	if (k->pause > KEEPER_PAUSE_MAX)
		k->pause = KEEPER_PAUSE_MAX;
	k->next_ns = mono_ns + k->pause * SEC_NS;
	utc_text(ca->crls[LOG_ISSUING].until, end);
	say(k,
	    "the CRL could not be renewed: %s; the published one expires %s; next attempt in %lld "
	    "s",
	    why.text, end, (long long)k->pause);
}

/* Whoever had it made. */
static void
note_number(struct keeper *k, const struct ca *ca)
{
	const uint64_t number = ca->log->sums.crls[LOG_ISSUING].signed_number;
	char end[UTC_TEXT_LEN];

	if (k->number_known && number != k->number && ca->crls[LOG_ISSUING].there) {
		utc_text(ca->crls[LOG_ISSUING].until, end);
		say(k, "CRL number %llu is published, valid until %s", (unsigned long long)number,
		    end);
	}
	k->number = number;
	k->number_known = true;
}

void
keeper_turn(struct keeper *k, struct ca *ca)
{
	const int64_t now = ca->now(), mono_ns = utc_monotonic_ns();

	note_step(k, now, mono_ns);
	note_behind(k, ca, now);
	note_root(k, ca, now);
	note_number(k, ca);
	if (!k->behind && mono_ns >= k->next_ns && !crl_fresh(ca))
		renew(k, ca, mono_ns);
	note_number(k, ca);
}
