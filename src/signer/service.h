/* SPDX-License-Identifier: BSD-2-Clause */
/* service: what a service manager hands over and wants to know: sd_listen_fds(3) and sd_notify(3),
 * which are a few variables and a datagram. */
#ifndef SIGNER_SERVICE_H
#define SIGNER_SERVICE_H

#include <stdbool.h>

#include "ykenroll/err.h"

/* The socket that was opened for us, or -1. Asking again gives -1. Errors: ERR_USAGE it is not one
 * Unix stream socket that listens. */
MUST_CHECK int service_socket(int *ret_fd, struct err *err);

/* Unlocked and listening. Is there a service manager, which starts us anew when we fail? */
bool service_ready(void);

#endif
