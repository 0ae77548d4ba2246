/* SPDX-License-Identifier: BSD-2-Clause */
/* login: one TLS connection to a real server, and what it answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"
#include "ykenroll/x509_tls.h"

#define ANSWER_MAX 8192 /* bytes that are read of it */
#define FIRST_WAIT_MS 300
#define ALERT_OFFSET 1000 /* SSL_AD_REASON_OFFSET: reasons above it are the peer's alerts */

OSSL_FREEP(ssl_freep, SSL, SSL_free)
OSSL_FREEP(ssl_ctx_freep, SSL_CTX, SSL_CTX_free)
OSSL_FREEP(session_freep, SSL_SESSION, SSL_SESSION_free)

struct talk {
	const struct tls_login *login;
	struct tls_reply *ret;
	SSL *ssl;
};

void
tls_reply_wipe(struct tls_reply *r)
{
	blob_wipe(&r->session);
}

/* ---- setting up ---- */

static int
trust(SSL_CTX *ctx, const struct tls_login *l, struct err *err)
{
	int rc;

	if ((rc = cert_store_cas(SSL_CTX_get_cert_store(ctx), l->cas, l->n_cas, err)) != 0)
		return rc;
	if (l->system && SSL_CTX_set_default_verify_paths(ctx) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot use the system's certificates");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return 0;
}

static int
identify(SSL_CTX *ctx, const struct tls_login *l, struct err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < l->n_certs; i++) {
		CLEAN(x509_freep) X509 *cert = NULL;

		if ((rc = cert_parse(l->certs[i].data, l->certs[i].len, &cert, err)) != 0)
			return rc;
		if ((i == 0 ? SSL_CTX_use_certificate(ctx, cert)
			    : SSL_CTX_add1_chain_cert(ctx, cert)) != 1)
			return evp_err(err, ERR_INTERNAL, "cannot use the certificate");
	}
	if (l->n_certs > 0 && SSL_CTX_use_PrivateKey(ctx, key_evp(l->key)) != 1)
		return evp_err(err, ERR_FIT, "certificate and key do not match");
	return 0;
}

static int
on_request(SSL *ssl, void *arg)
{
	(void)ssl;
	((struct tls_reply *)arg)->asked = true;
	return 1;
}

static int
name_server(SSL *ssl, const char *host)
{
	struct in6_addr address;

	if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static int
resume(SSL *ssl, const struct blob *session, struct err *err)
{
	const unsigned char *p = session->data;
	CLEAN(session_freep) SSL_SESSION *s = d2i_SSL_SESSION(NULL, &p, (long)session->len);

	if (s == NULL || SSL_set_session(ssl, s) != 1)
		return evp_err(err, ERR_FIT, "the saved TLS session cannot be used");
	return 0;
}

static int
talk_new(struct talk *t, struct err *err)
{
	CLEAN(ssl_ctx_freep) SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	const int version = t->login->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
	int rc;

	if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, version) ||
	    !SSL_CTX_set_max_proto_version(ctx, version))
		return evp_err(err, ERR_INTERNAL, "cannot create a TLS client");
	SSL_CTX_set_cert_cb(ctx, on_request, t->ret);
	if ((rc = trust(ctx, t->login, err)) != 0 || (rc = identify(ctx, t->login, err)) != 0)
		return rc;
	if ((t->ssl = SSL_new(ctx)) == NULL || !name_server(t->ssl, t->login->host) ||
	    SSL_set_fd(t->ssl, t->login->fd) != 1)
		return evp_err(err, ERR_INTERNAL, "cannot create a TLS client");
	SSL_set_connect_state(t->ssl);
	return t->login->session == NULL ? 0 : resume(t->ssl, t->login->session, err);
}

/* ---- going on ---- */

/* 1 ready, 0 not until then. */
static int
wait_for(const struct talk *t, short events, int64_t until_ns)
{
	struct pollfd p = {.fd = t->login->fd, .events = events};
	int64_t left;
	int n;

	do {
		left = (until_ns - utc_monotonic_ns()) / 1000000;
		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

enum outcome { DONE, AGAIN, ENDED };

static void
note_alert(struct tls_reply *r, int alert)
{
	/* OpenSSL 3.0 has no words for TLS 1.3's own (RFC 8446, 6.2) */
	r->alert = alert;
	snprintf(r->alert_name, sizeof(r->alert_name), "%s",
	    alert == SSL_AD_CERTIFICATE_REQUIRED ? "certificate required"
						 : SSL_alert_desc_string_long(alert));
}

/* What the last call on the connection came to. ENDED: the server has ended it, and the reply says
 * how. */
static int
outcome(struct talk *t, int r, enum outcome *ret, short *ret_events, struct err *err)
{
	const int e = SSL_get_error(t->ssl, r);
	const unsigned long why = ERR_peek_last_error();
	const int reason = ERR_GET_LIB(why) == ERR_LIB_SSL ? ERR_GET_REASON(why) : 0;

	*ret_events = e == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
	*ret = r > 0 ? DONE : e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? AGAIN : ENDED;
	if (*ret != ENDED)
		return 0;
	if (t->login->key != NULL && key_error(t->login->key) != NULL)
		return evp_key_err(err, ERR_INTERNAL, t->login->key, "signing the login");
	if (reason > ALERT_OFFSET)
		note_alert(t->ret, reason - ALERT_OFFSET);
	else if (e == SSL_ERROR_SSL && reason != SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return evp_err(err, ERR_INTERNAL, "TLS");
	else
		t->ret->closed = true;
	ERR_clear_error();
	return 0;
}

static int
bad_server(const struct talk *t, struct err *err)
{
	const char *why = X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));

	ERR_clear_error();
	return err_set(
	    err, ERR_FIT, "the certificate of %s does not verify: %s", t->login->host, why);
}

/* Until it is done, or the server has ended it. */
static int
keep_on(struct talk *t, int (*step)(struct talk *), enum outcome *ret, struct err *err)
{
	short events;
	int rc;

	for (;;) {
		ERR_clear_error();
		rc = outcome(t, step(t), ret, &events, err);
		if (rc != 0 && SSL_get_verify_result(t->ssl) != X509_V_OK)
			return bad_server(t, err);
		if (rc != 0 || *ret != AGAIN)
			return rc;
		if (!wait_for(t, events, t->login->deadline_ns))
			return err_set(err, ERR_ABSENT, "no answer in time (--timeout)");
	}
}

static int
step_handshake(struct talk *t)
{
	return SSL_do_handshake(t->ssl);
}

static int
step_request(struct talk *t)
{
	const bool v6 = strchr(t->login->host, ':') != NULL;
	char request[4096];
	int n;

	n = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s%s%s\r\nUser-Agent: ykenroll\r\nAccept: */*\r\n"
	    "Connection: close\r\n\r\n",
	    t->login->path, v6 ? "[" : "", t->login->host, v6 ? "]" : "");
	return SSL_write(t->ssl, request, n);
}

/* ---- the answer ---- */

struct answer {
	char text[ANSWER_MAX + 1];
	size_t len;
};

/* What an error page calls itself, such as nginx's reason. */
static void
take_title(const char *text, char ret[static TLS_WORD_MAX])
{
	const char *from = strstr(text, "<title>"), *to;
	size_t n = 0;

	if (from == NULL || (to = strstr(from, "</title>")) == NULL)
		return;
	from += strlen("<title>");
	from += strspn(from, "0123456789 "); /* the status again */
	for (; from < to && n < TLS_WORD_MAX - 1; from++)
		if (*from >= ' ' && *from <= '~')
			ret[n++] = *from;
	ret[n] = '\0';
}

static void
take_status(const struct answer *a, struct tls_reply *ret)
{
	int status;

	if (sscanf(a->text, "HTTP/1.%*1[01] %3d", &status) == 1 && status >= 100)
		ret->status = status;
	if (ret->status >= 400)
		take_title(a->text, ret->title);
}

/* Is what we want of it there? */
static bool
is_enough(const struct answer *a, struct tls_reply *r)
{
	take_status(a, r);
	if (r->status == 0 || strstr(a->text, "\r\n\r\n") == NULL)
		return a->len == ANSWER_MAX;
	return r->status < 400 || r->title[0] != '\0' || a->len == ANSWER_MAX;
}

static int
read_answer(struct talk *t, struct err *err)
{
	struct answer a = {.len = 0};
	enum outcome how;
	short events;
	int n, rc;

	while (!is_enough(&a, t->ret)) {
		ERR_clear_error();
		n = SSL_read(t->ssl, a.text + a.len, (int)(ANSWER_MAX - a.len));
		if ((rc = outcome(t, n, &how, &events, err)) != 0)
			return rc;
		if (how == ENDED)
			break;
		if (how == DONE)
			a.text[a.len += (size_t)n] = '\0';
		else if (!wait_for(t, events, t->login->deadline_ns))
			break; /* with a status line that is an answer all the same */
	}
	if (t->ret->status != 0) { /* how it ended then does not matter */
		t->ret->closed = false;
		t->ret->alert = -1;
		return 0;
	}
	return t->ret->closed || t->ret->alert >= 0
		   ? 0
		   : err_set(err, ERR_ABSENT, "no HTTP answer in time (--timeout)");
}

static void
take_session(SSL *ssl, struct blob *ret)
{
	CLEAN(session_freep) SSL_SESSION *s = SSL_get1_session(ssl);
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	int len;

	if (s == NULL || !SSL_SESSION_is_resumable(s) || (len = i2d_SSL_SESSION(s, &der)) <= 0)
		return;
	if (blob_set(ret, der, (size_t)len, NULL) != 0)
		blob_wipe(ret);
	secret_wipe_bytes(der, (size_t)len);
}

static void
take_anchor(SSL *ssl, char ret[static X509_TEXT_MAX])
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	const int n = sk_X509_num(chain);

	if (n > 0)
		cert_name_text(X509_get_subject_name(sk_X509_value(chain, n - 1)), ret);
}

static int
talk(struct talk *t, struct err *err)
{
	enum outcome how;
	int rc;

	if ((rc = talk_new(t, err)) != 0 || (rc = keep_on(t, step_handshake, &how, err)) != 0 ||
	    how == ENDED)
		return rc;
	t->ret->handshake = true;
	t->ret->resumed = SSL_session_reused(t->ssl) == 1;
	take_anchor(t->ssl, t->ret->anchor);
	/* In TLS 1.3 the server has not said yet what it thinks of our certificate. A request that
	 * it does not want to read any more would make it reset the connection, and its alert would
	 * be lost. */
	if (!t->login->tls12)
		(void)wait_for(t, POLLIN, utc_monotonic_ns() + FIRST_WAIT_MS * INT64_C(1000000));
	if ((rc = keep_on(t, step_request, &how, err)) != 0)
		return rc;
	if (how == ENDED && t->ret->alert >= 0)
		return 0;
	t->ret->closed = false; /* what the server said before may be there nevertheless */
	if ((rc = read_answer(t, err)) == 0)
		take_session(t->ssl, &t->ret->session);
	return rc;
}

int
tls_login(const struct tls_login *login, struct tls_reply *ret, struct err *err)
{
	CLEAN(ssl_freep) SSL *ssl = NULL;
	struct talk t = {.login = login, .ret = ret};
	int rc;

	*ret = (struct tls_reply){.alert = -1};
	if (login->key != NULL)
		key_forget_error(login->key);
	ERR_clear_error();
	rc = talk(&t, err);
	ssl = t.ssl;
	if (ssl != NULL && rc == 0)
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
	return rc;
}
