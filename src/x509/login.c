/* SPDX-License-Identifier: BSD-2-Clause */
/* login: one TLS connection to a real server, and what it answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "x509/login.h"
#include "x509/parse.h"

#define FIRST_WAIT_MS 300
#define CACHE_SEC \
	300 /* a server that does not say how long: as nginx, Apache, HAProxy by default */
#define ALERT_OFFSET 1000 /* SSL_AD_REASON_OFFSET: reasons above it are the peer's alerts */

/* 64 bits since 3.3; the other one is deprecated since 3.4 */
#if OPENSSL_VERSION_PREREQ(3, 3)
#define SESSION_TIME(s) SSL_SESSION_get_time_ex(s)
#else
#define SESSION_TIME(s) SSL_SESSION_get_time(s)
#endif

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
	blob_wipe(&r->page);
	blob_wipe(&r->hosts);
	blob_wipe(&r->names);
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
	SSL_CTX_set_verify(ctx, l->stranger ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
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

static void
take_names(SSL *ssl, struct blob *ret)
{
	const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
	char text[X509_TEXT_MAX];
	int i;

	blob_wipe(ret);
	for (i = 0; i < sk_X509_NAME_num(names); i++) {
		cert_name_text(sk_X509_NAME_value(names, i), text);
		if (blob_append(ret, text, strlen(text), NULL) != 0 ||
		    blob_append(ret, "\n", 1, NULL) != 0)
			return;
	}
}

static int
on_request(SSL *ssl, void *arg)
{
	struct tls_reply *r = arg;

	r->late = r->late || r->handshake;
	r->asked = true;
	take_names(ssl, &r->names);
	return 1;
}

static int
name_server(SSL *ssl, const struct tls_login *l)
{
	struct in6_addr address;
	const bool is_address = inet_pton(AF_INET, l->host, &address) == 1 ||
				inet_pton(AF_INET6, l->host, &address) == 1;

	if (!l->stranger &&
	    (is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), l->host)
			: SSL_set1_host(ssl, l->host)) != 1)
		return 0;
	return l->sni == NULL || inet_pton(AF_INET, l->sni, &address) == 1 ||
	       inet_pton(AF_INET6, l->sni, &address) == 1 ||
	       SSL_set_tlsext_host_name(ssl, l->sni) == 1;
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
	SSL_CTX_set_post_handshake_auth(ctx, 1);
	/* what is sent is what was given; and no record is waited for inside */
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	if ((rc = trust(ctx, t->login, err)) != 0 || (rc = identify(ctx, t->login, err)) != 0)
		return rc;
	if ((t->ssl = SSL_new(ctx)) == NULL || !name_server(t->ssl, t->login) ||
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
		if (left <= 0) /* also of a server that always has something to say */
			return 0;
		n = poll(&p, 1, (int)left);
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
	unsigned long why;
	bool bad;
	int r, rc;

	for (;;) {
		ERR_clear_error();
		r = step(t);
		why = ERR_peek_last_error();
		bad = ERR_GET_LIB(why) == ERR_LIB_SSL &&
		      ERR_GET_REASON(why) == SSL_R_CERTIFICATE_VERIFY_FAILED;
		rc = outcome(t, r, ret, &events, err);
		if (rc != 0 && bad)
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

/* RFC 4511, 4.5.1: all that the root entry says of objectClass. */
static const uint8_t ldap_search[] = {0x30, 0x25, 2, 1, 1, 0x63, 0x20, 4, 0, 0x0a, 1, 0, 0x0a, 1, 0,
    2, 1, 0, 2, 1, 0, 1, 1, 0, 0x87, 0x0b, 'o', 'b', 'j', 'e', 'c', 't', 'C', 'l', 'a', 's', 's',
    0x30, 0};

static int
step_request(struct talk *t)
{
	const struct tls_login *l = t->login;
	char request[8192];
	int n;

	if (l->speech == TLS_LDAP)
		return SSL_write(t->ssl, ldap_search, sizeof(ldap_search));
	n = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: ykenroll\r\nAccept: */*\r\n%s"
	    "Connection: close\r\n\r\n",
	    l->path, l->authority, l->headers == NULL ? "" : l->headers);
	return SSL_write(t->ssl, request, n < (int)sizeof(request) ? n : (int)sizeof(request) - 1);
}

/* ---- the answer ---- */

static bool
is_enough(const struct talk *t, const struct blob *a)
{
	if (a->len >= TLS_PAGE_MAX)
		return true;
	return t->login->speech == TLS_HTTP ? http_is_whole(a) : a->len > 0;
}

static int
take_answer(struct talk *t, struct blob *a, struct err *err)
{
	struct tls_reply *r = t->ret;
	int rc = 0;

	if (t->login->speech == TLS_HTTP) {
		rc = http_read(a, r, err);
		r->answered = r->status != 0;
	} else {
		greeting_read(t->login->speech, a, r);
		blob_move(&r->page, a);
	}
	if (r->answered) { /* how it ended then does not matter */
		r->closed = false;
		r->alert = -1;
	}
	return rc;
}

static int
read_answer(struct talk *t, struct err *err)
{
	CLEAN(blob_wipe) struct blob a = {0};
	char some[4096];
	enum outcome how;
	short events;
	int n, rc;

	while (!is_enough(t, &a) && utc_monotonic_ns() < t->login->deadline_ns) {
		ERR_clear_error();
		n = SSL_read(t->ssl, some, sizeof(some));
		if ((rc = outcome(t, n, &how, &events, err)) != 0)
			return rc;
		if (how == ENDED)
			break;
		if (how == DONE && (rc = blob_append(&a, some, (size_t)n, err)) != 0)
			return rc;
		if (how == AGAIN && !wait_for(t, events, t->login->deadline_ns))
			break; /* what has come is an answer all the same */
	}
	if ((rc = take_answer(t, &a, err)) != 0)
		return rc;
	return t->ret->answered || t->ret->closed || t->ret->alert >= 0
		   ? 0
		   : err_set(err, ERR_ABSENT, "no answer in time (--timeout)");
}

/* Nothing is said: what counts is that the server does not end it. */
static int
stay_mute(struct talk *t, struct err *err)
{
	const int64_t mute = utc_monotonic_ns() + TLS_MUTE_MS * INT64_C(1000000);
	const int64_t until = mute < t->login->deadline_ns ? mute : t->login->deadline_ns;
	char some[4096];
	enum outcome how;
	short events;
	int rc;

	do {
		ERR_clear_error();
		if ((rc = outcome(t, SSL_read(t->ssl, some, sizeof(some)), &how, &events, err)) !=
		    0)
			return rc;
	} while (how == AGAIN && wait_for(t, events, until));
	t->ret->answered = how != ENDED;
	return 0;
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

bool
tls_session_lives(const struct blob *session, int64_t now)
{
	const unsigned char *p = session->data;
	CLEAN(session_freep) SSL_SESSION *s = d2i_SSL_SESSION(NULL, &p, (long)session->len);
	int64_t life;

	if (s == NULL)
		return false;
	life = (int64_t)SSL_SESSION_get_ticket_lifetime_hint(s);
	return now - SESSION_TIME(s) < (life != 0 ? life : CACHE_SEC);
}

static void
take_anchor(SSL *ssl, char ret[static X509_TEXT_MAX])
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	const int n = sk_X509_num(chain);

	if (n > 0)
		cert_name_text(X509_get_subject_name(sk_X509_value(chain, n - 1)), ret);
}

static void
take_hosts(SSL *ssl, struct blob *ret)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	GENERAL_NAMES *all =
	    cert == NULL ? NULL : X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
		const ASN1_IA5STRING *name = one->type == GEN_DNS ? one->d.dNSName : NULL;

		if (name != NULL && (blob_append(ret, ASN1_STRING_get0_data(name),
					 (size_t)ASN1_STRING_length(name), NULL) != 0 ||
					blob_append(ret, "\n", 1, NULL) != 0))
			break;
	}
	GENERAL_NAMES_free(all);
}

static int
ask(struct talk *t, struct err *err)
{
	enum outcome how = DONE;
	int rc;

	if (t->login->speech == TLS_MUTE)
		return stay_mute(t, err);
	if (t->login->speech != TLS_GREETS && (rc = keep_on(t, step_request, &how, err)) != 0)
		return rc;
	if (how == ENDED && t->ret->alert >= 0)
		return 0;
	t->ret->closed = false; /* what the server said before may be there nevertheless */
	return read_answer(t, err);
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
	take_hosts(t->ssl, &t->ret->hosts);
	/* In TLS 1.3 the server has not said yet what it thinks of our certificate. A request that
	 * it does not want to read any more would make it reset the connection, and its alert would
	 * be lost. */
	if (!t->login->tls12)
		(void)wait_for(t, POLLIN, utc_monotonic_ns() + FIRST_WAIT_MS * INT64_C(1000000));
	if ((rc = ask(t, err)) == 0)
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
	if (ssl != NULL && rc == 0 && ret->answered)
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
	return rc;
}
