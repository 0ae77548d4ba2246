/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/err.h>

#include "key/evp.h"
#include "signer/ca_home.h"
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
	const struct ca_name path = ca_name(home, CA_CONF);
	const char *value;
	long line = 0;

	if (!ca_has(home, CA_CONF))
		return 0;
	if (conf == NULL || NCONF_load(conf, path.at, &line) != 1) {
		(void)evp_err(err, ERR_USAGE, "syntax");
		return err == NULL ? ERR_USAGE : err_wrap(err, "ykenroll.conf: line %ld", line);
	}
	value = NCONF_get_string(conf, SECTION, NAME);
	ERR_clear_error();
	return value == NULL ? 0 : take(value, path.at, ret, err);
}

int
where_find(const struct signer_open *open, struct where *ret, struct err *err)
{
	struct where where = {.elsewhere = false};
	int rc;

	rc = open->socket != NULL ? take(open->socket, "the signer's socket", &where, err)
				  : configured(open->home, &where, err);
	if (rc == 0 && !where.elsewhere)
		memcpy(where.path, ca_name(open->home, PROCESS_SOCKET).at, sizeof(where.path));
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
	const struct ca_name path = ca_name(home, CA_DIR);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot find out which user is listening");
	if (cred.uid == geteuid() || cred.uid == 0)
		return 0;
	if ((lstat(path.at, &st) == 0 && st.st_uid == cred.uid) ||
	    (where->elsewhere && owns_directory(where->path, cred.uid)))
		return 0;
	return err_set(err, ERR_CA, "the process listening at %s (uid %u) is not the CA's owner",
	    where->path, (unsigned)cred.uid);
}
