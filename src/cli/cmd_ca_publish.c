/* SPDX-License-Identifier: BSD-2-Clause */
/* ca publish: what servers read, into a directory of theirs. */
#include <jansson.h>

#include "cli/cli.h"
#include "ykenroll/relying_publish.h"
#include "ykenroll/relying_server.h"

static char *server, *test, *reload;
static int leaves, watch;
static bool reloads;

static const struct poptOption table[] = {
    OPT_TEXT("server", 0, &server,
	"use the --test and --reload commands of nginx, apache, haproxy, caddy or traefik in "
	"Debian",
	"NAME"),
    OPT_TEXT("test", 0, &test,
	"run this before the reload (no shell), and do not reload if it fails: \"nginx -t\"",
	"COMMAND"),
    OPT_TEXT("reload", 0, &reload,
	"run this after the files are in place (no shell): \"systemctl reload nginx\"", "COMMAND"),
    OPT_FLAG("leaves", 0, &leaves,
	"also write the list of valid certificates, for Caddy (from then on always)"),
    OPT_FLAG("watch", 0, &watch, "keep running, and publish again whenever something changes"),
    OPT_FLAG("force", 0, &opt.force, "even over a newer CRL, or one with more entries"),
    OPT_END,
};

static const char *const names[] = {"issuing", "root"};

static json_t *
as_json(const char *dir, const struct relying_published *p)
{
	json_t *json = json_pack("{s:s, s:I, s:b}", "directory", dir, "written",
	    (json_int_t)p->written, "reloaded", reloads);
	size_t i;

	for (i = 0; json != NULL && i < p->levels; i++) {
		json_object_set_new(json, names[i],
		    json_pack("{s:I, s:s}", "crl_number", (json_int_t)p->crls[i].number,
			"crl_next_update", render_time(p->crls[i].next_update)));
	}
	if (json != NULL && p->has_leaves)
		json_object_set_new(json, "leaves", json_integer((json_int_t)p->leaves));
	if (json != NULL && p->lists > 0)
		json_object_set_new(json, "lists", json_integer((json_int_t)p->lists));
	return json;
}

static int
show(const char *dir, const struct relying_published *p, struct err *err)
{
	size_t i;

	if (opt.json)
		return render_json(as_json(dir, p), err);
	printf(
	    "%s: %zu file%s written", render_escaped(dir), p->written, p->written == 1 ? "" : "s");
	for (i = 0; i < p->levels; i++) {
		printf("%s %s CRL number %llu until %s", i == 0 ? ";" : ",", names[i],
		    (unsigned long long)p->crls[i].number, render_when(p->crls[i].next_update));
	}
	if (p->has_leaves)
		printf(", %zu certificate%s in the list", p->leaves, p->leaves == 1 ? "" : "s");
	if (p->lists > 0)
		printf(", %zu list%s of who may go where", p->lists, p->lists == 1 ? "" : "s");
	putchar('\n');
	return 0;
}

static void
published(void *ctx, const struct relying_publish *to, const struct relying_published *p)
{
	struct err err = ERR_INIT;

	(void)ctx;
	reloads = to->reload != NULL;
	if (show(to->dir, p, &err) != 0)
		render_error(&err);
	fflush(stdout); /* a pipe's reader is to see it now */
}

static void
failed(void *ctx, const struct relying_publish *to, const struct err *err)
{
	struct err told = *err;

	(void)ctx;
	err_wrap(&told, "%s", to->dir);
	render_error(&told);
}

static const struct relying_watch watcher = {published, failed, NULL};

/* No DIR: those of ykenroll.conf. */
static int
configured(const struct desk *w, struct err *err)
{
	size_t n = 0;
	int rc;

	if (server != NULL || test != NULL || reload != NULL || leaves)
		return err_set(
		    err, ERR_USAGE, "these options need a directory: ykenroll ca publish DIR");
	if (watch)
		return relying_publish_watch_configured(w, &watcher, err);
	if ((rc = relying_publish_configured(w, false, &n, err)) != 0)
		return rc;
	if (n == 0)
		return err_set(err, ERR_USAGE,
		    "nowhere to publish; use ykenroll ca publish DIR, or a section [publish] in "
		    "ykenroll.conf");
	if (opt.json)
		return render_json(json_pack("{s:I}", "published", (json_int_t)n), err);
	printf("published to %zu place%s of ykenroll.conf\n", n, n == 1 ? "" : "s");
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	struct relying_published done;
	struct relying_publish what;
	int rc;

	if (c->n == 0)
		return configured(&c->desk, err);
	what = (struct relying_publish){
	    .dir = c->args[0], .test = test, .reload = reload, .leaves = leaves != 0};
	if (server != NULL && (rc = relying_publish_usual(server, &what, err)) != 0)
		return rc;
	reloads = what.reload != NULL;
	if (watch)
		return relying_publish_watch(&c->desk, &what, 1, &watcher, err);
	rc = relying_publish(&c->desk, &what, &done, err);
	return rc != 0 ? rc : show(c->args[0], &done, err);
}

const struct command cmd_ca_publish = {"ca publish",
    "write CA bundles and CRLs to a directory that servers read", "[DIR]", 0, 1, table, .run = run};
