/* SPDX-License-Identifier: BSD-2-Clause */
/* Is it told rightly what a server did with a login: let in, refused and how, silent, or not the
 * server that was meant? The server is OpenSSL's, in another process. */
#include "testca.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "ykenroll/x509_tls.h"

#define HOST "www.example.org"
#define SERIAL 4711

enum manner {
	ANSWERS,    /* with text, after the handshake */
	CLOSES,	    /* without a word, after the handshake */
	SILENT,	    /* for ever */
	GARBAGE,    /* no TLS at all */
	RANDOM,	    /* TLS, then random bytes in place of HTTP */
	ONLY_TLS12, /* as ANSWERS */
};

struct scene {
	struct testca web, clients;
	EVP_PKEY *web_key;
	struct blob web_cert, cert, crl;
	struct testkey k;
	struct key *key;
	int fd;
	pid_t pid;
};

static void
scene_wipe(struct scene *s)
{
	close(s->fd);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	key_freep(&s->key);
	testkey_wipe(&s->k);
	testca_wipe(&s->web);
	testca_wipe(&s->clients);
	EVP_PKEY_free(s->web_key);
	blob_wipe(&s->web_cert);
	blob_wipe(&s->cert);
	blob_wipe(&s->crl);
}

static X509 *
parse(const struct blob *b)
{
	const unsigned char *p = b->data;

	return d2i_X509(NULL, &p, (long)b->len);
}

/* ---- the server's process ---- */

static SSL_CTX *
server_ctx(const struct scene *s, enum manner how)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	const unsigned char *p = s->crl.data;
	X509 *cert = parse(&s->web_cert), *ca = parse(&s->clients.der);
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)s->crl.len);

	if (!X509_STORE_add_cert(store, ca) || !X509_STORE_add_crl(store, crl) ||
	    !X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) ||
	    SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, s->web_key) != 1 ||
	    (how == ONLY_TLS12 && !SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION)))
		_exit(1);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"x", 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_free(cert);
	X509_free(ca);
	X509_CRL_free(crl);
	return ctx;
}

static void
serve(const struct scene *s, int fd, enum manner how, const char *text)
{
	static const char plain[] = "HTTP/1.0 200 OK\r\n\r\n";
	unsigned char noise[5000];
	char buf[4096];
	SSL *ssl;

	alarm(30);
	RAND_bytes(noise, sizeof(noise));
	if (how == GARBAGE) { /* whoever leaves with something unread resets the connection */
		if (read(fd, buf, sizeof(buf)) > 0 && write(fd, plain, sizeof(plain) - 1) > 0)
			while (read(fd, buf, sizeof(buf)) > 0)
				;
		_exit(0);
	}
	ssl = SSL_new(server_ctx(s, how));
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1 || how == CLOSES)
		_exit(0);
	if (SSL_read(ssl, buf, sizeof(buf)) <= 0)
		_exit(0);
	if (how == SILENT)
		pause();
	if (how == RANDOM)
		SSL_write(ssl, noise, sizeof(noise));
	else
		SSL_write(ssl, text, (int)strlen(text));
	SSL_shutdown(ssl);
	_exit(0);
}

static void
start(struct scene *s, enum manner how, const char *text)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		close(pair[0]);
		serve(s, pair[1], how, text);
	}
	close(pair[1]);
	s->fd = pair[0];
}

/* revoked: 0, or SERIAL */
static void
set(struct scene *s, long revoked)
{
	static const struct test_ext san = {.name = "subjectAltName", .text = "DNS:" HOST};
	const int64_t now = utc_now();

	testca_init(&s->web, "Web CA");
	testca_init(&s->clients, "Login CA");
	s->web_key = EVP_EC_gen("P-256");
	testca_cert(&(struct test_cert){.subject = HOST,
			.issuer = "Web CA",
			.pub = s->web_key,
			.signer = s->web.key,
			.ext = &san,
			.n_ext = 1},
	    &s->web_cert);
	testkey_new(KEY_P256, &s->k, &s->key);
	testca_issue(&s->clients, key_evp_public(s->key), SERIAL, &s->cert);
	testca_crl(&s->clients, s->clients.key, revoked, now - 60, now + TESTCA_DAY, &s->crl);
}

static struct tls_login
client(const struct scene *s, bool tls12)
{
	return (struct tls_login){.fd = s->fd,
	    .deadline_ns = utc_monotonic_ns() + INT64_C(10000000000),
	    .host = HOST,
	    .path = "/",
	    .tls12 = tls12,
	    .cas = &s->web.der,
	    .n_cas = 1,
	    .key = s->key,
	    .certs = &s->cert,
	    .n_certs = 1};
}

/* ---- what is asked ---- */

#define OK_PAGE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void
who_is_let_in_is_told_so(void **state)
{
	int tls12;

	(void)state;
	for (tls12 = 0; tls12 < 2; tls12++) {
		CLEAN(scene_wipe) struct scene s = {0};
		CLEAN(tls_reply_wipe) struct tls_reply r = {0};
		struct err err = ERR_INIT;
		struct tls_login l;

		set(&s, 0);
		start(&s, ANSWERS, OK_PAGE);
		l = client(&s, tls12 == 1);
		assert_int_equal(tls_login(&l, &r, &err), 0);
		assert_int_equal(r.status, 200);
		assert_true(r.asked && r.handshake && !r.resumed && !r.closed);
		assert_int_equal(r.alert, -1);
		assert_string_equal(r.anchor, "CN=Web CA");
		assert_int_equal(s.k.calls, 1);
		assert_true(r.session.len > 0);
	}
}

static void
a_refusal_is_told_by_its_alert(void **state)
{
	static const struct {
		bool tls12, cert;
		int alert;
		const char *name;
	} rows[] = {
	    {true, true, SSL_AD_CERTIFICATE_REVOKED, "certificate revoked"},
	    {false, true, SSL_AD_CERTIFICATE_REVOKED, "certificate revoked"},
	    {true, false, SSL_AD_HANDSHAKE_FAILURE, "handshake failure"},
	    {false, false, SSL_AD_CERTIFICATE_REQUIRED, "certificate required"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(scene_wipe) struct scene s = {0};
		CLEAN(tls_reply_wipe) struct tls_reply r = {0};
		struct err err = ERR_INIT;
		struct tls_login l;

		set(&s, SERIAL);
		start(&s, ANSWERS, OK_PAGE);
		l = client(&s, rows[i].tls12);
		l.n_certs = rows[i].cert ? 1 : 0;
		assert_int_equal(tls_login(&l, &r, &err), 0);
		assert_int_equal(r.alert, rows[i].alert);
		assert_string_equal(r.alert_name, rows[i].name);
		assert_true(r.asked);
		assert_int_equal(r.status, 0);
	}
}

static void
another_ca_is_refused_even_under_our_name(void **state)
{
	int named;

	(void)state;
	for (named = 0; named < 2; named++) {
		CLEAN(scene_wipe) struct scene s = {0};
		CLEAN(tls_reply_wipe) struct tls_reply r = {0};
		struct blob chain[2] = {{0}};
		struct cert_names names;
		struct err err = ERR_INIT;
		struct tls_login l;

		set(&s, 0);
		start(&s, ANSWERS, OK_PAGE);
		assert_int_equal(
		    cert_of_other_ca(s.key, named ? &s.clients.der : NULL, chain, &err), 0);
		assert_int_equal(cert_names(&chain[0], &names, &err), 0);
		assert_int_equal(strcmp(names.issuer_cn, "Login CA") == 0, named);
		assert_int_equal(cert_issued_by(&chain[0], &chain[1], &err), 0);
		assert_int_equal(cert_issued_by(&chain[0], &s.clients.der, &err), ERR_PROOF);
		l = client(&s, false);
		l.certs = chain;
		l.n_certs = 2;
		assert_int_equal(tls_login(&l, &r, &err), 0);
		assert_true(r.alert >= 0);
		assert_int_equal(r.status, 0);
		blob_wipe(&chain[0]);
		blob_wipe(&chain[1]);
	}
}

static void
a_session_is_resumed_without_the_key(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(tls_reply_wipe) struct tls_reply r = {0}, again = {0};
	struct blob junk = {(uint8_t[]){0x30, 0x03, 1, 2, 3}, 5};
	struct err err = ERR_INIT;
	struct tls_login l;

	(void)state;
	set(&s, 0);
	start(&s, ANSWERS, OK_PAGE);
	l = client(&s, false);
	assert_int_equal(tls_login(&l, &r, &err), 0);
	assert_true(r.session.len > 0);
	/* another process has other ticket keys: it does not resume, and asks for the key again */
	close(s.fd);
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
	start(&s, ANSWERS, OK_PAGE);
	l = client(&s, false);
	l.session = &r.session;
	assert_int_equal(tls_login(&l, &again, &err), 0);
	assert_false(again.resumed);
	assert_int_equal(again.status, 200);
	assert_int_equal(s.k.calls, 2);
	l.session = &junk;
	tls_reply_wipe(&again);
	assert_int_equal(tls_login(&l, &again, &err), ERR_FIT);
}

/* The system trusts it. */
static void
by_system(const struct blob *ca)
{
	static char path[] = "/tmp/ykenroll-login.XXXXXX";
	CLEAN(blob_wipe) struct blob pem = {0};
	static int fd = -1;

	if (fd < 0)
		fd = mkstemp(path);
	assert_int_equal(pem_put(ca, PEM_CERT, &pem, NULL), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, pem.data, pem.len, 0), pem.len);
	setenv("SSL_CERT_FILE", path, 1);
}

static void
a_server_that_is_not_meant_is_no_answer(void **state)
{
	static const struct {
		const char *host;
		bool trusted;
	} rows[] = {{"other.example.org", true}, {HOST, false}, {"127.0.0.1", true}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(scene_wipe) struct scene s = {0};
		CLEAN(tls_reply_wipe) struct tls_reply r = {0};
		struct err err = ERR_INIT;
		struct tls_login l;

		set(&s, 0);
		start(&s, ANSWERS, OK_PAGE);
		l = client(&s, false);
		by_system(&s.web.der); /* which is not asked */
		l.host = rows[i].host;
		l.cas = rows[i].trusted ? &s.web.der : &s.clients.der;
		assert_int_equal(tls_login(&l, &r, &err), ERR_FIT);
		assert_int_equal(s.k.calls, 0);
	}
	unlink(getenv("SSL_CERT_FILE"));
	unsetenv("SSL_CERT_FILE");
}

static void
what_is_no_answer_is_not_taken_for_one(void **state)
{
	static const struct {
		enum manner how;
		bool tls12;
		int rc;
		bool closed;
		int alert;
	} rows[] = {
	    {CLOSES, false, 0, true, -1},
	    {CLOSES, true, 0, true, -1},
	    {SILENT, false, ERR_ABSENT, false, -1},
	    {GARBAGE, false, ERR_INTERNAL, false, -1},
	    {ONLY_TLS12, false, 0, false, TLS_PROTOCOL_VERSION},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(scene_wipe) struct scene s = {0};
		CLEAN(tls_reply_wipe) struct tls_reply r = {0};
		struct err err = ERR_INIT;
		struct tls_login l;

		set(&s, 0);
		start(&s, rows[i].how, OK_PAGE);
		l = client(&s, rows[i].tls12);
		l.deadline_ns = utc_monotonic_ns() + INT64_C(1000000000);
		assert_int_equal(tls_login(&l, &r, &err), rows[i].rc);
		assert_int_equal(r.closed, rows[i].closed);
		assert_int_equal(r.alert, rows[i].alert);
		assert_int_equal(r.status, 0);
	}
}

static void
noise_is_no_answer(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		CLEAN(scene_wipe) struct scene s = {0};
		CLEAN(tls_reply_wipe) struct tls_reply r = {0};
		struct err err = ERR_INIT;
		struct tls_login l;

		set(&s, 0);
		start(&s, RANDOM, NULL);
		l = client(&s, i % 2 == 1);
		assert_int_equal(tls_login(&l, &r, &err), 0);
		assert_true(r.closed);
		assert_int_equal(r.status, 0);
	}
}

static void
a_key_that_fails_is_told_as_its_own_error(void **state)
{
	CLEAN(scene_wipe) struct scene s = {0};
	CLEAN(tls_reply_wipe) struct tls_reply r = {0};
	struct err err = ERR_INIT;
	struct tls_login l;

	(void)state;
	set(&s, 0);
	start(&s, ANSWERS, OK_PAGE);
	s.k.fail = ERR_TOUCH;
	l = client(&s, false);
	assert_int_equal(tls_login(&l, &r, &err), ERR_TOUCH);
}

static void
a_crl_tells_what_it_lists(void **state)
{
	CLEAN(scene_wipe) struct scene s = {.fd = -1};
	const uint8_t other[] = {1, 2, 3}, serial[] = {SERIAL >> 8, SERIAL & 0xff};
	struct err err = ERR_INIT;
	bool listed = false;

	(void)state;
	set(&s, SERIAL);
	s.pid = fork();
	if (s.pid == 0)
		_exit(0);
	assert_int_equal(crl_lists(&s.crl, serial, sizeof(serial), &listed, NULL, &err), 0);
	assert_true(listed);
	assert_int_equal(crl_lists(&s.crl, other, sizeof(other), &listed, NULL, &err), 0);
	assert_false(listed);
	assert_int_equal(crl_lists(&s.cert, serial, sizeof(serial), &listed, NULL, &err), ERR_FIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_let_in_is_told_so),
	    cmocka_unit_test(a_refusal_is_told_by_its_alert),
	    cmocka_unit_test(another_ca_is_refused_even_under_our_name),
	    cmocka_unit_test(a_session_is_resumed_without_the_key),
	    cmocka_unit_test(a_server_that_is_not_meant_is_no_answer),
	    cmocka_unit_test(what_is_no_answer_is_not_taken_for_one),
	    cmocka_unit_test(noise_is_no_answer),
	    cmocka_unit_test(a_key_that_fails_is_told_as_its_own_error),
	    cmocka_unit_test(a_crl_tells_what_it_lists),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
