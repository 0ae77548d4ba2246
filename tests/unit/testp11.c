/* SPDX-License-Identifier: BSD-2-Clause */
#include "testp11.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

char testp11_dir[] = "/tmp/ykenroll-p11-XXXXXX";
char testp11_module[64], testp11_calls[64], testp11_pins[64];

const char *
testp11_uri(const char *text)
{
	static char full[512];

	snprintf(full, sizeof(full), "%s%cmodule-path=%s", text, strchr(text, '?') ? '&' : '?',
	    testp11_module);
	return full;
}

unsigned
testp11_count(const char *call)
{
	FILE *f = fopen(testp11_calls, "re");
	char line[64];
	unsigned n = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, call, strlen(call)) == 0 && line[strlen(call)] == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

void
testp11_fault(const char *call, const char *what)
{
	char text[64];

	unlink(testp11_calls);
	snprintf(text, sizeof(text), "%s:1:%s", call, what);
	setenv("SHIM_FAULT", text, 1);
}

void
testp11_fault_code(const char *call, unsigned long code)
{
	char text[32];

	snprintf(text, sizeof(text), "%lx", code);
	testp11_fault(call, text);
}

int
testp11_open_with(const char *text, const char *pin, struct key **ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *s = secret_new();

	assert_int_equal(secret_set(s, pin, strlen(pin), NULL), 0);
	return key_p11_open(testp11_uri(text), s, ret, err);
}

int
testp11_generate(const char *text, struct key **ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *s = secret_new();

	assert_int_equal(secret_set(s, "471199", 6, NULL), 0);
	return key_p11_generate(testp11_uri(text), KEY_P256, s, NULL, ret, err);
}

/* A refused login counts for the life of a process: each case has its own. Returns its status. */
int
testp11_apart(int (*run)(void))
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void
testp11_no_fault(void)
{
	unlink(testp11_calls);
	unsetenv("SHIM_FAULT");
	unsetenv("MOCK_FLAGS");
}

int
testp11_setup(void **state)
{
	CLEAN(blob_wipe) struct blob so = {0};

	(void)state;
	assert_non_null(mkdtemp(testp11_dir));
	snprintf(testp11_module, sizeof(testp11_module), "%s/shim.so", testp11_dir);
	snprintf(testp11_calls, sizeof(testp11_calls), "%s/calls", testp11_dir);
	snprintf(testp11_pins, sizeof(testp11_pins), "%s/pin", testp11_dir);
	assert_int_equal(file_read(P11_SHIM, &so, NULL), 0);
	assert_int_equal(file_write(testp11_module, so.data, so.len, 0700, NULL), 0);
	setenv("SHIM_LOG", testp11_calls, 1);
	p11_owner = geteuid();
	return 0;
}

int
testp11_teardown(void **state)
{
	static const char *const names[] = {"shim.so", "calls", "pin", "name"};
	char path[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", testp11_dir, names[i]);
		unlink(path);
	}
	return rmdir(testp11_dir);
}
