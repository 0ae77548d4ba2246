/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_net: which server is meant, and a connection to it. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utc.h"
#include "relying/verify_server.h"

/* ---- words ---- */

static int
is_port(const char *text)
{
	const size_t n = strlen(text);

	return n >= 1 && n <= 5 && strspn(text, "0123456789") == n && atoi(text) >= 1 &&
	       atoi(text) <= 65535;
}

/* Letters, digits, hyphens and dots; an underscore is seen in the field. In brackets an IPv6
 * address. */
static int
take_host(const char *text, size_t len, bool bracket, char ret[static PLACE_HOST])
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   ".-_";
	static const char v6[] = "0123456789abcdefABCDEF:.";

	if (len == 0 || len >= PLACE_HOST)
		return -1;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return strspn(ret, bracket ? v6 : name) == len && ret[0] != '-' ? 0 : -1;
}

int
place_authority(const char *text, size_t len, struct place *ret)
{
	const char *end = text + len, *colon, *close_at;
	const bool bracket = len > 0 && text[0] == '[';
	size_t n = len;

	if (bracket) {
		if ((close_at = memchr(text, ']', len)) == NULL)
			return -1;
		if (take_host(text + 1, (size_t)(close_at - text - 1), true, ret->host) != 0)
			return -1;
		colon = close_at + 1 < end ? close_at + 1 : NULL;
	} else {
		colon = memchr(text, ':', len);
		n = colon == NULL ? len : (size_t)(colon - text);
		if (take_host(text, n, false, ret->host) != 0)
			return -1;
	}
	ret->bracket = bracket;
	if (colon == NULL)
		return 0;
	if (*colon != ':' || end - colon - 1 > 5)
		return -1;
	snprintf(ret->port, sizeof(ret->port), "%.*s", (int)(end - colon - 1), colon + 1);
	return is_port(ret->port) ? 0 : -1;
}

int
place_path(const char *text, char *ret, size_t size)
{
	const size_t n = strcspn(text, "#");
	size_t i;

	if (n >= size - 1)
		return -1;
	for (i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return -1;
	snprintf(ret, size, "%s%.*s", text[0] == '/' ? "" : "/", (int)n, text);
	return 0;
}

static const struct {
	const char *scheme, *port;
	enum tls_speech speech;
} schemes[] = {{"https", "443", TLS_HTTP}, {"imaps", "993", TLS_GREETS},
    {"pop3s", "995", TLS_GREETS}, {"smtps", "465", TLS_GREETS}, {"ldaps", "636", TLS_LDAP},
    {"tls", NULL, TLS_MUTE}};
#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static const char *
scheme_end(const char *url)
{
	const char *after = strstr(url, "://");

	return after != NULL && after == url + strcspn(url, ":/?#") ? after : NULL;
}

/* Of a place without a scheme, its port tells. */
static int
take_scheme(const char *url, struct place *ret, struct err *err)
{
	const char *after = scheme_end(url);
	const size_t len = after == NULL ? 0 : (size_t)(after - url);
	size_t i, scheme = SCHEMES;

	for (i = 0; i < SCHEMES; i++)
		if (after != NULL
			? strlen(schemes[i].scheme) == len &&
			      memcmp(schemes[i].scheme, url, len) == 0
			: schemes[i].port != NULL && strcmp(schemes[i].port, ret->port) == 0)
			scheme = i;
	if (after != NULL && scheme == SCHEMES)
		return err_set(err, ERR_USAGE,
		    "the URL must begin with https, imaps, pop3s, smtps, ldaps or tls, since without "
		    "TLS there is no certificate");
	if (scheme == SCHEMES)
		scheme = 0;
	ret->speech = schemes[scheme].speech;
	if (ret->port[0] == '\0' && schemes[scheme].port == NULL)
		return err_set(err, ERR_USAGE, "tls:// has no port of its own: tls://HOST:PORT");
	if (ret->port[0] == '\0')
		snprintf(ret->port, sizeof(ret->port), "%s", schemes[scheme].port);
	return 0;
}

int
place_parse(const char *url, struct place *ret, struct err *err)
{
	const char *after = scheme_end(url), *from = after == NULL ? url : after + 3;
	const size_t n = strcspn(from, "/?#");
	struct place p = {.n = 0};
	int rc;

	if (place_authority(from, n, &p) != 0 || place_path(from + n, p.path, sizeof(p.path)) != 0)
		return err_set(err, ERR_USAGE,
		    "%.200s is neither https://HOST[:PORT][/PATH] nor HOST:PORT", url);
	if ((rc = take_scheme(url, &p, err)) == 0)
		*ret = p;
	return rc;
}

/* ---- the network ---- */

int
place_connect(const struct place_address *a, int64_t deadline_ns, int *ret_fd, struct err *err)
{
	CLEAN(file_closep) int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int64_t left = deadline_ns - utc_monotonic_ns();
	const int64_t us = left > 1000 ? left / 1000 : 1;
	const struct timeval most = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

	/* connect() observes it: socket(7) */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) != 0 ||
	    connect(fd, (const struct sockaddr *)&a->sa, a->len) != 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		if (errno == EINPROGRESS)
			errno = ETIMEDOUT;
		return err_errno(err, errno == ECONNREFUSED ? ERR_ABSENT : ERR_INTERNAL,
		    "cannot connect to %s", a->text);
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static void
add_address(struct place *p, const struct addrinfo *a)
{
	struct place_address *to = &p->addresses[p->n++];
	char host[64] = "", port[8] = "";

	memcpy(&to->sa, a->ai_addr, a->ai_addrlen);
	to->len = a->ai_addrlen;
	(void)getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(
	    to->text, sizeof(to->text), a->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int
place_find(struct place *p, const char *connect_to, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL, *a;
	struct place to = *p;
	int r;

	if (connect_to != NULL && place_authority(connect_to, strlen(connect_to), &to) != 0)
		return err_set(err, ERR_USAGE, "invalid --connect; use ADDRESS[:PORT]");
	if ((r = getaddrinfo(to.host, to.port, &hints, &list)) != 0)
		return err_set(err, ERR_INTERNAL, "cannot find %s: %s", to.host, gai_strerror(r));
	for (a = list; a != NULL && p->n < RELYING_ADDRESSES_MAX; a = a->ai_next)
		add_address(p, a);
	p->more = a != NULL;
	freeaddrinfo(list);
	return p->n > 0 ? 0 : err_set(err, ERR_INTERNAL, "%s has no address", to.host);
}
