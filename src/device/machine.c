/* SPDX-License-Identifier: BSD-2-Clause */
/* machine: what must be there before a token can be: pcscd, its driver, the key on the bus. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "device/readers.h"
#include "device/wire.h"

#define USB_DEVICES "/sys/bus/usb/devices"
#define VENDOR_YUBICO 0x1050
#define CLASS_CCID 0x0b /* USB device class "smart card" */
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *const daemons[] = {
    "/usr/sbin/pcscd", "/usr/local/sbin/pcscd", "/usr/bin/pcscd", "/usr/libexec/pcscd"};
static const char *const drivers[] = {"/usr/lib/pcsc/drivers/ifd-ccid.bundle",
    "/usr/lib64/pcsc/drivers/ifd-ccid.bundle", "/usr/local/lib/pcsc/drivers/ifd-ccid.bundle"};

static const char *
first_of(const char *const *paths, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (access(paths[i], F_OK) == 0)
			return paths[i];
	return NULL;
}

/* ---- the bus ---- */

static bool
read_hex(int dir, const char *device, const char *attribute, unsigned long *ret)
{
	char path[300], text[16];
	CLEAN(file_closep) int fd = -1;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/%s", device, attribute) >= (int)sizeof(path) ||
	    (fd = openat(dir, path, O_RDONLY | O_CLOEXEC)) < 0 ||
	    (n = read(fd, text, sizeof(text) - 1)) <= 0)
		return false;
	text[n] = '\0';
	*ret = strtoul(text, NULL, 16);
	return true;
}

/* "1-2" is a device, "1-2:1.0" an interface of it. */
static bool
is_yubico(int dir, const char *device, size_t len)
{
	char name[64];
	unsigned long vendor = 0;

	if (len >= sizeof(name))
		return false;
	memcpy(name, device, len);
	name[len] = '\0';
	return read_hex(dir, name, "idVendor", &vendor) && vendor == VENDOR_YUBICO;
}

static void
look_at_bus(struct device_machine *ret)
{
	CLEAN(file_dir_closep) DIR *dir = opendir(USB_DEVICES);
	const struct dirent *e;
	unsigned long class = 0;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (!is_yubico(dirfd(dir), e->d_name, strcspn(e->d_name, ":")))
			continue;
		if (strchr(e->d_name, ':') == NULL)
			ret->usb_keys++;
		else if (read_hex(dirfd(dir), e->d_name, "bInterfaceClass", &class) &&
			 class == CLASS_CCID)
			ret->usb_ccid++;
	}
}

/* ---- pcscd ---- */

/* A client whom pcscd does not answer: is nobody there, may this user not knock, or did pcscd hang
 * up, as it does on whom polkit refuses? libpcsclite has one code for all of them. */
static enum device_service
unanswered(void)
{
	const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = DEVICE_SOCKET};
	CLEAN(file_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return SERVICE_FAILED;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return SERVICE_REFUSED;
	return errno == EACCES || errno == EPERM ? SERVICE_CLOSED : SERVICE_ABSENT;
}

static enum device_service
service_of(LONG rc)
{
	static const struct {
		LONG rc;
		enum device_service service;
	} codes[] = {
	    {SCARD_S_SUCCESS, SERVICE_RUNS},
	    {SCARD_E_NO_SERVICE, SERVICE_ABSENT},
	    {SCARD_E_SERVICE_STOPPED, SERVICE_ABSENT},
	    {SCARD_F_COMM_ERROR, SERVICE_ABSENT},
	    {SCARD_W_SECURITY_VIOLATION, SERVICE_REFUSED},
	    {SCARD_E_NO_ACCESS, SERVICE_CLOSED},
	};
	size_t i;

	for (i = 0; i < LEN(codes) && codes[i].rc != rc; i++)
		continue;
	if (i == LEN(codes))
		return SERVICE_FAILED;
	return codes[i].service == SERVICE_ABSENT ? unanswered() : codes[i].service;
}

static unsigned
count_readers(SCARDCONTEXT context)
{
	struct device dev = {.context = context};
	char names[READER_NAMES_MAX];
	const char *p;
	unsigned n = 0;

	if (reader_names(&dev, names, sizeof(names), NULL) != 0)
		return 0;
	for (p = names; *p != '\0'; p += strlen(p) + 1)
		n++;
	return n;
}

static void
look_at_service(struct device_machine *ret)
{
	SCARDCONTEXT context;
	LONG rc;

	wire_enter(0);
	rc = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
	ret->service = service_of(rc);
	if (rc == SCARD_S_SUCCESS) {
		ret->readers = count_readers(context);
		(void)SCardReleaseContext(context);
	}
	wire_leave();
}

int
device_machine(const struct device_ui *ui, struct device_machine *ret, struct err *err)
{
	struct device_machine m = {0};
	int rc;

	if ((rc = wire_start(ui, err)) != 0)
		return rc;
	look_at_service(&m);
	wire_stop();
	look_at_bus(&m);
	m.daemon = first_of(daemons, LEN(daemons));
	m.driver = first_of(drivers, LEN(drivers));
	*ret = m;
	return 0;
}

const char *
device_libykpiv(void)
{
	const char *version = ykpiv_check_version(NULL);

	return version == NULL ? "unknown" : version;
}
