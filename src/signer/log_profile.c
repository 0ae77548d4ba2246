/* SPDX-License-Identifier: BSD-2-Clause */
/* log_profile: what an entry was issued as. The intent is the line before the signature, for a
 * signer does one thing at a time; so it need not be kept in memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "signer/log.h"
#include "signer/rules.h"

static void
json_freep(json_t **j)
{
	json_decref(*j);
}

static void
text_freep(char **s)
{
	free(*s);
}

static int
damaged(struct err *err)
{
	return err_set(err, ERR_CA, "the issuance log changed under the signer");
}

/* The line that ends before c's, within text. */
static int
line_before(
    const struct log *log, const struct log_cert *c, char *text, json_t **ret, struct err *err)
{
	const int64_t from = c->line_at > LOG_LINE_MAX ? c->line_at - LOG_LINE_MAX : 0;
	const size_t want = (size_t)(c->line_at - from);
	const ssize_t n = pread(log->fd, text, want, from);
	const char *start;

	if (n < 0)
		return err_errno(err, ERR_INTERNAL, "cannot read the issuance log");
	if ((size_t)n != want || want < 2 || text[want - 1] != '\n')
		return damaged(err);
	start = memrchr(text, '\n', want - 1);
	start = start == NULL ? text : start + 1;
	*ret = json_loadb(start, (size_t)(text + want - 1 - start), 0, NULL);
	return *ret != NULL ? 0 : damaged(err);
}

int
log_profile(const struct log *log, const struct log_cert *c, char *ret, struct err *err)
{
	CLEAN(json_freep) json_t *line = NULL;
	CLEAN(text_freep) char *text = malloc(LOG_LINE_MAX);
	const char *what, *serial, *profile;
	uint8_t bytes[SIGNER_SERIAL_LEN], own[LOG_SERIAL_LEN];
	int rc;

	if (text == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = line_before(log, c, text, &line, err)) != 0)
		return rc;
	if (json_unpack(line, "{s:s, s:s}", "what", &what, "serial", &serial) != 0 ||
	    strcmp(what, "intent") != 0 || text_unhex(serial, bytes, sizeof(bytes)) != 0 ||
	    log_serial(bytes, sizeof(bytes), own) != 0 || memcmp(own, c->serial, sizeof(own)) != 0)
		return err_set(err, ERR_CA,
		    "this certificate was not issued by profile here; issue a new one");
	if (json_unpack(line, "{s:s}", "profile", &profile) != 0 ||
	    strlen(profile) > RULES_NAME_MAX)
		return err_set(err, ERR_CA, "this certificate is of no profile");
	memcpy(ret, profile, strlen(profile) + 1);
	return 0;
}
