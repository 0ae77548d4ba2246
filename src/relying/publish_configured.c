/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_configured: to each place of ykenroll.conf. */
#include "relying/publish.h"

int
relying_publish_configured(const struct desk *w, bool again, size_t *ret_n, struct err *err)
{
	CLEAN(config_wipe) struct config c = {.n = 0};
	struct relying_published done;
	int rc, first = 0;
	size_t i;

	if ((rc = config_read(w->home, &c, err)) != 0)
		return rc;
	for (i = 0; i < c.n; i++) {
		c.to[i].changed_only = again;
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
		    "nowhere to publish; use ykenroll ca publish DIR, or a section [publish] in "
		    "ykenroll.conf");
	return relying_publish_watch(w, c.to, c.n, watch, err);
}
