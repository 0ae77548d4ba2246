/* SPDX-License-Identifier: BSD-2-Clause */
/* enroll: from a token in any state to a proven login, or the rest of the way after an
 * interruption. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/file.h"
#include "workflow/enrolment.h"

/* ---- the table ---- */

static void
what_retries(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "allow %u PIN and %u PUK tries (resets both to the factory's)",
	    e->pin_tries, e->puk_tries);
}

static void
what_mgmkey(const struct enrolment *e, char *ret, size_t size)
{
	static const struct {
		enum device_mgm_alg alg;
		const char *name;
	} names[] = {{MGM_3DES, "3DES"}, {MGM_AES128, "AES-128"}, {MGM_AES192, "AES-192"},
	    {MGM_AES256, "AES-256"}};
	const char *name = "?";
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].alg == e->mgm_alg)
			name = names[i].name;
	snprintf(ret, size, "set a random management key (%s), held in escrow%s", name,
	    e->admin_used ? ", and clear the flags of the former one" : "");
}

static void
what_puk(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "set a random PUK, held in escrow");
}

static void
what_pin(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "set the holder's PIN");
}

static void
what_key(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "generate an %s key in slot 9A%s", key_alg_name(e->work.key_alg),
	    e->slot_used && !e->resumed ? ", which destroys the key that is there" : "");
}

static void
what_identity(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "write a new card identity (CHUID, CCC)");
}

static void
what_attest(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "have the token attest the key");
}

static void
what_request(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "sign a request with the key");
}

static void
what_issue(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(
	    ret, size, "have the CA check it all and issue a certificate (%s)", e->work.profile);
}

static void
what_import(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "write the certificate to slot 9A and read it back%s",
	    e->cert_used && !e->resumed ? ", which replaces the one that is there" : "");
}

static void
what_prove(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "log in with the token (TLS 1.3, CRLs checked)");
}

static void
what_activate(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "record the token as active");
}

static bool
wants_retries(const struct enrolment *e)
{
	return e->pin_tries != 0 && !e->resumed;
}

/* Management key first, since probing it costs nothing; the PUK before the PIN, since it can set
 * the PIN again. */
const struct plan_step plan_enroll[] = {
    {"retries", what_retries, NULL, step_retries, true, true, wants_retries},
    {"management-key", what_mgmkey, step_mgmkey_done, step_mgmkey, true, true, NULL},
    {"puk", what_puk, step_puk_done, step_puk, true, true, NULL},
    {"pin", what_pin, NULL, step_pin, true, true, NULL},
    {"key", what_key, step_key_done, step_key, true, true, NULL},
    {"identity", what_identity, step_identity_done, step_identity, false, true, NULL},
    {"attestation", what_attest, step_issue_done, step_attest, false, false, NULL},
    {"request", what_request, step_issue_done, step_request, false, false, NULL},
    {"certificate", what_issue, step_issue_done, step_issue, true, false, NULL},
    {"import", what_import, NULL, step_import, false, true, NULL},
    {"proof", what_prove, NULL, step_prove, false, false, NULL},
    {"active", what_activate, NULL, step_activate, false, false, NULL},
};
const size_t plan_enroll_n = sizeof(plan_enroll) / sizeof(plan_enroll[0]);

/* ---- life ---- */

static void
enrolment_init(struct enrolment *e, const struct workflow *w, struct workflow_report *report)
{
	memset(e, 0, sizeof(*e));
	memset(report, 0, sizeof(*report));
	e->w = w;
	e->report = report;
	e->new_pin = secret_new();
	e->current_pin = secret_new();
	e->current_puk = secret_new();
	e->current_mgmkey = secret_new();
	e->mgmkey = secret_new();
	e->puk_new = secret_new();
}

void
enrolment_wipe(struct enrolment *e)
{
	struct workflow_report *r = e->report;
	struct signer_times t = {0};

	if (e->signer != NULL)
		t = signer_times(e->signer);
	if (e->registry != NULL)
		r->fsync_ns = registry_commit_ns(e->registry);
	registry_closep(&e->registry);
	r->wait_ns = t.wait_ns;
	r->kdf_ns = key_kdf_ns + t.kdf_ns;
	r->fsync_ns += file_fsync_ns + t.fsync_ns;
	token_closep(&e->token);
	if (e->dev != NULL) {
		r->apdus = device_stats(e->dev).apdus;
		r->card_ns = device_stats(e->dev).card_ns;
	}
	device_closep(&e->dev);
	signer_closep(&e->signer);
	signer_ca_wipe(&e->ca);
	registry_work_wipe(&e->work);
	secret_freep(&e->new_pin);
	secret_freep(&e->current_pin);
	secret_freep(&e->current_puk);
	secret_freep(&e->current_mgmkey);
	secret_freep(&e->mgmkey);
	secret_freep(&e->puk_new);
	blob_wipe(&e->f9);
	blob_wipe(&e->spki);
	blob_wipe(&e->leaf);
	blob_wipe(&e->csr);
	blob_wipe(&e->cert);
}

int
enrolment_look(struct enrolment *e, struct err *err)
{
	const struct workflow *w = e->w;
	int rc;

	rc = registry_open(w->home, w->actor, &e->registry, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_INTERNAL,
		    "there is no registry in %s; make one with: ykenroll init", w->home);
	if (rc != 0)
		return rc;
	if ((rc = device_open(w->device_ui, &e->dev, err)) != 0 ||
	    (rc = token_open(e->dev, &w->choice, &e->token, err)) != 0)
		return rc;
	e->report->token = *token_id(e->token);
	e->mgm_alg = device_mgm_best(e->report->token.firmware);
	if (e->report->token.serial == 0)
		return err_set(err, ERR_NO_TOKEN,
		    "this token does not tell its serial number, by which all is recorded");
	return 0;
}

/* ---- one run ---- */

static int
secret(struct enrolment *e, enum workflow_secret which, struct secret *ret, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = e->w->ui.secret(e->w->ui.ctx, which, ret, &why);

	if (rc == ERR_ABSENT)
		return 0;
	if (rc != 0)
		*err = why;
	return rc;
}

static int
former_secrets(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = secret(e, WORKFLOW_CURRENT_MGMKEY, e->current_mgmkey, err)) != 0 ||
	    (rc = secret(e, WORKFLOW_CURRENT_PUK, e->current_puk, err)) != 0)
		return rc;
	return secret(e, WORKFLOW_CURRENT_PIN, e->current_pin, err);
}

int
workflow_pin_check(const struct secret *pin, struct err *err)
{
	int rc;

	if ((rc = device_pin_check(pin, "PIN", err)) != 0)
		return rc;
	/* FIPS 201-3, 4.3.1: not easily guessable; the factory's is the first that anybody tries.
	 */
	if (secret_is_trivial(pin))
		return err_set(err, ERR_USAGE,
		    "this PIN is among the first that anybody tries (the factory's, a run, or one character): "
		    "choose another");
	return 0;
}

static int
new_pin(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = secret(e, WORKFLOW_NEW_PIN, e->new_pin, err)) != 0)
		return rc;
	return workflow_pin_check(e->new_pin, err);
}

/* Written down before it is done: holder, plan, identity and both secrets, sealed, in one
 * transaction. */
static int
write_intent(struct enrolment *e, struct err *err)
{
	struct registry_sealed sealed[SECRET_KINDS] = {0};
	const uint32_t serial = e->report->token.serial;
	size_t i;
	int rc;

	if (getrandom(e->work.guid, sizeof(e->work.guid), 0) != sizeof(e->work.guid))
		return err_errno(err, ERR_INTERNAL, "no random numbers from the kernel");
	e->work.guid[6] = (uint8_t)(0x40 | (e->work.guid[6] & 0x0f)); /* RFC 4122, 4.4: version 4 */
	e->work.guid[8] = (uint8_t)(0x80 | (e->work.guid[8] & 0x3f));
	if ((rc = device_mgm_generate(e->mgm_alg, e->mgmkey, err)) == 0 &&
	    (rc = secret_digits(e->puk_new, 8, err)) == 0 &&
	    (rc = registry_seal(e->registry, serial, SECRET_MGMKEY, (uint8_t)e->mgm_alg, e->mgmkey,
		 &sealed[0], err)) == 0 &&
	    (rc = registry_seal(e->registry, serial, SECRET_PUK, 0, e->puk_new, &sealed[1], err)) ==
		0)
		rc = registry_begin(e->registry, &e->work, e->report->token.firmware, sealed,
		    SECRET_KINDS, e->additional, err);
	for (i = 0; i < SECRET_KINDS; i++)
		registry_sealed_wipe(&sealed[i]);
	return rc;
}

static int
flight_secrets(struct enrolment *e, struct err *err)
{
	uint8_t alg = 0, none;
	int rc;

	if ((rc = registry_flight_open(
		 e->registry, e->work.serial, SECRET_MGMKEY, e->mgmkey, &alg, err)) != 0 ||
	    (rc = registry_flight_open(
		 e->registry, e->work.serial, SECRET_PUK, e->puk_new, &none, err)) != 0)
		return err_wrap(err, "secrets in flight of token %u", e->work.serial), rc;
	e->mgm_alg = (enum device_mgm_alg)alg;
	return 0;
}

static void
report_cert(struct enrolment *e)
{
	if (e->cert.len > 0)
		e->report->has_cert =
		    cert_read(e->cert.data, e->cert.len, &e->report->cert, NULL) == 0;
}

/* From here on both a fresh enrolment (e->work filled, id 0) and a resumed one. */
static int
enrolment_run(struct enrolment *e, struct err *err)
{
	int rc;

	if ((rc = former_secrets(e, err)) != 0 || (rc = precheck_token(e, err)) != 0)
		return rc;
	if (e->w->dry_run) {
		plan_show(e, plan_enroll, plan_enroll_n);
		return 0;
	}
	if ((rc = precheck_ca(e, err)) != 0 || (rc = new_pin(e, err)) != 0)
		return rc;
	rc = e->resumed ? flight_secrets(e, err) : write_intent(e, err);
	/* Later another PUK is ours. Where a crash left this out, it is asked for instead. */
	if (rc == 0 && e->puk.known && e->puk.factory)
		rc = registry_step(e->registry, e->work.id, STEP_PUK_FACTORY, NULL, err);
	if (rc != 0)
		return rc;
	e->report->holder = e->work.holder;
	rc = plan_run(e, plan_enroll, plan_enroll_n, err);
	if (rc != 0)
		err_hint(err, "%snothing is lost: ykenroll recover --device %u goes on from here",
		    rc == ERR_GONE ? "plug the token in again; " : "", e->work.serial);
	report_cert(e);
	return rc;
}

static int
take_row(void *ctx, const struct registry_row *row)
{
	*(struct registry_row *)ctx = *row;
	return 1;
}

/* Is the token active for this very holder? Then there is nothing to do. */
static int
already(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	struct registry_row row = {0};
	int rc;

	rc = registry_list(e->registry, e->report->token.serial, take_row, &row, err);
	if (rc < 0)
		return rc;
	if (rc == 0 || row.token.state != TOKEN_ACTIVE)
		return 0;
	if (strcasecmp(row.holder.key, what->key) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "token %u is active and belongs to %s (%s); look with: ykenroll list",
		    row.token.serial, row.holder.name, row.holder.key);
	e->report->holder = row.holder;
	e->report->already = true;
	if ((rc = registry_token_cert(e->registry, row.token.serial, &e->cert, err)) != 0)
		return rc;
	report_cert(e);
	return 0;
}

static int
copy_text(char ret[static REGISTRY_TEXT_MAX], const char *text, const char *what, struct err *err)
{
	if (text != NULL && strlen(text) >= REGISTRY_TEXT_MAX)
		return err_set(
		    err, ERR_USAGE, "the %s is longer than %d bytes", what, REGISTRY_TEXT_MAX - 1);
	snprintf(ret, REGISTRY_TEXT_MAX, "%s", text == NULL ? "" : text);
	return 0;
}

static int
fill_work(struct registry_work *work, const struct workflow_enroll *what, uint32_t serial,
    struct err *err)
{
	struct registry_holder *h = &work->holder;
	int rc;

	snprintf(work->plan, sizeof(work->plan), "enroll");
	snprintf(work->profile, sizeof(work->profile), "%s", what->profile);
	work->serial = serial;
	work->key_alg = (uint8_t)what->alg;
	work->pin_policy = what->pin_policy;
	work->touch_policy = what->touch_policy;
	work->days = what->days;
	if ((rc = copy_text(h->key, what->key, "holder's key", err)) != 0 ||
	    (rc = copy_text(h->name, what->name, "name", err)) != 0 ||
	    (rc = copy_text(h->email, what->email, "e-mail address", err)) != 0)
		return rc;
	return copy_text(h->upn, what->upn, "UPN", err);
}

/* Open work on the token: ours to continue, or somebody else's. */
static int
resume(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = registry_work_open(e->registry, e->report->token.serial, &e->work, &why);

	if (rc == ERR_ABSENT)
		return 0;
	if (rc != 0) {
		*err = why;
		return rc;
	}
	e->resumed = true;
	if (what != NULL && strcasecmp(e->work.holder.key, what->key) != 0)
		return err_set(err, ERR_OCCUPIED,
		    "an enrolment of token %u for %s (%s) is not finished; finish it with: "
		    "ykenroll recover --device %u",
		    e->work.serial, e->work.holder.name, e->work.holder.key, e->work.serial);
	return 0;
}

static int
enroll(struct enrolment *e, const struct workflow_enroll *what, struct err *err)
{
	int rc;

	if ((rc = precheck_names(what, err)) != 0 || (rc = enrolment_look(e, err)) != 0)
		return rc;
	if ((rc = already(e, what, err)) != 0 || e->report->already)
		return rc;
	if ((rc = resume(e, what, err)) != 0)
		return rc;
	if (!e->resumed && (rc = fill_work(&e->work, what, e->report->token.serial, err)) != 0)
		return rc;
	e->additional = what->additional;
	e->pin_tries = what->pin_tries;
	e->puk_tries = what->puk_tries;
	return enrolment_run(e, err);
}

int
workflow_enroll(const struct workflow *w, const struct workflow_enroll *what,
    struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;

	enrolment_init(&e, w, ret);
	return enroll(&e, what, err);
}

/* ---- recover ---- */

static int
give_up(struct enrolment *e, struct err *err)
{
	const struct signer_open how = {.home = e->w->home, .ca_pass_spec = e->w->ca_pass_spec};
	int rc;

	if (e->work.has_cert && (rc = signer_open(&how, &e->signer, err)) != 0)
		return rc;
	if ((rc = steps_abandon_cert(e, err)) != 0)
		return rc;
	return registry_give_up(e->registry, e->work.id, "given up by the operator", err);
}

int
workflow_recover(const struct workflow *w, bool give, struct workflow_report *ret, struct err *err)
{
	CLEAN(enrolment_wipe) struct enrolment e;
	int rc;

	enrolment_init(&e, w, ret);
	if ((rc = enrolment_look(&e, err)) != 0 || (rc = resume(&e, NULL, err)) != 0)
		return rc;
	if (!e.resumed) {
		ret->already = true;
		return 0;
	}
	ret->holder = e.work.holder;
	return give ? give_up(&e, err) : enrolment_run(&e, err);
}
