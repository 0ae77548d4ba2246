/* SPDX-License-Identifier: BSD-2-Clause */
/* server: a configuration on standard output. Needs no home, servers being other machines, but to
 * know who is meant by --allow. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "ykenroll/relying_publish.h"
#include "ykenroll/relying_server.h"

static char *name, *dir, *backend, *listen_port, *certificate, *key, *path, *allow;
static int optional, acme;

static const struct poptOption table[] = {
    OPT_TEXT("name", 0, &name, "the server's host name (default: this machine's)", "HOST"),
    OPT_TEXT("dir", 0, &dir, "directory that `ca publish` fills there (default: /etc/ssl/ykenroll)",
	"DIR"),
    OPT_TEXT("backend", 0, &backend, "the application behind it (default: http://127.0.0.1:8080)",
	"URL"),
    OPT_TEXT("listen", 0, &listen_port, "port (default: 443)", "PORT"),
    OPT_TEXT("certificate", 0, &certificate, "the server's own certificate and chain", "FILE"),
    OPT_TEXT("key", 0, &key, "its key", "FILE"),
    OPT_FLAG("acme", 0, &acme,
	"caddy, traefik: the server gets its own certificate from a public CA by itself"),
    OPT_FLAG("optional", 0, &optional,
	"also let clients without a certificate in, as Client-Verify: NONE"),
    OPT_TEXT(
	"path", 0, &path, "with --allow: a part of the site that not everybody gets into", "/PATH"),
    OPT_TEXT("allow", 0, &allow,
	"who gets in there: profile=NAME, or a file with a holder in each line", "WHO"),
    OPT_END,
};

static int
show(const struct server_info *info, const struct blob *text, struct err *err)
{
	if (opt.json)
		return render_json(json_pack("{s:s, s:s%, s:s?, s:s?, s:b, s:b}", "server",
				       info->name, "configuration", (const char *)text->data,
				       text->len, "test", info->test, "reload", info->reload,
				       "checks_crl", info->crl, "takes_list", info->leaves),
		    err);
	return opt_out(NULL, text, 0, err);
}

/* Whom it names, before anything is printed. *ret: as ykenroll.conf takes it. */
static int
check_allow(const struct desk *w, const struct server_info *info, const char **ret, struct err *err)
{
	static char full[PATH_MAX];

	if ((path == NULL) != (allow == NULL))
		return err_set(err, ERR_USAGE, "use --path and --allow together, or neither");
	*ret = allow;
	if (allow == NULL || !info->parts) /* which server_configuration says */
		return 0;
	if (strncmp(allow, "profile=", 8) != 0 && (*ret = realpath(allow, full)) == NULL)
		return err_errno(err, ERR_USAGE, "--allow: cannot find %s", allow);
	return relying_allow_check(w, *ret, err);
}

static int
run(struct called *c, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	struct server_config what;
	unsigned long port = 0;
	int rc;

	if (listen_port != NULL &&
	    (rc = text_number(listen_port, "--listen", 65535, &port, err)) != 0)
		return rc;
	if (listen_port != NULL && port == 0)
		return err_set(err, ERR_USAGE, "--listen: port 0 is not possible");
	what = (struct server_config){.name = name,
	    .dir = dir,
	    .backend = backend,
	    .certificate = certificate,
	    .key = key,
	    .port = (unsigned)port,
	    .optional = optional != 0,
	    .acme = acme != 0,
	    .path = path};
	if ((rc = server_find(c->args[0], &what.server, err)) != 0 ||
	    (rc = check_allow(&c->desk, what.server, &what.allow, err)) != 0 ||
	    (rc = server_configuration(&what, &text, err)) != 0)
		return rc;
	return show(what.server, &text, err);
}

const struct command cmd_server = {"server", "print a web server's configuration",
    "nginx|apache|haproxy|caddy|traefik", 1, 1, table, .run = run};
