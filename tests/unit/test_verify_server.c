/* SPDX-License-Identifier: BSD-2-Clause */
/* Which server does a URL mean, and can it smuggle anything into a request or a file name? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "relying/verify_server.h"

static void
a_url_names_host_port_and_path(void **state)
{
	static const struct {
		const char *url, *host, *port, *path;
		bool bracket;
	} rows[] = {
	    {"https://www.example.org", "www.example.org", "443", "/", false},
	    {"https://www.example.org/", "www.example.org", "443", "/", false},
	    {"https://www.example.org:8443/a?b=c#d", "www.example.org", "8443", "/a?b=c", false},
	    {"https://h?q", "h", "443", "/?q", false},
	    {"www.example.org:1", "www.example.org", "1", "/", false},
	    {"localhost", "localhost", "443", "/", false},
	    {"https://[::1]:8443/x", "::1", "8443", "/x", true},
	    {"[2001:db8::1]", "2001:db8::1", "443", "/", true},
	    {"127.0.0.1:65535", "127.0.0.1", "65535", "/", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct place p;
		struct err err = ERR_INIT;

		assert_int_equal(place_parse(rows[i].url, &p, &err), 0);
		assert_string_equal(p.host, rows[i].host);
		assert_string_equal(p.port, rows[i].port);
		assert_string_equal(p.path, rows[i].path);
		assert_int_equal(p.bracket, rows[i].bracket);
	}
}

static void
anything_else_is_refused(void **state)
{
	static const char *const urls[] = {"", "https://", "http://www.example.org", "ftp://x",
	    ":443", "x:", "x:0", "x:65536", "x:99999999", "x:4a", "x:-1",
	    "https://user@www.example.org/", "https://user:pw@www.example.org/", "-x",
	    "https://a b/", "a\nb", "https://x/a b", "https://x/a\r\nHost: y", "https://x/\xc3\xa9",
	    "https://x\r\n", "[::1", "[::1]x", "[::1]:", "[]", "[fe80::1%25eth0]", "::1",
	    "https://[a/b]", "https://x:443:443/"};
	struct err err = ERR_INIT;
	struct place p;
	char longest[3000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_int_equal(place_parse(urls[i], &p, &err), ERR_USAGE);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(place_parse(longest, &p, &err), ERR_USAGE);
	memcpy(longest, "https://x/", 10);
	assert_int_equal(place_parse(longest, &p, &err), ERR_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_url_names_host_port_and_path),
	    cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
