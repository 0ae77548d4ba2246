/* SPDX-License-Identifier: BSD-2-Clause */
/* login_http: an HTTP answer, as far as it has come: status, header, page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "x509/login.h"

#define HEAD_MAX 8192

/* The last head: 100 and 103 come before it (RFC 9110, 15.2; RFC 8297). */
struct head {
	char text[HEAD_MAX]; /* with an empty line at its end, once it is whole */
	int status;	     /* 0: none yet */
	size_t end;	     /* where the body begins; 0: not there yet */
};

static void
find_head(const struct blob *a, struct head *ret)
{
	size_t from = 0;

	*ret = (struct head){.status = 0};
	for (;;) {
		const size_t left = a->len - from;
		const uint8_t *at, *end;
		int status = 0;

		if (left == 0)
			return;
		at = a->data + from;
		end = memmem(at, left, "\r\n\r\n", 4);
		snprintf(ret->text, sizeof(ret->text), "%.*s",
		    (int)(end == NULL ? left : (size_t)(end - at) + 4), (const char *)at);
		if (sscanf(ret->text, "HTTP/1.%*1[01] %3d", &status) != 1 || status < 100)
			return;
		if (status >= 200) {
			ret->status = status;
			ret->end = end == NULL ? 0 : (size_t)(end - a->data) + 4;
			return;
		}
		if (end == NULL)
			return;
		from = (size_t)(end - a->data) + 4;
	}
}

/* NULL: there is no such header. */
static const char *
header(const struct head *h, const char *name)
{
	const char *line = h->text;
	const size_t n = strlen(name);

	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':')
			return line + n + 1 + strspn(line + n + 1, " \t");
	}
	return NULL;
}

static bool
is_chunked(const struct head *h)
{
	const char *how = header(h, "Transfer-Encoding");

	return how != NULL && strncasecmp(how, "chunked", 7) == 0;
}

/* What has come of a body in chunks (RFC 9112, 7.1). ret may be NULL. 1: all of it. */
static int
unchunk(const uint8_t *at, size_t left, struct blob *ret, struct err *err)
{
	while (left > 0) {
		const uint8_t *eol = memmem(at, left, "\r\n", 2);
		char digits[16] = "";
		size_t n, skip;

		if (eol == NULL)
			return 0;
		snprintf(digits, sizeof(digits), "%.*s", (int)(eol - at), (const char *)at);
		n = strtoul(digits, NULL, 16);
		skip = (size_t)(eol - at) + 2;
		if (n == 0)
			return 1;
		at += skip;
		left -= skip;
		if (ret != NULL && blob_append(ret, at, n < left ? n : left, err) != 0)
			return -1;
		if (n >= left || left - n < 2)
			return 0;
		at += n + 2;
		left -= n + 2;
	}
	return 0;
}

bool
http_is_whole(const struct blob *answer)
{
	const char *length;
	struct head h;

	find_head(answer, &h);
	if (h.end == 0)
		return false;
	if (h.status == 204 || h.status == 304)
		return true;
	if (is_chunked(&h))
		return unchunk(answer->data + h.end, answer->len - h.end, NULL, NULL) == 1;
	length = header(&h, "Content-Length");
	return length != NULL && answer->len - h.end >= strtoul(length, NULL, 10);
}

/* Printable ASCII, until one of ends. */
static void
take_text(const char *from, const char *ends, char ret[static TLS_WORD_MAX])
{
	const char *to = from + strcspn(from, ends);
	size_t n = 0;

	for (; from < to && n < TLS_WORD_MAX - 1; from++)
		if (*from >= ' ' && *from <= '~')
			ret[n++] = *from;
	ret[n] = '\0';
}

/* What a page calls itself: of an error page of nginx that is the reason. */
static void
take_title(const struct blob *page, char ret[static TLS_WORD_MAX])
{
	const uint8_t *from = page->len == 0 ? NULL : memmem(page->data, page->len, "<title>", 7);
	char text[2 * TLS_WORD_MAX];

	if (from == NULL ||
	    memmem(from, page->len - (size_t)(from - page->data), "</title>", 8) == NULL)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(page->len - (size_t)(from - page->data) - 7),
	    (const char *)from + 7);
	take_text(text + strspn(text, "0123456789 "), "<", ret); /* the status again */
}

int
http_read(const struct blob *answer, struct tls_reply *ret, struct err *err)
{
	const char *location;
	struct head h;

	find_head(answer, &h);
	ret->status = h.status;
	ret->strange = h.status == 0 && answer->len > 0 &&
		       memcmp(answer->data, "HTTP/", answer->len < 5 ? answer->len : 5) != 0;
	if (h.end == 0)
		return 0;
	if ((location = header(&h, "Location")) != NULL)
		take_text(location, "\r\n", ret->location);
	if (is_chunked(&h)) {
		if (unchunk(answer->data + h.end, answer->len - h.end, &ret->page, err) < 0)
			return ERR_INTERNAL;
	} else if (blob_set(&ret->page, answer->data + h.end, answer->len - h.end, err) != 0)
		return ERR_INTERNAL;
	take_title(&ret->page, ret->title);
	return 0;
}

/* ---- other protocols ---- */

/* RFC 4511, 4.5.2 and 4.1.9: an entry, or a result whose code is success (0). */
static bool
is_ldap_welcome(const struct blob *a)
{
	static const uint8_t success[] = {0x0a, 1, 0};
	const uint8_t *id = memmem(a->data, a->len < 16 ? a->len : 16, "\x02\x01\x01", 3);
	size_t left;

	if (id == NULL || (left = a->len - (size_t)(id - a->data)) < 4)
		return false;
	return id[3] == 0x64 || (id[3] == 0x65 && memmem(id, left < 12 ? left : 12, success,
						      sizeof(success)) != NULL);
}

void
greeting_read(enum tls_speech speech, const struct blob *answer, struct tls_reply *ret)
{
	static const char *const welcomes[] = {"2", "* OK", "* PREAUTH", "+OK"};
	char text[TLS_WORD_MAX];
	size_t i;

	ret->answered = answer->len > 0;
	ret->strange = ret->answered;
	if (answer->len == 0)
		return;
	if (speech == TLS_LDAP) {
		ret->strange = !is_ldap_welcome(answer);
		return;
	}
	snprintf(text, sizeof(text), "%.*s", (int)answer->len, (const char *)answer->data);
	take_text(text, "\r\n", ret->title);
	for (i = 0; i < sizeof(welcomes) / sizeof(welcomes[0]); i++)
		if (strncmp(text, welcomes[i], strlen(welcomes[i])) == 0)
			ret->strange = false;
}
