/* SPDX-License-Identifier: BSD-2-Clause */
/* Is it known of an HTTP answer when it is whole, and what it says, wherever it was cut? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "x509/login.h"

static const struct {
	const char *text;
	bool whole;
	int status;
	const char *title, *location, *page;
} rows[] = {
    {"HTTP/1.1 400 Bad Request\r\n\r\n<html><title>400 No required SSL certificate was "
     "sent</title>",
	false, 400, "No required SSL certificate was sent", "",
	"<html><title>400 No required SSL certificate was sent</title>"},
    {"HTTP/1.0 403 x\r\n\r\n", false, 403, "", "", ""},
    {"HTTP/1.1 403 x\r\n\r\n<title>a\033[31m\xc2\x9b"
     "b</title>",
	false, 403, "a[31mb", "",
	"<title>a\033[31m\xc2\x9b"
	"b</title>"},
    {"HTTP/1.1 500 x\r\n\r\n<title>never ends", false, 500, "", "", "<title>never ends"},
    {"HTTP/1.1 301 x\r\nlocation:  /in\r\n\r\n", false, 301, "", "/in", ""},
    {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 x\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, not this",
	true, 200, "", "", "hi, not this"},
    {"HTTP/1.1 204 x\r\n\r\n", true, 204, "", "", ""},
    {"HTTP/2 200\r\n\r\n", false, 0, "", "", ""},
    {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", false, 0, "", "", ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
     "A;x=y\r\n0123456789\r\n0\r\n\r\nno more",
	true, 200, "", "", "abc0123456789"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabc", false, 200, "", "", "abc"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nabc", false, 200, "",
	"", "abc"},
};

static void
an_answer_is_read(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(tls_reply_wipe) struct tls_reply r = {0};
		CLEAN(blob_wipe) struct blob text = {0};

		assert_int_equal(blob_set(&text, rows[i].text, strlen(rows[i].text), NULL), 0);
		assert_int_equal(http_is_whole(&text), rows[i].whole);
		assert_int_equal(http_read(&text, &r, NULL), 0);
		assert_int_equal(r.status, rows[i].status);
		assert_string_equal(r.title, rows[i].title);
		assert_string_equal(r.location, rows[i].location);
		assert_int_equal(r.page.len, strlen(rows[i].page));
		assert_true(r.page.len == 0 || memcmp(r.page.data, rows[i].page, r.page.len) == 0);
	}
}

/* Exactly as long as it is: what reads beyond is found by the sanitizer. */
static void
so_is_one_that_was_cut(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (n = 0; n < strlen(rows[i].text); n++) {
			CLEAN(tls_reply_wipe) struct tls_reply r = {0};
			CLEAN(blob_wipe) struct blob text = {0};

			assert_int_equal(blob_set(&text, rows[i].text, n, NULL), 0);
			(void)http_is_whole(&text);
			assert_int_equal(http_read(&text, &r, NULL), 0);
			assert_true(r.status == 0 || r.status == rows[i].status);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_read),
	    cmocka_unit_test(so_is_one_that_was_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
