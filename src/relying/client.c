/* SPDX-License-Identifier: BSD-2-Clause */
/* client: a client's script, filled with what this token is called by others; doc/clients.md tells
 * why the scripts are as they are. OpenSC's module throughout: Yubico's leaves errors in OpenSSL's
 * queue, which its callers take for theirs. */
#include <assert.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "desk/session.h"
#include "relying/template.h"
#include "relying/verify_server.h"
#include "ykenroll/relying_client.h"

#define SLOT 0x9a
#define EXAMPLE "https://www.example.org/"
#define CLIENTS "curl, openssl, gnutls-cli, python, firefox, chromium, p11-kit"
#define WORDS_MAX 20

struct filling {
	const struct relying_client *what;
	struct template_word words[WORDS_MAX + 1];
	char *values[WORDS_MAX]; /* theirs */
	size_t n;
};

static void
filling_wipe(struct filling *f)
{
	while (f->n > 0)
		free(f->values[--f->n]);
}

/* ---- words ---- */

static void
put_flag(struct filling *f, const char *name, bool on)
{
	assert(f->n < WORDS_MAX);
	f->words[f->n++] = (struct template_word){name, on ? "" : NULL};
}

__attribute__((format(printf, 4, 5))) static int
put(struct filling *f, const char *name, struct err *err, const char *fmt, ...)
{
	char *value = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_set(err, ERR_INTERNAL, "out of memory");
	put_flag(f, name, false);
	f->values[f->n - 1] = value;
	f->words[f->n - 1].value = value;
	return 0;
}

/* How a text is written where it might mean something: these characters, or all others, so. */
struct quoting {
	const char *before, *set, *as, *after;
	bool others;
};
static const struct quoting shell = {"'", "'", "'\\%c'", "'", false},
			    json_in_json = {"", "\"\\", "\\\\\\%c", "",
				false}, /* a string in a string */
    pin_source = {";pin-source=",	/* RFC 7512: what is not unreserved, nor the path's own */
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/", "%%%02X", "", true};

static int
put_quoted(
    struct filling *f, const char *name, const struct quoting *q, const char *text, struct err *err)
{
	CLEAN(blob_wipe) struct blob b = {0};
	char one[8];
	int rc = 0;

	for (; rc == 0 && *text != '\0'; text++) {
		if ((strchr(q->set, *text) != NULL) == q->others)
			snprintf(one, sizeof(one), "%c", *text);
		else
			snprintf(one, sizeof(one), q->as, (unsigned char)*text);
		rc = blob_append(&b, one, strlen(one), err);
	}
	return rc != 0 ? rc
		       : put(f, name, err, "%s%.*s%s", q->before, (int)b.len,
			     b.len == 0 ? "" : (const char *)b.data, q->after);
}

/* As one word of a shell, whatever is in it. */
static int
put_word(struct filling *f, const char *name, const char *text, struct err *err)
{
	if (!text_is_plain(text))
		return err_set(
		    err, ERR_USAGE, "a path or URL with control or invisible characters");
	return put_quoted(f, name, &shell, text, err);
}

static int
put_pin(struct filling *f, const char *path, struct err *err)
{
	int rc;

	put_flag(f, "ASKED", path == NULL);
	if (path == NULL) {
		put_flag(f, "PINFILE", false);
		put_flag(f, "PIN", false);
		return 0;
	}
	if (path[0] != '/')
		return err_set(err, ERR_USAGE,
		    "--pin-source must be the absolute path of a file with the PIN, since "
		    "programs may be started anywhere");
	if ((rc = put_word(f, "PINFILE", path, err)) != 0)
		return rc;
	return put_quoted(f, "PIN", &pin_source, path, err);
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
static int
fill_module(struct filling *f, struct err *err)
{
	glob_t found;
	const bool ok = glob("/usr/lib/*/opensc-pkcs11.so", 0, NULL, &found) == 0;
	int rc;

	put_flag(f, "NOMODULE", !ok);
	rc = put(f, "MODULE", err, "%s",
	    ok ? found.gl_pathv[0] : "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so");
	globfree(&found);
	return rc;
}

static int
fill_place(struct filling *f, struct err *err)
{
	const char *url = f->what->url != NULL ? f->what->url : EXAMPLE;
	char full[2048], host[PLACE_HOST + 2];
	struct place p;
	int rc;

	if ((rc = place_parse(url, &p, err)) != 0)
		return rc;
	snprintf(host, sizeof(host), p.bracket ? "[%s]" : "%s", p.host);
	snprintf(full, sizeof(full), "https://%s:%s%s", host, p.port, p.path);
	if ((rc = put(f, "PATTERN", err, "https://%s:%s", host, p.port)) != 0 ||
	    (rc = put(f, "PORT", err, "%s", p.port)) != 0 ||
	    (rc = put_word(f, "URL", strncmp(url, "https://", 8) == 0 ? url : full, err)) != 0)
		return rc;
	return put_word(f, "HOST", host, err);
}

static int
fill_here(struct filling *f, const struct desk *w, struct err *err)
{
	const unsigned debian = f->what->debian != 0 ? f->what->debian : debian_here();
	char path[PATH_MAX];
	int rc;

	if (debian != 12 && debian != 13)
		return err_set(err, ERR_USAGE, "invalid --debian; use 12 or 13");
	put_flag(f, "DEBIAN12", debian == 12);
	if ((rc = put(f, "DEBIAN", err, "%u", debian)) != 0 || (rc = fill_module(f, err)) != 0 ||
	    (rc = file_join(path, sizeof(path), w->home, "pub/root.crt", err)) != 0 ||
	    (rc = put_pin(f, f->what->pin_source, err)) != 0 || (rc = fill_place(f, err)) != 0)
		return rc;
	return put_word(f, "CA", f->what->ca_file != NULL ? f->what->ca_file : path, err);
}

/* ---- the token ---- */

/* What OpenSC calls it: the serial is the second half of the CHUID's GUID. */
static int
fill_uri(struct filling *f, struct token *token, struct err *err)
{
	char hex[2 * DEVICE_GUID_LEN + 1] = "";
	uint8_t guid[DEVICE_GUID_LEN];
	bool has;
	int rc = token_get_guid(token, guid, err);

	if ((rc = err_answer(rc, ERR_ABSENT, &has, err)) != 0)
		return rc;
	if (has)
		text_hex(guid, sizeof(guid), hex);
	if ((rc = put(f, "SERIAL", err, "%u", (unsigned)token_id(token)->serial)) != 0)
		return rc;
	return put(f, "URI", err, "pkcs11:manufacturer=piv_II%s%s", has ? ";serial=" : "",
	    has ? hex + DEVICE_GUID_LEN : "");
}

static int
fill_cert(struct filling *f, const struct blob *cert, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	struct cert_names names;
	char who[4 * X509_TEXT_MAX];
	int rc;

	if ((rc = cert_names(cert, &names, err)) != 0 ||
	    (rc = pem_put(cert, PEM_CERT, &pem, err)) != 0)
		return rc;
	if (!text_is_plain(names.issuer_cn))
		return err_set(
		    err, ERR_FIT, "the issuer's common name has control or invisible characters");
	text_escape(names.subject_cn, who, sizeof(who));
	/* the template has the last newline */
	if ((rc = put(f, "PEM", err, "%.*s", (int)pem.len - 1, (const char *)pem.data)) != 0 ||
	    (rc = put(f, "WHO", err, "%s", who)) != 0)
		return rc;
	return put_quoted(f, "ISSUER", &json_in_json, names.issuer_cn, err);
}

static int
fill_token(struct filling *f, const struct desk *w, struct err *err)
{
	CLEAN(session_wipe) struct session s = {.w = w, .choice = w->choice};
	CLEAN(blob_wipe) struct blob cert = {0};
	int rc;

	if ((rc = session_token(&s, err)) != 0 || (rc = fill_uri(f, s.token, err)) != 0)
		return rc;
	rc = token_get_cert(s.token, SLOT, &cert, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_FIT,
		    "the token has no certificate in slot 9a; get one with: ykenroll enroll");
	return rc != 0 ? rc : fill_cert(f, &cert, err);
}

int
relying_client_script(
    const struct desk *w, const struct relying_client *what, struct blob *ret, struct err *err)
{
	CLEAN(filling_wipe) struct filling f = {.what = what};
	const char *text;
	char file[64];
	int rc;

	snprintf(file, sizeof(file), "%s.sh", what->name);
	if ((text = template_find(file)) == NULL)
		return err_set(err, ERR_USAGE, "unknown client '%s'; use " CLIENTS, what->name);
	if ((rc = fill_here(&f, w, err)) != 0 || (rc = fill_token(&f, w, err)) != 0)
		return rc;
	return template_fill(text, f.words, ret, err);
}
