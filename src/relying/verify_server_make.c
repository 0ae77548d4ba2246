/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_make: the probes' certificates, and the revocation of one of them. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "desk/ca.h"
#include "desk/session.h"
#include "relying/verify_server.h"

#define DAY INT64_C(86400)
#define LEFT_MIN (RELYING_PROBE_DAYS * DAY / 3)
#define SERVER_NAME "dns:ykenroll-probe.invalid" /* RFC 6761, 6.4: nobody has it */
#define PASS_LEN 16				 /* bytes, twice as many characters */

struct making {
	const struct desk *w;
	const struct relying_verify *what;
	struct relying_prepared *ret;
	struct signer *signer;
	struct registry *registry; /* or NULL */
};

static void
making_wipe(struct making *m)
{
	signer_closep(&m->signer);
	registry_closep(&m->registry);
}

static int
passphrase(const struct desk *w, struct secret *ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *bytes = secret_new();
	char path[PATH_MAX];
	int rc;

	if ((rc = probe_path(w, "", "", path, err)) != 0 ||
	    (rc = file_private_dir(path, err)) != 0 ||
	    (rc = probe_path(w, "passphrase", "", path, err)) != 0 ||
	    (rc = file_read_secret(path, ret, err)) != ERR_ABSENT)
		return rc;
	if ((rc = secret_random(bytes, PASS_LEN, err)) != 0)
		return rc;
	text_hex(bytes->bytes, bytes->len, (char *)ret->bytes);
	ret->len = 2 * PASS_LEN;
	return file_create(path, ret->bytes, ret->len, 0600, err);
}

/* ---- a certificate ---- */

/* Key first: a certificate without its key would be of no use, and is not found as one of ours. */
static int
store(const struct making *m, enum probe_id id, const struct key *key, const struct blob *cert,
    struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(blob_wipe) struct blob pem = {0};
	char crt[PATH_MAX], path[PATH_MAX];
	int rc;

	if ((rc = passphrase(m->w, pass, err)) != 0 ||
	    (rc = probe_id_path(m->w, id, ".crt", crt, err)) != 0 ||
	    (rc = probe_id_path(m->w, id, ".key", path, err)) != 0 ||
	    (rc = pem_put(cert, PEM_CERT, &pem, err)) != 0)
		return rc;
	if ((unlink(crt) != 0 && errno != ENOENT) || (unlink(path) != 0 && errno != ENOENT))
		return err_errno(err, ERR_INTERNAL, "cannot replace %s", path);
	if ((rc = key_file_save(key, path, pass, err)) != 0)
		return rc;
	return file_create(crt, pem.data, pem.len, 0600, err);
}

static int
make(struct making *m, enum probe_id id, struct err *err)
{
	const bool server = id == PROBE_SERVER;
	const char *name = id == PROBE_LISTED ? RELYING_LISTED_CN : RELYING_PROBE_CN;
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(blob_wipe) struct blob cert = {0};
	int rc;

	if ((rc = audit_tell(m->w->home, m->registry, m->signer, err)) != 0 ||
	    (rc = ca_issue_own(m->signer, m->registry, server ? "server" : "software", name,
		 server ? SERVER_NAME : "", RELYING_PROBE_DAYS, &key, &cert, err)) != 0)
		return rc;
	m->ret->made++;
	return store(m, id, key, &cert, err);
}

/* ---- the valid one, and what the files are called ---- */

static int
rename_id(const struct making *m, enum probe_id id, enum probe_id new_id, struct err *err)
{
	static const char *const exts[] = {".key", ".crt"};
	char from[PATH_MAX], to[PATH_MAX];
	size_t i;
	int rc;

	for (i = 0; i < 2; i++) {
		if ((rc = probe_id_path(m->w, id, exts[i], from, err)) != 0 ||
		    (rc = probe_id_path(m->w, new_id, exts[i], to, err)) != 0)
			return rc;
		if (rename(from, to) != 0)
			return err_errno(err, ERR_INTERNAL, "cannot rename %s", from);
	}
	return 0;
}

/* Of another CA is as good as none: the home was made anew. */
static int
load(const struct making *m, enum probe_id id, struct probe_key *ret, bool *ret_revoked,
    struct err *err)
{
	struct err why = ERR_INIT;
	const int rc = probe_load(m->w, id, ret, &why);

	*ret_revoked = false;
	if (rc == 0)
		return probe_is_revoked(m->w, ret, ret_revoked, NULL, err);
	if (rc != ERR_ABSENT && rc != ERR_PROOF)
		*err = why;
	return rc == ERR_ABSENT || rc == ERR_PROOF ? 0 : rc;
}

static bool
lasts(const struct probe_key *p)
{
	return p->key != NULL && p->info.not_after - utc_now() > LEFT_MIN;
}

/* One that ended by itself is kept, to be tried as that. */
static int
prepare_live(struct making *m, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key p = {0};
	bool revoked;
	int rc;

	if ((rc = load(m, PROBE_LIVE, &p, &revoked, err)) != 0 || (lasts(&p) && !revoked))
		return rc;
	if (p.key != NULL && !revoked && p.info.not_after <= utc_now() &&
	    (rc = rename_id(m, PROBE_LIVE, PROBE_OLD, err)) != 0)
		return rc;
	return make(m, PROBE_LIVE, err);
}

/* Those that are to be let in somewhere, or nowhere, as long as they last. */
static int
prepare_other(struct making *m, enum probe_id id, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key p = {0};
	bool revoked;
	int rc;

	if ((rc = load(m, id, &p, &revoked, err)) != 0 || (lasts(&p) && !revoked))
		return rc;
	return make(m, id, err);
}

/* ---- the revoked one ---- */

/* Log in while that is still allowed, so that the session can be tried afterwards. */
static int
keep_session(
    struct making *m, struct visit *v, const struct probe_key *who, bool tls12, struct err *err)
{
	CLEAN(tls_reply_wipe) struct tls_reply reply = {0};
	struct err why = ERR_INIT;
	char path[PATH_MAX];
	int rc = visit_login(v, &(struct login){.who = who, .tls12 = tls12}, &reply, &why);

	if (rc == ERR_FIT) { /* the server is not the one that is meant */
		*err = why;
		return rc;
	}
	if (rc != 0 || !judge_is_in(&reply))
		blob_wipe(&reply.session);
	m->ret->sessions += reply.session.len > 0; /* an empty file: there is none to be had */
	if ((rc = probe_session_path(v, tls12, path, err)) != 0)
		return rc;
	return file_write(path, reply.session.data, reply.session.len, 0600, err);
}

static int
keep_sessions(struct making *m, const struct probe_key *who, struct err *err)
{
	CLEAN(visit_wipe) struct visit v = {0};
	size_t i;
	int rc;

	if ((rc = visit_open(&v, m->w, m->what, err)) != 0 || (rc = visit_reach(&v, err)) != 0)
		return rc;
	for (i = 0; rc == 0 && i < v.place.n; i++) {
		v.at = &v.place.addresses[i];
		if ((rc = keep_session(m, &v, who, true, err)) == 0)
			rc = keep_session(m, &v, who, false, err);
	}
	return rc;
}

static int
take_back(struct making *m, const struct probe_key *p, struct err *err)
{
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	int rc;

	if (p->info.serial_len != SIGNER_SERIAL_LEN)
		return err_set(err, ERR_INTERNAL, "the probe's certificate is not of this CA");
	if ((rc = audit_tell(m->w->home, m->registry, m->signer, err)) != 0 ||
	    (rc = signer_revoke(m->signer, p->info.serial, p->info.serial_len, NULL,
		 REASON_CESSATION, err)) != 0 ||
	    (rc = registry_software_taken(m->registry, "revoke", p->info.serial, REASON_CESSATION,
		 "probe of verify-server", err)) != 0 ||
	    (rc = signer_ca(m->signer, &ca, err)) != 0)
		return rc;
	m->ret->revoked = true;
	return crl_read(ca.crls[0].data, ca.crls[0].len, &m->ret->crl, err);
}

/* The first that was revoked is kept as long as it is on the CRL. */
static int
take_place(struct making *m, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key first = {0}, gone = {0};
	bool first_revoked, gone_revoked;
	int rc;

	if ((rc = load(m, PROBE_FIRST, &first, &first_revoked, err)) != 0 ||
	    (rc = load(m, PROBE_GONE, &gone, &gone_revoked, err)) != 0)
		return rc;
	if (gone_revoked && !(first_revoked && first.info.not_after > utc_now()) &&
	    (rc = rename_id(m, PROBE_GONE, PROBE_FIRST, err)) != 0)
		return rc;
	return rename_id(m, PROBE_NEXT, PROBE_GONE, err);
}

/* The one that is to be revoked: there already, or made now. */
static int
prepare_next(struct making *m, struct probe_key *ret, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key p = {0};
	bool revoked;
	int rc;

	if ((rc = load(m, PROBE_NEXT, &p, &revoked, err)) != 0)
		return rc;
	/* killed between revoking and renaming */
	if (revoked && (rc = take_place(m, err)) != 0)
		return rc;
	if ((revoked || !lasts(&p)) && (rc = make(m, PROBE_NEXT, err)) != 0)
		return rc;
	return probe_load(m->w, PROBE_NEXT, ret, err);
}

static int
prepare_gone(struct making *m, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key p = {0};
	int rc;

	if ((rc = prepare_next(m, &p, err)) != 0 || m->what->url == NULL ||
	    (rc = keep_sessions(m, &p, err)) != 0 || (rc = take_back(m, &p, err)) != 0)
		return rc;
	return take_place(m, err);
}

int
relying_verify_prepare(const struct desk *w, const struct relying_verify *what,
    struct relying_prepared *ret, struct err *err)
{
	CLEAN(making_wipe) struct making m = {.w = w, .what = what, .ret = ret};
	struct place place;
	int rc;

	*ret = (struct relying_prepared){.made = 0};
	(void)signal(SIGPIPE, SIG_IGN);
	if (what->url != NULL && (rc = place_parse(what->url, &place, err)) != 0)
		return rc;
	if ((rc = ca_registry(w, &m.registry, err)) != 0 ||
	    (rc = session_open_signer(w, &m.signer, err)) != 0 ||
	    (rc = prepare_live(&m, err)) != 0 || (rc = prepare_other(&m, PROBE_SERVER, err)) != 0 ||
	    (what->path != NULL && (rc = prepare_other(&m, PROBE_LISTED, err)) != 0))
		return rc;
	return prepare_gone(&m, err);
}
