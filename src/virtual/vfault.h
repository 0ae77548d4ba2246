/* SPDX-License-Identifier: BSD-2-Clause */
/* vfault - faults waiting for their APDU: see vkey_fault for the words of a specification. */
#ifndef VIRTUAL_VFAULT_H
#define VIRTUAL_VFAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFAULT_MAX 64
#define VFAULT_PATH_MAX 200

enum vfault_kind {
	VFAULT_NONE,
	VFAULT_REMOVE_BEFORE,
	VFAULT_REMOVE_AFTER,
	VFAULT_REMOVE_ANSWERED,
	VFAULT_SW,
	VFAULT_SHORT,
	VFAULT_LONG,
	VFAULT_GARBAGE,
	VFAULT_DELAY,
	VFAULT_SWAP,
};

struct vfault { /* numbers: -1 where they are not given */
	enum vfault_kind kind;
	int at, nth; /* of at=, nth= */
	int ins, p2; /* -1: any */
	bool data;   /* only a command that carries data, e.g. no VERIFY that asks */
	int sw, delay_ms;
	int back_ms;		    /* -1: stays out */
	unsigned countdown;	    /* matching APDUs until it happens, itself included */
	char swap[VFAULT_PATH_MAX]; /* state file of the other key */
};

struct vfault_list {
	struct vfault f[VFAULT_MAX];
	size_t n;
};

/* 0, or -1 with a message. */
int vfault_add(struct vfault_list *l, const char *spec, char *msg, size_t msg_len);

/* Counts one APDU; the fault that is due leaves the list (kind VFAULT_NONE: none is). */
struct vfault vfault_take(struct vfault_list *l, const uint8_t *apdu, size_t len);

#endif
