/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_make: the probes' certificates, and the revocation of one of them. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "workflow/ca_issue.h"
#include "workflow/verify_server.h"

#define DAY INT64_C(86400)
#define LEFT_MIN (WORKFLOW_PROBE_DAYS * DAY / 3)
#define PASS_LEN 16 /* bytes, twice as many characters */

struct making {
	const struct workflow *w;
	const struct workflow_verify *what;
	struct workflow_prepared *ret;
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
passphrase(const struct workflow *w, struct secret *ret, struct err *err)
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

static int
issue(struct making *m, struct key *key, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob csr = {0};
	const struct signer_request request = {.profile = "software",
	    .cn = WORKFLOW_PROBE_CN,
	    .days = WORKFLOW_PROBE_DAYS,
	    .csr = &csr};
	int rc;

	if ((rc = csr_make(key, WORKFLOW_PROBE_CN, &csr, err)) != 0)
		return rc;
	return ca_issue(m->signer, &request, NULL, ret, err);
}

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
	    (rc = cert_to_pem(cert, &pem, err)) != 0)
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
	CLEAN(key_freep) struct key *key = NULL;
	CLEAN(blob_wipe) struct blob cert = {0};
	struct cert_info info;
	int rc;

	if ((rc = key_generate(KEY_P256, &key, err)) != 0 ||
	    (rc = issue(m, key, &cert, err)) != 0 ||
	    (rc = cert_read(cert.data, cert.len, &info, err)) != 0 ||
	    (rc = ca_issue_audit(m->registry, "issue", "software", &info, err)) != 0)
		return rc;
	m->ret->made++;
	return store(m, id, key, &cert, err);
}

/* ---- the valid one ---- */

/* One that ended by itself is kept, to be tried as that. */
static int
keep_expired(const struct making *m, struct err *err)
{
	static const char *const exts[] = {".key", ".crt"};
	char from[PATH_MAX], to[PATH_MAX];
	size_t i;
	int rc;

	for (i = 0; i < 2; i++) {
		if ((rc = probe_id_path(m->w, PROBE_LIVE, exts[i], from, err)) != 0 ||
		    (rc = probe_id_path(m->w, PROBE_OLD, exts[i], to, err)) != 0)
			return rc;
		if (rename(from, to) != 0)
			return err_errno(err, ERR_INTERNAL, "cannot rename %s", from);
	}
	return 0;
}

static int
prepare_live(struct making *m, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key p = {0};
	struct err why = ERR_INIT;
	bool revoked = false;
	int rc;

	/* of another CA (ERR_PROOF): the home was made anew */
	rc = probe_load(m->w, PROBE_LIVE, &p, &why);
	if (rc != 0 && rc != ERR_ABSENT && rc != ERR_PROOF) {
		*err = why;
		return rc;
	}
	if (rc == 0 && (rc = probe_is_revoked(m->w, &p, &revoked, err)) != 0)
		return rc;
	if (p.key != NULL && !revoked && p.info.not_after - utc_now() > LEFT_MIN)
		return 0;
	if (p.key != NULL && !revoked && p.info.not_after <= utc_now() &&
	    (rc = keep_expired(m, err)) != 0)
		return rc;
	return make(m, PROBE_LIVE, err);
}

/* ---- the revoked one ---- */

/* Log in while that is still allowed, so that the session can be tried afterwards. */
static int
keep_session(
    struct making *m, struct visit *v, const struct probe_key *who, bool tls12, struct err *err)
{
	CLEAN(tls_reply_wipe) struct tls_reply reply = {0};
	struct err why = ERR_INIT;
	const int rc = visit_login(v, tls12, who, NULL, &reply, &why);

	if (rc == ERR_FIT) { /* the server is not the one that is meant */
		*err = why;
		return rc;
	}
	if (rc != 0 || !visit_is_in(&reply))
		return 0;
	m->ret->sessions += reply.session.len > 0; /* an empty file: there is none to be had */
	return probe_session_save(m->w, &v->place, tls12, &reply.session, err);
}

static int
keep_sessions(struct making *m, const struct probe_key *who, struct err *err)
{
	CLEAN(visit_wipe) struct visit v = {0};
	int rc;

	if ((rc = visit_open(&v, m->w, m->what, err)) != 0 ||
	    (rc = keep_session(m, &v, who, true, err)) != 0)
		return rc;
	return keep_session(m, &v, who, false, err);
}

static int
take_back(struct making *m, const struct probe_key *p, struct err *err)
{
	CLEAN(signer_ca_wipe) struct signer_ca ca = {0};
	int rc;

	if (p->info.serial_len != SIGNER_SERIAL_LEN)
		return err_set(err, ERR_INTERNAL, "the probe's certificate is not of this CA");
	if ((rc = ca_issue_audit(m->registry, "revoke", "software", &p->info, err)) != 0 ||
	    (rc = signer_revoke(m->signer, p->info.serial, REASON_CESSATION, err)) != 0 ||
	    (rc = signer_ca(m->signer, &ca, err)) != 0)
		return rc;
	m->ret->revoked = true;
	return crl_read(ca.crls[0].data, ca.crls[0].len, &m->ret->crl, err);
}

static int
prepare_gone(struct making *m, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key p = {0};
	struct err why = ERR_INIT;
	bool revoked = false;
	int rc, failed = 0;

	rc = probe_load(m->w, PROBE_GONE, &p, &why);
	if (rc != 0 && rc != ERR_ABSENT && rc != ERR_PROOF) {
		*err = why;
		return rc;
	}
	if (rc == 0 && (rc = probe_is_revoked(m->w, &p, &revoked, err)) != 0)
		return rc;
	if (p.key != NULL && revoked && m->what->url == NULL &&
	    p.info.not_after - utc_now() > LEFT_MIN)
		return 0;
	/* one that was not revoked yet, since something failed, is still good for it */
	if (p.key == NULL || revoked || p.info.not_after - utc_now() <= LEFT_MIN) {
		probe_key_wipe(&p);
		p = (struct probe_key){.key = NULL};
		if ((rc = make(m, PROBE_GONE, err)) != 0 ||
		    (rc = probe_load(m->w, PROBE_GONE, &p, err)) != 0)
			return rc;
	}
	if (m->what->url != NULL)
		failed = keep_sessions(m, &p, err);
	/* Revoked it must be, whatever the server said. */
	if ((rc = take_back(m, &p, failed == 0 ? err : NULL)) != 0)
		return failed != 0 ? failed : rc;
	return failed;
}

int
workflow_verify_prepare(const struct workflow *w, const struct workflow_verify *what,
    struct workflow_prepared *ret, struct err *err)
{
	const struct signer_open open = {.home = w->home, .ca_pass_spec = w->ca_pass_spec};
	CLEAN(making_wipe) struct making m = {.w = w, .what = what, .ret = ret};
	struct place place;
	int rc;

	*ret = (struct workflow_prepared){.made = 0};
	(void)signal(SIGPIPE, SIG_IGN);
	if (what->url != NULL && (rc = place_parse(what->url, &place, err)) != 0)
		return rc;
	if ((rc = ca_registry(w, &m.registry, err)) != 0 ||
	    (rc = signer_open(&open, &m.signer, err)) != 0 || (rc = prepare_live(&m, err)) != 0)
		return rc;
	return prepare_gone(&m, err);
}
