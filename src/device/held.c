/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * While somebody has a transaction, pcscd answers neither SCardConnect nor SCardBeginTransaction,
 * libpcsclite waits for it without a limit and goes on after every signal, and no call tells
 * whether it would be so. Only a process can be given up: a child tries, with a context of its own,
 * and is killed when it takes too long. It is asked only where the reader is in use at all. Who
 * comes in between the child and us is waited for until the deadline (wire.h).
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/readers.h"

static bool
in_use(struct device *dev, const char *reader)
{
	SCARD_READERSTATE state = {.szReader = reader};
	LONG rc = SCardGetStatusChange(dev->context, 0, &state, 1);

	return rc == SCARD_S_SUCCESS &&
	       (state.dwEventState & (SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE)) != 0;
}

/* Whatever else is wrong, the parent finds out by itself. The secrets' arena is empty here
 * (secret.h), and nothing but _exit may follow: the rest of the process is the parent's. */
_Noreturn static void
child_try(const char *reader)
{
	SCARDCONTEXT context;
	SCARDHANDLE card;
	DWORD protocol;

	if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
		_exit(0);
	if (SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card,
		&protocol) == SCARD_S_SUCCESS &&
	    SCardBeginTransaction(card) == SCARD_S_SUCCESS)
		(void)SCardEndTransaction(card, SCARD_LEAVE_CARD);
	_exit(0); /* pcscd cleans up behind a client that has gone */
}

/* The write end is the child's alone: its end is the end of the child. */
static bool
ended_in_time(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	while ((r = poll(&p, 1, HELD_WAIT_MS)) < 0)
		continue;
	return r > 0;
}

bool
held_by_other(struct device *dev, const char *reader)
{
	int fds[2];
	pid_t child;
	bool free_now;

	if (!in_use(dev, reader) || pipe2(fds, O_CLOEXEC) != 0)
		return false;
	if ((child = fork()) == 0)
		child_try(reader);
	(void)close(fds[1]);
	free_now = child < 0 || ended_in_time(fds[0]);
	(void)close(fds[0]);
	if (child < 0)
		return false;
	if (!free_now)
		(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return !free_now;
}
