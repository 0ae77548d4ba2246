/* SPDX-License-Identifier: BSD-2-Clause */
/* holders: who else is connected to pcscd. device_holders (device.h), and what an error says of it.
 */
#ifndef DEVICE_HOLDERS_H
#define DEVICE_HOLDERS_H

#include "ykenroll/device.h"

#define HOLDERS_TEXT_MAX 300

/* "scdaemon (pid 812); release it with: gpgconf --kill scdaemon", or why there is no name. */
void holders_text(char *ret, size_t size);

#endif
