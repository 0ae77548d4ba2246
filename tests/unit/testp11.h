/* SPDX-License-Identifier: BSD-2-Clause */
/* testp11: a PKCS #11 module that counts its calls and fails when it is told to (SHIM_FAULT). */
#ifndef TESTP11_H
#define TESTP11_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "key/p11.h"

extern char testp11_dir[], testp11_module[64], testp11_calls[64], testp11_pins[64];

/* text with module-path; static. */
const char *testp11_uri(const char *text);
/* How often the function was called since the last fault or no_fault. */
unsigned testp11_count(const char *call);
/* The first such call answers so: a code in hexadecimal, or a word the shim knows. */
void testp11_fault(const char *call, const char *what);
void testp11_fault_code(const char *call, unsigned long code);
void testp11_no_fault(void);
int testp11_open_with(const char *text, const char *pin, struct key **ret, struct err *err);
int testp11_generate(const char *text, struct key **ret, struct err *err);
/* A refused login counts for the life of a process: each case has its own. Returns its status. */
int testp11_apart(int (*run)(void));
int testp11_setup(void **state);
int testp11_teardown(void **state);

#endif
