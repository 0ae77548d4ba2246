/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/make.h"
#include "signer/message.h"
#include "signer/process.h"

/* One that ended without an answer was killed, or could not be started. */
static int
ask(struct make *m, struct make_answer *ret, struct err *err)
{
	int rc, fd = -1, status = 0;
	pid_t pid = 0;

	m->version = YKENROLL_VERSION;
	if ((rc = process_make(&fd, &pid, err)) != 0)
		return rc;
	if ((rc = make_send(fd, m, err)) == 0)
		rc = message_read(fd, ret, sizeof(*ret), err);
	close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc != 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, ERR_INTERNAL, "the signer could not be started");
	if (rc == 0 && ret->rc != 0 && err != NULL)
		*err = ret->err;
	return rc != 0 ? rc : ret->rc;
}

int
signer_init(const struct signer_init *init, struct err *err)
{
	struct make m = {.what = MAKE_CA, .init = *init};
	struct make_answer answer;

	return ask(&m, &answer, err);
}

int
signer_import(const struct signer_init *init, const struct signer_import *what,
    struct signer_imported *ret, struct err *err)
{
	struct make m = {.what = MAKE_IMPORT, .init = *init, .import = *what};
	struct make_answer answer;
	const int rc = ask(&m, &answer, err);

	if (rc == 0)
		*ret = answer.imported;
	return rc;
}

int
signer_import_asks(const char *key, bool *ret, struct err *err)
{
	struct make m = {.what = MAKE_ASKS, .import.key = key};
	struct make_answer answer;
	const int rc = ask(&m, &answer, err);

	if (rc == 0)
		*ret = answer.asks;
	return rc;
}
