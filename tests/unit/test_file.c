/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a file that was written there after a power cut? fsync is this file's: it notes of what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char dir[] = "/tmp/ykenroll-file.XXXXXX";
static char path[64];
static unsigned files, dirs;
static bool there; /* the name, and all of its text, when the directory was synced */

int
fsync(int fd)
{
	struct stat s, named;

	assert_int_equal(fstat(fd, &s), 0);
	if (S_ISDIR(s.st_mode)) {
		dirs++;
		there = stat(path, &named) == 0 && named.st_size == 4 && files > 0;
	} else {
		assert_int_equal(s.st_size, 4);
		files++;
	}
	return (int)syscall(SYS_fsync, fd);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/x", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path) != 0 || rmdir(dir) != 0;
}

static void
synced(int rc)
{
	assert_int_equal(rc, 0);
	assert_int_equal(files, 1);
	assert_true(dirs == 1 && there);
	files = dirs = 0;
	there = false;
}

static void
a_new_file_and_then_its_name_go_to_the_disk(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	synced(file_create(path, "abcd", 4, 0600, &err));
}

static void
so_do_a_replaced_file_and_then_its_name(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	synced(file_write(path, "efgh", 4, 0600, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_file_and_then_its_name_go_to_the_disk),
	    cmocka_unit_test(so_do_a_replaced_file_and_then_its_name),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
