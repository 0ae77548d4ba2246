/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/err.h>

#include "key/evp.h"
#include "signer/ca_home.h"
#include "signer/where.h"
#include "signer/process.h"

#define SECTION "desk"
#define NAME "signer"

static void
conf_freep(CONF **c)
{
	NCONF_free(*c);
}

static int
take(const char *path, const char *from, struct where *ret, struct err *err)
{
	if (path[0] != '/' || strlen(path) >= sizeof(ret->path))
		return err_set(err, ERR_USAGE, "%s: %s is not an absolute path", from, path);
	memcpy(ret->path, path, strlen(path) + 1);
	ret->elsewhere = true;
	return 0;
}

/* What is not there, or says nothing, is not wrong. */
static int
configured(const char *home, struct where *ret, struct err *err)
{
	CLEAN(conf_freep) CONF *conf = NCONF_new(NULL);
	char path[PATH_MAX];
	const char *value;
	long line = 0;
	int rc;

	if ((rc = ca_path(home, CA_CONF, path, err)) != 0 || !ca_has(home, CA_CONF))
		return rc;
	if (conf == NULL || NCONF_load(conf, path, &line) != 1) {
		(void)evp_err(err, ERR_USAGE, "syntax");
		return err == NULL ? ERR_USAGE : err_wrap(err, "ykenroll.conf: line %ld", line);
	}
	value = NCONF_get_string(conf, SECTION, NAME);
	ERR_clear_error();
	return value == NULL ? 0 : take(value, path, ret, err);
}

int
where_find(const struct signer_open *open, struct where *ret, struct err *err)
{
	struct where where = {.elsewhere = false};
	int rc;

	rc = open->socket != NULL ? take(open->socket, "the signer's socket", &where, err)
				  : configured(open->home, &where, err);
	if (rc == 0 && !where.elsewhere)
		rc = ca_path(open->home, PROCESS_SOCKET, where.path, err);
	if (rc == 0)
		*ret = where;
	return rc;
}

/* A directory in which nobody but its owner makes names. */
static bool
owns_directory(const char *socket, uid_t uid)
{
	char dir[PATH_MAX];
	struct stat st;
	char *slash;

	memcpy(dir, socket, strlen(socket) + 1);
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	return stat(dir, &st) == 0 && st.st_uid == uid && (st.st_mode & 022) == 0;
}

int
where_trusted(int fd, const char *home, const struct where *where, struct err *err)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char path[PATH_MAX];
	struct stat st;
	int rc;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot tell who listens");
	if (cred.uid == geteuid() || cred.uid == 0)
		return 0;
	if ((rc = ca_path(home, CA_DIR, path, err)) != 0)
		return rc;
	if ((lstat(path, &st) == 0 && st.st_uid == cred.uid) ||
	    (where->elsewhere && owns_directory(where->path, cred.uid)))
		return 0;
	return err_set(err, ERR_CA, "who listens at %s (uid %u) is not the CA's owner", where->path,
	    (unsigned)cred.uid);
}
