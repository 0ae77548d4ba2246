/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "virtual/ykvirt.h"
#include "virtual/state.h"

#define LINE_MAX_LEN 512
#define PATIENCE_SEC 2

static int
address(const char *state, struct sockaddr_un *ret, char *msg, size_t msg_len)
{
	int n;

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s.sock", state);
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
		return state_say(msg, msg_len,
		    "%s.sock: longer than a socket's name may be (%zu bytes)", state,
		    sizeof(ret->sun_path) - 1);
	return 0;
}

static void
set_patience(int fd)
{
	const struct timeval t = {.tv_sec = PATIENCE_SEC};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* Whoever holds the key's lock may take over a socket that a killed process left. */
int
control_listen(const char *state, char *msg, size_t msg_len)
{
	struct sockaddr_un at;
	mode_t mask;
	int fd, rc;

	if (address(state, &at, msg, msg_len) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return state_say(msg, msg_len, "socket: %s", strerror(errno));
	unlink(at.sun_path);
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&at, sizeof(at));
	umask(mask);
	if (rc != 0 || listen(fd, 8) != 0) {
		snprintf(msg, msg_len, "%s: %s", at.sun_path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

void
control_unlink(const char *state)
{
	struct sockaddr_un at;
	char ignored[256];

	if (address(state, &at, ignored, sizeof(ignored)) == 0)
		unlink(at.sun_path);
}

static void
reply(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
reply_status(int fd, const struct vkey *v)
{
	char *json = vkey_inspect(v);

	reply(fd, json != NULL ? json : "error: out of memory");
	reply(fd, "\n");
	free(json);
}

static void
obey(int fd, struct vkey *v, const char *line)
{
	char why[256], text[300];

	if (strcmp(line, "status") == 0) {
		reply_status(fd, v);
		return;
	}
	if (strcmp(line, "insert") == 0) {
		vkey_insert(v);
	} else if (strcmp(line, "remove") == 0) {
		vkey_remove(v);
	} else if (strncmp(line, "fault ", 6) == 0) {
		if (vkey_fault(v, line + 6, why, sizeof(why)) != VKEY_OK) {
			snprintf(text, sizeof(text), "error: %s\n", why);
			reply(fd, text);
			return;
		}
	} else {
		reply(fd, "error: unknown command\n");
		return;
	}
	reply(fd, "ok\n");
}

void
control_serve(int listen_fd, struct vkey *v)
{
	char line[LINE_MAX_LEN], *end;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	set_patience(fd);
	if (fgets(line, sizeof(line), f) != NULL && (end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		obey(fd, v, line);
	}
	fclose(f);
}

int
control_ask(const char *state, const char *line, char **ret_answer, char *msg, size_t msg_len)
{
	struct sockaddr_un to;
	char *answer = NULL;
	size_t room = 0;
	FILE *f;
	int fd;

	if (address(state, &to, msg, msg_len) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		snprintf(msg, msg_len, "%s: no key is running there (%s)", state, strerror(errno));
		if (fd >= 0)
			close(fd);
		return 1;
	}
	set_patience(fd);
	reply(fd, line);
	reply(fd, "\n");
	f = fdopen(fd, "r");
	if (f == NULL || getdelim(&answer, &room, '\0', f) <= 0) {
		free(answer);
		answer = NULL;
	}
	if (f != NULL)
		fclose(f);
	else
		close(fd);
	if (answer == NULL)
		return state_say(msg, msg_len, "%s: no answer", state);
	*ret_answer = answer;
	return 0;
}
