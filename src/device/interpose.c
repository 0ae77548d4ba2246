/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's own SCardTransmit and SCardReconnect, which libykpiv calls too (it has neither
 * versioned PC/SC symbols nor -Bsymbolic); see wire.h for the reason. Link the object into the
 * executable, not from a static library, and keep it visible: else libpcsclite's answer libykpiv,
 * silently. session.c notices that and refuses to work.
 */
#include <dlfcn.h>
#include <string.h>

#pragma GCC visibility push(default)
#include <winscard.h>

#include "device/wire.h"

LONG
SCardTransmit(SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci, LPCBYTE in, DWORD in_len,
    SCARD_IO_REQUEST *recv_pci, LPBYTE out, LPDWORD out_len)
{
	static wire_transmit_fn next;
	void *sym;

	if (next == NULL) {
		if ((sym = dlsym(RTLD_NEXT, "SCardTransmit")) == NULL)
			return SCARD_E_NO_SERVICE;
		memcpy(&next, &sym, sizeof(next)); /* POSIX: dlsym gives functions too */
	}
	return wire_transmit(next, card, send_pci, in, in_len, recv_pci, out, out_len);
}

LONG
SCardReconnect(SCARDHANDLE card, DWORD share, DWORD protocols, DWORD init, LPDWORD active)
{
	(void)card;
	(void)share;
	(void)protocols;
	(void)init;
	(void)active;
	return wire_reconnect();
}
#pragma GCC visibility pop
