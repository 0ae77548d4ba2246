/* SPDX-License-Identifier: BSD-2-Clause */
/* publish: what its files share. */
#ifndef RELYING_PUBLISH_H
#define RELYING_PUBLISH_H

#include "signer/crl_file.h"
#include "ykenroll/registry.h"
#include "ykenroll/relying_publish.h"

/* The files alone; the directory is locked meanwhile. */
MUST_CHECK int publish_files(const struct desk *w, const struct relying_publish *what,
    struct relying_published *ret, struct err *err);

/* What runs behind them. Errors: ERR_INTERNAL. */
MUST_CHECK int publish_commands(const struct relying_publish *what, struct err *err);
/* Errors: p->list, where a list is not as it should be. */
MUST_CHECK int publish_list_failed(const struct relying_published *p, struct err *err);

/* CRLs on disk: one of a million entries is not held in memory. */
struct list {
	struct crl_file file;
	uint8_t hash[LOG_HASH_LEN];
	struct crl crl; /* when somebody has opened it */
};
#define LISTS_MAX 8 /* more in a bundle that somebody else left there are not looked at */
struct lists {
	struct list all[LISTS_MAX];
	size_t n;
	off_t size; /* of the file that was read last */
};
/* Append what is in a file, in PEM or as DER. What is no PEM is nothing. Errors: ERR_ABSENT there
 * is no such file; ERR_INTERNAL. */
MUST_CHECK int lists_read(const char *path, bool der, struct lists *ret, struct err *err);
void lists_wipe(struct lists *l);

/* Open and lock a directory that servers read; it is made where there is none. *ret_fd: close it.
 * Errors: ERR_USAGE it is none, or writable by everybody; ERR_INTERNAL. */
MUST_CHECK int publish_dir(const char *dir, int *ret_fd, struct err *err);

/* ---- who may log in ---- */

struct leaf {
	struct registry_live of; /* of a key that is in no token: no holder, no token */
	struct cert_info info;
	struct blob der;
	char serial[2 * X509_SERIAL_MAX + 1];
	bool listed; /* in the CRL */
};
struct live {
	struct crl *crl;
	const struct blob *issuing, *root;
	struct leaf *all; /* by serial */
	size_t n, room;
};
/* The issuing CA's clients whose certificates have not ended and are not in the CRL. Errors:
 * ERR_ABSENT registry is NULL. */
MUST_CHECK int live_read(struct live *v, struct registry *registry, struct err *err);
void live_wipe(struct live *v);
/* A file of this text, read back. *written: one more when it was not so. */
MUST_CHECK int live_put(
    const char *path, const struct blob *text, size_t *written, struct err *err);

/* Caddy's list. Is there one in this directory, and can there be? Errors: ERR_USAGE its path cannot
 * be said in a Caddyfile. */
bool leaves_there(const char *dir);
MUST_CHECK int leaves_check(const char *dir, struct err *err);
MUST_CHECK int leaves_put(const struct live *v, const char *dir, size_t *written, struct err *err);

/* ---- ykenroll.conf, and who may go where ---- */

#define ALLOW "allow."
#define ALLOWS_MAX 16
struct allow {
	const char *name; /* "admin": of allow-admin.nginx and its like */
	const char *who;  /* "profile=NAME", or the path of a file that names holders */
};
struct allows {
	struct allow all[ALLOWS_MAX];
	size_t n;
};
/* Errors: ERR_USAGE. */
MUST_CHECK int allow_form(const char *name, const char *who, struct err *err);
/* Adds to ret->written and ret->lists. ret->list: the first that names somebody who is not to be
 * found; the others of it are listed. Errors: ERR_INTERNAL. */
MUST_CHECK int allow_put(const struct live *v, struct registry *registry, const char *dir,
    const struct allows *lists, struct relying_published *ret, struct err *err);

/* Are there files of a list that is none of these? Who should fall out of it stays, which is said;
 * or, why having a code since ykenroll.conf could not be read, becomes ret->list. */
void allow_look(const struct desk *w, const char *dir, const struct allows *lists,
    const struct err *why, struct relying_published *ret);

#define CONFIG_PLACES 8
struct config { /* the strings belong to conf */
	struct relying_publish to[CONFIG_PLACES];
	struct allows allow[CONFIG_PLACES];
	size_t n;
	struct conf_st *conf;
};
/* A home without the file has an empty one. Errors: ERR_USAGE. */
MUST_CHECK int config_read(const char *home, struct config *ret, struct err *err);
void config_wipe(struct config *c);
/* The lists of the directory that is open here. */
void config_allows(const struct config *c, int dir, struct allows *ret);

#endif
