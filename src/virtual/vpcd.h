/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vpcd - the card's end of the virtual smart card reader's socket.
 *
 * Messages are a big-endian 16-bit length and a payload; a payload of one byte is a control
 * (power off 0, on 1, reset 2, ATR 4), of which only the last is answered. To insert the card is
 * to connect, to remove it is to close. Functions return 0 or -1 with errno, unless noted.
 */
#ifndef VIRTUAL_VPCD_H
#define VIRTUAL_VPCD_H

#include <stdint.h>

#include "virtual/vkey.h"

/* A socket connected to 127.0.0.1, or -1. */
int vpcd_connect(uint16_t port);

enum vpcd_event {
	VPCD_CLOSED = -1, /* the reader is gone, or does not keep to the protocol */
	VPCD_SERVED = 0,
	VPCD_ATR = 1,	  /* served; the reader has seen the card */
	VPCD_REMOVED = 2, /* the key went away: close */
};

/* Serves one message, which is there to be read. */
enum vpcd_event vpcd_serve(int fd, struct vkey *v);

#endif
