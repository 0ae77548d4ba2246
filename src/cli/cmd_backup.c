/* SPDX-License-Identifier: BSD-2-Clause */
/* backup: a copy of the registry, while it is in use. */
#include <jansson.h>

#include "cli/cli.h"
#include "ykenroll/registry_audit.h"

static const struct poptOption table[] = {
    OPT_END,
};

int
cmd_backup(int argc, const char **argv, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	const char *args[1];
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "backup", "FILE [OPTION...]", table, args, 1, &n, err)) !=
	    0)
		return rc;
	if (n != 1)
		return err_set(err, ERR_USAGE, "ykenroll backup FILE");
	if ((rc = opt_registry(&r, err)) != 0 || (rc = registry_backup(r, args[0], err)) != 0)
		return rc;
	if (opt.json)
		return render_json(json_pack("{s:s}", "file", args[0]), err);
	printf("%s: PUKs and management keys in it are sealed, names are not; recovery.crt, "
	       "flight.key and ca/ are not in it\n",
	    render_escaped(args[0]));
	return 0;
}
