/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtual/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <winscard.h>

#define CONFIG_DIR LAB_DIR "/reader.conf.d"
#define COVER_DIR LAB_DIR "/drivers"
#define DRIVER_DIR COVER_DIR "/serial"
#define VPCD "libifdvpcd.so"
#define MODULE "libykvirt-ifd.so" /* ifd_oneslot.c */

static const char *const daemons[] = {"/usr/sbin/pcscd", "/usr/local/sbin/pcscd", "/usr/bin/pcscd"};
static const char *const driver_dirs[] = {
    "/usr/lib/pcsc/drivers", "/usr/lib64/pcsc/drivers", "/usr/local/lib/pcsc/drivers"};

static const char *
find_daemon(void)
{
	for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
		if (access(daemons[i], X_OK) == 0)
			return daemons[i];
	}
	return NULL;
}

static int
open_driver(void)
{
	char path[128];

	for (size_t i = 0; i < sizeof(driver_dirs) / sizeof(driver_dirs[0]); i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/serial/" VPCD, driver_dirs[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* As in a build tree, or as installed. */
int
lab_pcsc_open_module(void)
{
	char self[PATH_MAX - sizeof("/" MODULE)], path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *dir;
	int fd;

	if (n < 0)
		return lab_say("/proc/self/exe: %s", strerror(errno));
	self[n] = '\0';
	dir = dirname(self);
	snprintf(path, sizeof(path), "%s/" MODULE, dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = open(YKVIRT_IFD_DIR "/" MODULE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		lab_say("the driver " MODULE
			" is missing; it belongs in %s, beside ykvirt, or in " YKVIRT_IFD_DIR,
		    dir);
	return fd;
}

static int
copy_driver(int from, const char *dir, const char *name)
{
	off_t at = 0;
	struct stat st;
	char path[128];
	ssize_t n = 1;
	int to;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (to < 0 || fstat(from, &st) < 0)
		return lab_say("cannot copy the driver %s: %s", name, strerror(errno));
	while (at < st.st_size && n > 0)
		n = sendfile(to, from, &at, (size_t)(st.st_size - at));
	if (n < 0 || close(to) < 0)
		return lab_say("cannot copy the driver %s: %s", name, strerror(errno));
	return 0;
}

/*
 * The drivers keep their reader in global variables: every block needs copies
 * of its own, and ours looks for vpcd's beside it.  pcscd then tells readers of
 * the same name not apart by number, so the serial does, in the form it has in
 * the name of a USB reader.
 */
static int
add_reader(FILE *config, const struct lab *lab, int vpcd_fd, int i)
{
	int port = LAB_PORT_FIRST + i;
	char dir[64];

	snprintf(dir, sizeof(dir), DRIVER_DIR "/%d", i + 1);
	if (mkdir(dir, 0755) < 0)
		return lab_say("cannot create %s: %s", dir, strerror(errno));
	if (copy_driver(vpcd_fd, dir, VPCD) < 0 || copy_driver(lab->module_fd, dir, MODULE) < 0)
		return -1;
	fprintf(config,
	    "FRIENDLYNAME \"%s (%d)\"\n"
	    "DEVICENAME /dev/null:0x%X\n"
	    "LIBPATH %s/" MODULE "\n"
	    "CHANNELID 0x%X\n\n",
	    LAB_READER, LAB_SERIAL_FIRST + i, (unsigned)port, dir, (unsigned)port);
	return 0;
}

/* So that pcscd takes no key of the host's.  The usual name is for a lab in the lab. */
static int
cover_drivers(void)
{
	if (symlink("1/" VPCD, DRIVER_DIR "/" VPCD) < 0)
		return lab_say("cannot copy the driver " VPCD ": %s", strerror(errno));
	for (size_t i = 0; i < sizeof(driver_dirs) / sizeof(driver_dirs[0]); i++) {
		if (access(driver_dirs[i], F_OK) < 0)
			continue;
		if (mount(COVER_DIR, driver_dirs[i], NULL, MS_BIND, NULL) < 0)
			return lab_say("cannot cover %s: %s", driver_dirs[i], strerror(errno));
	}
	return 0;
}

static int
write_config(const struct lab *lab, int vpcd_fd)
{
	FILE *config = fopen(CONFIG_DIR "/lab", "we");
	int rc = 0;

	if (!config)
		return lab_say("cannot write %s/lab: %s", CONFIG_DIR, strerror(errno));
	for (int i = 0; rc == 0 && i < lab->tokens; i++)
		rc = add_reader(config, lab, vpcd_fd, i);
	if (fclose(config) != 0 && rc == 0) {
		lab_say("cannot write %s/lab: %s", CONFIG_DIR, strerror(errno));
		rc = -1;
	}
	return rc;
}

int
lab_pcsc_setup(const struct lab *lab)
{
	int fd, rc;

	if (!find_daemon()) {
		lab_say("pcscd is missing; install the package pcscd");
		return -1;
	}
	fd = open_driver();
	if (fd < 0) {
		lab_say("vpcd's driver " VPCD " is missing; install the package vsmartcard-vpcd");
		return -1;
	}
	if (mkdir("/run/pcscd", 0755) < 0 || mkdir(CONFIG_DIR, 0755) < 0 ||
	    mkdir(COVER_DIR, 0755) < 0 || mkdir(DRIVER_DIR, 0755) < 0) {
		lab_say("cannot create %s: %s", CONFIG_DIR, strerror(errno));
		close(fd);
		return -1;
	}
	rc = write_config(lab, fd);
	close(fd);
	return rc < 0 ? -1 : cover_drivers();
}

/* The daemon's words: 1.9 has no such option and would not start with it. */
static bool
daemon_has(const char *daemon, const char *option)
{
	char command[64], help[8192];
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "%s --help", daemon);
	if ((f = popen(command, "re"))) {
		n = fread(help, 1, sizeof(help) - 1, f);
		pclose(f);
	}
	help[n] = '\0';
	return strstr(help, option) != NULL;
}

void
lab_pcsc_exec(void)
{
	const char *daemon = find_daemon();
	const char *option;

	if (!daemon)
		_exit(LAB_NOT_FOUND);
	/* No polkit is in reach, and pcscd with it would refuse everybody. */
	option = daemon_has(daemon, "--disable-polkit") ? "--disable-polkit" : NULL;
	execl(daemon, daemon, "--foreground", "--config", CONFIG_DIR, option, (char *)NULL);
	dprintf(STDERR_FILENO, "%s: %s\n", daemon, strerror(errno));
	_exit(LAB_CANNOT_RUN);
}

/* How many of the lab's readers are there, and how many of them show a card? */
static LONG
count_readers(SCARDCONTEXT ctx, int *ret_readers, int *ret_cards)
{
	SCARD_READERSTATE state;
	DWORD len = 2048;
	char names[2048];
	LONG rc;

	*ret_readers = *ret_cards = 0;
	rc = SCardListReaders(ctx, NULL, names, &len);
	if (rc != SCARD_S_SUCCESS)
		return rc;
	for (char *name = names; *name; name += strlen(name) + 1) {
		if (strncmp(name, LAB_READER, strlen(LAB_READER)) != 0)
			continue;
		++*ret_readers;
		memset(&state, 0, sizeof(state));
		state.szReader = name;
		if (SCardGetStatusChange(ctx, 0, &state, 1) != SCARD_S_SUCCESS)
			continue;
		if ((state.dwEventState & SCARD_STATE_PRESENT) && state.cbAtr > 0)
			++*ret_cards;
	}
	return rc;
}

int
lab_pcsc_wait(int readers, int cards)
{
	int readers_now, cards_now;
	SCARDCONTEXT ctx;
	LONG rc;

	while ((rc = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &ctx)) ==
	       SCARD_E_NO_SERVICE)
		usleep(2000);
	while (rc == SCARD_S_SUCCESS || rc == SCARD_E_NO_READERS_AVAILABLE) {
		rc = count_readers(ctx, &readers_now, &cards_now);
		if (rc == SCARD_S_SUCCESS && readers_now >= readers && cards_now >= cards) {
			SCardReleaseContext(ctx);
			return 0;
		}
		usleep(5000);
	}
	return lab_say("pcscd refuses: %s", pcsc_stringify_error(rc));
}
