/* SPDX-License-Identifier: BSD-2-Clause */
/* After a change of what is valid: the servers of ykenroll.conf are told before the command ends.
 */
#include "workflow/config.h"
#include "ykenroll/workflow_server.h"

int
workflow_publish_usual(const char *name, struct workflow_publish *to, struct err *err)
{
	const struct server_info *info;
	enum server_kind kind;
	int rc;

	if ((rc = server_kind(name, &kind, err)) != 0)
		return rc;
	info = server_info(kind);
	if (to->test == NULL)
		to->test = info->test;
	if (to->reload == NULL)
		to->reload = info->reload;
	to->leaves = to->leaves || info->leaves;
	return 0;
}

int
workflow_publish_configured(const struct workflow *w, size_t *ret_n, struct err *err)
{
	CLEAN(config_wipe) struct config c = {.n = 0};
	struct workflow_published done;
	int rc, first = 0;
	size_t i;

	if ((rc = config_read(w->home, &c, err)) != 0)
		return rc;
	for (i = 0; i < c.n; i++) {
		rc = workflow_publish(w, &c.to[i], &done, first == 0 ? err : NULL);
		if (rc == 0 || first != 0)
			continue;
		err_wrap(err, "publishing to %s", c.to[i].dir);
		first = rc;
	}
	*ret_n = c.n;
	return first;
}

int
workflow_publish_watch_configured(
    const struct workflow *w, const struct workflow_watch *watch, struct err *err)
{
	CLEAN(config_wipe) struct config c = {.n = 0};
	int rc;

	if ((rc = config_read(w->home, &c, err)) != 0)
		return rc;
	if (c.n == 0)
		return err_set(err, ERR_USAGE,
		    "ykenroll ca publish DIR, or a section [publish] in ykenroll.conf");
	return workflow_publish_watch(w, c.to, c.n, watch, err);
}
