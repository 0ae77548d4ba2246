/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a template get its values and its sections, and nothing that a value smuggles in? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "relying/template.h"

static const struct template_word words[] = {
    {"A", "one"},
    {"B2", "@A@\n#if A"},
    {"ON", ""},
    {"OFF", NULL},
    {NULL, NULL},
};

static void
values_and_sections_are_filled_in(void **state)
{
	static const struct {
		const char *text, *filled;
	} rows[] = {
	    {"", ""},
	    {"@A@\n", "one\n"},
	    {"x@A@@A@y @ON@@OFF@.\n", "xoneoney .\n"},
	    {"@B2@\n", "@A@\n#if A\n"},
	    {"a@b.c @ @@ @a@ @A b@\n", "a@b.c @ @@ @a@ @A b@\n"},
	    {"me@A@\n", "meone\n"},
	    {"#if ON\n1\n#else\n2\n#end\n3\n", "1\n3\n"},
	    {"#if OFF\n1\n#else\n2\n#end\n3\n", "2\n3\n"},
	    {"#if OFF\n1\n#if ON\n2\n#else\n3\n#end\n#else\n4\n#end\n", "4\n"},
	    {"#if ON\n1\n#if OFF\n2\n#else\n3\n#end\n#else\n4\n#end\n", "1\n3\n"},
	    {"# if ON\n#iffy\n #else\n#ending\n", "# if ON\n#iffy\n #else\n#ending\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(blob_wipe) struct blob ret = {0};
		struct err err = ERR_INIT;

		assert_int_equal(template_fill(rows[i].text, words, &ret, &err), 0);
		assert_int_equal(ret.len, strlen(rows[i].filled));
		assert_memory_equal(
		    ret.len == 0 ? "" : (const char *)ret.data, rows[i].filled, ret.len);
	}
}

static void
a_broken_template_is_refused(void **state)
{
	static const char *const rows[] = {
	    "@NO@\n", "#if NO\n#end\n", "#if ON\n", "#if A \n#end\n", "#if ON\n#if ON\n#end\n"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(blob_wipe) struct blob ret = {0};
		struct err err = ERR_INIT;

		assert_int_equal(template_fill(rows[i], words, &ret, &err), ERR_INTERNAL);
		assert_int_equal(ret.len, 0);
	}
}

static void
files_are_found_by_their_names(void **state)
{
	(void)state;
	assert_non_null(template_find("nginx.conf"));
	assert_non_null(strstr(template_find("curl.sh"), "curl -f --cacert \"$ca\""));
	assert_non_null(strstr(template_find("curl.sh"), "--key-type PROV \\\n\t--cert"));
	assert_null(template_find("nginx"));
	assert_null(template_find(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_and_sections_are_filled_in),
	    cmocka_unit_test(a_broken_template_is_refused),
	    cmocka_unit_test(files_are_found_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
