/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"

#define PATH_SIZE 4096
#define READ_FIRST 16384 /* bytes; more than most of our files have */

int64_t file_fsync_ns;

void
file_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void
file_stream_closep(FILE **f)
{
	if (*f != NULL)
		fclose(*f);
}

void
file_dir_closep(DIR **dir)
{
	if (*dir != NULL)
		(void)closedir(*dir);
}

void
file_line_freep(char **line)
{
	free(*line);
}

int
file_join(char *ret_path, size_t size, const char *dir, const char *name, struct err *err)
{
	int n = snprintf(ret_path, size, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= size)
		return err_set(err, ERR_INTERNAL, "path too long: %s/%s", dir, name);
	return 0;
}

/* Twice the room; what was there is wiped where it was. */
static int
grow(struct blob *b, size_t *room, size_t len, struct err *err)
{
	const struct blob old = {b->data, len};
	const size_t more = *room * 2 < FILE_MAX + 1 ? *room * 2 : FILE_MAX + 1;
	uint8_t *p = malloc(more);

	if (p == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	memcpy(p, old.data, old.len);
	secret_wipe_bytes(old.data, old.len);
	free(old.data);
	b->data = p;
	*room = more;
	return 0;
}

static int
read_all(int fd, const char *path, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {.data = malloc(READ_FIRST)};
	size_t room = READ_FIRST;
	ssize_t n;
	int rc;

	if (b.data == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	while ((n = read(fd, b.data + b.len, room - b.len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_INTERNAL, "cannot read %s", path);
		if ((b.len += (size_t)n) > FILE_MAX)
			return err_set(err, ERR_INTERNAL, "%s is too large", path);
		if (b.len == room && (rc = grow(&b, &room, b.len, err)) != 0)
			return rc;
	}
	if (b.len > 0)
		blob_move(ret, &b);
	else
		blob_wipe(ret);
	return 0;
}

static int
open_read(const char *path, int *ret_fd, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_ABSENT, "%s does not exist", path);
	if (fd < 0 && errno == ELOOP)
		return err_set(
		    err, ERR_USAGE, "%s is a link; name the file that it leads to", path);
	if (fd < 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path);
	*ret_fd = fd;
	return 0;
}

static int
open_stat(const char *path, int *ret_fd, struct stat *ret, struct err *err)
{
	int rc;

	if ((rc = open_read(path, ret_fd, err)) != 0)
		return rc;
	return fstat(*ret_fd, ret) == 0 ? 0 : err_errno(err, ERR_INTERNAL, "cannot stat %s", path);
}

int
file_read(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	int rc;

	if ((rc = open_read(path, &fd, err)) != 0)
		return rc;
	return read_all(fd, path, ret, err);
}

static int
open_private(const char *path, int *ret_fd, struct err *err)
{
	struct stat st;
	int rc;

	if ((rc = open_stat(path, ret_fd, &st, err)) != 0)
		return rc;
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s is not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, ERR_USAGE, "%s belongs to another user; chown it", path);
	if ((st.st_mode & 077) != 0)
		return err_set(err, ERR_USAGE, "%s can be read by others (mode %03o); chmod 600 it",
		    path, (unsigned)st.st_mode & 0777);
	return 0;
}

int
file_read_private(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	const int rc = open_private(path, &fd, err);

	return rc != 0 ? rc : read_all(fd, path, ret, err);
}

int
file_read_ours(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	struct stat st;
	int rc;

	if ((rc = open_stat(path, &fd, &st, err)) != 0)
		return rc;
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0))
		return err_set(err, ERR_USAGE, "%s does not belong to this user; chown it", path);
	if ((st.st_mode & 022) != 0)
		return err_set(err, ERR_USAGE, "%s can be written by others; chmod 644 it", path);
	return read_all(fd, path, ret, err);
}

int
file_secret_line(
    const char *from, const uint8_t *data, size_t len, struct secret *ret, struct err *err)
{
	const size_t mark = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	size_t n;

	if (len >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0))
		return err_set(err, ERR_USAGE, "%s is UTF-16; save it as UTF-8", from);
	data += mark;
	len -= mark;
	for (n = 0; n < len && data[n] != '\n' && data[n] != '\0'; n++)
		;
	if (n > 0 && data[n - 1] == '\r')
		n--;
	if (n == 0)
		return err_set(err, ERR_USAGE, "%s is empty", from);
	return secret_set(ret, data, n, err);
}

static int
open_secret(const char *path, int *ret, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && (S_ISLNK(st.st_mode) || S_ISFIFO(st.st_mode)))
		return err_set(err, ERR_USAGE,
		    "%s is a link or a pipe, which is not followed; name a file, or use fd:N, such "
		    "as fd:3 with 3<FILE behind the command",
		    path);
	return open_private(path, ret, err);
}

int
file_check_secret(const char *path, struct err *err)
{
	CLEAN(file_closep) int fd = -1;

	return open_secret(path, &fd, err);
}

int
file_read_secret(const char *path, struct secret *ret, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	CLEAN(blob_wipe) struct blob b = {0};
	int rc;

	if ((rc = open_secret(path, &fd, err)) != 0 || (rc = read_all(fd, path, &b, err)) != 0)
		return rc;
	return file_secret_line(path, b.data, b.len, ret, err);
}

/* systemd.exec(5), CREDENTIALS: root's, with the service's user in an access control list, whose
 * mask is what stat shows as the group's bits. */
int
file_read_credential(const char *name, struct secret *ret, struct err *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	CLEAN(blob_wipe) struct blob b = {0};
	CLEAN(file_closep) int fd = -1;
	char path[PATH_SIZE];
	struct stat st;
	int rc;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return err_set(err, ERR_USAGE, "invalid credential name '%s'", name);
	if (dir == NULL || dir[0] != '/')
		return err_set(err, ERR_USAGE,
		    "no credential %s: systemd gives credentials to its services only "
		    "(LoadCredential=)",
		    name);
	if ((rc = file_join(path, sizeof(path), dir, name, err)) != 0 ||
	    (rc = open_stat(path, &fd, &st, err)) != 0)
		return rc;
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & 037) != 0)
		return err_set(err, ERR_USAGE,
		    "credential %s is not a file that only this service can read (mode %03o)", path,
		    (unsigned)st.st_mode & 0777);
	if ((rc = read_all(fd, path, &b, err)) != 0)
		return rc;
	return file_secret_line(path, b.data, b.len, ret, err);
}

int
file_fsync(int fd, const char *name, struct err *err)
{
	const int64_t start = utc_monotonic_ns();
	const int r = fsync(fd);

	file_fsync_ns += utc_monotonic_ns() - start;
	return r == 0 ? 0 : err_errno(err, ERR_INTERNAL, "cannot write %s to disk", name);
}

int
file_sync_dir(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	CLEAN(file_closep) int fd = -1;
	char dir[4096];

	snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
	    slash == NULL ? "." : path);
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", dir);
	return file_fsync(fd, dir, err);
}

static int
write_all(int fd, const char *path, const uint8_t *data, size_t len, struct err *err)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, ERR_INTERNAL, "cannot write %s", path);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* temp goes again when that fails. */
static int
fill_temp(int fd, const char *temp, const char *path, const struct blob *data, mode_t mode,
    struct err *err)
{
	int rc;

	if (fchmod(fd, mode) != 0)
		rc = err_errno(err, ERR_INTERNAL, "cannot set the mode of %s", path);
	else if ((rc = write_all(fd, path, data->data, data->len, err)) == 0)
		rc = file_fsync(fd, path, err);
	if (rc != 0)
		unlink(temp);
	return rc;
}

/* temp: PATH_SIZE bytes for the name of a file beside path. */
static int
write_temp(char *temp, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	const struct blob all = {(uint8_t *)(uintptr_t)data, len};
	const int n = snprintf(temp, PATH_SIZE, "%s.XXXXXX", path);
	CLEAN(file_closep) int fd = n < 0 || n >= PATH_SIZE ? -1 : mkostemp(temp, O_CLOEXEC);

	if (n < 0 || n >= PATH_SIZE)
		return err_set(err, ERR_INTERNAL, "path too long: %s", path);
	if (fd < 0)
		return err_errno(
		    err, ERR_INTERNAL, "cannot create a temporary file beside %s", path);
	return fill_temp(fd, temp, path, &all, mode, err);
}

int
file_stage(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	const struct blob all = {(uint8_t *)(uintptr_t)data, len};
	CLEAN(file_closep) int fd = -1;

	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, ERR_INTERNAL, "cannot remove %s", path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, ERR_INTERNAL, "cannot write %s", path);
	return fill_temp(fd, path, path, &all, mode, err);
}

int
file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	char temp[PATH_SIZE];
	int rc;

	if ((rc = write_temp(temp, path, data, len, mode, err)) != 0)
		return rc;
	if (rename(temp, path) != 0) {
		rc = err_errno(err, ERR_INTERNAL, "cannot replace %s", path);
		unlink(temp);
		return rc;
	}
	return file_sync_dir(path, err);
}

/* Of no name until it is whole, so that a kill leaves nothing. 1: this file system, or this
 * process, cannot do that. */
static int
create_nameless(const char *path, const struct blob *data, mode_t mode, struct err *err)
{
	const char *slash = strrchr(path, '/');
	CLEAN(file_closep) int fd = -1;
	char dir[4096], by[64];
	int rc;

	snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
	    slash == NULL ? "." : path);
	if ((fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)) < 0)
		return 1;
	if (fchmod(fd, mode) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot set the mode of %s", path);
	if ((rc = write_all(fd, path, data->data, data->len, err)) != 0 ||
	    (rc = file_fsync(fd, path, err)) != 0)
		return rc;
	snprintf(by, sizeof(by), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, by, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return file_sync_dir(path, err);
	return errno == EEXIST ? err_set(err, ERR_OCCUPIED, "%s already exists", path) : 1;
}

/* Neither fails to notice that the name exists: no window in which something else could be
 * overwritten. A memory stick (vfat) has no links. 0, or -1 and errno. */
static int
name_it(const char *temp, const char *path)
{
	if (link(temp, path) == 0) {
		unlink(temp);
		return 0;
	}
	if (errno != EPERM && errno != EOPNOTSUPP)
		return -1;
	return renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE);
}

int
file_create(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	const struct blob all = {(uint8_t *)(uintptr_t)data, len};
	char temp[PATH_SIZE];
	int rc;

	if ((rc = create_nameless(path, &all, mode, err)) <= 0)
		return rc;
	if ((rc = write_temp(temp, path, data, len, mode, err)) != 0)
		return rc;
	if (name_it(temp, path) != 0) {
		rc = errno == EEXIST ? err_set(err, ERR_OCCUPIED, "%s already exists", path)
				     : err_errno(err, ERR_INTERNAL, "cannot create %s", path);
		unlink(temp);
		return rc;
	}
	return file_sync_dir(path, err);
}

int
file_check_dir(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_SIZE];
	int n = snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
	    slash == NULL ? "." : path);

	if (n < 0 || (size_t)n >= sizeof(dir))
		return err_set(err, ERR_USAGE, "path too long: %s", path);
	return access(dir, W_OK | X_OK) == 0
		   ? 0
		   : err_errno(err, ERR_USAGE, "%s cannot be written there", path);
}

int
file_check_new(const char *path, struct err *err)
{
	struct stat st;

	return lstat(path, &st) != 0 ? file_check_dir(path, err)
				     : err_set(err, ERR_OCCUPIED, "%s already exists", path);
}

int
file_private_dir(const char *path, struct err *err)
{
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_errno(err, ERR_INTERNAL, "cannot create the directory %s", path);
	if (stat(path, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot stat %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "%s is not a directory", path);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_USAGE, "%s belongs to another user", path);
	if ((st.st_mode & 077) != 0)
		return err_set(err, ERR_USAGE,
		    "%s is open to other users (mode %03o); chmod 700 it", path,
		    (unsigned)st.st_mode & 0777);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

int
file_remove_tree(const char *path, struct err *err)
{
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT
		   ? 0
		   : err_errno(err, ERR_INTERNAL, "cannot remove %s", path);
}
