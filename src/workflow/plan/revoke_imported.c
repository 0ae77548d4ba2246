/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "desk/audit.h"
#include "workflow/plan/revoke_imported.h"
#include "desk/session.h"
#include "ykenroll/signer_status.h"
#include "ykenroll/workflow_ca.h"

#define SERIAL_MAX SIGNER_STATUS_SERIAL_MAX

static const char *const actions[] = {
    [TAKE_REVOKE] = "revoke", [TAKE_SUSPEND] = "suspend", [TAKE_RESUME] = "resume"};

/* Of any length, of either case, with colons as openssl(1) prints it. */
static size_t
parse(const char *text, uint8_t ret[static SERIAL_MAX])
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

static int
note_it(struct registry *r, const struct workflow_revoke *what, const uint8_t *serial, size_t len,
    const char *note, struct err *err)
{
	char hex[2 * SERIAL_MAX + 1], detail[REGISTRY_TEXT_MAX];

	text_hex(serial, len, hex);
	snprintf(detail, sizeof(detail), "imported certificate %s: %s", hex, note);
	return registry_audit(r, actions[what->how], 0, detail, err);
}

int
revoke_imported(const struct desk *w, struct registry *r, const struct workflow_revoke *what,
    const char *note, struct workflow_revoked *ret, struct err *err)
{
	const int reason = what->how == TAKE_REVOKE    ? (int)what->reason
			   : what->how == TAKE_SUSPEND ? REASON_HOLD
						       : -1;
	CLEAN(signer_closep) struct signer *s = NULL;
	struct crl_info before;
	uint8_t serial[SERIAL_MAX];
	const size_t len = parse(what->what, serial);
	int rc;

	if (len == 0)
		return ERR_ABSENT;
	if ((rc = session_open_signer(w, &s, err)) != 0 ||
	    (rc = audit_tell(w->home, r, s, err)) != 0 ||
	    (rc = signer_crl_state(s, false, &before, err)) != 0 ||
	    (rc = signer_revoke(s, serial, len, (enum signer_reason)reason, err)) != 0 ||
	    (rc = signer_crl_state(s, false, &ret->crl, err)) != 0)
		return rc;
	/* a CRL is made when something changed */
	ret->already = ret->crl.number == before.number;
	return ret->already ? 0 : note_it(r, what, serial, len, note, err);
}
