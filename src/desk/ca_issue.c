/* SPDX-License-Identifier: BSD-2-Clause */
#include "desk/ca_issue.h"
#include "ykenroll/registry_software.h"

int
ca_registry(const struct desk *w, struct registry **ret, struct err *err)
{
	struct err why = ERR_INIT;
	const int rc = registry_open(w->home, w->actor, ret, &why);

	if (rc != 0 && rc != ERR_ABSENT && err != NULL)
		*err = why;
	return rc == ERR_ABSENT ? 0 : rc;
}

int
ca_issue(struct signer *s, const struct request *request, uint8_t *ret_serial,
    struct blob *ret_cert, struct err *err)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	size_t i;
	int rc;

	if ((rc = signer_prepare_software(s, request, &p, err)) != 0 ||
	    (rc = signer_sign(s, p.serial, ret_cert, err)) != 0)
		return rc;
	for (i = 0; ret_serial != NULL && i < sizeof(p.serial); i++)
		ret_serial[i] = p.serial[i];
	return 0;
}

int
ca_issue_record(struct registry *r, const char *action, const char *profile,
    const struct blob *cert, struct err *err)
{
	return r == NULL ? 0 : registry_software_put(r, action, profile, cert, err);
}

int
ca_taken_record(struct registry *r, const char *action,
    const uint8_t serial[static REGISTRY_SERIAL_LEN], int reason, const char *note, struct err *err)
{
	return r == NULL ? 0 : registry_software_taken(r, action, serial, reason, note, err);
}
