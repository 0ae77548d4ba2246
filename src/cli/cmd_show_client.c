/* SPDX-License-Identifier: BSD-2-Clause */
/* show --client: what a user types on her machine. */
#include <jansson.h>

#include "base/text.h"
#include "cli/cli.h"
#include "ykenroll/relying_client.h"

static char *client, *url, *ca_file, *pin_source, *debian;

struct poptOption opt_client[] = {
    OPT_TEXT("client", 0, &client,
	"print what the user types to log in with: curl, openssl, gnutls-cli, python, firefox, "
	"chromium, p11-kit",
	"NAME"),
    OPT_TEXT("url", 0, &url, "where the user logs in", "URL"),
    OPT_TEXT("ca-file", 0, &ca_file, "CA of the server's certificate (default: this home's root)",
	"FILE"),
    OPT_TEXT("pin-source", 0, &pin_source,
	"a file with the PIN, for scripts (default: ask the user)", "FILE"),
    OPT_TEXT(
	"debian", 0, &debian, "the user's Debian release, 12 or 13 (default: this machine's)", "N"),
    POPT_TABLEEND,
};

static int
print(const struct blob *script, struct err *err)
{
	if (opt.json)
		return render_json(json_pack("{s:s, s:s%}", "client", client, "script",
				       (const char *)script->data, script->len),
		    err);
	return opt_out(NULL, script, 0, err);
}

bool
show_client_asked(void)
{
	return client != NULL || url != NULL || ca_file != NULL || pin_source != NULL ||
	       debian != NULL;
}

int
show_client(const struct called *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob script = {0};
	struct relying_client what = {
	    .name = client, .url = url, .ca_file = ca_file, .pin_source = pin_source};
	unsigned long release = 0;
	int rc;

	if (client == NULL || c->n != 0)
		return err_set(err, ERR_USAGE, "ykenroll show --client NAME [OPTION...]");
	if (debian != NULL && (rc = text_number(debian, "--debian", 99, &release, err)) != 0)
		return rc;
	what.debian = (unsigned)release;
	if ((rc = relying_client_script(&c->desk, &what, &script, err)) != 0)
		return rc;
	return print(&script, err);
}
