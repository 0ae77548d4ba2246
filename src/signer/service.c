/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "signer/service.h"

#define FIRST_FD 3 /* sd_listen_fds(3), SD_LISTEN_FDS_START */

/* Meant for this process, and how many. */
static long
handed_over(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	if (pid == NULL || n == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	return strtol(n, NULL, 10);
}

static int
option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

int
service_socket(int *ret_fd, struct err *err)
{
	const long n = handed_over();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*ret_fd = -1;
	if (n == 0)
		return 0;
	if (n != 1 || option(FIRST_FD, SO_DOMAIN) != AF_UNIX ||
	    option(FIRST_FD, SO_TYPE) != SOCK_STREAM || option(FIRST_FD, SO_ACCEPTCONN) != 1)
		return err_set(err, ERR_USAGE,
		    "the service manager must pass exactly one listening Unix stream socket (ListenStream=)");
	if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) != 0 || fcntl(FIRST_FD, F_SETFL, O_NONBLOCK) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot use the service manager's socket");
	*ret_fd = FIRST_FD;
	return 0;
}

bool
service_ready(void)
{
	static const char text[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const size_t len = path == NULL ? 0 : strlen(path);
	int fd;

	if (len < 2 || len >= sizeof(a.sun_path) || (path[0] != '/' && path[0] != '@') ||
	    (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return false;
	memcpy(a.sun_path, path, len);
	if (path[0] == '@') /* abstract: unix(7) */
		a.sun_path[0] = '\0';
	(void)!sendto(fd, text, sizeof(text) - 1, MSG_NOSIGNAL, (const struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
	unsetenv("NOTIFY_SOCKET");
	return true;
}
