/* SPDX-License-Identifier: BSD-2-Clause */
/* ca_home: what is where in a home with a CA: for the signer, and for those who only look. */
#ifndef SIGNER_CA_HOME_H
#define SIGNER_CA_HOME_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ykenroll/err.h"
#include "ykenroll/key.h"

/* Names under home. */
#define CA_DIR "ca"
#define CA_NEW "ca.new"			   /* while it is made */
#define CA_UNFINISHED CA_DIR "/unfinished" /* there until init has done all */
#define CA_KEYS "ca.keys"		   /* while it is made: init_note.c */
#define CA_ISSUING_KEY CA_DIR "/issuing.key"
#define CA_LOCK CA_DIR "/lock"
#define CA_LOG CA_DIR "/issuance.db"
#define CA_INTERMEDIATES CA_DIR "/intermediates"
#define CA_REHEARSAL CA_DIR "/rehearsal-root.pem"
#define CA_PUB "pub"
#define CA_CONF "ykenroll.conf"

/* home/name. One that is too long is cut to PATH_MAX characters, which the kernel refuses:
 * ENAMETOOLONG. */
struct ca_name {
	char at[PATH_MAX + 1];
};
struct ca_name ca_name(const char *home, const char *name);

bool ca_has(const char *home, const char *name);
/* home/name from certificates, or CRLs, as PEM with that name. Errors: as file_write. */
MUST_CHECK int ca_write_pem(const char *home, const char *name, const struct blob *ders, size_t n,
    const char *block, mode_t mode, struct err *err);

/* The reason stays, the code becomes the one that the contracts name: ERR_CA. */
int ca_refused(struct err *err);

/* Is there a finished CA? Errors: ERR_CA. */
MUST_CHECK int ca_there(const char *home, struct err *err);

/* All of it has been made: there is one from now on. Errors: ERR_INTERNAL. */
MUST_CHECK int ca_finish(const char *home, struct err *err);

/* What the issuing CA's key wants to be opened. Errors: ERR_CA; those of key_file_secret. */
MUST_CHECK int ca_secret(const char *home, enum key_secret *ret, struct err *err);

/* Be the only process that writes in ca/, until *ret_fd is closed; waits up to wait_ms. Errors:
 * ERR_CA another one is. */
MUST_CHECK int ca_lock(const char *home, int wait_ms, int *ret_fd, struct err *err);

#endif
