/* SPDX-License-Identifier: BSD-2-Clause */
/* client_show: a client's script, filled with what this token is called by others. */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "desk/session.h"
#include "relying/client.h"
#include "relying/verify_server.h"
#include "ykenroll/relying_client.h"

#define SLOT 0x9a
#define WORD_MAX 2048
#define EXAMPLE "https://www.example.org/"

enum word {
	URL,
	CA,
	HOST,
	PINFILE,
	SERIAL,
	WHO,
	DEBIAN,
	MODULE,
	PORT,
	PATTERN,
	URI,
	PIN,
	PEM,
	ISSUER,
	WORDS
};

static const char *const word_names[WORDS] = {[URL] = "URL",
    [CA] = "CA",
    [HOST] = "HOST",
    [PINFILE] = "PINFILE",
    [SERIAL] = "SERIAL",
    [WHO] = "WHO",
    [DEBIAN] = "DEBIAN",
    [MODULE] = "MODULE",
    [PORT] = "PORT",
    [PATTERN] = "PATTERN",
    [URI] = "URI",
    [PIN] = "PIN",
    [PEM] = "PEM",
    [ISSUER] = "ISSUER"};

struct filling {
	const struct relying_client *what;
	char words[WORDS][WORD_MAX];
	struct blob pem;
	char flags[8]; /* that lines may ask for */
};

static void
filling_wipe(struct filling *f)
{
	blob_wipe(&f->pem);
}

/* ---- words ---- */

static void
put(struct filling *f, enum word word, const char *text)
{
	snprintf(f->words[word], WORD_MAX, "%s", text);
}

/* As one word of a shell, whatever is in it. */
static int
put_quoted(struct filling *f, enum word word, const char *text, struct err *err)
{
	char *to = f->words[word], *end = to + WORD_MAX - 8;

	if (!text_is_plain(text))
		return err_set(
		    err, ERR_USAGE, "a path or URL with control or invisible characters");
	*to++ = '\'';
	for (; *text != '\0' && to < end; text++) {
		if (*text == '\'') {
			memcpy(to, "'\\''", 4);
			to += 4;
		} else {
			*to++ = *text;
		}
	}
	if (*text != '\0')
		return err_set(err, ERR_USAGE, "a path or URL is too long");
	*to++ = '\'';
	*to = '\0';
	return 0;
}

/* RFC 7512: what is not unreserved, nor the path's own, as %XX. */
static int
put_pin(struct filling *f, const char *path, struct err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~/";
	char *to = f->words[PIN], *end = to + WORD_MAX - 8;

	if (path == NULL) {
		*to = '\0';
		return 0;
	}
	if (path[0] != '/')
		return err_set(err, ERR_USAGE,
		    "--pin-source takes the absolute path of a file with the PIN: programs look "
		    "for it wherever they are started");
	to += sprintf(to, ";pin-source=");
	for (; *path != '\0' && to < end; path++)
		if (strchr(plain, *path) != NULL)
			*to++ = *path;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*path);
	*to = '\0';
	return *path == '\0' ? 0 : err_set(err, ERR_USAGE, "the path of the PIN file is too long");
}

/* A string inside JSON that is a string inside JSON. */
static void
put_issuer(struct filling *f, const char *cn)
{
	char *to = f->words[ISSUER], *end = to + WORD_MAX - 8;

	for (; *cn != '\0' && to < end; cn++) {
		if (*cn == '"' || *cn == '\\')
			to += sprintf(to, "\\\\\\%c", *cn);
		else
			*to++ = *cn;
	}
	*to = '\0';
}

/* ---- this machine ---- */

static unsigned
debian_here(void)
{
	CLEAN(blob_wipe) struct blob b = {0};
	unsigned v = 0;
	const char *at;

	if (file_read("/usr/lib/os-release", &b, NULL) != 0 || blob_append(&b, "", 1, NULL) != 0)
		return 13;
	at = strstr((const char *)b.data, "VERSION_ID=\"");
	return at != NULL && sscanf(at, "VERSION_ID=\"%3u", &v) == 1 && v == 12 ? 12 : 13;
}

/* Where it is here, else where Debian puts it. */
static bool
find_module(char *ret, size_t size)
{
	glob_t found;
	const bool ok = glob("/usr/lib/*/opensc-pkcs11.so", 0, NULL, &found) == 0;

	snprintf(
	    ret, size, "%s", ok ? found.gl_pathv[0] : "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so");
	globfree(&found);
	return ok;
}

static int
fill_place(struct filling *f, struct err *err)
{
	const char *url = f->what->url != NULL ? f->what->url : EXAMPLE;
	char full[1600], host[300];
	struct place p;
	int rc;

	if ((rc = place_parse(url, &p, err)) != 0)
		return rc;
	snprintf(host, sizeof(host), p.bracket ? "[%s]" : "%s", p.host);
	if (strncmp(url, "https://", 8) == 0)
		snprintf(full, sizeof(full), "%.1500s", url);
	else
		snprintf(full, sizeof(full), "https://%s:%s%s", host, p.port, p.path);
	snprintf(f->words[PATTERN], WORD_MAX, "https://%s:%s", host, p.port);
	put(f, PORT, p.port);
	if ((rc = put_quoted(f, URL, full, err)) != 0)
		return rc;
	return put_quoted(f, HOST, host, err);
}

static int
fill_here(struct filling *f, const struct desk *w, struct err *err)
{
	const unsigned debian = f->what->debian != 0 ? f->what->debian : debian_here();
	char path[PATH_MAX];
	bool found;
	int rc;

	if (debian != 12 && debian != 13)
		return err_set(err, ERR_USAGE, "--debian is 12 or 13");
	found = find_module(f->words[MODULE], WORD_MAX);
	snprintf(f->words[DEBIAN], WORD_MAX, "%u", debian);
	snprintf(f->flags, sizeof(f->flags), "%c%c%s", debian == 12 ? '2' : '3',
	    f->what->pin_source != NULL ? 'P' : 'A', found ? "" : "M");
	if ((rc = file_join(path, sizeof(path), w->home, "pub/root.crt", err)) != 0 ||
	    (rc = put_pin(f, f->what->pin_source, err)) != 0 ||
	    (f->what->pin_source != NULL &&
		(rc = put_quoted(f, PINFILE, f->what->pin_source, err)) != 0) ||
	    (rc = fill_place(f, err)) != 0)
		return rc;
	return put_quoted(f, CA, f->what->ca_file != NULL ? f->what->ca_file : path, err);
}

/* ---- the token ---- */

/* What OpenSC calls it: the serial is the second half of the CHUID's GUID. */
static int
fill_uri(struct filling *f, struct token *token, struct err *err)
{
	char hex[2 * DEVICE_GUID_LEN + 1] = "";
	uint8_t guid[DEVICE_GUID_LEN];
	struct err why = ERR_INIT;
	bool has;
	int rc = token_get_guid(token, guid, &why);

	if ((rc = err_answer(rc, ERR_ABSENT, &has, &why, err)) != 0)
		return rc;
	if (has)
		text_hex(guid, sizeof(guid), hex);
	snprintf(f->words[URI], WORD_MAX, "pkcs11:manufacturer=piv_II%s%s", has ? ";serial=" : "",
	    has ? hex + DEVICE_GUID_LEN : "");
	snprintf(f->words[SERIAL], WORD_MAX, "%u", (unsigned)token_id(token)->serial);
	return 0;
}

static int
fill_token(struct filling *f, const struct desk *w, struct err *err)
{
	CLEAN(session_wipe) struct session s = {.w = w, .choice = w->choice};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct cert_names names;
	int rc;

	if ((rc = session_token(&s, err)) != 0 || (rc = fill_uri(f, s.token, err)) != 0)
		return rc;
	rc = token_get_cert(s.token, SLOT, &cert, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_FIT,
		    "the token has no certificate in slot 9a; make one: ykenroll enroll");
	if (rc != 0 || (rc = cert_names(&cert, &names, err)) != 0 ||
	    (rc = cert_to_pem(&cert, &f->pem, err)) != 0)
		return rc;
	text_escape(names.subject_cn, f->words[WHO], WORD_MAX);
	if (!text_is_plain(names.issuer_cn))
		return err_set(
		    err, ERR_FIT, "the issuer's common name has control or invisible characters");
	put_issuer(f, names.issuer_cn);
	return 0;
}

/* ---- the text ---- */

static bool
wants(const struct filling *f, const char **line)
{
	const size_t n = strspn(*line, "23PAM");
	size_t i;

	if (n == 0 || (*line)[n] != '|')
		return true;
	for (i = 0; i < n; i++)
		if (strchr(f->flags, (*line)[i]) == NULL)
			return false;
	*line += n + 1;
	return true;
}

static int
add_word(const struct filling *f, const char *name, size_t len, struct blob *ret, struct err *err)
{
	enum word i;

	for (i = URL; i < WORDS; i++) {
		if (strlen(word_names[i]) != len || strncmp(word_names[i], name, len) != 0)
			continue;
		if (i == PEM)
			return blob_append(ret, f->pem.data, f->pem.len, err);
		return blob_append(ret, f->words[i], strlen(f->words[i]), err);
	}
	return err_set(err, ERR_INTERNAL, "no word %.*s", (int)len, name);
}

static bool
is_name(const char *s, const char *end)
{
	for (; s < end; s++)
		if (*s < 'A' || *s > 'Z')
			return false;
	return true;
}

/* What stands between two @ and is in capitals is a word. */
static int
add_line(const struct filling *f, const char *line, size_t len, struct blob *ret, struct err *err)
{
	const char *end = line + len, *at, *to;
	int rc = 0;

	while (rc == 0 && line < end) {
		at = memchr(line, '@', (size_t)(end - line));
		to = at == NULL ? NULL : memchr(at + 1, '@', (size_t)(end - at - 1));
		if (to == NULL || !is_name(at + 1, to))
			return blob_append(ret, line, (size_t)(end - line), err);
		if ((rc = blob_append(ret, line, (size_t)(at - line), err)) == 0)
			rc = add_word(f, at + 1, (size_t)(to - at - 1), ret, err);
		line = to + 1;
	}
	return rc;
}

static int
add_text(const struct filling *f, const char *text, struct blob *ret, struct err *err)
{
	const char *next, *line;
	int rc = 0;

	for (; rc == 0 && *text != '\0'; text = next) {
		next = text + strcspn(text, "\n");
		next += *next == '\n';
		line = text;
		if (wants(f, &line))
			rc = add_line(f, line, (size_t)(next - line), ret, err);
	}
	return rc;
}

const char *
relying_client_names(void)
{
	static char names[200];
	size_t i;

	names[0] = '\0';
	for (i = 0; i < client_texts_n; i++) {
		strncat(names, i == 0 ? "" : ", ", sizeof(names) - strlen(names) - 1);
		strncat(names, client_texts[i].name, sizeof(names) - strlen(names) - 1);
	}
	return names;
}

int
relying_client_script(
    const struct desk *w, const struct relying_client *what, struct blob *ret, struct err *err)
{
	static struct filling f;
	const char *text = NULL;
	size_t i;
	int rc;

	f = (struct filling){.what = what};
	for (i = 0; i < client_texts_n; i++)
		if (strcmp(client_texts[i].name, what->name) == 0)
			text = client_texts[i].text;
	if (text == NULL)
		return err_set(
		    err, ERR_USAGE, "%s is none of %s", what->name, relying_client_names());
	if ((rc = fill_here(&f, w, err)) == 0 && (rc = fill_token(&f, w, err)) == 0)
		rc = add_text(&f, text, ret, err);
	filling_wipe(&f);
	return rc;
}
