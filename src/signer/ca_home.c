/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/ca_home.h"
#include "ykenroll/x509.h"

int
ca_refused(struct err *err)
{
	if (err != NULL)
		err->code = ERR_CA;
	return ERR_CA;
}

struct ca_name
ca_name(const char *home, const char *name)
{
	struct ca_name n;

	(void)snprintf(n.at, sizeof(n.at), "%s/%s", home, name);
	return n;
}

int
ca_write_pem(const char *home, const char *name, const struct blob *ders, size_t n,
    const char *block, mode_t mode, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < n; i++)
		rc = pem_put(&ders[i], block, &pem, err);
	return rc != 0 ? rc : file_write(ca_name(home, name).at, pem.data, pem.len, mode, err);
}

bool
ca_has(const char *home, const char *name)
{
	const struct ca_name path = ca_name(home, name);
	struct stat st;

	return lstat(path.at, &st) == 0;
}

int
ca_there(const char *home, struct err *err)
{
	if (!ca_has(home, CA_DIR))
		return err_set(
		    err, ERR_CA, "%s contains no CA; create one with: ykenroll init", home);
	if (ca_has(home, CA_UNFINISHED))
		return err_set(
		    err, ERR_CA, "the CA in %s is incomplete; run ykenroll init again", home);
	return 0;
}

int
ca_finish(const char *home, struct err *err)
{
	const struct ca_name mark = ca_name(home, CA_UNFINISHED), keys = ca_name(home, CA_KEYS);
	int rc;

	if (unlink(mark.at) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot remove %s", mark.at);
	if ((rc = file_sync_dir(mark.at, err)) != 0)
		return rc;
	return unlink(keys.at) == 0 || errno == ENOENT
		   ? 0
		   : err_errno(err, ERR_INTERNAL, "cannot remove %s", keys.at);
}

int
ca_secret(const char *home, enum key_secret *ret, struct err *err)
{
	const struct ca_name path = ca_name(home, CA_ISSUING_KEY);
	int rc;

	if ((rc = ca_there(home, err)) != 0)
		return rc;
	rc = key_file_secret(path.at, ret, err);
	return rc == 0 || rc == ERR_INTERNAL ? rc : ca_refused(err);
}

int
ca_lock(const char *home, int wait_ms, int *ret_fd, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	const struct timespec pause = {.tv_nsec = 20000000};
	const int64_t deadline = utc_monotonic_ns() + (int64_t)wait_ms * 1000000;
	const struct ca_name path = ca_name(home, CA_LOCK);

	if ((fd = open(path.at, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path.at);
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, ERR_INTERNAL, "cannot lock %s", path.at);
		if (utc_monotonic_ns() > deadline)
			return err_set(err, ERR_CA,
			    "another signer is using %s; wait until it ends, or let all commands "
			    "share one: ykenroll signer",
			    home);
		nanosleep(&pause, NULL);
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}
