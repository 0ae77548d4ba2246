/* SPDX-License-Identifier: BSD-2-Clause */
/* show --client: what a user types on her machine. */
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "ykenroll/relying_client.h"

static char *client, *url, *ca_file, *pin_source, *debian;

static const struct poptOption table[] = {
    {"client", 0, POPT_ARG_STRING, &client, 0,
	"curl, openssl, gnutls-cli, python, firefox, chromium or p11-kit", "NAME"},
    {"url", 0, POPT_ARG_STRING, &url, 0, "where the user logs in", "URL"},
    {"ca-file", 0, POPT_ARG_STRING, &ca_file, 0,
	"who issued the server's certificate (else: this home's root)", "FILE"},
    {"pin-source", 0, POPT_ARG_STRING, &pin_source, 0,
	"a file with the PIN, for scripts; else the user is asked", "FILE"},
    {"debian", 0, POPT_ARG_STRING, &debian, 0,
	"the user's release, 12 or 13 (else: this machine's)", "N"},
    OPT_TOKEN_END,
};

static int
print(const struct blob *script, struct err *err)
{
	if (opt.json)
		return render_json(json_pack("{s:s, s:s%}", "client", client, "script",
				       (const char *)script->data, script->len),
		    err);
	if (fwrite(script->data, 1, script->len, stdout) != script->len)
		return err_errno(err, ERR_INTERNAL, "cannot write the output");
	return 0;
}

int
cmd_show_client(int argc, const char **argv, struct err *err)
{
	CLEAN(blob_wipe) struct blob script = {0};
	struct relying_client what = {.name = NULL};
	unsigned long release = 0;
	const char *args[1];
	struct desk w;
	size_t n;
	int rc;

	if ((rc = opt_parse(
		 argc, argv, "show", "--client NAME [OPTION...]", table, args, 0, &n, err)) != 0 ||
	    (rc = opt_desk(&w, err)) != 0)
		return rc;
	if (debian != NULL && (rc = text_number(debian, "--debian", 99, &release, err)) != 0)
		return rc;
	what.name = client;
	what.url = url;
	what.ca_file = ca_file;
	what.pin_source = pin_source;
	what.debian = (unsigned)release;
	if ((rc = relying_client_script(&w, &what, &script, err)) != 0)
		return rc;
	return print(&script, err);
}
