/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handshake: a login, in memory. In TLS 1.3 a client whose certificate is refused, or who never
 * sent one, has a handshake without an error all the same (RFC 8446, 4.4.2.4 and 4.4.4): what
 * counts is what the server saw, and that data came through and back.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "key/evp.h"
#include "key/ossl.h"
#include "x509/parse.h"

#define MAX_ROUNDS 16 /* of each side; a handshake takes two or three */

static const char greeting[] = "ykenroll: data from the client, and back";

OSSL_FREEP(ssl_freep, SSL, SSL_free)
OSSL_FREEP(ssl_ctx_freep, SSL_CTX, SSL_CTX_free)

/* ---- the server ---- */

/* A certificate that the client does not look at: both ends are in this file. */
static int
server_cert(EVP_PKEY *key, X509 **ret, struct err *err)
{
	CLEAN(x509_freep) X509 *cert = X509_new();
	CLEAN(name_freep) X509_NAME *name = NULL;
	const int64_t now = time(NULL);
	int rc;

	if ((rc = name_parse("CN=login proof", &name, err)) != 0)
		return rc;
	if (cert == NULL || !cert_begin(cert, key, name, name, now, now + 3600) ||
	    X509_sign(cert, key, EVP_sha256()) <= 0)
		return evp_err(err, ERR_INTERNAL, "cannot create the server's certificate");
	*ret = TAKE(cert);
	return 0;
}

static SSL_CTX *
new_ctx(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL)
		return NULL;
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_num_tickets(ctx, 0)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

static int
server_new(const struct blob *cas, size_t n_cas, const struct blob *crls, size_t n_crls, SSL **ret,
    struct err *err)
{
	CLEAN(ssl_ctx_freep) SSL_CTX *ctx = new_ctx(TLS_server_method());
	CLEAN(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	CLEAN(x509_freep) X509 *cert = NULL;
	CLEAN(store_freep) X509_STORE *store = NULL;
	int rc;

	if (ctx == NULL || key == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a TLS server");
	if ((rc = server_cert(key, &cert, err)) != 0 ||
	    (rc = cert_store(cas, n_cas, crls, n_crls, &store, err)) != 0)
		return rc;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_store(ctx, TAKE(store));
	if (SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    (*ret = SSL_new(ctx)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a TLS server");
	SSL_set_accept_state(*ret);
	return 0;
}

/* ---- the client ---- */

static int
client_new(struct key *key, const struct blob *der, SSL **ret, struct err *err)
{
	CLEAN(ssl_ctx_freep) SSL_CTX *ctx = new_ctx(TLS_client_method());
	CLEAN(x509_freep) X509 *cert = NULL;
	int rc;

	if (ctx == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a TLS client");
	if ((rc = cert_parse(der->data, der->len, &cert, err)) != 0)
		return rc;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	if (SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key_evp(key)) != 1)
		return evp_err(err, ERR_PROOF, "certificate and key do not match");
	if ((*ret = SSL_new(ctx)) == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot create a TLS client");
	SSL_set_connect_state(*ret);
	return 0;
}

/* ---- between them ---- */

/* One side goes on until it waits for the other one: 1 done, 0 waits, -1 failed. */
static int
step(SSL *side)
{
	const int r = SSL_do_handshake(side);
	int e;

	if (r == 1)
		return 1;
	e = SSL_get_error(side, r);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* The server's reason, which the client only learns as an alert. */
static int
refused(SSL *server, struct err *err)
{
	const long why = SSL_get_verify_result(server);

	if (why == X509_V_OK)
		return evp_err(err, ERR_PROOF, "the server refused the login");
	ERR_clear_error();
	return err_set(err, ERR_PROOF, "the server refused the certificate: %s",
	    X509_verify_cert_error_string(why));
}

static int
run(SSL *client, SSL *server, const struct key *key, struct err *err)
{
	int c = 0, s = 0, i;

	for (i = 0; i < MAX_ROUNDS && (c == 0 || s == 0); i++) {
		if (c == 0 && (c = step(client)) < 0)
			return evp_key_err(err, ERR_PROOF, key, "the client's handshake failed");
		if (s == 0 && (s = step(server)) < 0)
			return refused(server, err);
	}
	if (c != 1 || s != 1)
		return err_set(err, ERR_PROOF, "the handshake did not finish");
	return 0;
}

static int
carry(SSL *from, SSL *to)
{
	const size_t len = sizeof(greeting);
	char got[sizeof(greeting)];
	size_t n = 0;

	return SSL_write_ex(from, greeting, len, &n) == 1 && n == len &&
	       SSL_read_ex(to, got, len, &n) == 1 && n == len && memcmp(got, greeting, len) == 0;
}

/* ---- what the server saw ---- */

/* The name in RFC 8446, 4.2.3. OpenSSL says it itself from 3.5 on only. */
static const char *
signature_name(SSL *server)
{
	static const struct {
		int type, md;
		const char *name;
	} names[] = {
	    {NID_X9_62_id_ecPublicKey, NID_sha256, "ecdsa_secp256r1_sha256"},
	    {NID_X9_62_id_ecPublicKey, NID_sha384, "ecdsa_secp384r1_sha384"},
	    {NID_ED25519, NID_undef, "ed25519"},
	    {NID_rsassaPss, NID_sha256, "rsa_pss_rsae_sha256"},
	    {NID_rsassaPss, NID_sha384, "rsa_pss_rsae_sha384"},
	    {NID_rsassaPss, NID_sha512, "rsa_pss_rsae_sha512"},
	};
	int type = NID_undef, md = NID_undef;
	size_t i;

	SSL_get_peer_signature_type_nid(server, &type);
	SSL_get_peer_signature_nid(server, &md);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type && names[i].md == md)
			return names[i].name;
	return "unknown";
}

static int
witness(SSL *server, const struct blob *cert, struct handshake_result *ret, struct err *err)
{
	uint8_t want[X509_SHA256_LEN];
	const X509 *peer = SSL_get0_peer_certificate(server);
	int rc;

	if (peer == NULL)
		return err_set(err, ERR_PROOF, "the server received no certificate");
	if (SSL_get_verify_result(server) != X509_V_OK)
		return refused(server, err);
	if (X509_digest(peer, EVP_sha256(), ret->peer_sha256, NULL) != 1)
		return evp_err(err, ERR_INTERNAL, "SHA-256");
	if ((rc = x509_sha256(cert, want, err)) != 0)
		return rc;
	if (memcmp(want, ret->peer_sha256, sizeof(want)) != 0)
		return err_set(err, ERR_PROOF, "the server received a different certificate");
	snprintf(ret->protocol, sizeof(ret->protocol), "%s", SSL_get_version(server));
	snprintf(ret->cipher, sizeof(ret->cipher), "%s", SSL_get_cipher_name(server));
	snprintf(ret->signature, sizeof(ret->signature), "%s", signature_name(server));
	return 0;
}

int
handshake_prove(struct key *key, const struct blob *cert, const struct blob *cas, size_t n_cas,
    const struct blob *crls, size_t n_crls, struct handshake_result *ret, struct err *err)
{
	CLEAN(ssl_freep) SSL *server = NULL;
	CLEAN(ssl_freep) SSL *client = NULL;
	struct handshake_result result = {0};
	BIO *c, *s;
	int rc;

	key_forget_error(key);
	ERR_clear_error();
	if ((rc = server_new(cas, n_cas, crls, n_crls, &server, err)) != 0 ||
	    (rc = client_new(key, cert, &client, err)) != 0)
		return rc;
	if (!BIO_new_bio_pair(&c, 0, &s, 0))
		return evp_err(err, ERR_INTERNAL, "cannot connect the login proof");
	SSL_set_bio(client, c, c);
	SSL_set_bio(server, s, s);
	if ((rc = run(client, server, key, err)) != 0)
		return rc;
	if (!carry(client, server) || !carry(server, client))
		return evp_err(err, ERR_PROOF, "no data arrived after the handshake");
	if ((rc = witness(server, cert, &result, err)) != 0)
		return rc;
	*ret = result;
	return 0;
}
