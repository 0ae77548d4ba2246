/* SPDX-License-Identifier: BSD-2-Clause */
/* backup: a copy of the registry, while it is in use. */
#include <jansson.h>

#include "cli/cli.h"

static int
run(struct called *c, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	int rc;

	if ((rc = opt_registry(&r, err)) != 0 || (rc = registry_backup(r, c->args[0], err)) != 0)
		return rc;
	if (opt.json)
		return render_json(json_pack("{s:s}", "file", c->args[0]), err);
	printf("%s: PUKs and management keys in it are sealed, names are not; recovery.crt, "
	       "flight.key and ca/ are not in it\n",
	    render_escaped(c->args[0]));
	return 0;
}

const struct command cmd_backup = {"backup", "a copy of the registry, while it is in use", "FILE",
    1, 1, opt_only_common, .run = run};
