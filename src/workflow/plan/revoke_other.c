/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "desk/ca.h"
#include "workflow/run/run.h"
#include "ykenroll/signer_status.h"

#define SERIAL_MAX SIGNER_STATUS_SERIAL_MAX

struct other {
	const struct desk *w;
	struct registry *registry;
	struct signer *signer;
	const struct blob *cert; /* NULL: not at hand */
	const char *action, *note;
	enum signer_reason reason;
	struct workflow_revoked *ret;
};

/* ---- issued here ---- */

/* As the others are shown: the subject stands for the holder. */
static int
show(const struct other *o, const uint8_t *serial, struct registry_cert *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct registry_software one = {0};
	struct cert_info info;
	int rc;

	if ((rc = registry_software_find(o->registry, serial, &one, err)) != 0 ||
	    (rc = signer_find(o->signer, serial, &der, NULL, err)) != 0 ||
	    (rc = cert_read(der.data, der.len, &info, err)) != 0)
		return rc;
	*ret = (struct registry_cert){
	    .state = one.revoked != 0 ? CERT_REVOKED : CERT_ACTIVE,
	    .reason = one.reason,
	    .not_before = info.not_before,
	    .not_after = info.not_after,
	};
	memcpy(ret->serial, serial, REGISTRY_SERIAL_LEN);
	snprintf(
	    ret->holder.key, sizeof(ret->holder.key), "%.*s", REGISTRY_TEXT_MAX - 1, info.subject);
	return 0;
}

static int
take_ours(const struct other *o, const uint8_t serial[static REGISTRY_SERIAL_LEN], struct err *err)
{
	struct registry_cert *c = &o->ret->certs[0];
	int rc = show(o, serial, c, err);

	if (rc != 0)
		return rc;
	o->ret->n = 1;
	if (o->w->dry_run)
		return 0;
	if ((rc = signer_revoke(o->signer, serial, REGISTRY_SERIAL_LEN, NULL, o->reason, err)) != 0)
		return rc;
	o->ret->already = o->reason == REASON_RELEASE
			      ? c->state != CERT_REVOKED
			      : c->state == CERT_REVOKED && c->reason == (int)o->reason;
	if (!o->ret->already && (rc = registry_software_taken(
				     o->registry, o->action, serial, o->reason, o->note, err)) != 0)
		return rc;
	return signer_crl_state(o->signer, false, &o->ret->crl, err);
}

/* ---- that the issuance log alone knows: imported, or of another desk ---- */

size_t
workflow_serial(const char *text, uint8_t *ret)
{
	char hex[2 * SERIAL_MAX + 2] = "";
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ':')
			continue;
		if (n == 2 * SERIAL_MAX)
			return 0;
		hex[n++] = *text;
	}
	if (n % 2 != 0) { /* openssl(1) leaves a zero out that is in front */
		memmove(hex + 1, hex, n++);
		hex[0] = '0';
	}
	return n > 0 && n <= 2 * SERIAL_MAX && text_unhex(hex, ret, n / 2) == 0 ? n / 2 : 0;
}

/* For a dry run, which asks the log and not the signer. */
static int
is_known(const struct other *o, const uint8_t *serial, size_t len, struct err *err)
{
	CLEAN(signer_status_closep) struct signer_status *log = NULL;
	struct signer_status_cert found;
	int rc;

	if ((rc = signer_status_open(o->w->home, &log, err)) != 0 ||
	    (rc = signer_status_find(log, serial, len, &found, err)) != 0)
		return rc;
	return found.what == STATUS_UNKNOWN ? ERR_ABSENT : 0;
}

static int
take_imported(const struct other *o, const uint8_t *serial, size_t len, struct err *err)
{
	char hex[2 * SERIAL_MAX + 1], detail[REGISTRY_TEXT_MAX];
	struct crl_info before;
	int rc;

	if (o->w->dry_run)
		return o->cert != NULL ? 0 : is_known(o, serial, len, err);
	if ((rc = signer_crl_state(o->signer, false, &before, err)) != 0 ||
	    (rc = signer_revoke(o->signer, serial, len, o->cert, o->reason, err)) != 0 ||
	    (rc = signer_crl_state(o->signer, false, &o->ret->crl, err)) != 0)
		return rc;
	o->ret->other = true;
	/* a CRL is made when something changed */
	if ((o->ret->already = o->ret->crl.number == before.number))
		return 0;
	text_hex(serial, len, hex);
	snprintf(detail, sizeof(detail), "certificate %s: %s", hex, o->note);
	return registry_audit(o->registry, o->action, 0, detail, err);
}

/* ---- either ---- */

static int
take(struct other *o, const char *what, struct err *err)
{
	uint8_t ours[REGISTRY_SERIAL_LEN], any[SERIAL_MAX];
	/* a short one is hexadecimal: its digits may be another one in decimal */
	const bool is_ours = registry_serial_parse(what, ours) && ours[0] != 0;
	const size_t len = workflow_serial(what, any);
	int rc;

	if (!is_ours && len == 0)
		return ERR_ABSENT;
	rc = o->w->dry_run ? session_open_look(o->w, &o->signer, err)
			   : session_open_signer(o->w, &o->signer, err);
	if (rc != 0 || (rc = audit_tell(o->w->home, o->registry, o->signer, err)) != 0)
		return rc;
	rc = is_ours ? take_ours(o, ours, err) : ERR_ABSENT;
	if (rc != ERR_ABSENT)
		return rc;
	return is_ours ? take_imported(o, ours, sizeof(ours), err)
		       : take_imported(o, any, len, err);
}

int
revoke_other(const struct desk *w, struct registry *r, const struct workflow_revoke *what,
    const struct blob *cert, const char *note, struct workflow_revoked *ret, struct err *err)
{
	static const char *const actions[] = {
	    [TAKE_REVOKE] = "revoke", [TAKE_SUSPEND] = "suspend", [TAKE_RESUME] = "resume"};
	struct other o = {.w = w,
	    .registry = r,
	    .cert = cert,
	    .action = actions[what->how],
	    .note = note,
	    .reason = what->how == TAKE_REVOKE	  ? what->reason
		      : what->how == TAKE_SUSPEND ? REASON_HOLD
						  : REASON_RELEASE,
	    .ret = ret};
	const int rc = take(&o, what->what, err);

	signer_closep(&o.signer);
	return rc != ERR_ABSENT ? rc
				: err_set(err, ERR_USAGE,
				      "no holder, token or certificate matches %s", what->what);
}
