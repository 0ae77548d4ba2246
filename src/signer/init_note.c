/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "signer/ca.h"
#include "signer/init_note.h"

#define NOTE "ca.keys" /* in the home: a URI a line */

/* Empty when there are none. */
static int
read_notes(const char *home, char path[static PATH_MAX], struct blob *ret, struct err *err)
{
	int rc;

	if ((rc = ca_path(home, NOTE, path, err)) != 0)
		return rc;
	rc = file_read_private(path, ret, err);
	return rc == ERR_ABSENT ? 0 : rc;
}

/* The line at *at, without its end; a line that was cut off is none. */
static const char *
next_line(const struct blob *notes, size_t *at, size_t *ret_len)
{
	const char *line, *end;

	if (*at >= notes->len)
		return NULL;
	line = (const char *)notes->data + *at;
	if ((end = memchr(line, '\n', notes->len - *at)) == NULL)
		return NULL;
	*ret_len = (size_t)(end - line);
	*at += *ret_len + 1;
	return line;
}

static bool
is(const char *uri, const char *line, size_t len)
{
	return uri != NULL && strlen(uri) == len && memcmp(uri, line, len) == 0;
}

int
init_note_has(const struct init_note *n, bool *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob notes = {0};
	char path[PATH_MAX];
	const char *line;
	size_t at = 0, len;
	int rc;

	if ((rc = read_notes(n->home, path, &notes, err)) != 0)
		return rc;
	*ret = false;
	while ((line = next_line(&notes, &at, &len)) != NULL)
		*ret = *ret || is(n->uri, line, len);
	return 0;
}

int
init_note_put(const struct init_note *n, struct err *err)
{
	CLEAN(blob_wipe) struct blob notes = {0};
	char path[PATH_MAX];
	int rc;

	if ((rc = read_notes(n->home, path, &notes, err)) != 0 ||
	    (rc = blob_append(&notes, n->uri, strlen(n->uri), err)) != 0 ||
	    (rc = blob_append(&notes, "\n", 1, err)) != 0)
		return rc;
	return file_write(path, notes.data, notes.len, 0600, err);
}

int
init_note_check(const struct signer_init *init, struct err *err)
{
	CLEAN(blob_wipe) struct blob notes = {0};
	char path[PATH_MAX];
	const char *line;
	size_t at = 0, len;
	int rc;

	if ((rc = read_notes(init->home, path, &notes, err)) != 0)
		return rc;
	while ((line = next_line(&notes, &at, &len)) != NULL)
		if (!is(init->root_key, line, len) && !is(init->issuing_key, line, len))
			return err_set(err, ERR_OCCUPIED,
			    "an init that was interrupted was making a key at %.*s: name it again, "
			    "or remove the key, if it is there, by the HSM's own tool, and then %s",
			    (int)len, line, path);
	return 0;
}

int
init_note_clear(const char *home, struct err *err)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = ca_path(home, NOTE, path, err)) != 0)
		return rc;
	return unlink(path) == 0 || errno == ENOENT
		   ? 0
		   : err_errno(err, ERR_INTERNAL, "cannot remove %s", path);
}
