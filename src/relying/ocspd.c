/* SPDX-License-Identifier: BSD-2-Clause */
/* ocspd: the responder's process: what the issuance log says, signed, to whoever asks. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "desk/ca.h"
#include "relying/ocspd.h"
#include "ykenroll/signer_status.h"

#define TICK_MS 1000
#define CLOCK_SLACK 300 /* seconds; the signer's own */
#define SAY_SEC 60	/* between two complaints of the same kind */

#define CACHE 1024 /* answers; about 1 kB each */

/* An answer that may be given again. */
struct cached {
	uint8_t question[X509_SHA256_LEN];
	uint64_t version; /* of the log */
	struct ocsp_answer answer;
};

struct responder {
	const struct desk *w;
	const struct relying_ocsp *what;
	struct ocspd_cert cert;
	struct signer_status *log;
	struct cached *cache; /* CACHE, or NULL: without it, it is only slower */
	struct ocspd_http *http;
	uint64_t lines;		 /* of the log, as far as it was seen */
	struct ocsp_answer last; /* the reply that is being sent */
	int64_t said_ns;	 /* monotonic; 0: nothing is wrong */
	char said[ERR_TEXT_MAX];
};

static void
responder_wipe(struct responder *r)
{
	size_t i;

	ocspd_http_closep(&r->http);
	for (i = 0; r->cache != NULL && i < CACHE; i++)
		ocsp_answer_wipe(&r->cache[i].answer);
	free(r->cache);
	ocsp_answer_wipe(&r->last);
	ocspd_cert_wipe(&r->cert);
	signer_status_closep(&r->log);
}

/* ---- what is known ---- */

static int
on_status(void *ctx, const uint8_t *serial, size_t len, struct ocsp_status *ret, struct err *err)
{
	struct responder *r = ctx;
	struct signer_status_cert found;
	int rc;

	if ((rc = signer_status_find(r->log, serial, len, &found, err)) != 0)
		return rc;
	switch (found.what) {
	case STATUS_GOOD:
		ret->state = OCSP_IS_GOOD;
		break;
	case STATUS_REVOKED:
		ret->state = OCSP_IS_REVOKED;
		ret->revoked_at = found.revoked_at;
		ret->reason = (int)found.reason;
		break;
	case STATUS_UNKNOWN:
	case STATUS_RESERVED: /* an intent is no certificate yet, and may never be one */
		ret->state = OCSP_IS_UNKNOWN;
		break;
	}
	return 0;
}

/* ---- answers ---- */

/* Every request may fail of the same; the log of the system need not tell of each. */
static void
complain(struct responder *r, const struct err *err)
{
	const int64_t now = utc_monotonic_ns();

	if (r->said_ns != 0 && now - r->said_ns < SAY_SEC * INT64_C(1000000000) &&
	    strcmp(r->said, err->text) == 0)
		return;
	r->said_ns = now;
	memcpy(r->said, err->text, sizeof(r->said));
	r->w->ui.say(r->w->ui.ctx, err->text);
}

static int
old_backup(struct err *err, const char *what, uint64_t has, uint64_t had)
{
	return err_set(err, ERR_CA,
	    "the issuance log has %llu %s but had %llu before: it was restored from an old "
	    "backup, or truncated; restore the latest one, then restart the responder",
	    (unsigned long long)has, what, (unsigned long long)had);
}

/* A log that is older than what was published may lack a revocation. */
static int
check_log(struct responder *r, struct err *err)
{
	const struct signer_log marks = signer_status_log(r->log);
	CLEAN(blob_wipe) struct blob der = {0};
	struct crl_info crl;
	bool there;
	int rc = home_pem(r->w->home, "pub/issuing.crl", crl_from_pem, &der, err);

	if ((rc = err_answer(rc, ERR_ABSENT, &there, err)) != 0 || !there)
		return rc;
	if ((rc = crl_read(der.data, der.len, &crl, err)) != 0) {
		err_wrap(err, "%s/pub/issuing.crl", r->w->home);
		return rc;
	}
	return crl.number > marks.crl_number ? old_backup(err, "CRLs", marks.crl_number, crl.number)
					     : 0;
}

/* So may one that is shorter than it was. And nothing is signed by a clock that is behind. */
static int
look_at_log(struct responder *r, struct err *err)
{
	char last[UTC_TEXT_LEN];
	uint64_t lines;
	int rc;

	if ((rc = signer_status_refresh(r->log, err)) != 0)
		return rc;
	utc_text(signer_status_log(r->log).last_time, last);
	if (utc_now() < signer_status_log(r->log).last_time - CLOCK_SLACK)
		return err_set(err, ERR_CA,
		    "the clock is or was wrong: the last row of the issuance log is dated %s, in "
		    "the future; set the clock",
		    last);
	lines = signer_status_log(r->log).lines;
	if (lines < r->lines)
		return old_backup(err, "lines", lines, r->lines);
	r->lines = lines;
	return 0;
}

/* Who asks the same (without a nonce) gets the same, as long as the log is the same and half of the
 * answer's time is left. One place for each question: what collides is signed again. */
static bool
still_true(const struct responder *r, const struct cached *c, const uint8_t *question, int64_t now)
{
	const struct ocsp_answer *a = &c->answer;

	return a->der.len != 0 && c->version == r->lines &&
	       memcmp(c->question, question, X509_SHA256_LEN) == 0 && now >= a->this_update &&
	       now <= a->this_update + (a->next_update - a->this_update) / 2;
}

static int
answer(struct responder *r, const struct blob *question, const struct ocsp_answer **ret,
    struct err *err)
{
	const struct ocsp_source source = {on_status, r};
	const int64_t now = utc_now();
	uint8_t md[X509_SHA256_LEN];
	struct cached *c;
	int rc;

	if ((rc = look_at_log(r, err)) != 0 || (rc = x509_sha256(question, md, err)) != 0)
		return rc;
	c = r->cache == NULL ? NULL : &r->cache[((size_t)md[0] << 8 | md[1]) % CACHE];
	if (c != NULL && still_true(r, c, md, now)) {
		*ret = &c->answer;
		return 0;
	}
	if ((rc = ocsp_answer(r->cert.ocsp, question->data, question->len, &source, now,
		 r->what->valid_sec, &r->last, err)) != 0)
		return rc;
	*ret = &r->last;
	if (!r->last.final || c == NULL)
		return 0;
	ocsp_answer_wipe(&c->answer);
	memcpy(c->question, md, sizeof(md));
	c->version = r->lines;
	c->answer = r->last;
	memset(&r->last, 0, sizeof(r->last));
	*ret = &c->answer;
	return 0;
}

static void
on_question(void *ctx, const uint8_t *der, size_t len, struct ocspd_reply *ret)
{
	/* borrowed for the call, and not written to */
	const struct blob question = {(uint8_t *)(uintptr_t)der, len};
	struct responder *r = ctx;
	const struct ocsp_answer *a = NULL;
	struct err err = ERR_INIT;

	if (answer(r, &question, &a, &err) == 0) {
		r->said_ns = 0;
		*ret = (struct ocspd_reply){&a->der, a->final, a->this_update, a->next_update};
		return;
	}
	complain(r, &err);
	ocsp_answer_wipe(&r->last);
	if (ocsp_refusal(OCSP_TRY_LATER, &r->last.der, NULL) == 0)
		*ret = (struct ocspd_reply){.der = &r->last.der};
}

/* ---- the loop ---- */

/* SIGHUP: certificate and key again. Any other that comes here ends us. */
static int
loop(struct responder *r, int signals, struct err *err)
{
	struct signalfd_siginfo got;
	bool again;

	for (;;) {
		if (ocspd_http_run(r->http, signals, TICK_MS) != 0)
			return err_errno(err, ERR_INTERNAL, "cannot wait for requests");
		for (again = false; read(signals, &got, sizeof(got)) == sizeof(got); again = true)
			if (got.ssi_signo != SIGHUP)
				return 0;
		/* what was signed before was by the old certificate; clients take it all the same
		 */
		ocspd_cert_tick(&r->cert, again);
	}
}

static int
serve(struct responder *r, struct err *err)
{
	const struct ocspd_ops ops = {on_question, r};
	CLEAN(file_closep) int signals = -1;
	sigset_t set, was;
	uint16_t port;
	int rc;

	if ((rc = ocspd_http_open(r->what->address, r->what->port, &ops, &r->http, &port, err)) !=
	    0)
		return rc;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &was) != 0 ||
	    (signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot block signals");
	r->what->ready(r->what->ctx, r->what->address, port);
	rc = loop(r, signals, err);
	sigprocmask(SIG_SETMASK, &was, NULL);
	return rc;
}

int
relying_ocsp(const struct desk *w, const struct relying_ocsp *what, struct err *err)
{
	CLEAN(responder_wipe)
	struct responder r = {.w = w, .what = what, .cert = {.w = w, .what = what}};
	int rc;

	r.cache = calloc(CACHE, sizeof(*r.cache));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot give up privileges");
	if ((rc = ocspd_cert_open(&r.cert, err)) != 0 ||
	    (rc = signer_status_open(w->home, &r.log, err)) != 0 || (rc = check_log(&r, err)) != 0)
		return rc;
	if (!ocsp_nocheck(r.cert.ocsp))
		w->ui.say(w->ui.ctx,
		    "warning: the responder's certificate lacks id-pkix-ocsp-nocheck: clients "
		    "may check whether it is revoked");
	return serve(&r, err);
}
