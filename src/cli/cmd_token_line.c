/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_token_line: the command line of the token verbs, and the files that they read and write. */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cmd_token.h"

const struct token_word token_pin_words[] = {{"default", PIN_DEFAULT}, {"never", PIN_NEVER},
    {"once", PIN_ONCE}, {"always", PIN_ALWAYS}, {"match-once", PIN_MATCH_ONCE},
    {"match-always", PIN_MATCH_ALWAYS}, {NULL, 0}};
const struct token_word token_touch_words[] = {{"default", TOUCH_DEFAULT}, {"never", TOUCH_NEVER},
    {"always", TOUCH_ALWAYS}, {"cached", TOUCH_CACHED}, {NULL, 0}};

struct poptOption token_opt_mgmkey[] = {
    OPT_TEXT("management-key", 'm', &face.current_mgmkey,
	"the management key in hexadecimal, unless it is the factory default or kept on the token",
	"SPEC"),
    OPT_TEXT("pin", 'P', &face.current_pin, "the current PIN, if needed", "SPEC"),
    POPT_TABLEEND,
};

int
cmd_token_slot(const char *text, bool f9, uint8_t *ret, struct err *err)
{
	const struct device_slot *slot = device_slot_parse(text);

	if (slot == NULL)
		return err_set(err, ERR_USAGE,
		    "invalid slot '%s'; use 9a 9c 9d 9e 82…95, or a name such as AUTHENTICATION",
		    text);
	if (slot->slot == DEVICE_SLOT_F9 && !f9)
		return err_set(err, ERR_USAGE,
		    "slot f9 holds the factory attestation key, which is never changed");
	*ret = slot->slot;
	return 0;
}

static bool
same_word(const char *a, const char *b)
{
	for (; *a != '\0' && (*a == '_' ? '-' : tolower((unsigned char)*a)) == tolower(*b);
	     a++, b++)
		continue;
	return *a == '\0' && *b == '\0';
}

int
token_word(const char *given, const char *option, const struct token_word *words, uint8_t *ret,
    struct err *err)
{
	for (; words->text != NULL; words++)
		if (given == NULL || same_word(given, words->text)) {
			*ret = words->value;
			return 0;
		}
	return err_set(err, ERR_USAGE, "%s does not know %s", option, given);
}

const char *
token_word_of(uint8_t value, const struct token_word *words)
{
	for (; words->text != NULL; words++)
		if (words->value == value)
			return words->text;
	return "unknown";
}

/* ---- files ---- */

char *token_format;

struct poptOption token_opt_format[] = {
    OPT_TEXT("format", 'F', &token_format, "PEM (default) or DER", "FORMAT"),
    POPT_TABLEEND,
};

static int
wants_der(bool *ret, struct err *err)
{
	*ret = token_format != NULL && strcasecmp(token_format, "DER") == 0;
	if (token_format == NULL || *ret || strcasecmp(token_format, "PEM") == 0)
		return 0;
	return err_set(err, ERR_USAGE, "invalid --format; use PEM or DER");
}

int
token_out_check(const char *path, struct err *err)
{
	bool der;
	int rc;

	return (rc = wants_der(&der, err)) != 0 ? rc : opt_out_check(path, err);
}

int
token_out(const char *path, const struct blob *der, const char *block, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	bool as_der;
	int rc;

	if ((rc = wants_der(&as_der, err)) != 0 ||
	    (!as_der && (rc = pem_put(der, block, &text, err)) != 0))
		return rc;
	return opt_out(path, as_der ? der : &text, 0644, err);
}

int
token_in(const char *path, struct blob *ret, struct err *err)
{
	uint8_t buf[4096];
	size_t n;
	int rc;

	if (strcmp(path, "-") != 0)
		return file_read(path, ret, err);
	while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0) {
		if ((rc = blob_append(ret, buf, n, err)) != 0)
			return rc;
		if (ret->len > FILE_MAX)
			return err_set(err, ERR_USAGE, "standard input is too long");
	}
	return ferror(stdin) ? err_errno(err, ERR_INTERNAL, "cannot read standard input") : 0;
}
