/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "signer/ca.h"
#include "signer/init_make.h"

#define NOTE CA_KEYS /* a URI a line */

/* Lines, none when there is no file: it is written as a whole. */
static int
read_notes(const char *home, struct blob *ret, struct err *err)
{
	const int rc = file_read_private(ca_name(home, NOTE).at, ret, err);

	return rc == ERR_ABSENT ? 0 : rc;
}

static bool
is(const char *uri, const char *line)
{
	return uri != NULL && strcmp(uri, line) == 0;
}

/* The first line that is one of these (each may be NULL), or is none of them. It ends where the
 * line did: *notes is cut. */
static const char *
find(struct blob *notes, bool equal, const char *uri, const char *other)
{
	char *at = (char *)notes->data, *line;

	while (at != NULL && (line = strsep(&at, "\n")) != NULL && at != NULL)
		if ((is(uri, line) || is(other, line)) == equal)
			return line;
	return NULL;
}

int
init_note_has(const struct init_note *n, bool *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob notes = {0};
	int rc;

	if ((rc = read_notes(n->home, &notes, err)) == 0 &&
	    (rc = blob_append(&notes, "", 1, err)) == 0)
		*ret = find(&notes, true, n->uri, NULL) != NULL;
	return rc;
}

int
init_note_put(const struct init_note *n, struct err *err)
{
	CLEAN(blob_wipe) struct blob notes = {0};
	int rc;

	if ((rc = read_notes(n->home, &notes, err)) != 0 ||
	    (rc = blob_append(&notes, n->uri, strlen(n->uri), err)) != 0 ||
	    (rc = blob_append(&notes, "\n", 1, err)) != 0)
		return rc;
	return file_write(ca_name(n->home, NOTE).at, notes.data, notes.len, 0600, err);
}

int
init_note_check(const struct signer_init *init, struct err *err)
{
	CLEAN(blob_wipe) struct blob notes = {0};
	const char *line;
	int rc;

	if ((rc = read_notes(init->home, &notes, err)) != 0 ||
	    (rc = blob_append(&notes, "", 1, err)) != 0 ||
	    (line = find(&notes, false, init->root_key, init->issuing_key)) == NULL)
		return rc;
	return err_set(err, ERR_OCCUPIED,
	    "an interrupted init was generating a key at %s: give the same URI again, or delete "
	    "the key, if it exists, with the HSM's own tool and then remove %s",
	    line, ca_name(init->home, NOTE).at);
}
