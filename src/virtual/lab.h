/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab - "ykvirt lab": runs a command beside a private pcscd with virtual keys in its readers, and
 * leaves nothing behind. Two processes besides the command:
 *
 *   watch  the one the caller started: in the caller's pid namespace, has the
 *          caller's terminal and signals, waits (lab.c)
 *   init   process 1 of the pid namespace: starts pcscd, the keys and the
 *          command, reaps (lab_init.c)
 *
 * When init ends, the kernel ends everything in the pid namespace; when watch
 * ends, init gets SIGKILL (PR_SET_PDEATHSIG).  Mounts and files go with the
 * mount namespace.
 *
 * bubblewrap was tried in place of the namespaces: the command then loses the terminal, the exit
 * codes 125 to 127 are its own, and an ordinary user's lab in a lab fails.
 *
 * Functions that fail have said why with lab_say() and return -1.
 */
#ifndef VIRTUAL_LAB_H
#define VIRTUAL_LAB_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define LAB_DIR "/run/ykvirt" /* in the lab's own tmpfs */
#define LAB_STATE LAB_DIR "/state"
#define LAB_READER "Yubico YubiKey CCID" /* clients choose by this name */

enum {
	LAB_FAILED = 125, /* as of env(1), timeout(1) */
	LAB_CANNOT_RUN = 126,
	LAB_NOT_FOUND = 127,
	LAB_SIGNAL = 128,
	LAB_TOKENS_MAX = 8, /* pcscd has 16 readers */
	LAB_FAULTS_MAX = 32,
	LAB_KEY_OPTIONS_MAX = 32,
	LAB_PORT_FIRST = 0x8c7b, /* vpcd's own default */
	LAB_SERIAL_FIRST = 10000001,
	LAB_START_MSEC = 10000,
	LAB_STOP_MSEC = 5000,
};

struct lab {
	const char **command; /* NULL at the end */
	int tokens;
	int keep_out;
	char *firmware;	    /* list, or NULL: the default of "ykvirt run" */
	char **faults;	    /* NULL at the end, or NULL */
	char **key_options; /* the same; for each "ykvirt run", as they are */
	char *state;	    /* absolute path, or NULL: temporary */
	int module_fd;	    /* of our driver */
	int lock_fd;	    /* of the state directory, or -1 */
	sigset_t mask;	    /* the caller's, for the command */
	mode_t umask;	    /* the same */
};

/*
 * argv[0] is "lab".  Returns the exit code of the command, 128+N if signal N
 * ended it, and 125 if the lab itself failed (then it has said why).
 */
int lab_main(int argc, const char **argv);

/* lab_ns.c */

/* Says it, and returns -1. */
int lab_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* New namespaces, of which the next child is process 1. */
int lab_ns_enter(void);

/* For process 1: /proc, /run, the loopback interface, the state directory. */
int lab_ns_setup(const struct lab *lab);

/* lab_pcsc.c: pcscd and what it reads */

/* Opens our driver, which the lab's new mounts might hide.  Returns a descriptor. */
int lab_pcsc_open_module(void);

/* Private copies of the drivers in place of the host's, and the configuration. */
int lab_pcsc_setup(const struct lab *lab);

/* Becomes pcscd. */
void lab_pcsc_exec(void) __attribute__((noreturn));

/*
 * Waits without limit until the readers are there and `cards` of them show a
 * card.  To be called in a child of its own: libpcsclite keeps state.
 */
int lab_pcsc_wait(int readers, int cards);

/* lab_init.c */

/* The signals that watch and init wait for; both have them blocked. */
void lab_signals(sigset_t *ret_set);

/* Process 1.  `go_fd` yields a byte as long as watch lives. */
void lab_init(struct lab *lab, int go_fd) __attribute__((noreturn));

#endif
