/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_server_visit: a login at the server that is named. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/utc.h"
#include "desk/ca.h"
#include "relying/verify_server.h"

#define TIMEOUT_SEC 10

/* ---- one login ---- */

void
visit_wipe(struct visit *v)
{
	size_t i;

	for (i = 0; i < VISIT_TRUST; i++)
		blob_wipe(&v->trust[i]);
	blob_wipe(&v->cas[0]);
	blob_wipe(&v->cas[1]);
}

/* From now. */
static int64_t
deadline(const struct visit *v)
{
	const unsigned sec = v->what->timeout_sec != 0 ? v->what->timeout_sec : TIMEOUT_SEC;

	return utc_monotonic_ns() + sec * INT64_C(1000000000);
}

static int
read_trust(struct visit *v, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	int rc;

	if (v->what->ca_file == NULL) {
		v->n_trust = 1;
		return blob_set(&v->trust[0], v->cas[1].data, v->cas[1].len, err);
	}
	if ((rc = file_read(v->what->ca_file, &pem, err)) == 0)
		rc = pem_blocks(&pem, PEM_CERT, v->trust, VISIT_TRUST, &v->n_trust, err);
	if (rc != 0) {
		err_wrap(err, "%s", v->what->ca_file);
		return ERR_USAGE;
	}
	return 0;
}

int
visit_open(
    struct visit *v, const struct desk *w, const struct relying_verify *what, struct err *err)
{
	bool other_port;
	int rc;

	*v = (struct visit){.w = w, .what = what};
	if ((rc = place_parse(what->url, &v->place, err)) != 0 ||
	    (rc = ca_certs(w, v->cas, err)) != 0 || (rc = read_trust(v, err)) != 0)
		return rc;
	other_port = strcmp(v->place.port, "443") != 0;
	snprintf(v->authority, sizeof(v->authority), v->place.bracket ? "[%s]%s%s" : "%s%s%s",
	    v->place.host, other_port ? ":" : "", other_port ? v->place.port : "");
	rc = place_find(&v->place, what->connect, err);
	v->at = &v->place.addresses[0];
	return rc;
}

int
visit_login(const struct visit *v, const struct login *how, struct tls_reply *ret, struct err *err)
{
	CLEAN(file_closep) int fd = -1;
	struct tls_login l = {.deadline_ns = deadline(v),
	    .host = v->place.host,
	    .sni = how->sni == NULL	 ? v->place.host
		   : how->sni[0] == '\0' ? NULL
					 : how->sni,
	    .authority = how->host == NULL ? v->authority : how->host,
	    .path = how->path == NULL ? v->place.path : how->path,
	    .headers = how->headers,
	    .speech = v->place.speech,
	    .tls12 = how->tls12,
	    .stranger = how->sni != NULL,
	    .cas = v->trust,
	    .n_cas = v->n_trust,
	    .system = v->what->ca_file == NULL,
	    .session = how->session};
	int rc;

	*ret = (struct tls_reply){.alert = -1};
	if ((rc = place_connect(v->at, l.deadline_ns, &fd, err)) != 0)
		return rc;
	l.fd = fd;
	if (how->who != NULL) {
		l.key = how->who->key;
		l.certs = how->who->certs;
		l.n_certs = how->alone ? 1 : how->who->n_certs;
	}
	return tls_login(&l, ret, err);
}

int
visit_connect(const struct visit *v, int *ret_fd, struct err *err)
{
	return place_connect(v->at, deadline(v), ret_fd, err);
}

int
visit_reach(struct visit *v, struct err *err)
{
	int fd = -1;
	int rc = ERR_INTERNAL;
	size_t i;

	for (i = 0; rc != 0 && i < v->place.n; i++) {
		v->at = &v->place.addresses[i];
		rc = visit_connect(v, &fd, err);
		file_closep(&fd);
	}
	return rc == 0 ? 0 : ERR_INTERNAL;
}
