/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/file.h"

extern char **environ;

void
env_scrub(void)
{
	static const char *const prefixes[] = {"LD_", "PCSCLITE_", "LIBPCSCLITE_", "P11_", "PKCS11",
	    "OPENSSL_", "SSL_", "SQLITE_", "MALLOC_"};
	char name[256];
	size_t i, n;
	char **e;

	for (e = environ; *e != NULL;) {
		n = strcspn(*e, "=");
		for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
			if (strncmp(*e, prefixes[i], strlen(prefixes[i])) == 0)
				break;
		if (i == sizeof(prefixes) / sizeof(prefixes[0]) || n >= sizeof(name)) {
			e++;
			continue;
		}
		memcpy(name, *e, n);
		name[n] = '\0';
		unsetenv(name); /* moves the rest down: look at *e again */
	}
}

static int
join(char ret[static PATH_MAX], const char *dir, const char *name)
{
	const int n = snprintf(ret, PATH_MAX, "%s%s", dir, name);

	return n > 0 && (size_t)n < ENV_HOME_MAX ? 0 : -1;
}

static int
choose(const char *given, char ret[static PATH_MAX])
{
	const char *env = getenv("YKENROLL_HOME"), *data = getenv("XDG_DATA_HOME");
	const char *user = getenv("HOME");

	if (given != NULL || env != NULL)
		return join(ret, given != NULL ? given : env, "");
	if (geteuid() == 0)
		return join(ret, "/var/lib/ykenroll", "");
	if (data != NULL && data[0] == '/')
		return join(ret, data, "/ykenroll");
	return join(ret, user == NULL ? "" : user, "/.local/share/ykenroll");
}

static int
absolute(const char *path, char ret[static PATH_MAX])
{
	char cwd[PATH_MAX], *full = realpath(path, NULL);
	int r;

	if (full != NULL)
		r = join(ret, full, "");
	else if (path[0] == '/')
		r = join(ret, path, "");
	else
		r = getcwd(cwd, sizeof(cwd) - 1) == NULL ? -1 : join(ret, strcat(cwd, "/"), path);
	free(full);
	return r;
}

int
env_home(const char *given, char ret[static PATH_MAX], struct err *err)
{
	char path[PATH_MAX];

	return choose(given, path) == 0 && absolute(path, ret) == 0
		   ? 0
		   : err_set(err, ERR_USAGE, "the home directory's path is empty or too long");
}

int
env_program(const char *name, const char *installed, char ret[static PATH_MAX], struct err *err)
{
	char self[PATH_MAX], beside[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = '\0';
	if (strrchr(self, '/') != NULL)
		strrchr(self, '/')[0] = '\0';
	if (file_join(beside, sizeof(beside), self, name, NULL) == 0 && access(beside, X_OK) == 0)
		return file_join(ret, PATH_MAX, self, name, err);
	if (access(installed, X_OK) == 0 && strlen(installed) < PATH_MAX) {
		memcpy(ret, installed, strlen(installed) + 1);
		return 0;
	}
	return err_set(err, ERR_INTERNAL,
	    "the program %s was found neither in %s nor at %s; reinstall ykenroll", name, self,
	    installed);
}
