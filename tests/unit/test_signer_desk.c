/* SPDX-License-Identifier: BSD-2-Clause */
/* What can a desk that was taken over get from the signer? It speaks the protocol itself, over a
 * socketpair to signer_serve in a child. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/utc.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/message.h"
#include "signer/process.h"
#include "testsigner.h"

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static char *home;
static pid_t child;
static int wire = -1;

static int
get_pass(void *ctx, const char *what, struct secret *ret, struct err *err)
{
	(void)ctx;
	(void)what;
	return secret_set(ret, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), err);
}

/* fd -1: listen */
static void
start(int fd)
{
	const struct signer_pass pass = {.get = get_pass};
	const struct signer_serve serve = {.home = home, .pass = &pass, .fd = fd};

	if ((child = fork()) != 0)
		return;
	close(wire); /* or it would wait for its own end */
	_exit(signer_serve(&serve, NULL) == 0 ? 0 : 1);
}

static void
connect_signer(void)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	struct err err = ERR_INIT;
	int i;

	for (i = 0, wire = -1; i < 500 && wire < 0; i++) {
		OK(process_connect(testsigner_path(home, PROCESS_SOCKET), &wire, &err));
		if (wire < 0)
			usleep(10000);
	}
	OK(message_receive(wire, 10000, &body, &err));
	assert_int_equal(message_parse(body.data, body.len, &m), 0);
	assert_int_equal(m.type, MESSAGE_HELLO);
}

/* Each test has a signer that listens, and a connection. */
static int
setup(void **state)
{
	(void)state;
	home = testsigner_home();
	start(-1);
	connect_signer();
	return 0;
}

/* The signer must still be there, for the next desk. */
static int
teardown(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(signer_closep) struct signer *s = NULL;
	const struct signer_open how = {.home = home};
	struct err err = ERR_INIT;
	int status;

	(void)state;
	close(wire);
	testsigner_request(&q, KEY_P256, "the next one");
	OK(signer_open(&how, &s, &err));
	OK(signer_prepare(s, &q.r, &p, &err));
	OK(signer_sign(s, p.serial, &cert, &err));
	signer_closep(&s);
	kill(child, SIGTERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_not_equal(access(testsigner_path(home, PROCESS_SOCKET), F_OK), 0);
	free(home);
	return 0;
}

/* ---- the protocol by hand ---- */

/* The code of the answer: 0, an error's, or 1 when the connection was closed instead. */
static int
answer(struct blob *body, struct message *m)
{
	struct err err = ERR_INIT;

	if (message_receive(wire, 5000, body, &err) != 0) {
		assert_null(strstr(err.text, "does not answer"));
		return 1;
	}
	assert_int_equal(message_parse(body->data, body->len, m), 0);
	return m->type == MESSAGE_ERROR ? (int)message_number(m, TAG_CODE) : 0;
}

static int
ask(struct blob *frame, struct blob *body, struct message *m)
{
	message_end(frame);
	assert_int_equal(message_write(wire, frame->data, frame->len, NULL), 0);
	return answer(body, m);
}

static void
put_prepare(struct blob *frame, const struct request *r)
{
	assert_int_equal(message_begin(frame, MESSAGE_PREPARE, NULL), 0);
	assert_int_equal(message_put_request(frame, r, NULL), 0);
}

static int
prepare(const struct request *r, uint8_t *ret_serial)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	struct message m;
	int rc;

	put_prepare(&frame, r);
	if ((rc = ask(&frame, &body, &m)) == 0 && ret_serial != NULL)
		memcpy(ret_serial, message_get(&m, TAG_SERIAL)->data, SIGNER_SERIAL_LEN);
	return rc;
}

static int
sign(const uint8_t *serial, struct blob *ret_cert)
{
	CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
	struct message m;
	int rc;

	assert_int_equal(message_begin(&frame, MESSAGE_SIGN, NULL), 0);
	assert_int_equal(message_put(&frame, TAG_SERIAL, serial, SIGNER_SERIAL_LEN, NULL), 0);
	if ((rc = ask(&frame, &body, &m)) == 0)
		assert_int_equal(blob_set(ret_cert, message_get(&m, TAG_CERT)->data,
				     message_get(&m, TAG_CERT)->len, NULL),
		    0);
	return rc;
}

/* ---- what it asks for ---- */

static void
no_certificate_for_a_key_outside_the_token(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q, soft;

	(void)state;
	testsigner_request(&q, KEY_P256, "mallory");
	testsigner_request(&soft, KEY_P256, "mallory");
	soft.r.attestation = q.leaf; /* genuine, of the key that is in the token */
	assert_int_equal(prepare(&soft.r, NULL), ERR_ATTEST);
	soft.r.attestation = soft.csr;
	assert_int_equal(prepare(&soft.r, NULL), ERR_ATTEST);
	soft.r.f9 = soft.csr;
	assert_int_equal(prepare(&soft.r, NULL), ERR_ATTEST);
	assert_int_equal(prepare(&q.r, NULL), 0);
}

static void
no_certificate_for_another_token_or_slot(void **state)
{
	const struct testattest_leaf good = TESTATTEST_GOOD;
	struct testattest_leaf leaf = good;
	CLEAN(testsigner_request_wipe) struct testsigner_request q;

	(void)state;
	testsigner_request(&q, KEY_P256, "mallory");
	q.r.token++;
	assert_int_equal(prepare(&q.r, NULL), ERR_ATTEST);
	q.r.token--;
	leaf.slot = 0x9e; /* no PIN there */
	testsigner_attest(&q, &leaf);
	assert_int_equal(prepare(&q.r, NULL), ERR_ATTEST);
	q.r.slot = 0x9e;
	assert_int_equal(prepare(&q.r, NULL), ERR_CA);
	q.r.slot = 0x9a;
	leaf = good;
	leaf.pin = PIN_NEVER;
	testsigner_attest(&q, &leaf);
	assert_int_equal(prepare(&q.r, NULL), ERR_ATTEST);
}

static void
nothing_but_the_key_of_a_request_gets_into_the_certificate(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(blob_wipe) struct blob cert = {0};
	CLEAN(req_freep) X509_REQ *req = X509_REQ_new();
	CLEAN(x509_freep) X509 *x = NULL;
	CLEAN(ossl_bytes_freep) unsigned char *der = NULL;
	STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
	uint8_t serial[SIGNER_SERIAL_LEN];
	const uint8_t *d;
	int len;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	sk_X509_EXTENSION_push(
	    exts, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE"));
	sk_X509_EXTENSION_push(
	    exts, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "email:root@example.org"));
	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
	    (const uint8_t *)"administrator", -1, -1, 0);
	assert_int_equal(X509_REQ_add_extensions(req, exts), 1);
	assert_int_equal(X509_REQ_set_pubkey(req, key_evp_public(q.key)), 1);
	assert_true(X509_REQ_sign(req, key_evp(q.key), EVP_sha256()) > 0);
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	assert_true((len = i2d_X509_REQ(req, &der)) > 0);
	assert_int_equal(blob_set(&q.csr, der, (size_t)len, NULL), 0);
	q.r.csr = q.csr;
	assert_int_equal(prepare(&q.r, serial), 0);
	assert_int_equal(sign(serial, &cert), 0);
	d = cert.data;
	assert_non_null(x = d2i_X509(NULL, &d, (long)cert.len));
	assert_int_equal(X509_get_ext_by_NID(x, NID_subject_alt_name, -1), -1);
	assert_int_equal(X509_check_ca(x), 0);
	assert_null(memmem(cert.data, cert.len, "administrator", 13));
}

static void
nothing_is_signed_that_was_not_prepared_here(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(blob_wipe) struct blob cert = {0};
	uint8_t serial[SIGNER_SERIAL_LEN] = {0x42};

	(void)state;
	assert_int_equal(sign(serial, &cert), ERR_CA);
	testsigner_request(&q, KEY_P256, "mallory");
	assert_int_equal(prepare(&q.r, serial), 0);
	close(wire); /* with the connection goes what it prepared */
	connect_signer();
	assert_int_equal(sign(serial, &cert), ERR_CA);
}

static void
a_serial_is_signed_once_and_given_again_to_everybody(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(blob_wipe) struct blob one = {0}, two = {0}, three = {0};
	uint8_t serial[SIGNER_SERIAL_LEN];

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	assert_int_equal(prepare(&q.r, serial), 0);
	assert_int_equal(sign(serial, &one), 0);
	assert_int_equal(sign(serial, &two), 0);
	close(wire);
	connect_signer();
	assert_int_equal(sign(serial, &three), 0);
	assert_true(blob_equal(&one, &two) && blob_equal(&one, &three));
}

static void
the_cas_own_certificates_cannot_be_revoked_or_found(void **state)
{
	CLEAN(blob_wipe) struct blob pem = {0}, der = {0}, frame = {0}, body = {0};
	struct cert_info info;
	struct message m;

	(void)state;
	assert_int_equal(file_read(testsigner_path(home, "pub/issuing.crt"), &pem, NULL), 0);
	assert_int_equal(cert_from_pem(&pem, &der, NULL), 0);
	assert_int_equal(cert_read(der.data, der.len, &info, NULL), 0);
	assert_int_equal(message_begin(&frame, MESSAGE_REVOKE, NULL), 0);
	assert_int_equal(message_put_number(&frame, TAG_REASON, REASON_SUPERSEDED, NULL), 0);
	assert_int_equal(
	    message_put(&frame, TAG_ANY_SERIAL, info.serial, SIGNER_SERIAL_LEN, NULL), 0);
	assert_int_equal(ask(&frame, &body, &m), ERR_ABSENT);
	assert_int_equal(sign(info.serial, &pem), ERR_ABSENT);
}

/* ---- frames ---- */

static void
send_raw(const void *data, size_t len)
{
	const struct blob b = {.data = (uint8_t *)(uintptr_t)data, .len = len};

	/* it may have hung up on us already */
	(void)!message_write(wire, b.data, b.len, NULL);
}

static void
frames_that_are_none_end_the_connection(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} t[] = {
	    {"\0\0\0\0", 4},
	    {"\xff\xff\xff\xff", 4},
	    {"\0\4\0\1", 4},					/* one byte more than allowed */
	    {"\0\0\0\1\0", 5},					/* no such type */
	    {"\0\0\0\6\2\x41\0\0\0\0", 10},			/* prepare with an empty profile */
	    {"\0\0\0\7\4\x41\0\0\0\1x", 11},			/* find with a profile */
	    {"\0\0\0\x0e\2\x48\0\0\0\x08\0\0\0\0\0\0\0\0", 18}, /* zero days */
	    {"\0\0\0\1\x40", 5},				/* a reply */
	    {"\0\0\0\2\1\0", 6},				/* half a field */
	    {"\0\0\0\6\3\x0a\xff\xff\xff\xff", 10},		/* a field beyond the end */
	    {"\0\0\0\6\3\x0a\0\0\0\0", 10},			/* an empty serial */
	    {"GET / HTTP/1.1\r\n\r\n", 18},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CLEAN(blob_wipe) struct blob body = {0}, more = {0};
		struct message m;

		send_raw(t[i].bytes, t[i].len);
		assert_int_not_equal(answer(&body, &m), 0);
		assert_int_equal(answer(&more, &m), 1); /* closed */
		close(wire);
		connect_signer();
	}
}

static void
numbers_out_of_range_are_refused(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	static const uint8_t minus[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	size_t i;

	(void)state;
	testsigner_request(&q, KEY_P256, "mallory");
	q.r.days = 1;
	for (i = 0; i < 3; i++) {
		CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
		struct message m;
		uint8_t *at;

		put_prepare(&frame, &q.r);
		/* days, token, slot come one behind the other */
		at = memmem(frame.data, frame.len, "\x48\0\0\0\x08", 5);
		assert_non_null(at);
		memcpy(at + 5 + 13 * i, minus, sizeof(minus));
		assert_int_equal(ask(&frame, &body, &m), ERR_USAGE);
	}
}

/* A half-sent frame keeps nobody waiting: the others are served meanwhile. */
static void
a_desk_that_stalls_does_not_stop_the_others(void **state)
{
	const int stalled = wire;

	(void)state;
	send_raw("\0\0\1\0\2half", 9);
	connect_signer();
	no_certificate_for_a_key_outside_the_token(NULL);
	close(stalled);
}

static void
many_desks_wait_their_turn(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	const int first = wire;
	int fds[40], i; /* 32 are served, some more wait to be accepted */
	struct err err = ERR_INIT;

	(void)state;
	for (i = 0; i < 40; i++)
		OK(process_connect(testsigner_path(home, PROCESS_SOCKET), &fds[i], &err));
	testsigner_request(&q, KEY_P256, "alice");
	wire = first;
	assert_int_equal(prepare(&q.r, NULL), 0);
	for (i = 0; i < 40; i++)
		close(fds[i]);
}

static void
garbage_does_not_bring_the_signer_down(void **state)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	uint32_t r = 99;
	size_t i, j;

	(void)state;
	testsigner_request(&q, KEY_P256, "mallory");
	q.r.days = 1;
	for (i = 0; i < 300; i++) {
		CLEAN(blob_wipe) struct blob frame = {0}, body = {0};
		struct message m;
		int rc;

		put_prepare(&frame, &q.r);
		for (j = 0; j < 3; j++) {
			r = r * 1664525 + 1013904223;
			frame.data[MESSAGE_HEAD + (r >> 8) % (frame.len - MESSAGE_HEAD)] ^=
			    (uint8_t)(1 + (r >> 4) % 255);
		}
		rc = ask(&frame, &body, &m);
		/* a changed name or number of days may be all right; the rest is not */
		assert_true(rc <= 0 || rc == 1);
		if (rc != 0) {
			close(wire);
			connect_signer();
		}
	}
}

/* ---- one connection ---- */

static void
a_signer_for_one_desk_ends_with_it_and_tells_it_what_is_wrong(void **state)
{
	CLEAN(blob_wipe) struct blob body = {0};
	struct message m;
	int pair[2], status, listening = wire;
	const pid_t listener = child;
	char *other = home;

	(void)state;
	home = testsigner_home();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	wire = pair[0];
	start(pair[1]);
	close(pair[1]);
	assert_int_equal(answer(&body, &m), 0);
	assert_int_equal(m.type, MESSAGE_HELLO);
	assert_true(message_number(&m, TAG_KDF_NS) > 0);
	close(wire);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	free(home);
	home = testsigner_empty();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	wire = pair[0];
	start(pair[1]);
	close(pair[1]);
	assert_int_equal(answer(&body, &m), ERR_CA);
	close(wire);
	assert_int_equal(waitpid(child, &status, 0), child);
	free(home);
	home = other;
	wire = listening;
	child = listener;
}

int
main(void)
{
#define DESK(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
	    DESK(no_certificate_for_a_key_outside_the_token),
	    DESK(no_certificate_for_another_token_or_slot),
	    DESK(nothing_but_the_key_of_a_request_gets_into_the_certificate),
	    DESK(nothing_is_signed_that_was_not_prepared_here),
	    DESK(a_serial_is_signed_once_and_given_again_to_everybody),
	    DESK(the_cas_own_certificates_cannot_be_revoked_or_found),
	    DESK(frames_that_are_none_end_the_connection),
	    DESK(numbers_out_of_range_are_refused),
	    DESK(a_desk_that_stalls_does_not_stop_the_others),
	    DESK(many_desks_wait_their_turn),
	    DESK(garbage_does_not_bring_the_signer_down),
	    DESK(a_signer_for_one_desk_ends_with_it_and_tells_it_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
