/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a file that was written there after a power cut? fsync is this file's: it notes of what. And
 * are times what libc says? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/crl_file.h"

static char dir[] = "/tmp/ykenroll-file.XXXXXX";
static char path[64];
static unsigned files, dirs;
static mode_t mode = 0600; /* what the file must have before there is anything in it to be read */
static off_t size = 4;
static bool spoilt; /* the disk keeps something else */
static bool there;  /* the name, and all of its text, when the directory was synced */

int
fsync(int fd)
{
	struct stat s, named;

	assert_int_equal(fstat(fd, &s), 0);
	if (S_ISDIR(s.st_mode)) {
		dirs++;
		there = stat(path, &named) == 0 && named.st_size == size && files > 0;
	} else {
		assert_true(s.st_size == size && (s.st_mode & 0777) == mode);
		files++;
		if (spoilt)
			assert_int_equal(pwrite(fd, "z", 1, 35), 1);
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

/* Every day of 9,999 years; what timegm would take for another one is refused. */
static void
a_time_is_what_libc_says(void **state)
{
	struct tm tm, made;
	int64_t t;
	int year, month, day, rc;

	(void)state;
	for (year = 1; year <= 9999; year++)
		for (month = 1; month <= 12; month++)
			for (day = 27; day <= 32; day++) {
				tm = (struct tm){.tm_year = year - 1900,
				    .tm_mon = month - 1,
				    .tm_mday = day,
				    .tm_hour = 23,
				    .tm_min = 59,
				    .tm_sec = 58};
				made = tm;
				rc = utc_make(year, month, day, 23, 59, 58, &t);
				if (rc == 0)
					assert_int_equal(t, timegm(&made));
				assert_int_equal(
				    rc == 0, timegm(&made) != -1 && made.tm_mday == tm.tm_mday);
			}
	assert_int_equal(utc_make(2026, 11, 30, 24, 0, 0, &t), -1);
	assert_int_equal(utc_make(2026, 11, 30, 0, 60, 0, &t), -1);
	assert_int_equal(utc_make(2026, 11, 30, 0, 0, 60, &t), -1);
	assert_int_equal(utc_make(2026, 0, 1, 0, 0, 0, &t), -1);
	assert_int_equal(utc_make(2026, 13, 1, 0, 0, 0, &t), -1);
	assert_int_equal(utc_make(10000, 1, 1, 0, 0, 0, &t), -1);
	assert_int_equal(utc_parse("2026-02-30T00:00:00Z", &t), -1);
}

/* A list of 3 KiB, of which nobody here asks what it says. */
static int
put_list(struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	FILE *to = NULL;
	int i;

	assert_int_equal(crl_file_temp(dir, &f, &to, err), 0);
	for (i = 0; i < 3072; i++)
		putc(i % 251, to);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(crl_file_map(&f, 0, err), 0);
	size = (off_t)crl_file_pem_len(&f);
	mode = 0644;
	return crl_file_to_pem(&f, path, mode, err);
}

static void
so_do_a_list_and_then_its_name(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	synced(put_list(&err));
}

static void
a_list_that_is_not_what_was_written_replaces_nothing(void **state)
{
	CLEAN(blob_wipe) struct blob before = {0}, after = {0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(put_list(&err), 0);
	assert_int_equal(file_read(path, &before, &err), 0);
	spoilt = true;
	assert_int_equal(put_list(&err), ERR_INTERNAL);
	spoilt = false;
	assert_int_equal(file_read(path, &after, &err), 0);
	assert_true(blob_equal(&before, &after));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_file_and_then_its_name_go_to_the_disk),
	    cmocka_unit_test(so_do_a_replaced_file_and_then_its_name),
	    cmocka_unit_test(a_time_is_what_libc_says),
	    cmocka_unit_test(so_do_a_list_and_then_its_name),
	    cmocka_unit_test(a_list_that_is_not_what_was_written_replaces_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
