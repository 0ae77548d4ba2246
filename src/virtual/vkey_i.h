/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a virtual key, for vkey.c and inspect.c. */
#ifndef VIRTUAL_VKEY_I_H
#define VIRTUAL_VKEY_I_H

#include "virtual/applet.h"
#include "virtual/frame.h"
#include "virtual/vfault.h"

struct vkey {
	struct applet a;
	struct frame frame;
	struct vfault_list faults;
	struct vkey *other; /* for a swap, or swapped out */
	char *root_dir;
	bool present;
	bool powered;
	int back_ms;
	int lock_fd;
	int log_fd;
	bool log_failed; /* for good: no answer leaves this key any more */
};

/* The key that a swap brings: opened now, and made like v if there is none. */
int vkey_open_other(struct vkey *v, const char *path, char *msg, size_t msg_len);

/* JSON of a state, and of what surrounds it (NULL: nothing does), never a secret; the caller
 * frees. */
char *inspect_json(const struct state *st, const struct surroundings *env);

/* The last APDU's number in the log of a state; 0 where there is none. */
uint64_t inspect_log_tail(const char *state_path);

#endif
