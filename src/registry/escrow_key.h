/* SPDX-License-Identifier: BSD-2-Clause */
/* escrow_key: a recipient's key, unlocked. */
#ifndef REGISTRY_ESCROW_KEY_H
#define REGISTRY_ESCROW_KEY_H

#include "registry/room.h"

struct registry_escrow_key {
	struct key *key;
	struct blob cert; /* DER */
	enum registry_role role;
	bool current; /* of the set that is in force */
};

#endif
