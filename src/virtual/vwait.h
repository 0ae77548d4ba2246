/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vwait - what takes time: a finger on the contact, and, with the timing of a real key, making
 * and using keys. Everything waits by the key's clock; what ends a wait early is a removal, a
 * reset, or the end of the program. Such a command must leave no trace.
 */
#ifndef VIRTUAL_VWAIT_H
#define VIRTUAL_VWAIT_H

#include "virtual/applet.h"

/* The system's clock. */
extern const struct vkey_clock vwait_system;

/* False: cut short. */
bool vwait_ms(struct applet *a, unsigned ms);

/* The touch that the key in slot (9B: the management key) asks for by its policy; false: none. */
bool vwait_touch(struct applet *a, uint8_t slot, uint8_t policy);

/* With the timing of a real key only; false: cut short. */
bool vwait_apdu(struct applet *a);
bool vwait_generate(struct applet *a, uint8_t alg);
bool vwait_use(struct applet *a, uint8_t alg);

#endif
