/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#pragma GCC visibility push(default)
#include <winscard.h>
#pragma GCC visibility pop

#include "device/wire.h"
#include "pcsc_shim.h"

#define READERS 8
#define HANDLES 16
#define LOG_BYTES 16
#define CONTEXT 0x5147

struct slot {
	char name[128];
	struct vkey *key;
	uint8_t atr[VKEY_ATR_MAX];
	size_t atr_len; /* 0: the key's own */
	bool held, powered;
	unsigned epoch; /* counts removals and resets */
	LONG event;	/* the last of them */
	SCARDHANDLE lock;
	unsigned locks;
};

struct handle {
	bool used;
	int slot;
	unsigned epoch;
};

static struct {
	struct slot slots[READERS];
	int n;
	struct handle handles[HANDLES];
	LONG service;
	unsigned contexts, apdus, reconnects, open_contexts;
	shim_hook hook;
	void *hook_ctx;
	struct {
		uint8_t bytes[LOG_BYTES];
		size_t len;
	} log[SHIM_LOG_MAX];
	unsigned logged;
} shim;

void
shim_reset(void)
{
	memset(&shim, 0, sizeof(shim));
}

int
shim_add(const char *name, struct vkey *key)
{
	snprintf(shim.slots[shim.n].name, sizeof(shim.slots[0].name), "%s", name);
	shim.slots[shim.n].key = key;
	return shim.n++;
}

void
shim_set_atr(int reader, const uint8_t *atr, size_t len)
{
	memcpy(shim.slots[reader].atr, atr, len);
	shim.slots[reader].atr_len = len;
}

void
shim_set_service(long rc)
{
	shim.service = rc;
}

void
shim_hold(int reader, bool held)
{
	shim.slots[reader].held = held;
}

static void
event(struct slot *s, LONG what)
{
	s->epoch++;
	s->event = what;
}

void
shim_reset_card(int reader)
{
	(void)vkey_power(shim.slots[reader].key, VKEY_POWER_RESET);
	event(&shim.slots[reader], SCARD_W_RESET_CARD);
}

void
shim_swap(int reader, struct vkey *v)
{
	shim.slots[reader].key = v;
	(void)vkey_power(v, VKEY_POWER_ON);
	event(&shim.slots[reader], SCARD_W_RESET_CARD);
}

void
shim_set_hook(shim_hook hook, void *ctx)
{
	shim.hook = hook;
	shim.hook_ctx = ctx;
}

unsigned
shim_contexts(void)
{
	return shim.contexts;
}

unsigned
shim_apdus(void)
{
	return shim.apdus;
}

unsigned
shim_reconnects(void)
{
	return shim.reconnects;
}

unsigned
shim_open(void)
{
	unsigned n = shim.open_contexts;
	int i;

	for (i = 0; i < HANDLES; i++)
		n += shim.handles[i].used;
	for (i = 0; i < shim.n; i++)
		n += shim.slots[i].locks;
	return n;
}

const uint8_t *
shim_log(unsigned n, size_t *ret_len)
{
	*ret_len = shim.log[n].len;
	return shim.log[n].bytes;
}

void
shim_log_clear(void)
{
	shim.logged = 0;
}

unsigned
shim_log_count(uint8_t ins)
{
	unsigned i, n = 0;

	for (i = 0; i < shim.logged; i++)
		n += shim.log[i].bytes[1] == ins;
	return n;
}

/* The reader of a live handle, or NULL and why not. */
static struct slot *
slot_of(SCARDHANDLE card, LONG *ret_rc)
{
	struct handle *h;
	struct slot *s;

	*ret_rc = SCARD_E_INVALID_HANDLE;
	if (card < 1 || card > HANDLES || !shim.handles[card - 1].used)
		return NULL;
	h = &shim.handles[card - 1];
	s = &shim.slots[h->slot];
	if (s->key == NULL || !vkey_present(s->key)) {
		event(s, SCARD_W_REMOVED_CARD);
		s->powered = false;
		*ret_rc = SCARD_W_REMOVED_CARD;
		return NULL;
	}
	*ret_rc = h->epoch == s->epoch ? SCARD_S_SUCCESS : s->event;
	return h->epoch == s->epoch ? s : NULL;
}

static void
reset(struct slot *s, struct handle *own, DWORD disposition)
{
	if (disposition != SCARD_RESET_CARD || s->key == NULL || !vkey_present(s->key))
		return;
	(void)vkey_power(s->key, VKEY_POWER_RESET);
	event(s, SCARD_W_RESET_CARD);
	own->epoch = s->epoch;
}

static LONG
transmit(SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci, const uint8_t *in, DWORD in_len,
    SCARD_IO_REQUEST *recv_pci, uint8_t *out, DWORD *out_len)
{
	uint8_t answer[VKEY_ANSWER_MAX];
	size_t len = 0;
	struct slot *s;
	LONG rc;

	(void)send_pci;
	(void)recv_pci;
	shim.apdus++;
	if (shim.logged < SHIM_LOG_MAX) {
		shim.log[shim.logged].len = in_len;
		memcpy(shim.log[shim.logged++].bytes, in, in_len < LOG_BYTES ? in_len : LOG_BYTES);
	}
	if ((s = slot_of(card, &rc)) == NULL)
		return rc;
	if (vkey_apdu(s->key, in, in_len, answer, sizeof(answer), &len) != VKEY_OK)
		return slot_of(card, &rc) != NULL ? SCARD_E_NOT_TRANSACTED : rc;
	if (shim.hook != NULL)
		shim.hook(shim.hook_ctx, in, in_len, answer, &len);
	if (len > *out_len)
		return SCARD_E_INSUFFICIENT_BUFFER;
	memcpy(out, answer, len);
	*out_len = len;
	return SCARD_S_SUCCESS;
}

#pragma GCC visibility push(default)

LONG
SCardEstablishContext(DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT ret)
{
	(void)scope;
	(void)r1;
	(void)r2;
	shim.contexts++;
	if (shim.service != SCARD_S_SUCCESS)
		return shim.service;
	shim.open_contexts++;
	*ret = CONTEXT;
	return SCARD_S_SUCCESS;
}

LONG
SCardReleaseContext(SCARDCONTEXT context)
{
	if (context != CONTEXT)
		return SCARD_E_INVALID_HANDLE;
	shim.open_contexts--;
	return SCARD_S_SUCCESS;
}

LONG
SCardIsValidContext(SCARDCONTEXT context)
{
	return context == CONTEXT ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}

LONG
SCardListReaders(SCARDCONTEXT context, LPCSTR groups, LPSTR ret, LPDWORD len)
{
	DWORD at = 0;
	int i;

	(void)context;
	(void)groups;
	if (shim.n == 0)
		return SCARD_E_NO_READERS_AVAILABLE;
	for (i = 0; i < shim.n; i++) {
		size_t n = strlen(shim.slots[i].name) + 1;

		if (ret != NULL)
			memcpy(ret + at, shim.slots[i].name, n);
		at += n;
	}
	if (ret != NULL)
		ret[at] = '\0';
	*len = at + 1;
	return SCARD_S_SUCCESS;
}

/* As pcscd does: without an end. */
static void
wait_for(const struct slot *s)
{
	while (s->held)
		pause();
}

static size_t
atr_of(const struct slot *s, uint8_t ret[static VKEY_ATR_MAX])
{
	if (s->atr_len == 0)
		return vkey_atr(s->key, ret);
	memcpy(ret, s->atr, s->atr_len);
	return s->atr_len;
}

LONG
SCardGetStatusChange(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD n)
{
	DWORD i;
	int j;

	(void)context;
	(void)timeout;
	for (i = 0; i < n; i++) {
		states[i].dwEventState = SCARD_STATE_CHANGED | SCARD_STATE_UNKNOWN;
		for (j = 0; j < shim.n; j++) {
			const struct slot *s = &shim.slots[j];

			if (strcmp(s->name, states[i].szReader) != 0)
				continue;
			states[i].dwEventState = SCARD_STATE_CHANGED | SCARD_STATE_EMPTY;
			if (s->key == NULL || !vkey_present(s->key))
				continue;
			states[i].dwEventState = SCARD_STATE_CHANGED | SCARD_STATE_PRESENT |
						 (s->held ? SCARD_STATE_INUSE : 0);
			states[i].cbAtr = atr_of(s, states[i].rgbAtr);
		}
	}
	return SCARD_S_SUCCESS;
}

LONG
SCardConnect(SCARDCONTEXT context, LPCSTR reader, DWORD share, DWORD protocols,
    LPSCARDHANDLE ret_card, LPDWORD ret_protocol)
{
	int i, h;

	(void)context;
	(void)share;
	(void)protocols;
	for (i = 0; i < shim.n && strcmp(shim.slots[i].name, reader) != 0; i++)
		continue;
	if (i == shim.n)
		return SCARD_E_UNKNOWN_READER;
	if (shim.slots[i].key == NULL || !vkey_present(shim.slots[i].key))
		return SCARD_E_NO_SMARTCARD;
	if (!shim.slots[i].powered && vkey_power(shim.slots[i].key, VKEY_POWER_ON) != VKEY_OK)
		return SCARD_W_UNPOWERED_CARD;
	shim.slots[i].powered = true;
	wait_for(&shim.slots[i]);
	for (h = 0; h < HANDLES && shim.handles[h].used; h++)
		continue;
	if (h == HANDLES)
		return SCARD_E_NO_MEMORY;
	shim.handles[h] = (struct handle){true, i, shim.slots[i].epoch};
	*ret_card = (SCARDHANDLE)h + 1;
	*ret_protocol = SCARD_PROTOCOL_T1;
	return SCARD_S_SUCCESS;
}

LONG
SCardReconnect(SCARDHANDLE card, DWORD share, DWORD protocols, DWORD init, LPDWORD active)
{
	(void)card;
	(void)share;
	(void)protocols;
	(void)init;
	(void)active;
	shim.reconnects++;
	return wire_reconnect();
}

LONG
SCardDisconnect(SCARDHANDLE card, DWORD disposition)
{
	struct handle *h;

	if (card < 1 || card > HANDLES || !shim.handles[card - 1].used)
		return SCARD_E_INVALID_HANDLE;
	h = &shim.handles[card - 1];
	if (shim.slots[h->slot].lock == card)
		shim.slots[h->slot].locks = 0;
	reset(&shim.slots[h->slot], h, disposition);
	h->used = false;
	return SCARD_S_SUCCESS;
}

LONG
SCardBeginTransaction(SCARDHANDLE card)
{
	struct slot *s;
	LONG rc;

	if ((s = slot_of(card, &rc)) == NULL)
		return rc;
	wait_for(s);
	if (s->locks > 0 && s->lock != card)
		return SCARD_E_SHARING_VIOLATION;
	s->lock = card;
	s->locks++;
	return SCARD_S_SUCCESS;
}

LONG
SCardEndTransaction(SCARDHANDLE card, DWORD disposition)
{
	struct slot *s;
	LONG rc;

	if ((s = slot_of(card, &rc)) == NULL)
		return rc;
	if (s->locks == 0 || s->lock != card)
		return SCARD_E_NOT_TRANSACTED;
	reset(s, &shim.handles[card - 1], disposition);
	s->locks--;
	return SCARD_S_SUCCESS;
}

LONG
SCardStatus(SCARDHANDLE card, LPSTR name, LPDWORD name_len, LPDWORD state, LPDWORD protocol,
    LPBYTE atr, LPDWORD atr_len)
{
	uint8_t all[VKEY_ATR_MAX];
	struct slot *s;
	LONG rc;

	if ((s = slot_of(card, &rc)) == NULL)
		return rc;
	if (name != NULL && name_len != NULL)
		*name_len = (DWORD)snprintf(name, *name_len, "%s", s->name) + 1;
	if (state != NULL)
		*state = SCARD_PRESENT;
	if (protocol != NULL)
		*protocol = SCARD_PROTOCOL_T1;
	if (atr != NULL && atr_len != NULL) {
		*atr_len = atr_of(s, all);
		memcpy(atr, all, *atr_len);
	}
	return SCARD_S_SUCCESS;
}

LONG
SCardTransmit(SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci, LPCBYTE in, DWORD in_len,
    SCARD_IO_REQUEST *recv_pci, LPBYTE out, LPDWORD out_len)
{
	return wire_transmit(transmit, card, send_pci, in, in_len, recv_pci, out, out_len);
}
#pragma GCC visibility pop
