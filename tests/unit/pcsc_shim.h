/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcsc_shim: PC/SC inside the test's own process. It defines the SCard* functions that src/device
 * and libykpiv (2.2 and 2.7) call, answered by virtual keys; SCardTransmit and SCardReconnect go
 * through src/device/wire.c as those of the program do. Link the object into the test, and link
 * libpcsclite too, for its g_rgSCard*Pci. A test asserts shim_contexts() > 0: else some
 * -fvisibility=hidden has made the real pcscd answer.
 */
#ifndef TESTS_PCSC_SHIM_H
#define TESTS_PCSC_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtual/vkey.h"

#define SHIM_LOG_MAX 512

/* No readers, no hook, an empty log, all counters 0. */
void shim_reset(void);

/* A reader with this key in it, or an empty one (NULL). Returns its number. The key stays the
 * caller's. */
int shim_add(const char *name, struct vkey *key);

void shim_set_atr(int reader, const uint8_t *atr, size_t len); /* some other card's */
void shim_set_service(long rc);		    /* what SCardEstablishContext answers; 0: works */
void shim_hold(int reader, bool held);	    /* another process is in a transaction */
void shim_reset_card(int reader);	    /* another process resets the card */
void shim_swap(int reader, struct vkey *v); /* pulled out, and this one put in */

/* Sees each APDU and its answer (room: VKEY_ANSWER_MAX) and may change the answer. */
typedef void (*shim_hook)(
    void *ctx, const uint8_t *in, size_t in_len, uint8_t *out, size_t *out_len);
void shim_set_hook(shim_hook hook, void *ctx);

unsigned shim_contexts(void);	/* calls of SCardEstablishContext */
unsigned shim_apdus(void);	/* that reached SCardTransmit */
unsigned shim_reconnects(void); /* calls of SCardReconnect */
unsigned shim_open(void);	/* contexts, connections and transactions not given back */

/* The nth APDU since shim_reset or shim_log_clear, its first bytes. */
const uint8_t *shim_log(unsigned n, size_t *ret_len);
void shim_log_clear(void);
unsigned shim_log_count(uint8_t ins); /* APDUs with this INS since then */

#endif
