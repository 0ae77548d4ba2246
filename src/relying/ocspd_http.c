/* SPDX-License-Identifier: BSD-2-Clause */
/* ocspd_http: OCSP over HTTP (RFC 6960, appendix A; RFC 5019, 5 and 6), by libmicrohttpd without
 * its threads: the loop is ours. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <microhttpd.h>
#include <openssl/evp.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "relying/ocspd.h"

#define CONNECTIONS_MAX 256
#define IDLE_SEC 10
#define MEMORY_MAX (32 * 1024) /* of a connection: its URL, its headers, a piece of its body */
#define BACKLOG 128
#define BASE64_MAX ((OCSP_REQUEST_MAX + 2) / 3 * 4)
#define DATE_LEN 30 /* "Sat, 21 Nov 2026 00:27:00 GMT" and the NUL */

struct ocspd_http {
	struct MHD_Daemon *daemon;
	struct ocspd_ops ops;
};

struct ask { /* one request, while it comes in */
	struct blob body;
	bool too_long;
};

/* ---- replies ---- */

static void
date(int64_t t, char ret[static DATE_LEN])
{
	const time_t when = (time_t)t;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(ret, DATE_LEN, "%a, %d %b %Y %T GMT", &tm) == 0)
		ret[0] = '\0';
}

static void
header(struct MHD_Response *r, const char *name, const char *value)
{
	(void)!MHD_add_response_header(r, name, value);
}

/* RFC 5019, 6.2: what is between us and the client may keep it as long as the client may. */
static void
add_caching(struct MHD_Response *r, const struct ocspd_reply *reply)
{
	uint8_t md[X509_SHA256_LEN];
	char text[2 * X509_SHA256_LEN + 3];
	const int64_t left = reply->next_update - utc_now();

	if (!reply->cacheable || left <= 0 || x509_sha256(reply->der, md, NULL) != 0) {
		header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
		return;
	}
	text[0] = '"';
	text_hex(md, sizeof(md), text + 1);
	strcat(text, "\"");
	header(r, MHD_HTTP_HEADER_ETAG, text);
	date(reply->this_update, text);
	header(r, MHD_HTTP_HEADER_LAST_MODIFIED, text);
	date(reply->next_update, text);
	header(r, MHD_HTTP_HEADER_EXPIRES, text);
	snprintf(text, sizeof(text), "max-age=%lld,public,no-transform,must-revalidate",
	    (long long)left);
	header(r, MHD_HTTP_HEADER_CACHE_CONTROL, text);
}

static struct MHD_Response *
response(const void *data, size_t len, const char *type)
{
	/* it is copied: MHD does not write to it */
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(len, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);

	if (r != NULL)
		header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return r;
}

static enum MHD_Result
queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (r == NULL)
		return MHD_NO;
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result
send_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	struct MHD_Response *r = response(text, strlen(text), "text/plain");

	if (r != NULL && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		header(r, MHD_HTTP_HEADER_ALLOW, "GET, POST");
	return queue(c, status, r);
}

static enum MHD_Result
send_answer(const struct ocspd_http *h, struct MHD_Connection *c, const struct blob *question,
    bool may_cache)
{
	struct ocspd_reply reply = {0};
	struct MHD_Response *r;

	h->ops.answer(h->ops.ctx, question->data, question->len, &reply);
	if (reply.der == NULL || reply.der->len == 0)
		return send_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	reply.cacheable = reply.cacheable && may_cache;
	r = response(reply.der->data, reply.der->len, "application/ocsp-response");
	if (r != NULL)
		add_caching(r, &reply);
	return queue(c, MHD_HTTP_OK, r);
}

/* The request in a path: base64, of which "/", "+" and "=" are escaped (RFC 6960, A.1), or are not:
 * clients differ. Padding may be left out; bits that do not count are zero: one text for each. */
static int
from_path(const char *path, struct blob *ret)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t text[BASE64_MAX + 4], again[BASE64_MAX + 4], der[BASE64_MAX];
	size_t n = 0, used, pad;
	int len;

	for (path += strspn(path, "/"); *path != '\0'; path++) {
		if (n == BASE64_MAX)
			return -1;
		text[n++] = (uint8_t)*path;
		if (*path == '%') {
			char hex[3] = "";

			strncat(hex, path + 1, 2);
			if (text_unhex(hex, &text[n - 1], 1) != 0)
				return -1;
			path += 2;
		}
	}
	text[n] = '\0';
	used = strspn((const char *)text, digits);
	pad = strspn((const char *)text + used, "=");
	if (used == 0 || used % 4 == 1 || used + pad != n || (pad != 0 && (n % 4 != 0 || pad > 2)))
		return -1;
	for (; n % 4 != 0; pad++)
		text[n++] = '=';
	if ((len = EVP_DecodeBlock(der, text, (int)n) - (int)pad) < 0 || len > OCSP_REQUEST_MAX ||
	    EVP_EncodeBlock(again, der, len) != (int)n || memcmp(text, again, n) != 0)
		return -1;
	return blob_set(ret, der, (size_t)len, NULL);
}

static enum MHD_Result
send_get(const struct ocspd_http *h, struct MHD_Connection *c, const char *path)
{
	CLEAN(blob_wipe) struct blob question = {0};

	if (from_path(path, &question) != 0)
		return send_text(c, MHD_HTTP_BAD_REQUEST,
		    "an OCSP responder: POST a request, or GET /BASE64 (RFC 6960, A.1)\n");
	return send_answer(h, c, &question, true);
}

/* ---- requests ---- */

static void
take(struct ask *a, const char *data, size_t len)
{
	if (a->too_long || len > OCSP_REQUEST_MAX - a->body.len ||
	    blob_append(&a->body, data, len, NULL) != 0) {
		a->too_long = true;
		blob_wipe(&a->body);
	}
}

/* Before the body: what is refused by its headers does not get to send one. */
static enum MHD_Result
begin(struct MHD_Connection *c, const char *method, void **slot)
{
	const char *len;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return send_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or POST\n");
	len = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (len != NULL && strtoull(len, NULL, 10) > OCSP_REQUEST_MAX)
		return send_text(c, 413, "the OCSP request is too long\n");
	*slot = calloc(1, sizeof(struct ask));
	return *slot == NULL ? MHD_NO : MHD_YES;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *len, void **slot)
{
	const struct ocspd_http *h = ctx;
	struct ask *a = *slot;

	(void)version;
	if (a == NULL)
		return begin(c, method, slot);
	if (*len > 0) {
		take(a, data, *len);
		*len = 0;
		return MHD_YES;
	}
	if (a->too_long)
		return send_text(c, 413, "the OCSP request is too long\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) == 0)
		return send_get(h, c, url);
	return send_answer(h, c, &a->body, false);
}

static void
on_completed(void *ctx, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode why)
{
	struct ask *a = *slot;

	(void)ctx;
	(void)c;
	(void)why;
	if (a != NULL)
		blob_wipe(&a->body);
	free(a);
	*slot = NULL;
}

/* The path comes as it is: unescaped at once, %00 would end it. */
static size_t
as_it_is(void *ctx, struct MHD_Connection *c, char *text)
{
	(void)ctx;
	(void)c;
	return strlen(text);
}

/* ---- the socket ---- */

static void
addrinfo_freep(struct addrinfo **a)
{
	if (*a != NULL)
		freeaddrinfo(*a);
}

static int
listen_at(const char *address, uint16_t port, int *ret_fd, struct err *err)
{
	const struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	CLEAN(addrinfo_freep) struct addrinfo *a = NULL;
	CLEAN(file_closep) int fd = -1;
	const int on = 1;
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	if (getaddrinfo(address, text, &hints, &a) != 0)
		return err_set(err, ERR_USAGE, "%s is not a numeric address", address);
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot create a socket");
	if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
		return err_errno(err, errno == EADDRINUSE ? ERR_OCCUPIED : ERR_INTERNAL,
		    "cannot listen at %s port %u", address, port);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int
start(struct ocspd_http *h, int fd, struct err *err)
{
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SEC, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)MEMORY_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_UNESCAPE_CALLBACK, as_it_is, NULL, MHD_OPTION_END);
	return h->daemon != NULL ? 0
				 : err_set(err, ERR_INTERNAL, "libmicrohttpd cannot be started");
}

int
ocspd_http_open(const char *address, uint16_t port, const struct ocspd_ops *ops,
    struct ocspd_http **ret, uint16_t *ret_port, struct err *err)
{
	CLEAN(ocspd_http_closep) struct ocspd_http *h = calloc(1, sizeof(*h));
	CLEAN(file_closep) int fd = -1;
	int rc;

	if (h == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	h->ops = *ops;
	if ((rc = listen_at(address, port, &fd, err)) != 0)
		return rc;
	if ((rc = start(h, fd, err)) != 0)
		return rc;
	*ret_port = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	fd = -1; /* the daemon closes it */
	*ret = TAKE(h);
	return 0;
}

void
ocspd_http_closep(struct ocspd_http **h)
{
	if (*h == NULL)
		return;
	if ((*h)->daemon != NULL)
		MHD_stop_daemon((*h)->daemon);
	free(*h);
	*h = NULL;
}

int
ocspd_http_run(struct ocspd_http *h, int other, int most_ms)
{
	struct pollfd p[] = {{.events = POLLIN}, {.fd = other, .events = POLLIN}};
	MHD_UNSIGNED_LONG_LONG ms;

	p[0].fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->listen_fd;
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES && ms < (unsigned)most_ms)
		most_ms = (int)ms;
	if (poll(p, 2, most_ms) < 0 && errno != EINTR)
		return -1;
	(void)!MHD_run(h->daemon);
	return 0;
}
