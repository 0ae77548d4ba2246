/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A driver for pcscd that stands before vpcd's.  vpcd announces two slots, and
 * pcscd would show an empty reader beside each key; this one announces one
 * slot, as a YubiKey does, and leaves the rest to the copy of libifdvpcd.so in
 * its own directory.  It also tells pcscd at once what vpcd learns only when
 * it is asked: that the key came or went.
 *
 * Neither has state per reader: each reader needs a copy of both files.
 * pcscd calls with a mutex held, except for wait_event() and stop_waiting().
 */
#include <dlfcn.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* What pcscd looks up, and nothing else, is visible. */
#pragma GCC visibility push(default)
#include <debuglog.h>
#include <ifdhandler.h>
#pragma GCC visibility pop

#define VPCD "libifdvpcd.so"

/* The longest time without another look at vpcd's sockets; pcscd's own interval. */
#define LOOK_MSEC 400

static void *library;
static in_port_t port;	 /* vpcd's, in network order; 0: no events, pcscd polls */
static int wake_fd = -1; /* ends wait_event() */
static bool present;
static atomic_int rounds_absent; /* that pcscd still has to be told; see key_lost() */

/* vpcd's own function of this name; NULL: it is not loaded. */
static void *
next(const char *name)
{
	return library ? dlsym(library, name) : NULL;
}

static int
load_vpcd(void)
{
	char path[PATH_MAX];
	const char *slash;
	Dl_info self;

	if (library)
		return 0;
	if (dladdr(&library, &self) == 0 || !(slash = strrchr(self.dli_fname, '/')) ||
	    snprintf(path, sizeof(path), "%.*s/" VPCD, (int)(slash - self.dli_fname),
		self.dli_fname) >= (int)sizeof(path)) {
		Log1(PCSC_LOG_CRITICAL, "cannot tell where " VPCD " is");
		return -1;
	}
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		Log2(PCSC_LOG_CRITICAL, "%s", dlerror());
		return -1;
	}
	return 0;
}

/*
 * vpcd keeps its sockets to itself, so look for them: the connection to the
 * key if there is one, or else the socket that awaits it.  vpcd selects on the
 * latter, which bounds its number.  Returns -1 if there is neither.
 */
static int
find_socket(bool *ret_connected)
{
	int listening = -1;

	*ret_connected = false;
	for (int fd = 0; fd < FD_SETSIZE; fd++) {
		struct sockaddr_in local;
		socklen_t len = sizeof(local);
		int accepts = 0;

		if (getsockname(fd, (struct sockaddr *)&local, &len) < 0 ||
		    local.sin_family != AF_INET || local.sin_port != port)
			continue;
		len = sizeof(accepts);
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len);
		if (!accepts) {
			*ret_connected = true;
			return fd;
		}
		listening = fd;
	}
	return listening;
}

static void
start_events(unsigned long channel)
{
	bool connected;

	port = htons((uint16_t)channel);
	if (wake_fd < 0)
		wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0 || find_socket(&connected) < 0)
		port = 0;
}

/*
 * An absence may be over before pcscd asks, which would then never know that
 * the key has lost its session; a YubiKey is away for longer than that.  So it
 * is told in the two rounds that follow: one begins with the question, but the
 * loss may fall between the question and the wait.
 */
static void
key_lost(void)
{
	present = false;
	if (port == 0)
		return;
	atomic_store(&rounds_absent, 2);
	eventfd_write(wake_fd, 1);
}

/*
 * Until an event or the timeout: pcscd asks for presence after each return, and
 * takes it for the end of the time that an idle card keeps its power.
 */
static RESPONSECODE
wait_event(DWORD lun, int timeout_msec)
{
	struct pollfd p[2] = {{.fd = wake_fd, .events = POLLIN}};
	eventfd_t count;
	bool connected;
	int n = 0;

	(void)lun;
	if (atomic_load(&rounds_absent) > 0 && atomic_fetch_sub(&rounds_absent, 1) > 1)
		return IFD_SUCCESS;
	for (int left = timeout_msec; left > 0 && n == 0; left -= LOOK_MSEC) {
		p[1].fd = find_socket(&connected);
		/* A key that is connected speaks only when asked: no POLLIN. */
		p[1].events = connected ? POLLRDHUP : POLLIN;
		if (p[1].fd < 0)
			return IFD_COMMUNICATION_ERROR;
		n = poll(p, 2, left < LOOK_MSEC ? left : LOOK_MSEC);
	}
	if (n > 0 && p[0].revents != 0)
		eventfd_read(wake_fd, &count);
	return n < 0 ? IFD_COMMUNICATION_ERROR : IFD_SUCCESS;
}

/* pcscd has another timeout in mind, or ends. */
static RESPONSECODE
stop_waiting(DWORD lun)
{
	(void)lun;
	eventfd_write(wake_fd, 1);
	return IFD_SUCCESS;
}

RESPONSECODE
IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName)
{
	const char *number = strchr(DeviceName, ':');
	__typeof__(IFDHCreateChannelByName) *create;
	RESPONSECODE rc;

	if (load_vpcd() < 0 || !(create = next(__func__)))
		return IFD_COMMUNICATION_ERROR;
	rc = create(Lun, DeviceName);
	if (rc == IFD_SUCCESS && number)
		start_events(strtoul(number + 1, NULL, 0));
	return rc;
}

RESPONSECODE
IFDHCreateChannel(DWORD Lun, DWORD Channel)
{
	char name[32];

	snprintf(name, sizeof(name), "/dev/null:0x%lX", (unsigned long)Channel);
	return IFDHCreateChannelByName(Lun, name);
}

RESPONSECODE
IFDHCloseChannel(DWORD Lun)
{
	__typeof__(IFDHCloseChannel) *close_channel = next(__func__);

	if (wake_fd >= 0)
		close(wake_fd);
	wake_fd = -1;
	port = 0;
	atomic_store(&rounds_absent, 0);
	return close_channel ? close_channel(Lun) : IFD_SUCCESS;
}

static RESPONSECODE
answer(const void *value, size_t len, PDWORD ret_len, PUCHAR ret_value)
{
	if (!ret_len || !ret_value)
		return IFD_COMMUNICATION_ERROR;
	if (*ret_len < len)
		return IFD_ERROR_INSUFFICIENT_BUFFER;
	memcpy(ret_value, value, len);
	*ret_len = (DWORD)len;
	return IFD_SUCCESS;
}

RESPONSECODE
IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value)
{
	__typeof__(IFDHGetCapabilities) *get = next(__func__);
	static RESPONSECODE (*const wait)(DWORD, int) = wait_event;
	static RESPONSECODE (*const stop)(DWORD) = stop_waiting;
	static const UCHAR zero = 0, one = 1;
	const struct {
		DWORD tag;
		const void *value;
		size_t len;
		bool known;
	} own[] = {
	    {TAG_IFD_SLOTS_NUMBER, &one, 1, true},
	    {TAG_IFD_SLOT_THREAD_SAFE, &zero, 1, true},
	    {TAG_IFD_SIMULTANEOUS_ACCESS, &one, 1, true},
	    {TAG_IFD_THREAD_SAFE, &zero, 1, true},
	    {TAG_IFD_POLLING_THREAD_WITH_TIMEOUT, &wait, sizeof(wait), port != 0},
	    {TAG_IFD_STOP_POLLING_THREAD, &stop, sizeof(stop), port != 0},
	    {TAG_IFD_POLLING_THREAD_KILLABLE, &zero, 1, true},
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (own[i].tag == Tag)
			return own[i].known ? answer(own[i].value, own[i].len, Length, Value)
					    : IFD_ERROR_TAG;
	}
	return get ? get(Lun, Tag, Length, Value) : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE
IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value)
{
	__typeof__(IFDHSetCapabilities) *set = next(__func__);

	return set ? set(Lun, Tag, Length, Value) : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE
IFDHSetProtocolParameters(
    DWORD Lun, DWORD Protocol, UCHAR Flags, UCHAR PTS1, UCHAR PTS2, UCHAR PTS3)
{
	__typeof__(IFDHSetProtocolParameters) *set = next(__func__);

	return set ? set(Lun, Protocol, Flags, PTS1, PTS2, PTS3) : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE
IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength)
{
	__typeof__(IFDHPowerICC) *power = next(__func__);
	RESPONSECODE rc;

	if (!power)
		return IFD_COMMUNICATION_ERROR;
	rc = power(Lun, Action, Atr, AtrLength);
	if (rc == IFD_COMMUNICATION_ERROR)
		key_lost();
	return rc;
}

RESPONSECODE
IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
    PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci)
{
	__typeof__(IFDHTransmitToICC) *transmit = next(__func__);
	RESPONSECODE rc;

	if (!transmit || !RxLength)
		return IFD_COMMUNICATION_ERROR;
	rc = transmit(Lun, SendPci, TxBuffer, TxLength, RxBuffer, RxLength, RecvPci);
	/* The end of the connection: to vpcd an answer of no bytes, and success. */
	if (rc == IFD_SUCCESS && *RxLength == 0)
		rc = IFD_COMMUNICATION_ERROR;
	if (rc == IFD_COMMUNICATION_ERROR)
		key_lost();
	return rc;
}

RESPONSECODE
IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength, PUCHAR RxBuffer,
    DWORD RxLength, LPDWORD pdwBytesReturned)
{
	__typeof__(IFDHControl) *control = next(__func__);

	return control ? control(Lun, dwControlCode, TxBuffer, TxLength, RxBuffer, RxLength,
			     pdwBytesReturned)
		       : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE
IFDHICCPresence(DWORD Lun)
{
	__typeof__(IFDHICCPresence) *presence = next(__func__);
	RESPONSECODE rc;

	if (!presence)
		return IFD_COMMUNICATION_ERROR;
	if (atomic_load(&rounds_absent) > 0)
		return IFD_ICC_NOT_PRESENT;
	rc = presence(Lun);
	if (rc != IFD_ICC_PRESENT && present)
		key_lost();
	present = rc == IFD_ICC_PRESENT;
	return rc;
}
