/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "relying/publish.h"

void
lists_wipe(struct lists *l)
{
	while (l->n > 0)
		crl_file_close(&l->all[--l->n].file);
}

/* A copy: whoever cuts the file off while it is read must not end us. */
static int
copy(FILE *in, const char *path, struct crl_file *ret, struct err *err)
{
	CLEAN(file_stream_closep) FILE *to = NULL;
	char buf[65536];
	size_t n;
	int rc;

	if ((rc = crl_file_temp(NULL, ret, &to, err)) != 0)
		return rc;
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		if (fwrite(buf, 1, n, to) != n)
			break;
	if (ferror(in) || ferror(to) || fflush(to) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot read %s", path);
	return crl_file_map(ret, 0, err);
}

static int
read_one(FILE *in, const char *path, bool der, struct list *ret, struct err *err)
{
	CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;
	int rc;

	rc = der ? copy(in, path, &f, err) : crl_file_next(in, path, NULL, &f, err);
	if (rc != 0 || (rc = crl_file_hash(&f, ret->hash, err)) != 0)
		return rc;
	crl_file_move(&ret->file, &f);
	return 0;
}

int
lists_read(const char *path, bool der, struct lists *ret, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	CLEAN(file_stream_closep) FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat st;
	int rc = 0;

	if (fd >= 0 && in == NULL)
		close(fd);
	if (in == NULL)
		return err_errno(
		    err, errno == ENOENT ? ERR_ABSENT : ERR_INTERNAL, "cannot open %s", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_INTERNAL, "%s is not a regular file", path);
	ret->size = st.st_size;
	if (st.st_size == 0)
		return 0;
	do {
		if (ret->n == LISTS_MAX)
			break;
		rc = read_one(in, path, der, &ret->all[ret->n], err);
		ret->n += rc == 0;
	} while (rc == 0 && !der);
	return rc == ERR_ABSENT || rc == ERR_FIT ? 0 : rc;
}

int
publish_dir(const char *dir, int *ret_fd, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	struct stat st;

	/* servers are other users */
	if (mkdir(dir, 0755) == 0 && chmod(dir, 0755) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot set the mode of %s", dir);
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_errno(err, ERR_USAGE, "cannot open %s", dir);
	if (fstat(fd, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot stat %s", dir);
	if ((st.st_mode & S_IWOTH) != 0)
		return err_set(err, ERR_USAGE, "%s is writable by everybody; chmod o-w it", dir);
	if (flock(fd, LOCK_EX) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot lock %s", dir);
	*ret_fd = fd;
	fd = -1;
	return 0;
}
