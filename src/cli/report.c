/* SPDX-License-Identifier: BSD-2-Clause */
/* report: what an enrolment did, for people and as JSON. */
#include <jansson.h>

#include "base/utc.h"
#include "cli/cli.h"

int64_t report_start_ns;

static double
ms(int64_t ns)
{
	return (double)(ns / 1000) / 1000.0;
}

static json_t *
token_json(const struct token_id *t)
{
	return json_pack("{s:I, s:s, s:s*}", "serial", (json_int_t)t->serial, "firmware",
	    render_firmware(t->firmware), "reader", t->reader);
}

static json_t *
steps_json(const struct workflow_report *r)
{
	static const char *const states[] = {[STEP_WAITS] = "waits",
	    [STEP_ALREADY] = "already",
	    [STEP_DONE] = "done",
	    [STEP_FAILED] = "failed"};
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->n_steps; i++)
		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:s, s:b, s:f}", "name", r->steps[i].name, "what",
			      r->steps[i].what, "state", states[r->steps[i].state], "irreversible",
			      r->steps[i].irreversible, "ms", r->steps[i].ms));
	return list;
}

static json_t *
proof_json(const struct workflow_report *r)
{
	if (!r->proved)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s}", "protocol", r->proof.protocol, "cipher",
	    r->proof.cipher, "signature", r->proof.signature, "certificate_sha256",
	    render_hex(r->proof.peer_sha256, sizeof(r->proof.peer_sha256)));
}

/* rest: all that is neither card, key derivation, fsync nor a person being waited for. */
static json_t *
times_json(const struct workflow_report *r)
{
	const int64_t total = utc_monotonic_ns() - report_start_ns - prompt_ns - r->wait_ns;

	return json_pack("{s:f, s:f, s:f, s:f, s:f}", "card", ms(r->card_ns), "kdf", ms(r->kdf_ns),
	    "fsync", ms(r->fsync_ns), "rest", ms(total - r->card_ns - r->kdf_ns - r->fsync_ns),
	    "total", ms(total));
}

json_t *
report_json(const struct workflow_report *r)
{
	return json_pack("{s:o, s:{s:s, s:s}, s:b, s:o, s:o, s:o, s:i, s:o}", "token",
	    token_json(&r->token), "holder", "name", r->holder.name, "id", r->holder.key, "already",
	    r->already, "certificate", r->has_cert ? render_cert(&r->cert) : json_null(), "steps",
	    steps_json(r), "proof", proof_json(r), "apdus", (int)r->apdus, "times_ms",
	    times_json(r));
}

void
report_text(const struct workflow_report *r)
{
	const int64_t total = utc_monotonic_ns() - report_start_ns - prompt_ns - r->wait_ns;

	if (r->has_cert) {
		printf("token %u: certificate %s for %s, until %s\n", r->token.serial,
		    render_hex(r->cert.serial, r->cert.serial_len), render_escaped(r->cert.subject),
		    render_when(r->cert.not_after));
	}
	if (r->already) {
		printf("token %u is already enrolled for %s: nothing to do\n", r->token.serial,
		    render_escaped(r->holder.name));
		return;
	}
	printf("%u APDUs; card %.0f ms, key derivation %.0f ms, fsync %.0f ms, rest %.0f ms\n",
	    r->apdus, ms(r->card_ns), ms(r->kdf_ns), ms(r->fsync_ns),
	    ms(total - r->card_ns - r->kdf_ns - r->fsync_ns));
	if (r->proved)
		printf("proved: %s login of %s with token %u (%s, %s)\n", r->proof.protocol,
		    render_escaped(r->holder.name), r->token.serial, r->proof.cipher,
		    r->proof.signature);
}

/* ---- what ends by itself ---- */

void
report_ends(void)
{
	struct workflow_end ends[WORKFLOW_ENDS_MAX];
	const size_t n = workflow_ends(opt.home_path, true, ends);
	char line[512];
	size_t i;

	for (i = 0; i < n; i++) {
		if (!ends[i].soon)
			continue;
		snprintf(line, sizeof(line), "warning: the %s %s %s, and logins stop then; %s",
		    ends[i].what, ends[i].over ? "has ended" : "ends", render_when(ends[i].until),
		    ends[i].fix);
		render_line(stderr, line);
	}
}

void
report_cut(int64_t not_after)
{
	struct workflow_end ends[WORKFLOW_ENDS_MAX];
	const size_t n = workflow_ends(opt.home_path, false, ends);
	char line[256];
	size_t i;

	for (i = 0; i < n; i++)
		if (ends[i].until == not_after) {
			snprintf(line, sizeof(line),
			    "warning: the validity was cut: the certificate ends with the %s, %s",
			    ends[i].what, render_when(not_after));
			render_line(stderr, line);
			return;
		}
}
