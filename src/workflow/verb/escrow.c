/* SPDX-License-Identifier: BSD-2-Clause */
/* escrow: people and the escrow. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "desk/session.h"
#include "ykenroll/workflow.h"
#include "ykenroll/x509.h"

static int
wanted_secret(const char *where, enum key_secret *ret, struct err *err)
{
	/* registry_escrow_unlock says that it takes none */
	return strncmp(where, "pkcs11:", 7) == 0 ? 0 : key_file_secret(where, ret, err);
}

int
workflow_escrow_check(const struct desk *w, enum key_secret *ret_wanted, struct err *err)
{
	enum key_secret wanted = KEY_SECRET_NONE;
	int rc;

	if (w->escrow_key == NULL)
		return err_set(err, ERR_PERSON,
		    "sealed secrets can be opened only with a recovery or helpdesk key; use "
		    "--escrow-key FILE");
	rc = wanted_secret(w->escrow_key, &wanted, err);
	if (rc == ERR_ABSENT)
		return err_set(err, ERR_USAGE, "%s does not exist", w->escrow_key);
	if (rc == 0 && ret_wanted != NULL)
		*ret_wanted = wanted;
	return rc;
}

int
workflow_escrow_unlock(
    const struct desk *w, struct registry *r, struct registry_escrow_key **ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	enum key_secret wanted;
	int rc;

	struct err why;

	if ((rc = workflow_escrow_check(w, &wanted, err)) != 0)
		return rc;
	do {
		if (wanted != KEY_SECRET_NONE &&
		    (rc = w->ui.secret(w->ui.ctx, DESK_ESCROW_PASS, pass, err)) != 0)
			return rc;
		why = (struct err)ERR_INIT;
		rc = registry_escrow_unlock(r, w->escrow_key, pass, ret, &why);
	} while (rc == ERR_CA && wanted == KEY_SECRET_PASSPHRASE && w->ui.again != NULL &&
		 w->ui.again(w->ui.ctx, DESK_ESCROW_PASS, &why));
	if (rc != 0 && err != NULL)
		*err = why;
	return rc;
}

static int
is_it(void *ctx, const struct registry_secret *s)
{
	const struct workflow_escrow_open *what = ctx;

	return s->kind == what->kind && (what->version == 0 || s->version == what->version);
}

/* Is there such a one at all? */
static int
check_there(struct registry *r, const struct workflow_escrow_open *what, struct err *err)
{
	const int rc = registry_secrets(r, what->token, is_it, (void *)(uintptr_t)what, err);

	if (rc < 0)
		return rc;
	return rc == 1 ? 0
		       : err_set(err, ERR_USAGE, "the escrow has no such %s of token %u",
			     registry_secret_kind_name(what->kind), (unsigned)what->token);
}

int
workflow_escrow_open(const struct desk *w, const struct workflow_escrow_open *what,
    struct secret *ret, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(registry_escrow_lockp) struct registry_escrow_key *key = NULL;
	char why[REGISTRY_TEXT_MAX];
	const struct registry_escrow_open open = {
	    .token = what->token, .kind = what->kind, .version = what->version, .why = why};
	int rc;

	if (what->reason[0] == '\0' || !text_is_plain(what->reason))
		return err_set(err, ERR_USAGE, "--reason must be printable text and not empty");
	if ((rc = session_note(why, sizeof(why), what->reason, what->ticket, err)) != 0 ||
	    (rc = session_open_registry(w, &r, err)) != 0 ||
	    (rc = check_there(r, what, err)) != 0 ||
	    (rc = workflow_escrow_unlock(w, r, &key, err)) != 0)
		return rc;
	rc = registry_escrow_open(r, key, &open, ret, NULL, err);
	if (rc == ERR_ABSENT && err != NULL)
		err->code = ERR_USAGE;
	return rc == ERR_ABSENT ? ERR_USAGE : rc;
}

/* ---- rekey ---- */

static void
change_wipe(struct registry_escrow_change *c)
{
	size_t i;

	for (i = 0; i < REGISTRY_RECIPIENTS_MAX; i++)
		blob_wipe(&c->add[i].der);
}

static int
add_files(struct registry_escrow_change *c, const char *const *files, enum registry_role role,
    struct err *err)
{
	int rc;

	for (; files != NULL && *files != NULL; files++) {
		CLEAN(blob_wipe) struct blob pem = {0};

		if (c->n_add == REGISTRY_RECIPIENTS_MAX)
			return err_set(
			    err, ERR_USAGE, "at most %d recipients", REGISTRY_RECIPIENTS_MAX);
		rc = file_read(*files, &pem, err);
		if (rc == ERR_ABSENT)
			return err_set(err, ERR_USAGE, "%s does not exist", *files);
		if (rc != 0)
			return rc;
		if (cert_from_pem(&pem, &c->add[c->n_add].der, err) != 0)
			return err_set(err, ERR_USAGE, "%s is not a certificate in PEM", *files);
		c->add[c->n_add++].role = role;
	}
	return 0;
}

int
workflow_escrow_rekey(const struct desk *w, const struct workflow_escrow_rekey *what,
    int64_t *ret_resealed, struct err *err)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	CLEAN(registry_escrow_lockp) struct registry_escrow_key *key = NULL;
	CLEAN(change_wipe) struct registry_escrow_change change = {0};
	char why[REGISTRY_TEXT_MAX];
	const char *const *name;
	int rc;

	if ((rc = session_note(why, sizeof(why), "rekey", what->ticket, err)) != 0 ||
	    (rc = add_files(&change, what->add_recovery, ROLE_RECOVERY, err)) != 0 ||
	    (rc = add_files(&change, what->add_helpdesk, ROLE_HELPDESK, err)) != 0)
		return rc;
	for (name = what->remove; name != NULL && *name != NULL; name++) {
		if (change.n_remove == REGISTRY_RECIPIENTS_MAX)
			return err_set(err, ERR_USAGE, "too many to remove");
		change.remove[change.n_remove++] = *name;
	}
	change.why = why;
	if ((rc = session_open_registry(w, &r, err)) != 0 ||
	    (rc = workflow_escrow_unlock(w, r, &key, err)) != 0 ||
	    (rc = registry_escrow_change(r, key, &change, err)) != 0)
		return rc;
	return registry_escrow_reseal(r, key, ret_resealed, err);
}
