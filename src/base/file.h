/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file: whole files in and out, so that a reader never sees half of one and a name never leads
 * elsewhere. Symbolic links are not followed in the last component. Directories are made 0700,
 * files 0600 unless said.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "ykenroll/blob.h"
#include "ykenroll/secret.h"

#define FILE_MAX (128u << 20) /* bytes; a CRL of a million entries has 70 MB in PEM */

/* These fit CLEAN(): close one that is open (not -1, not NULL); free a line of getline(3). */
void file_closep(int *fd);
void file_stream_closep(FILE **f);
void file_dir_closep(DIR **dir);
void file_line_freep(char **line);

/* dir + "/" + name, or ERR_INTERNAL when it does not fit. */
MUST_CHECK int file_join(
    char *ret_path, size_t size, const char *dir, const char *name, struct err *err);

/* Errors: ERR_ABSENT no such file; ERR_INTERNAL. */
MUST_CHECK int file_read(const char *path, struct blob *ret, struct err *err);

/* As file_read, but the file must be a regular one, ours or root's, and closed to group and others.
 * Errors: ERR_ABSENT; ERR_USAGE too open, of another owner, not regular; ERR_INTERNAL. */
MUST_CHECK int file_read_private(const char *path, struct blob *ret, struct err *err);
/* Would file_read_secret take it? Nothing of it is read. Errors: as file_read_private. */
MUST_CHECK int file_check_secret(const char *path, struct err *err);

/* As file_read, but the file must be a regular one, ours or root's, and others must not be able to
 * write it: what it says is obeyed. Errors: as file_read_private. */
MUST_CHECK int file_read_ours(const char *path, struct blob *ret, struct err *err);

/* The first line of what was read: without its end, which may be CRLF, and without a byte-order
 * mark in front. from: what it was read from, for the refusal. Errors: ERR_USAGE empty, too long,
 * UTF-16. */
MUST_CHECK int file_secret_line(
    const char *from, const uint8_t *data, size_t len, struct secret *ret, struct err *err);

/* That of a private file (file_read_private). Errors: also ERR_USAGE a link or a pipe. */
MUST_CHECK int file_read_secret(const char *path, struct secret *ret, struct err *err);

/* That of a credential that systemd has put into $CREDENTIALS_DIRECTORY for this service. Errors:
 * ERR_ABSENT; ERR_USAGE not a name, no such directory, others can read it; ERR_INTERNAL. */
MUST_CHECK int file_read_credential(const char *name, struct secret *ret, struct err *err);

/* Replace path: temporary beside it, write, fsync, rename, fsync the directory. The time in fsync
 * is added to file_fsync_ns. Errors: ERR_INTERNAL (disk full, permissions); the old file is then
 * still whole. */
MUST_CHECK int file_write(
    const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* As file_write, but never over something that exists. Errors: ERR_OCCUPIED; ERR_INTERNAL. */
MUST_CHECK int file_create(
    const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* Write a file of exactly this name, in place of what is there, and fsync it; for a rename that
 * comes later. Errors: ERR_INTERNAL, and nothing is left. */
MUST_CHECK int file_stage(
    const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* Is the folder there in which that file would be made, and may it be? Errors: ERR_USAGE. */
MUST_CHECK int file_check_dir(const char *path, struct err *err);
/* And is the file not there? Errors: also ERR_OCCUPIED. */
MUST_CHECK int file_check_new(const char *path, struct err *err);

/* fsync the directory that path is in: what was renamed there stays renamed. Errors: ERR_INTERNAL.
 */
MUST_CHECK int file_sync_dir(const char *path, struct err *err);

/* fsync with the time counted. A failed fsync must not be retried. Errors: ERR_INTERNAL. */
MUST_CHECK int file_fsync(int fd, const char *name, struct err *err);

/* Make the directory 0700 if it is not there; refuse one that others can read or that is not ours.
 * Errors: ERR_USAGE too open or of another owner; ERR_INTERNAL. */
MUST_CHECK int file_private_dir(const char *path, struct err *err);

/* Remove it and all that is below. Not there is no error. */
MUST_CHECK int file_remove_tree(const char *path, struct err *err);

extern int64_t file_fsync_ns; /* nanoseconds this process has spent in fsync */

#endif
