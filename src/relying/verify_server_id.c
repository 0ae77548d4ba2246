/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_id: what is kept in home/probe: keys, certificates, sessions. The keys are sealed
 * with a passphrase that lies beside them: who can read the directory has them. */
#include <limits.h>
#include <stdio.h>

#include "base/file.h"
#include "desk/ca.h"
#include "relying/verify_server.h"

static const char *const id_names[PROBE_IDS] = {[PROBE_LIVE] = "live",
    [PROBE_NEXT] = "next",
    [PROBE_GONE] = "revoked",
    [PROBE_FIRST] = "revoked-before",
    [PROBE_SERVER] = "server",
    [PROBE_LISTED] = "listed",
    [PROBE_OLD] = "expired"};

void
probe_key_wipe(struct probe_key *p)
{
	size_t i;

	key_freep(&p->key);
	for (i = 0; i < sizeof(p->certs) / sizeof(p->certs[0]); i++)
		blob_wipe(&p->certs[i]);
}

int
probe_path(const struct desk *w, const char *name, const char *ext, char ret[static PATH_MAX],
    struct err *err)
{
	char file[NAME_MAX];

	snprintf(file, sizeof(file), "probe%s%.200s%s", name[0] == '\0' ? "" : "/", name, ext);
	return file_join(ret, PATH_MAX, w->home, file, err);
}

int
probe_id_path(const struct desk *w, enum probe_id id, const char *ext, char ret[static PATH_MAX],
    struct err *err)
{
	return probe_path(w, id_names[id], ext, ret, err);
}

static int
load_key(const struct desk *w, enum probe_id id, struct key **ret, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	char path[PATH_MAX];
	int rc;

	if ((rc = probe_path(w, "passphrase", "", path, err)) != 0 ||
	    (rc = file_read_secret(path, pass, err)) != 0 ||
	    (rc = probe_id_path(w, id, ".key", path, err)) != 0)
		return rc;
	return key_file_load(path, pass, ret, err);
}

/* Killed between the two, a replacement leaves one of them behind. */
static int
is_of(const struct probe_key *p, struct err *err)
{
	CLEAN(blob_wipe) struct blob of_key = {0}, of_cert = {0};
	int rc;

	if ((rc = key_spki(p->key, &of_key, err)) != 0 ||
	    (rc = cert_spki(p->certs[0].data, p->certs[0].len, &of_cert, err)) != 0)
		return rc;
	return blob_equal(&of_key, &of_cert)
		   ? 0
		   : err_set(err, ERR_PROOF,
			 "key and certificate do not match; create new ones with: ykenroll "
			 "verify-server --prepare");
}

int
probe_load(const struct desk *w, enum probe_id id, struct probe_key *ret, struct err *err)
{
	CLEAN(probe_key_wipe) struct probe_key p = {.n_certs = 2};
	char path[PATH_MAX];
	int rc;

	if ((rc = probe_id_path(w, id, ".crt", path, err)) != 0 ||
	    (rc = ca_cert_file(path, &p.certs[0], err)) != 0 ||
	    (rc = cert_read(p.certs[0].data, p.certs[0].len, &p.info, err)) != 0 ||
	    (rc = load_key(w, id, &p.key, err)) != 0 || (rc = is_of(&p, err)) != 0 ||
	    (rc = home_pem(w->home, "pub/issuing.crt", cert_from_pem, &p.certs[1], err)) != 0 ||
	    (rc = cert_issued_by(&p.certs[0], &p.certs[1], err)) != 0)
		return rc;
	*ret = p;
	p = (struct probe_key){.n_certs = 0};
	return 0;
}

int
probe_is_revoked(
    const struct desk *w, const struct probe_key *p, bool *ret, bool *ret_last, struct err *err)
{
	CLEAN(blob_wipe) struct blob crl = {0};
	bool last = false;
	int rc;

	if ((rc = home_pem(w->home, "pub/issuing.crl", crl_from_pem, &crl, err)) != 0)
		return rc == ERR_ABSENT ? ERR_CA : rc;
	rc = crl_lists(&crl, p->info.serial, p->info.serial_len, ret, &last, err);
	if (ret_last != NULL)
		*ret_last = last;
	return rc;
}

/* ---- sessions ---- */

/* "session-www.example.org-192.0.2.1_443-tls12" */
int
probe_session_path(const struct visit *v, bool tls12, char ret[static PATH_MAX], struct err *err)
{
	char name[240], *p;

	snprintf(name, sizeof(name), "session-%.120s-%s-%s", v->place.host, v->at->text,
	    tls12 ? "tls12" : "tls13");
	for (p = name; *p != '\0'; p++)
		if (*p == ':')
			*p = '_';
	return probe_path(v->w, name, ".der", ret, err);
}
