/* SPDX-License-Identifier: BSD-2-Clause */
/* server: values into the texts of server_text*.c. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relying/server_text.h"
#include "ykenroll/relying_server.h"

#define NAME_MAX_LEN 253 /* RFC 1035, 2.3.4, less the root's dot */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static const struct kind {
	struct server_info info;
	const char *const *text;
	const char *certificate, *key; /* where they are if nobody says */
} kinds[] = {
    [SERVER_NGINX] = {{"nginx", "nginx -t", "systemctl reload nginx", true, false},
	server_text_nginx, "/etc/ssl/certs/<NAME>.pem", "/etc/ssl/private/<NAME>.key"},
    [SERVER_APACHE] = {{"apache", "apache2ctl configtest", "systemctl reload apache2", true, false},
	server_text_apache, "/etc/ssl/certs/<NAME>.pem", "/etc/ssl/private/<NAME>.key"},
    [SERVER_HAPROXY] = {{"haproxy", "haproxy -c -f /etc/haproxy/haproxy.cfg",
			    "systemctl reload haproxy", true, false},
	server_text_haproxy, "/etc/ssl/private/<NAME>.pem", "<CERT>.key"},
    [SERVER_CADDY] = {{"caddy", "caddy validate --config /etc/caddy/Caddyfile",
			  "systemctl reload caddy", false, true},
	server_text_caddy, "/etc/ssl/certs/<NAME>.pem", "/etc/ssl/private/<NAME>.key"},
    [SERVER_TRAEFIK] = {{"traefik", NULL, NULL, false, false}, server_text_traefik,
	"/etc/ssl/certs/<NAME>.pem", "/etc/ssl/private/<NAME>.key"},
};

const struct server_info *
server_info(enum server_kind kind)
{
	return (unsigned)kind < SERVER_KINDS ? &kinds[kind].info : NULL;
}

int
server_kind(const char *name, enum server_kind *ret, struct err *err)
{
	unsigned i;

	for (i = 0; i < SERVER_KINDS; i++) {
		if (strcmp(name, kinds[i].info.name) != 0)
			continue;
		*ret = (enum server_kind)i;
		return 0;
	}
	return err_set(err, ERR_USAGE,
	    "there is no configuration for %s; there is for nginx, apache, haproxy, caddy, traefik",
	    name);
}

/* ---- values ---- */

struct values {
	char name[NAME_MAX_LEN + 1], ident[NAME_MAX_LEN + 1], port[8];
	char dir[PATH_MAX], cert[PATH_MAX], key[PATH_MAX], backend[512], authority[512];
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
take_path(const char *path, const char *option, char *ret, size_t size, struct err *err)
{
	if (path[0] != '/' || strlen(path) >= size || !harmless(path, "/._-+=~,@"))
		return err_set(err, ERR_USAGE,
		    "%s: %s is not an absolute path of letters, digits and /._-+=~,@ alone: "
		    "anything else means something in one configuration or the other",
		    option, path);
	snprintf(ret, size, "%s", path);
	return 0;
}

/* The host of a URL: a name, an IPv4 address, or an IPv6 address in brackets. */
static bool
is_host(const char *host, size_t len)
{
	char text[NAME_MAX_LEN + 1];

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (text[0] != '[')
		return harmless(text, ".-") && strchr(".-", text[0]) == NULL;
	text[len - 1] = text[len - 1] == ']' ? '\0' : '!';
	return len > 2 && strspn(text + 1, "0123456789abcdefABCDEF:.") == len - 2;
}

/* http://HOST[:PORT]; *ret_authority is behind the slashes, *ret_port behind the colon, or NULL. */
static bool
split_url(const char *url, const char **ret_authority, const char **ret_port)
{
	const char *host = url + 7, *end;
	size_t len;

	if (strncmp(url, "http://", 7) != 0)
		return false;
	end = host[0] == '[' ? strchr(host, ']') : NULL;
	end = strchr(end != NULL ? end : host, ':');
	len = end == NULL ? strlen(host) : (size_t)(end - host);
	*ret_authority = host;
	*ret_port = end == NULL ? NULL : end + 1;
	if (!is_host(host, len))
		return false;
	return *ret_port == NULL || ((*ret_port)[0] != '\0' && strlen(*ret_port) <= 5 &&
					(*ret_port)[strspn(*ret_port, "0123456789")] == '\0');
}

/* Not https: each server wants other lines to verify the application, and most do not unasked. */
static int
take_backend(const char *url, struct values *v, struct err *err)
{
	const char *authority, *port;

	if (strlen(url) >= sizeof(v->backend) || !split_url(url, &authority, &port))
		return err_set(err, ERR_USAGE,
		    "--backend: %s is not http://HOST:PORT, without a path (for TLS to the "
		    "application add the server's own lines)",
		    url);
	snprintf(v->backend, sizeof(v->backend), "%s", url);
	snprintf(v->authority, sizeof(v->authority), "%s%s", authority, port != NULL ? "" : ":80");
	return 0;
}

/* ---- text ---- */

/* The value that stands at s, and how long its sign is; NULL: none. */
static const char *
value_at(const struct values *v, const char *s, size_t *ret_len)
{
	const struct {
		const char *sign, *value;
	} all[] = {
	    {"<NAME>", v->name},
	    {"<IDENT>", v->ident},
	    {"<PORT>", v->port},
	    {"<DIR>", v->dir},
	    {"<CERT>", v->cert},
	    {"<KEY>", v->key},
	    {"<BACKEND>", v->backend},
	    {"<AUTHORITY>", v->authority},
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		*ret_len = strlen(all[i].sign);
		if (strncmp(s, all[i].sign, *ret_len) == 0)
			return all[i].value;
	}
	return NULL;
}

static int
expand(const char *line, const struct values *v, char *ret, size_t size, struct err *err)
{
	const char *value;
	size_t used = 0, len, sign;

	while (*line != '\0') {
		value = value_at(v, line, &sign);
		len = value == NULL ? 1 : strlen(value);
		if (len >= size - used)
			return err_set(err, ERR_USAGE, "the values are too long");
		memcpy(ret + used, value == NULL ? line : value, len);
		used += len;
		line += value == NULL ? 1 : sign;
	}
	ret[used] = '\0';
	return 0;
}

static int
take_file(const char *given, const char *option, const char *usual, char *ret, struct values *v,
    struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if (given != NULL)
		return take_path(given, option, ret, PATH_MAX, err);
	if ((rc = expand(usual, v, path, sizeof(path), err)) != 0)
		return rc;
	return take_path(path, option, ret, PATH_MAX, err);
}

static int
take_values(const struct server_config *what, struct values *v, struct err *err)
{
	const struct kind *k = &kinds[what->kind];
	int rc;

	if (what->port > 65535)
		return err_set(err, ERR_USAGE, "--listen: there is no port %u", what->port);
	snprintf(v->port, sizeof(v->port), "%u", what->port == 0 ? 443 : what->port);
	if ((rc = take_name(what->name, v, err)) != 0 ||
	    (rc = take_path(what->dir == NULL ? "/etc/ssl/ykenroll" : what->dir, "--dir", v->dir,
		 sizeof(v->dir), err)) != 0 ||
	    (rc = take_file(what->certificate, "--certificate", k->certificate, v->cert, v, err)) !=
		0 ||
	    (rc = take_file(what->key, "--key", k->key, v->key, v, err)) != 0 ||
	    (rc = take_backend(
		 what->backend == NULL ? "http://127.0.0.1:8080" : what->backend, v, err)) != 0)
		return rc;
	if (what->kind == SERVER_HAPROXY && (strncmp(v->key, v->cert, strlen(v->cert)) != 0 ||
						strcmp(v->key + strlen(v->cert), ".key") != 0))
		return err_set(err, ERR_USAGE,
		    "--key: HAProxy takes the key from beside the certificate, %s.key", v->cert);
	return 0;
}

int
server_configuration(const struct server_config *what, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	struct values v;
	char line[3 * PATH_MAX];
	const char *const *l;
	int rc;

	memset(&v, 0, sizeof(v));
	if ((rc = take_values(what, &v, err)) != 0)
		return rc;
	for (l = kinds[what->kind].text; *l != NULL; l++) {
		const bool marked = **l == '-' || **l == '+';

		if (marked && (**l == '+') != what->optional)
			continue;
		if ((rc = expand(*l + marked, &v, line, sizeof(line), err)) != 0 ||
		    (rc = blob_append(&text, line, strlen(line), err)) != 0 ||
		    (rc = blob_append(&text, "\n", 1, err)) != 0)
			return rc;
	}
	blob_move(ret, &text);
	return 0;
}
