/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init: make a CA. Everything is made in ca.new, synced, and renamed to ca, with a file
 * "unfinished" in it that goes when pub/ and ykenroll.conf are there too. A crash leaves ca.new, or
 * ca with that file: neither has been used (ca_there refuses it), and the next call removes it and
 * starts anew, with the new call's name and passphrase.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/ca.h"
#include "signer/check.h"
#include "signer/crl.h"
#include "signer/init_make.h"
#include "signer/profile.h"
#include "signer/sign.h"
#include "x509/parse.h"
#include "ykenroll/x509.h"

#define ROOT_DAYS 7300
#define ISSUING_DAYS 3650
#define DAY INT64_C(86400)
#define BACKDATE 3600	  /* seconds; the first certificates are backdated too */
#define NAME_MAX_CHARS 40 /* of 64 for the CN: RFC 5280, A.1, ub-common-name */
#define NEW_INTERMEDIATES CA_NEW "/intermediates"
#define INTERMEDIATES_MAX 16 /* behind a rehearsal root */

static void
making_wipe(struct making *m)
{
	size_t i;

	log_closep(&m->log);
	for (i = 0; i < LOG_CAS; i++) {
		key_freep(&m->keys[i]);
		blob_wipe(&m->certs[i]);
		blob_wipe(&m->crls[i]);
	}
}

/* ---- files ---- */

static int
remove_new(const char *home, struct err *err)
{
	return file_remove_tree(ca_name(home, CA_NEW).at, err);
}

/* Before ca/ goes: alone, pub/root.crt would look like that of a CA whose directory was lost. The
 * next one may be of one level, and have no root.crl. */
static int
unpublish(const char *home, struct err *err)
{
	const struct ca_name names[] = {
	    ca_name(home, CA_PUB "/root.crl"), ca_name(home, CA_PUB "/root.crt")};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (unlink(names[i].at) != 0 && errno != ENOENT)
			return err_errno(err, ERR_INTERNAL, "cannot remove %s", names[i].at);
	return ca_has(home, CA_PUB) ? file_sync_dir(names[0].at, err) : 0;
}

static int
vacant(const char *home, struct err *err)
{
	if (ca_has(home, CA_UNFINISHED))
		return 0;
	if (ca_has(home, CA_DIR))
		return err_set(err, ERR_OCCUPIED, "%s already contains a CA", home);
	if (ca_has(home, CA_PUB "/root.crt"))
		return err_set(err, ERR_OCCUPIED,
		    "%s/pub belongs to a CA whose directory %s is missing; put it back, or use "
		    "another home",
		    home, ca_name(home, CA_DIR).at);
	return 0;
}

/* Remove what an interrupted call left; refuse where a CA is, or was. */
static int
clear(const char *home, struct err *err)
{
	const struct ca_name new = ca_name(home, CA_NEW), ca = ca_name(home, CA_DIR);
	const bool unfinished = ca_has(home, CA_UNFINISHED);
	int rc;

	if ((rc = vacant(home, err)) != 0)
		return rc;
	if ((rc = remove_new(home, err)) != 0 || (unfinished && (rc = unpublish(home, err)) != 0))
		return rc;
	/* by way of ca.new: ca is there as a whole or not at all */
	if (unfinished && rename(ca.at, new.at) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot rename %s", ca.at);
	return unfinished ? remove_new(home, err) : 0;
}

/* ---- keys and certificates ---- */

static void
name_ca(const struct signer_init *init, enum log_ca who, char *ret, size_t size)
{
	const char *level = init->single ? "" : who == LOG_ROOT ? " Root" : " Issuing";

	snprintf(ret, size, "%s%s%s CA", init->rehearsal_root == NULL ? "" : "REHEARSAL ",
	    init->name, level);
}

/* The root signs itself and then the issuing CA, each after its intent as ever. */
static int
make_cert(struct making *m, enum log_ca who, struct err *err)
{
	/* of one level there is one key, which goes on to sign the others' */
	const struct key *root = m->keys[m->single ? LOG_ISSUING : LOG_ROOT];
	const unsigned days[LOG_CAS] = {
	    [LOG_ROOT] = m->init->root_days == 0 ? ROOT_DAYS : m->init->root_days,
	    [LOG_ISSUING] = m->init->issuing_days == 0 ? ISSUING_DAYS : m->init->issuing_days,
	};
	CLEAN(blob_wipe) struct blob spki = {0}, tbs = {0};
	struct names names = {0};
	struct cert_plan plan = {
	    .kind = who == LOG_ROOT ? PLAN_ROOT : PLAN_ISSUING,
	    .not_before = m->now - BACKDATE,
	    .names = &names,
	    .spki = &spki,
	    .issuer = who == LOG_ROOT ? NULL : &m->certs[LOG_ROOT],
	    .issuer_alg = key_algorithm(root),
	};
	struct log_row intent = {
	    .ca = LOG_ROOT, .serial = plan.serial, .serial_len = sizeof(plan.serial)};
	int rc;

	/* inclusive at both ends: RFC 5280, 4.1.2.5 */
	plan.not_after = intent.not_after = plan.not_before + days[who] * DAY - 1;
	name_ca(m->init, who, names.who.name, sizeof(names.who.name));
	if ((rc = key_spki(who == LOG_ROOT ? root : m->keys[who], &spki, err)) != 0 ||
	    (rc = ca_serial(m->log, ca_random, plan.serial, err)) != 0 ||
	    (rc = profile_build(&plan, &tbs, err)) != 0 || (rc = check_tbs(&plan, &tbs, err)) != 0)
		return rc;
	intent.data = tbs.data;
	intent.data_len = tbs.len;
	return sign_cert(m->log, &m->who, root, &intent, &m->certs[who], err);
}

int
init_make_crl(struct making *m, enum log_ca ca, unsigned days, struct err *err)
{
	const struct ca_name dir = ca_name(m->init->home, CA_NEW);
	const struct crl_plan plan = {
	    .ca = ca,
	    .issuer = &m->certs[ca],
	    .key = m->keys[ca],
	    .number = m->log->sums.crls[ca].number + 1,
	    .this_update = m->now - PROFILE_BACKDATE,
	    .next_update = m->now + days * DAY,
	    .dir = dir.at,
	};

	return crl_issue(m->log, &m->who, &plan, &m->crls[ca], err);
}

/* n 0: the root; then the intermediates below it. */
static int
keep_rehearsal(const char *home, size_t n, const struct blob *der, struct err *err)
{
	const struct ca_name path = ca_name(home, NEW_INTERMEDIATES);
	char name[64];
	int rc;

	if (n == 0)
		return ca_write_pem(
		    home, CA_NEW "/rehearsal-root.pem", der, 1, PEM_CERT, 0600, err);
	if ((rc = file_private_dir(path.at, err)) != 0)
		return rc;
	snprintf(name, sizeof(name), NEW_INTERMEDIATES "/rehearsal-%zu.pem", n);
	return ca_write_pem(home, name, der, 1, PEM_CERT, 0600, err);
}

/* keep false: it is only read. */
static int
take_rehearsal(const struct signer_init *init, bool keep, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0}, der = {0};
	CLEAN(bio_freep) BIO *bio = NULL;
	const char *file = init->rehearsal_root;
	struct cert_info info;
	size_t n;
	int rc;

	if (file == NULL)
		return 0;
	if ((rc = file_read(file, &pem, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE, "%s does not exist", file) : rc;
	if (pem.len > 0 && (bio = BIO_new_mem_buf(pem.data, (int)pem.len)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read PEM");
	for (n = 0; bio != NULL && (rc = pem_next(bio, PEM_CERT, &der, err)) == 1; n++) {
		if (n > INTERMEDIATES_MAX)
			return err_set(err, ERR_USAGE, "%s contains too many certificates", file);
		if (cert_read(der.data, der.len, &info, err) != 0)
			return err_set(
			    err, ERR_USAGE, "%s: block %zu is not a certificate", file, n + 1);
		if (keep && (rc = keep_rehearsal(init->home, n, &der, err)) != 0)
			return rc;
	}
	if (rc == 0 && n == 0)
		return err_set(err, ERR_USAGE, "%s is not a certificate in PEM", file);
	return rc;
}

/* ---- the two halves ---- */

static int
fill_new(struct making *m, void *ctx, unsigned crl_days, struct err *err)
{
	int rc;

	(void)ctx;
	m->single = m->init->single;
	if ((rc = init_key_make(m->init, m->keys, err)) != 0 ||
	    (rc = make_cert(m, LOG_ROOT, err)) != 0)
		return rc;
	if (m->single) {
		rc = blob_set(
		    &m->certs[LOG_ISSUING], m->certs[LOG_ROOT].data, m->certs[LOG_ROOT].len, err);
		return rc != 0 ? rc : init_make_crl(m, LOG_ISSUING, crl_days, err);
	}
	if ((rc = make_cert(m, LOG_ISSUING, err)) != 0 ||
	    (rc = init_make_crl(m, LOG_ROOT, CA_CRL_ROOT_DAYS, err)) != 0)
		return rc;
	return init_make_crl(m, LOG_ISSUING, crl_days, err);
}

/* What the signer keeps and servers get; of one level, or of a root whose key is elsewhere, there
 * is no root.crl. */
static int
write_all(const struct making *m, const char *dir, mode_t mode, struct err *err)
{
	const struct {
		const char *name;
		const struct blob *der;
		const char *block;
	} files[] = {
	    {"issuing.crt", &m->certs[LOG_ISSUING], PEM_CERT},
	    {"root.crt", &m->certs[LOG_ROOT], PEM_CERT},
	    {"root.crl", &m->crls[LOG_ROOT], PEM_CRL},
	};
	char name[64];
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, files[i].name);
		if (files[i].der->len > 0)
			rc = ca_write_pem(
			    m->init->home, name, files[i].der, 1, files[i].block, mode, err);
	}
	return rc;
}

static int
fill(struct making *m, const struct init_source *from, unsigned crl_days, struct err *err)
{
	const char *home = m->init->home;
	int rc;

	if ((rc = file_create(ca_name(home, CA_NEW "/unfinished").at, "", 0, 0600, err)) != 0 ||
	    (rc = log_open(
		 ca_name(home, CA_NEW "/issuance.db").at, LOG_NEW, &m->who, &m->log, err)) != 0)
		return rc;
	if ((rc = take_rehearsal(m->init, true, err)) != 0 ||
	    (rc = from->fill(m, from->ctx, crl_days, err)) != 0)
		return rc;
	log_closep(&m->log); /* before its directory gets another name */
	return write_all(m, CA_NEW, 0600, err);
}

static int
publish(const struct making *m, struct err *err)
{
	const struct ca_name pub = ca_name(m->init->home, CA_PUB);
	int rc;

	if (mkdir(pub.at, 0755) != 0 && errno != EEXIST)
		return err_errno(err, ERR_INTERNAL, "cannot create %s", pub.at);
	if (chmod(pub.at, 0755) != 0) /* whatever the umask */
		return err_errno(err, ERR_INTERNAL, "cannot set the mode of %s", pub.at);
	if ((rc = write_all(m, CA_PUB, 0644, err)) != 0 ||
	    (rc = ca_write_pem(m->init->home, CA_PUB "/issuing.crl", &m->crls[LOG_ISSUING], 1,
		 PEM_CRL, 0644, err)) != 0)
		return rc;
	return ca_write_pem(
	    m->init->home, CA_PUB "/chain.pem", m->certs, m->single ? 1 : 2, PEM_CERT, 0644, err);
}

/* Keep a file that is there: it may have been prepared. */
static int
configure(const char *home, unsigned *ret_crl_days, struct err *err)
{
	CLEAN(rules_freep) struct rules *rules = NULL;
	const struct ca_name path = ca_name(home, CA_CONF);
	int rc;

	rc = file_create(path.at, rules_default, strlen(rules_default), 0600, err);
	if (rc != 0 && rc != ERR_OCCUPIED)
		return rc;
	if ((rc = rules_load(path.at, &rules, err)) != 0)
		return rc;
	*ret_crl_days = rules_crl_days(rules, false);
	return 0;
}

static int
make(const struct signer_init *init, const struct init_source *from, struct err *err)
{
	CLEAN(making_wipe)
	struct making m = {.init = init, .now = utc_now()};
	const struct ca_name ca = ca_name(init->home, CA_DIR);
	const struct ca_name within = ca_name(init->home, CA_NEW "/.");
	const struct ca_name new = ca_name(init->home, CA_NEW);
	unsigned crl_days = 0;
	int rc;

	m.who = (struct log_who){.now = m.now, .peer = (uint32_t)geteuid()};
	if ((rc = init_note_check(init, err)) != 0 || (rc = clear(init->home, err)) != 0 ||
	    (rc = configure(init->home, &crl_days, err)) != 0 ||
	    (rc = file_private_dir(new.at, err)) != 0 ||
	    (rc = fill(&m, from, crl_days, err)) != 0 || (rc = file_sync_dir(within.at, err)) != 0)
		return rc;
	if (rename(new.at, ca.at) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot rename %s", new.at);
	if ((rc = file_sync_dir(ca.at, err)) != 0 || (rc = publish(&m, err)) != 0)
		return rc;
	return init->part ? 0 : ca_finish(init->home, err);
}

static int
words_ok(const struct signer_init *init, struct err *err)
{
	const size_t len = init->name == NULL ? 0 : strlen(init->name);

	if (init->home == NULL || init->home[0] != '/')
		return err_set(err, ERR_USAGE, "the home must be an absolute path");
	if (len == 0 || !text_is_plain(init->name) || text_chars(init->name) > NAME_MAX_CHARS ||
	    init->name[0] == ' ' || init->name[len - 1] == ' ')
		return err_set(err, ERR_USAGE,
		    "the CA's name must have 1 to %d printable characters, without leading or "
		    "trailing spaces",
		    NAME_MAX_CHARS);
	if (init->issuing_days > 0 && init->root_days > 0 && init->issuing_days > init->root_days)
		return err_set(err, ERR_USAGE, "the issuing CA cannot outlive the root");
	return init_key_words(init, err);
}

int
init_run(const struct signer_init *init, const struct init_source *from, struct err *err)
{
	CLEAN(file_closep) int lock = -1;
	int rc;

	if ((lock = open(init->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_errno(err, ERR_USAGE, "cannot open %s", init->home);
	if (!init->part && flock(lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(
		    err, ERR_OCCUPIED, "another ykenroll init is running in %s", init->home);
	if ((rc = make(init, from, err)) != 0)
		return err == NULL ? rc : err_wrap(err, "%s", from->doing);
	return 0;
}

int
init_ca(const struct signer_init *init, struct err *err)
{
	const struct init_source from = {.doing = "init", .fill = fill_new};
	int rc;

	if ((rc = words_ok(init, err)) != 0 || (rc = init_key_pass(init, err)) != 0)
		return rc;
	return init_run(init, &from, err);
}

int
init_check(const struct signer_init *init, struct err *err)
{
	int rc;

	if ((rc = words_ok(init, err)) != 0 || (rc = vacant(init->home, err)) != 0 ||
	    (rc = init_note_check(init, err)) != 0)
		return rc;
	return take_rehearsal(init, false, err);
}
