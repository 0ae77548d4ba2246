/* SPDX-License-Identifier: BSD-2-Clause */
/* server: values into the configurations of text/. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relying/template.h"
#include "relying/verify_server.h"
#include "ykenroll/relying_server.h"

#define PATH_LEN 128
#define NAME_MAX_LEN 253 /* RFC 1035, 2.3.4, less the root's dot */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* HAProxy's certificate is in the directory of the keys: it has its key beside it. */
static const struct server_info infos[] = {
    {"nginx", "nginx.conf", "nginx -t", "systemctl reload nginx", true, false, false, true, false},
    {"apache", "apache.conf", "apache2ctl configtest", "systemctl reload apache2", true, false,
	false, true, false},
    {"haproxy", "haproxy.cfg", "haproxy -c -f /etc/haproxy/haproxy.cfg", "systemctl reload haproxy",
	true, false, true, true, false},
    {"caddy", "Caddyfile", "caddy validate --config /etc/caddy/Caddyfile", "systemctl reload caddy",
	false, true, false, true, true},
    {"traefik", "traefik.yml", NULL, NULL, false, false, false, false, true},
};

int
server_find(const char *name, const struct server_info **ret, struct err *err)
{
	size_t i;

	for (i = 0; i < sizeof(infos) / sizeof(infos[0]); i++)
		if (strcmp(name, infos[i].name) == 0) {
			*ret = &infos[i];
			return 0;
		}
	return err_set(err, ERR_USAGE,
	    "no configuration for '%s'; use nginx, apache, haproxy, caddy or traefik", name);
}

/* ---- values ---- */

struct values {
	char name[NAME_MAX_LEN + 1], ident[NAME_MAX_LEN + 1], port[8];
	char dir[PATH_MAX], cert[PATH_MAX], key[PATH_MAX], backend[512], authority[512];
	char pattern[2 * PATH_LEN], list[PATH_LEN];
};

/* Letters, digits and more of what means nothing in any of the five syntaxes. */
static bool
harmless(const char *s, const char *more)
{
	for (; *s != '\0'; s++)
		if (strchr(letters, *s) == NULL && strchr(more, *s) == NULL)
			return false;
	return true;
}

static int
take_name(const char *name, struct values *v, struct err *err)
{
	char own[NAME_MAX_LEN + 1] = "";
	size_t i;

	if (name == NULL && gethostname(own, sizeof(own) - 1) == 0)
		name = own;
	if (name == NULL || name[0] == '\0' || strlen(name) > NAME_MAX_LEN ||
	    !harmless(name, ".-") || strchr(".-", name[0]) != NULL || strstr(name, "..") != NULL)
		return err_set(err, ERR_USAGE,
		    "--name: %s is not a host name (letters, digits, dots, hyphens)",
		    name == NULL ? "this machine's name" : name);
	snprintf(v->name, sizeof(v->name), "%s", name);
	for (i = 0; name[i] != '\0'; i++)
		v->ident[i] = strchr(letters, name[i]) != NULL ? name[i] : '_';
	v->ident[i] = '\0';
	return 0;
}

static int
take_path(const char *path, const char *option, char ret[static PATH_MAX], struct err *err)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX || !harmless(path, "/._-+=~,@"))
		return err_set(err, ERR_USAGE,
		    "%s: %s is not an absolute path of letters, digits and /._-+=~,@ (other "
		    "characters have a meaning in some configuration)",
		    option, path);
	snprintf(ret, PATH_MAX, "%s", path);
	return 0;
}

/* Not https: each server wants other lines to verify the application, and most do not unasked. */
static int
take_backend(const char *url, struct values *v, struct err *err)
{
	struct place p = {.port = ""};

	if (strlen(url) >= sizeof(v->backend) || strncmp(url, "http://", 7) != 0 ||
	    place_authority(url + 7, strlen(url + 7), &p) != 0)
		return err_set(err, ERR_USAGE,
		    "invalid --backend '%s': use http://HOST:PORT without a path (for TLS to the "
		    "application edit the configuration)",
		    url);
	snprintf(v->backend, sizeof(v->backend), "%s", url);
	snprintf(
	    v->authority, sizeof(v->authority), "%s%s", url + 7, p.port[0] != '\0' ? "" : ":80");
	return 0;
}

/* A part of the site, as it is, as a regular expression, and as the name of its list. "/" is all.
 */
static int
take_part(const struct server_config *what, struct values *v, struct err *err)
{
	size_t len = what->path == NULL ? 0 : strlen(what->path), i, n = 0;

	if (what->path == NULL)
		return 0;
	if (!what->server->parts)
		return err_set(err, ERR_FIT,
		    "%s cannot decide by certificate who may go to %s; put nginx, Apache, HAProxy "
		    "or Caddy in front, or give that part a server and a CA of its own",
		    what->server->name, what->path);
	if (what->path[0] != '/' || len >= PATH_LEN || !harmless(what->path, "/._-~") ||
	    strstr(what->path, "//") != NULL || strstr(what->path, "/.") != NULL)
		return err_set(err, ERR_USAGE,
		    "--path: %s is not a path of letters, digits and /._-~ from the root of the "
		    "site",
		    what->path);
	if (!harmless(what->allow, "/._-+=~,@"))
		return err_set(err, ERR_USAGE,
		    "--allow: %s has characters other than letters, digits and /._-+=~,@",
		    what->allow);
	if (what->path[len - 1] == '/')
		len--;
	for (i = 0; i < len; i++) {
		if (what->path[i] == '.')
			v->pattern[n++] = '\\';
		v->pattern[n++] = what->path[i];
		if (i > 0)
			v->list[i - 1] =
			    strchr(letters, what->path[i]) != NULL ? what->path[i] : '-';
	}
	if (len == 0)
		snprintf(v->list, sizeof(v->list), "site");
	return 0;
}

static int
check_acme(const struct server_config *what, struct err *err)
{
	if (!what->acme)
		return 0;
	if (!what->server->acme)
		return err_set(err, ERR_USAGE,
		    "--acme is for caddy and traefik, which get certificates by themselves; for "
		    "others use an ACME client, and --certificate with what it makes");
	return what->certificate == NULL && what->key == NULL
		   ? 0
		   : err_set(err, ERR_USAGE, "use either --acme, or --certificate and --key");
}

static int
take_values(const struct server_config *what, struct values *v, struct err *err)
{
	const bool beside = what->server->key_beside;
	char cert[PATH_MAX], key[PATH_MAX + 8];
	int rc;

	if (what->port > 65535)
		return err_set(
		    err, ERR_USAGE, "invalid --listen %u: ports are 1 to 65535", what->port);
	snprintf(v->port, sizeof(v->port), "%u", what->port == 0 ? 443 : what->port);
	if ((rc = check_acme(what, err)) != 0 || (rc = take_name(what->name, v, err)) != 0 ||
	    (rc = take_path(
		 what->dir == NULL ? "/etc/ssl/ykenroll" : what->dir, "--dir", v->dir, err)) != 0)
		return rc;
	snprintf(cert, sizeof(cert), "/etc/ssl/%s/%s.pem", beside ? "private" : "certs", v->name);
	if ((rc = take_path(what->certificate == NULL ? cert : what->certificate, "--certificate",
		 v->cert, err)) != 0)
		return rc;
	if (beside)
		snprintf(key, sizeof(key), "%s.key", v->cert);
	else
		snprintf(key, sizeof(key), "/etc/ssl/private/%s.key", v->name);
	if ((rc = take_path(what->key == NULL ? key : what->key, "--key", v->key, err)) != 0 ||
	    (rc = take_backend(
		 what->backend == NULL ? "http://127.0.0.1:8080" : what->backend, v, err)) != 0)
		return rc;
	if (beside && strcmp(v->key, key) != 0)
		return err_set(err, ERR_USAGE,
		    "--key: HAProxy reads the key from beside the certificate, %s", key);
	return take_part(what, v, err);
}

int
server_configuration(const struct server_config *what, struct blob *ret, struct err *err)
{
	struct values v = {.name = ""};
	const struct template_word words[] = {
	    {"NAME", v.name},
	    {"IDENT", v.ident},
	    {"PORT", v.port},
	    {"DIR", v.dir},
	    {"CERT", v.cert},
	    {"KEY", v.key},
	    {"BACKEND", v.backend},
	    {"AUTHORITY", v.authority},
	    {"OPTIONAL", what->optional ? "" : NULL},
	    {"REQUIRED", what->optional ? NULL : ""},
	    {"ACME", what->acme ? "" : NULL},
	    {"OWN", what->acme ? NULL : ""},
	    {"PART", what->path},
	    {"PATTERN", v.pattern},
	    {"LIST", v.list},
	    {"ALLOW", what->allow},
	    {NULL, NULL},
	};
	const int rc = take_values(what, &v, err);

	return rc != 0 ? rc : template_fill(template_find(what->server->text), words, ret, err);
}
