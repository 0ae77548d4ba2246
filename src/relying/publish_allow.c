/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_allow: lists of who may go to a part of a site, in each server's own words. What is
 * listed are certificates, by a hash of the whole: one of another CA is not on it, whatever serial
 * number or name it has. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "base/text.h"
#include "relying/publish.h"
#include "ykenroll/x509_tls.h"

#define PROFILE "profile="
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

/* ---- in the words of servers ---- */

/* What each can tell of a certificate: Apache has it in PEM, nginx the SHA-1 of its DER. To get
 * onto a list by SHA-1 somebody would have to find a second certificate, signed by this CA, for a
 * hash that is given: no collision does that. */
static const struct format {
	const char *suffix, *head, *before, *after, *tail;
	const EVP_MD *(*hash)(void);
	bool pem;
} formats[] = {
    {"nginx", "", "", " 1;\n", "", EVP_sha1, false},
    {"apache", "Require expr \"sha1(%{SSL_CLIENT_CERT}) in { 'nobody'", ", \\\n'", "'", " }\"\n",
	EVP_sha1, true},
    {"haproxy", "", "", "\n", "", EVP_sha256, false},
    {"caddy", "", "", " listed\n", "", EVP_sha256, false},
};

static int
add(struct blob *to, const char *text, struct err *err)
{
	return blob_append(to, text, strlen(text), err);
}

static int
add_leaf(const struct format *f, const struct leaf *one, struct blob *to, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	const struct blob *what = &one->der;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int rc;

	if (f->pem) {
		if ((rc = pem_put(&one->der, PEM_CERT, &pem, err)) != 0)
			return rc;
		what = &pem;
	}
	if (EVP_Digest(what->data, what->len, hash, &len, f->hash(), NULL) != 1)
		return err_set(err, ERR_INTERNAL, "cannot hash a certificate");
	text_hex(hash, len, hex);
	return (rc = add(to, f->before, err)) != 0 || (rc = add(to, hex, err)) != 0
		   ? rc
		   : add(to, f->after, err);
}

static int
put_format(const struct live *v, const bool *on, const struct format *f, const char *dir,
    const char *name, size_t *written, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	char path[PATH_MAX], head[200];
	size_t i;
	int n, rc;

	snprintf(head, sizeof(head), "# Kept by ykenroll ca publish: allow.%s in ykenroll.conf.\n",
	    name);
	n = snprintf(path, sizeof(path), "%s/allow-%s.%s", dir, name, f->suffix);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, ERR_USAGE, "path too long: %s", dir);
	if ((rc = add(&text, head, err)) != 0 || (rc = add(&text, f->head, err)) != 0)
		return rc;
	for (i = 0; i < v->n; i++)
		if (on[i] && (rc = add_leaf(f, &v->all[i], &text, err)) != 0)
			return rc;
	return (rc = add(&text, f->tail, err)) != 0 ? rc : live_put(path, &text, written, err);
}

/* ---- who ---- */

struct picking {
	struct registry *registry;
	const struct live *v; /* of these; none: it is only asked whether it can be said so */
	bool *on;	      /* v->n */
	const char *word;     /* of this line */
	bool software;	      /* it names the certificate of a key that is in no token */
	struct err *err;
};

static void
pick_serial(const struct picking *p, const uint8_t serial[static REGISTRY_SERIAL_LEN])
{
	size_t i;

	for (i = 0; i < p->v->n; i++)
		if (p->v->all[i].info.serial_len == REGISTRY_SERIAL_LEN &&
		    memcmp(p->v->all[i].info.serial, serial, REGISTRY_SERIAL_LEN) == 0)
			p->on[i] = true;
}

static void
pick_found(const struct picking *p, const struct registry_found *f)
{
	size_t i;

	if (f->has_cert)
		pick_serial(p, f->cert_serial);
	for (i = 0; i < p->v->n; i++)
		if ((f->holder != 0 && p->v->all[i].of.holder == f->holder) ||
		    (f->token != 0 && p->v->all[i].of.token == f->token))
			p->on[i] = true;
}

static int
pick_software(void *ctx, const struct registry_software *one, const struct blob *cert)
{
	struct picking *p = ctx;
	uint8_t serial[REGISTRY_SERIAL_LEN];
	struct cert_names names;
	const int rc = cert_names(cert, &names, p->err);

	if (rc != 0)
		return rc;
	if (strcmp(names.subject_cn, p->word) != 0 &&
	    !(registry_serial_parse(p->word, serial) &&
		memcmp(serial, one->serial, sizeof(serial)) == 0))
		return 0;
	p->software = true;
	pick_serial(p, one->serial);
	return 0;
}

/* An e-mail address, a name, a serial number: what `ykenroll show` finds, and programs by theirs.
 */
static int
pick_word(struct picking *p, struct err *err)
{
	struct registry_found f = {.holder = 0};
	bool found;
	int rc = registry_find(p->registry, p->word, &f, err);

	p->software = false;
	p->err = err;
	if ((rc = err_answer(rc, ERR_ABSENT, &found, err)) != 0 ||
	    (rc = registry_software_each(p->registry, 0, pick_software, p, err)) != 0)
		return rc;
	if (found && p->software)
		return err_set(err, ERR_AMBIGUOUS,
		    "%s is a holder's, and a program's; give the e-mail address or a serial number",
		    p->word);
	if (!found && !p->software)
		return err_set(
		    err, ERR_USAGE, "no holder, token or certificate matches %s", p->word);
	pick_found(p, &f);
	return 0;
}

/* The word of a line, or nothing: "#" begins a comment there or behind a space. */
static char *
word_of(char *line)
{
	char *end, *p;

	while (isspace((unsigned char)*line))
		line++;
	for (p = line; *p != '\0'; p++)
		if (*p == '#' && (p == line || isspace((unsigned char)p[-1])))
			*p-- = '\0';
	for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	return line;
}

/* Each line is looked at, the first that is wrong is told, the others count. */
static int
pick_file(struct picking *p, const char *path, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0};
	char *line, *next;
	int rc, first = 0;
	unsigned n = 0;

	if ((rc = file_read_ours(path, &text, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE, "there is no file %s", path) : rc;
	if (text.len > 0 && memchr(text.data, 0, text.len) != NULL)
		return err_set(err, ERR_USAGE, "%s has a NUL byte in it", path);
	if ((rc = blob_append(&text, "", 1, err)) != 0)
		return rc;
	for (line = (char *)text.data; line != NULL; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		n++;
		p->word = word_of(line);
		if (*p->word == '\0' || (rc = pick_word(p, first == 0 ? err : NULL)) == 0)
			continue;
		if (first == 0)
			err_wrap(err, "%s, line %u", path, n);
		first = first == 0 ? rc : first;
	}
	return first;
}

static bool
is_profile(const char *who)
{
	return strncmp(who, PROFILE, strlen(PROFILE)) == 0;
}

static int
pick(struct picking *p, const char *who, struct err *err)
{
	size_t i;

	if (!is_profile(who))
		return pick_file(p, who, err);
	for (i = 0; i < p->v->n; i++)
		p->on[i] = strcmp(p->v->all[i].of.profile, who + strlen(PROFILE)) == 0;
	return 0;
}

int
allow_form(const char *name, const char *who, struct err *err)
{
	if (name[0] == '\0' || strlen(name) > 64 || name[strspn(name, NAME_CHARS)] != '\0')
		return err_set(err, ERR_USAGE,
		    "invalid name of a list, '%s': letters, digits and hyphens", name);
	if (is_profile(who) ? who[strlen(PROFILE)] != '\0' : who[0] == '/')
		return 0;
	return err_set(err, ERR_USAGE,
	    "a list is profile=NAME, or the absolute path of a file that names holders, not '%s'",
	    who);
}

/* 1: that was one of this profile. */
static int
is_of(void *profile, const struct registry_live *of, const struct blob *der)
{
	(void)der;
	return strcmp(of->profile, profile) == 0;
}

static int
is_software_of(void *profile, const struct registry_software *one, const struct blob *der)
{
	(void)der;
	return strcmp(one->profile, profile) == 0;
}

/* Profiles are the signer's; a desk knows those of which there is a certificate. */
static int
check_profile(struct registry *r, const char *name, struct err *err)
{
	char copy[REGISTRY_TEXT_MAX];
	int rc;

	snprintf(copy, sizeof(copy), "%s", name);
	rc = registry_live(r, 0, is_of, copy, err);
	if (rc == 0)
		rc = registry_software_each(r, 0, is_software_of, copy, err);
	if (rc == 0)
		return err_set(err, ERR_USAGE,
		    "there is no certificate of profile %s yet; see `ykenroll list`, or issue one "
		    "first",
		    name);
	return rc < 0 ? rc : 0;
}

int
relying_allow_check(const struct desk *w, const char *who, struct err *err)
{
	CLEAN(registry_closep) struct registry *registry = NULL;
	const struct live none = {.n = 0};
	struct picking p = {.v = &none};
	int rc;

	if ((rc = allow_form("x", who, err)) != 0)
		return rc;
	if ((rc = registry_open(w->home, w->actor, &registry, err)) != 0)
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	p.registry = registry;
	return is_profile(who) ? check_profile(registry, who + strlen(PROFILE), err)
			       : pick_file(&p, who, err);
}

/* ---- the files of a list ---- */

static int
put_list(const struct live *v, struct registry *r, const char *dir, const struct allow *list,
    struct relying_published *ret, struct err *err)
{
	struct picking p = {.registry = r, .v = v};
	struct err why = ERR_INIT;
	size_t i;
	int rc = 0;

	if ((p.on = calloc(v->n + 1, sizeof(*p.on))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if (pick(&p, list->who, &why) != 0 && ret->list.code == 0) {
		err_wrap(&why, "allow.%s", list->name);
		ret->list = why;
	}
	for (i = 0; rc == 0 && i < sizeof(formats) / sizeof(formats[0]); i++)
		rc = put_format(v, p.on, &formats[i], dir, list->name, &ret->written, err);
	free(p.on);
	ret->lists++;
	return rc;
}

int
allow_put(const struct live *v, struct registry *r, const char *dir, const struct allows *lists,
    struct relying_published *ret, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < lists->n; i++)
		rc = put_list(v, r, dir, &lists->all[i], ret, err);
	return rc;
}

static bool
is_kept(const struct allows *lists, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < lists->n; i++)
		if (strlen(lists->all[i].name) == len && memcmp(lists->all[i].name, name, len) == 0)
			return true;
	return false;
}

void
allow_look(const struct desk *w, const char *dir, const struct allows *lists, const struct err *why,
    struct relying_published *ret)
{
	static const char head[] = "allow-", tail[] = ".haproxy";
	const size_t before = sizeof(head) - 1, after = sizeof(tail) - 1;
	CLEAN(file_dir_closep) DIR *d = opendir(dir);
	char text[PATH_MAX + 200];
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		const size_t len = strlen(e->d_name);

		if (len <= before + after || strncmp(e->d_name, head, before) != 0 ||
		    strcmp(e->d_name + len - after, tail) != 0 ||
		    is_kept(lists, e->d_name + before, len - before - after))
			continue;
		if (why->code != 0) {
			ret->list = *why;
			err_wrap(&ret->list, "%s/%s is not kept", dir, e->d_name);
			continue;
		}
		snprintf(text, sizeof(text),
		    "warning: %s/%s is kept by nothing: name it in ykenroll.conf, or remove it and "
		    "what the server's configuration says of it",
		    dir, e->d_name);
		w->ui.say(w->ui.ctx, text);
	}
}
