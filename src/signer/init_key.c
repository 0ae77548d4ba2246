/* SPDX-License-Identifier: BSD-2-Clause */
#include "signer/ca.h"
#include "signer/init_make.h"
#include "signer/sign.h"

struct wanted {
	const char *name, *file; /* for messages; in ca.new */
	const char *uri;	 /* NULL: a file */
	enum key_alg alg, usual;
	const struct secret *pass;
};

static struct wanted
wanted(const struct signer_init *init, enum log_ca which)
{
	const struct secret *root_pass = init->root_pass != NULL ? init->root_pass : init->pass;

	if (which == LOG_ROOT)
		return (struct wanted){"root", CA_NEW "/root.key", init->root_key, init->root_alg,
		    KEY_P384, root_pass};
	return (struct wanted){"issuing", CA_NEW "/issuing.key", init->issuing_key,
	    init->issuing_alg, KEY_P256, init->pass};
}

static int
words(const struct wanted *w, struct err *err)
{
	enum key_secret kind = KEY_SECRET_PASSPHRASE;
	const struct sign_algorithm *alg;
	int rc;

	if (w->uri != NULL && (rc = key_p11_secret(w->uri, &kind, err)) != 0)
		return err == NULL ? rc : err_wrap(err, "the %s CA's key", w->name);
	/* an imported CA may have one; a new one lives longer */
	if (w->alg == KEY_RSA2048)
		return err_set(err, ERR_USAGE,
		    "RSA2048 is too weak for a new CA key; use ECCP256, ECCP384, RSA3072, "
		    "RSA4096 or ED25519");
	if (w->alg != KEY_NONE && sign_algorithm(w->alg, &alg, err) != 0) {
		if (err != NULL)
			err->code = ERR_USAGE;
		return ERR_USAGE;
	}
	return 0;
}

static int
pass_there(const struct wanted *w, struct err *err)
{
	enum key_secret kind = KEY_SECRET_PASSPHRASE;
	int rc;

	if (w->uri != NULL && (rc = key_p11_secret(w->uri, &kind, err)) != 0)
		return rc;
	if (kind != KEY_SECRET_NONE && (w->pass == NULL || w->pass->len == 0))
		return err_set(err, ERR_USAGE, "the CA key needs a %s",
		    kind == KEY_SECRET_PIN ? "PIN" : "passphrase");
	return 0;
}

int
init_key_pass(const struct signer_init *init, struct err *err)
{
	const struct wanted root = wanted(init, LOG_ROOT), issuing = wanted(init, LOG_ISSUING);
	int rc;

	if (!init->single && (rc = pass_there(&root, err)) != 0)
		return rc;
	return pass_there(&issuing, err);
}

int
init_key_words(const struct signer_init *init, struct err *err)
{
	const struct wanted root = wanted(init, LOG_ROOT), issuing = wanted(init, LOG_ISSUING);
	int rc;

	if (init->single && (root.uri != NULL || root.alg != KEY_NONE || init->root_pass != NULL))
		return err_set(err, ERR_USAGE, "a single-level CA has one key");
	if (!init->single && (rc = words(&root, err)) != 0)
		return rc;
	if (init->adopt && root.uri == NULL && issuing.uri == NULL)
		return err_set(err, ERR_USAGE, "--adopt is for keys in an HSM: give the key's URI");
	return words(&issuing, err);
}

static int
adopt(const struct wanted *w, struct key **ret, struct err *err)
{
	CLEAN(key_freep) struct key *key = NULL;
	int rc;

	if ((rc = key_p11_open(w->uri, w->pass, &key, err)) != 0)
		return rc;
	if (w->alg != KEY_NONE && key_algorithm(key) != w->alg)
		return err_set(err, ERR_USAGE, "it is a %s key, not %s",
		    key_alg_name(key_algorithm(key)), key_alg_name(w->alg));
	*ret = TAKE(key);
	return 0;
}

static int
making(void *ctx, struct err *err)
{
	return init_note_put(ctx, err);
}

/* One that an interrupted call made is taken over. */
static int
make_there(const struct signer_init *init, const struct wanted *w, enum key_alg alg,
    struct key **ret, struct err *err)
{
	struct init_note note = {.home = init->home, .uri = w->uri};
	const struct key_note before = {.making = making, .ctx = &note};
	const struct wanted as = {w->name, w->file, w->uri, alg, w->usual, w->pass};
	struct err why = ERR_INIT;
	bool ours = false;
	int rc;

	if ((rc = init_note_has(&note, &ours, err)) != 0)
		return rc;
	rc = key_p11_generate(w->uri, alg, w->pass, ours ? NULL : &before, ret, &why);
	if (rc == ERR_OCCUPIED && ours)
		return adopt(&as, ret, err);
	return rc == 0 ? 0 : err_set(err, rc, "%s", why.text);
}

static int
make(const struct signer_init *init, enum log_ca which, struct key **ret, struct err *err)
{
	const struct wanted w = wanted(init, which);
	const enum key_alg alg = w.alg == KEY_NONE ? w.usual : w.alg;
	int rc;

	if (w.uri == NULL)
		rc = key_generate(alg, ret, err);
	else if (init->adopt)
		rc = adopt(&w, ret, err);
	else
		rc = make_there(init, &w, alg, ret, err);
	if (rc == 0)
		rc = key_file_save(*ret, ca_name(init->home, w.file).at, w.pass, err);
	if (rc != 0)
		err_wrap(err, "the %s CA's key", w.name);
	return rc;
}

int
init_key_make(const struct signer_init *init, struct key **ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob root = {0}, issuing = {0};
	int rc;

	if (init->single)
		return make(init, LOG_ISSUING, &ret[LOG_ISSUING], err);
	if ((rc = make(init, LOG_ROOT, &ret[LOG_ROOT], err)) != 0 ||
	    (rc = make(init, LOG_ISSUING, &ret[LOG_ISSUING], err)) != 0 ||
	    (rc = key_spki(ret[LOG_ROOT], &root, err)) != 0 ||
	    (rc = key_spki(ret[LOG_ISSUING], &issuing, err)) != 0)
		return rc;
	return blob_equal(&root, &issuing)
		   ? err_set(err, ERR_USAGE, "root and issuing CA need different keys")
		   : 0;
}
