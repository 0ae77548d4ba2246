/* SPDX-License-Identifier: BSD-2-Clause */
/* After a change of what is valid: the servers of ykenroll.conf are told before the command ends.
 */
#include "relying/config.h"
#include "ykenroll/relying_server.h"

int
relying_publish_usual(const char *name, struct relying_publish *to, struct err *err)
{
	const struct server_info *info;
	const int rc = server_find(name, &info, err);

	if (rc != 0)
		return rc;
	if (to->test == NULL)
		to->test = info->test;
	if (to->reload == NULL)
		to->reload = info->reload;
	to->leaves = to->leaves || info->leaves;
	return 0;
}

int
relying_publish_configured(const struct desk *w, size_t *ret_n, struct err *err)
{
	CLEAN(config_wipe) struct config c = {.n = 0};
	struct relying_published done;
	int rc, first = 0;
	size_t i;

	if ((rc = config_read(w->home, &c, err)) != 0)
		return rc;
	for (i = 0; i < c.n; i++) {
		rc = relying_publish(w, &c.to[i], &done, first == 0 ? err : NULL);
		if (rc == 0 || first != 0)
			continue;
		err_wrap(err, "publishing to %s", c.to[i].dir);
		first = rc;
	}
	*ret_n = c.n;
	return first;
}

int
relying_publish_watch_configured(
    const struct desk *w, const struct relying_watch *watch, struct err *err)
{
	CLEAN(config_wipe) struct config c = {.n = 0};
	int rc;

	if ((rc = config_read(w->home, &c, err)) != 0)
		return rc;
	if (c.n == 0)
		return err_set(err, ERR_USAGE,
		    "ykenroll ca publish DIR, or a section [publish] in ykenroll.conf");
	return relying_publish_watch(w, c.to, c.n, watch, err);
}
