/* SPDX-License-Identifier: BSD-2-Clause */
/* enrolment: what one run of a plan knows: its life. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "workflow/paper/letter.h"
#include "workflow/step/steps.h"
#include "ykenroll/registry_escrow.h"

/* ---- life ---- */

void
enrolment_init(struct enrolment *e, const struct desk *w, struct workflow_report *report)
{
	memset(e, 0, sizeof(*e));
	memset(report, 0, sizeof(*report));
	e->s.w = w;
	e->report = report;
	e->s.choice = w->choice;
	e->new_pin = secret_new();
	e->current_pin = secret_new();
	e->current_puk = secret_new();
	e->current_mgmkey = secret_new();
	e->mgmkey = secret_new();
	e->puk_new = secret_new();
}

void
enrolment_let_go(struct enrolment *e)
{
	struct workflow_report *r = e->report;
	struct signer_times t = {0};

	if (e->s.registry == NULL)
		return;
	if (e->s.signer != NULL)
		t = signer_times(e->s.signer);
	signer_closep(&e->s.signer);
	registry_escrow_lockp(&e->s.escrow);
	r->fsync_ns = registry_commit_ns(e->s.registry);
	registry_closep(&e->s.registry); /* its checkpoint counts, too */
	r->wait_ns = t.wait_ns;
	r->kdf_ns = key_kdf_ns + t.kdf_ns;
	r->fsync_ns += file_fsync_ns + t.fsync_ns;
}

void
enrolment_wipe(struct enrolment *e)
{
	struct workflow_report *r = e->report;

	enrolment_let_go(e);
	token_closep(&e->s.token);
	if (e->s.dev != NULL) {
		r->apdus = device_stats(e->s.dev).apdus;
		r->card_ns = device_stats(e->s.dev).card_ns;
	}
	session_wipe(&e->s);
	signer_ca_wipe(&e->ca);
	registry_work_wipe(&e->work);
	secret_freep(&e->new_pin);
	secret_freep(&e->current_pin);
	secret_freep(&e->current_puk);
	secret_freep(&e->current_mgmkey);
	secret_freep(&e->mgmkey);
	secret_freep(&e->puk_new);
	blob_wipe(&e->spki);
	blob_wipe(&e->cert);
}

int
enrolment_look(struct enrolment *e, struct err *err)
{
	struct session *s = &e->s;
	int rc;

	if ((rc = session_registry(s, err)) != 0 || (rc = session_known_token(s, err)) != 0)
		return rc;
	e->report->token = *token_id(s->token);
	e->mgm_alg = device_mgm_best(e->report->token.firmware);
	return registry_row(s->registry, s->serial, &s->row, err);
}

/* ---- small things ---- */

int
enrolment_new_pin(struct enrolment *e, struct err *err)
{
	int rc;

	if (e->s.w->letter == NULL)
		return session_new_pin(&e->s, e->new_pin, err);
	if ((rc = letter_pin(e, e->new_pin, err)) != 0)
		return rc;
	return desk_pin_check(e->new_pin, err);
}

void
enrolment_report_cert(struct enrolment *e)
{
	if (e->cert.len > 0)
		e->report->has_cert =
		    cert_read(e->cert.data, e->cert.len, &e->report->cert, NULL) == 0;
}

bool
enrolment_recorded(const struct enrolment *e, const char *step)
{
	return e->resumed && registry_step_done(e->s.registry, e->work.id, step);
}
