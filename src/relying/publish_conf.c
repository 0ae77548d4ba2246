/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_conf: what a desk reads in ykenroll.conf (OpenSSL's syntax): [publish] and any
 * [publish NAME], each a place where servers read what the CA says. The rest of the file is the
 * signer's (signer/rules.h). */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/conf.h>

#include "base/file.h"
#include "desk/reload.h"
#include "key/ossl.h"
#include "relying/publish.h"
#include "ykenroll/relying_server.h"

#define CONFIG_NAME "ykenroll.conf"

void
config_wipe(struct config *c)
{
	NCONF_free(c->conf);
}

static void
names_freep(STACK_OF(OPENSSL_CSTRING) * *names)
{
	sk_OPENSSL_CSTRING_free(*names);
}

static int
yes_or_no(const char *text, bool *ret, struct err *err)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return err_set(err, ERR_USAGE, "invalid leaves = %s; use yes or no", text);
	*ret = strcmp(text, "yes") == 0;
	return 0;
}

static int
command(const char *text, const char **ret, struct err *err)
{
	int rc = reload_check(text, err);

	if (rc == 0)
		*ret = text;
	return rc;
}

static int
one_allow(const char *name, const char *who, struct allows *to, struct err *err)
{
	if (to->n == ALLOWS_MAX)
		return err_set(err, ERR_USAGE, "more than %d lists", ALLOWS_MAX);
	to->all[to->n++] = (struct allow){name, who};
	return allow_form(name, who, err);
}

static int
one_value(const CONF_VALUE *v, struct config *c, const char **ret_server, struct err *err)
{
	struct relying_publish *to = &c->to[c->n];

	if (strcmp(v->name, "dir") == 0) {
		to->dir = v->value;
		return v->value[0] == '/' ? 0
					  : err_set(err, ERR_USAGE,
						"dir must be an absolute path, not %s", v->value);
	}
	if (strcmp(v->name, "test") == 0)
		return command(v->value, &to->test, err);
	if (strcmp(v->name, "reload") == 0)
		return command(v->value, &to->reload, err);
	if (strcmp(v->name, "leaves") == 0)
		return yes_or_no(v->value, &to->leaves, err);
	if (strcmp(v->name, "server") == 0) {
		*ret_server = v->value;
		return 0;
	}
	if (strncmp(v->name, ALLOW, strlen(ALLOW)) == 0)
		return one_allow(v->name + strlen(ALLOW), v->value, &c->allow[c->n], err);
	return err_set(err, ERR_USAGE,
	    "unknown setting '%s'; use dir, server, test, reload, leaves and allow.NAME", v->name);
}

int
relying_publish_usual(const char *name, struct relying_publish *to, struct err *err)
{
	const struct server_info *info;
	const int rc = server_find(name, &info, err);

	if (rc != 0)
		return rc;
	if (to->test == NULL)
		to->test = info->test;
	if (to->reload == NULL)
		to->reload = info->reload;
	to->leaves = to->leaves || info->leaves;
	return 0;
}

static int
one_place(const char *section, struct config *c, struct err *err)
{
	STACK_OF(CONF_VALUE) *all = NCONF_get_section(c->conf, section);
	struct relying_publish *to = &c->to[c->n];
	const char *server = NULL;
	int i, rc = 0;

	if (c->n == CONFIG_PLACES)
		return err_set(err, ERR_USAGE, "more than %d places", CONFIG_PLACES);
	for (i = 0; rc == 0 && i < sk_CONF_VALUE_num(all); i++)
		rc = one_value(sk_CONF_VALUE_value(all, i), c, &server, err);
	if (rc == 0 && server != NULL)
		rc = relying_publish_usual(server, to, err);
	if (rc == 0 && to->dir == NULL)
		rc = err_set(err, ERR_USAGE, "the setting dir is missing");
	c->n++;
	return rc;
}

static int
places(struct config *c, struct err *err)
{
	CLEAN(names_freep) STACK_OF(OPENSSL_CSTRING) *all = NCONF_get_section_names(c->conf);
	const char *name;
	int i, rc;

	for (i = 0; i < sk_OPENSSL_CSTRING_num(all); i++) {
		name = sk_OPENSSL_CSTRING_value(all, i);
		if (strcmp(name, "publish") != 0 && strncmp(name, "publish ", 8) != 0)
			continue;
		if ((rc = one_place(name, c, err)) != 0)
			return err_wrap(err, "%s: [%s]", CONFIG_NAME, name);
	}
	return 0;
}

/* Is a command said in this line? Then where it begins. */
static const char *
command_in(const char *line)
{
	static const char *const names[] = {"test", "reload"};
	size_t i;

	line += strspn(line, " \t");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const size_t n = strlen(names[i]);
		const char *p = line + n;

		if (strncmp(line, names[i], n) == 0 && (p += strspn(p, " \t"))[0] == '=')
			return p;
	}
	return NULL;
}

/* The whole of it is in one pair of quotes: they are OpenSSL's. p: behind the "=". */
static bool
quoted_whole(const char *p)
{
	size_t n = strcspn(p, "\n"), skip = strspn(p, " \t");

	while (n > skip && strchr(" \t\r", p[n - 1]) != NULL)
		n--;
	return n >= skip + 2 && strchr("'\"`", p[skip]) != NULL &&
	       skip + 1 + strcspn(p + skip + 1, "'\"`\n") == n - 1 && p[n - 1] == p[skip];
}

/* OpenSSL's reader takes quotes away, which in a command say what is one word. */
static int
keep_quotes(const char *text, struct blob *ret, struct err *err)
{
	const char *line = text, *from = text;
	int rc = 0;

	for (; rc == 0 && *line != '\0'; line += strcspn(line, "\n"), line += *line != '\0') {
		const char *p = command_in(line);

		if (p != NULL && quoted_whole(p + 1))
			continue;
		for (; rc == 0 && p != NULL && *p != '\0' && *p != '\n'; p++) {
			if (strchr("'\"`", *p) == NULL || p[-1] == '\\')
				continue;
			if ((rc = blob_append(ret, from, (size_t)(p - from), err)) == 0)
				rc = blob_append(ret, "\\", 1, err);
			from = p;
		}
	}
	return rc != 0 ? rc : blob_append(ret, from, strlen(from) + 1, err);
}

/* A home without the file has an empty one. */
int
config_read(const char *home, struct config *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob text = {0}, kept = {0};
	CLEAN(bio_freep) BIO *bio = NULL;
	char path[PATH_MAX];
	long line = 0;
	int rc;

	if ((rc = file_join(path, sizeof(path), home, CONFIG_NAME, err)) != 0)
		return rc;
	if ((rc = file_read_ours(path, &text, err)) != 0)
		return rc == ERR_ABSENT ? 0 : rc;
	if (text.len > 0 && memchr(text.data, 0, text.len) != NULL)
		return err_set(err, ERR_USAGE, "%s has a NUL byte in it", path);
	if ((rc = blob_append(&text, "", 1, err)) != 0 ||
	    (rc = keep_quotes((const char *)text.data, &kept, err)) != 0)
		return rc;
	ret->conf = NCONF_new(NULL);
	bio = BIO_new_mem_buf(kept.data, (int)kept.len - 1);
	if (ret->conf == NULL || bio == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if (NCONF_load_bio(ret->conf, bio, &line) != 1)
		return err_set(err, ERR_USAGE, "%s: line %ld is malformed", path, line);
	return places(ret, err);
}

void
config_allows(const struct config *c, int dir, struct allows *ret)
{
	struct stat is, st;
	size_t i, k;

	ret->n = 0;
	if (fstat(dir, &is) != 0)
		return;
	for (i = 0; i < c->n; i++) {
		if (stat(c->to[i].dir, &st) != 0 || st.st_dev != is.st_dev ||
		    st.st_ino != is.st_ino)
			continue;
		for (k = 0; k < c->allow[i].n && ret->n < ALLOWS_MAX; k++)
			ret->all[ret->n++] = c->allow[i].all[k];
	}
}
