/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signer_load: a desk that does nothing but ask for certificates, and goes on when the signer dies.
 *
 *   signer_load make DIR N                       the root, and N requests by its token's book
 *   signer_load run DIR N SOCKET COUNT SEED OUT  until COUNT certificates are in hand
 *
 * OUT has a line for each thing that the desk was told: "got SERIAL DER", "forbidden SERIAL 0|1"
 * (1: it had been signed), "revoked SERIAL", "lost SERIAL" (what became of it was not asked).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "testsigner.h"

#define WAIT_MS 1800000 /* for the next signer */

struct desk {
	struct signer_open how;
	struct signer *s;
	struct blob f9, *csr, *att;
	size_t n;
	FILE *out;
	uint32_t seed;
	struct err err;
};

static _Noreturn void
die(const char *what, const struct err *err)
{
	fprintf(stderr, "signer_load: %s: %s\n", what, err == NULL ? "" : err->text);
	exit(1);
}

static uint32_t
dice(struct desk *d, uint32_t sides)
{
	d->seed = d->seed * 1664525 + 1013904223;
	return (d->seed >> 8) % sides;
}

/* ---- make ---- */

static void
put(const char *dir, size_t i, const char *kind, const struct blob *b)
{
	char path[4096];
	struct err err = ERR_INIT;

	snprintf(path, sizeof(path), "%s/%zu.%s", dir, i, kind);
	if (file_write(path, b->data, b->len, 0600, &err) != 0)
		die("write", &err);
}

static int
make(const char *dir, size_t n)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	size_t i;

	testattest_init(&testsigner_token, 5, 7, 1);
	if (pem_put(&testsigner_token.root.der, PEM_CERT, &pem, NULL) != 0)
		die("root", NULL);
	put(dir, 0, "root", &pem);
	put(dir, 0, "f9", &testsigner_token.f9);
	for (i = 0; i < n; i++) {
		CLEAN(testsigner_request_wipe) struct testsigner_request q;

		testsigner_request(&q, i % 2 == 0 ? KEY_P256 : KEY_P384, "load");
		put(dir, i, "csr", &q.csr);
		put(dir, i, "att", &q.leaf);
	}
	testattest_wipe(&testsigner_token);
	return 0;
}

/* ---- run ---- */

static void
get(const char *dir, size_t i, const char *kind, struct blob *ret)
{
	char path[4096];
	struct err err = ERR_INIT;

	snprintf(path, sizeof(path), "%s/%zu.%s", dir, i, kind);
	if (file_read(path, ret, &err) != 0)
		die("read", &err);
}

static void
say(struct desk *d, const char *what, const uint8_t *serial, const struct blob *der)
{
	char hex[2 * SIGNER_SERIAL_LEN + 1];
	size_t i;

	text_hex(serial, SIGNER_SERIAL_LEN, hex);
	fprintf(d->out, "%s %s", what, hex);
	if (der != NULL)
		fputc(' ', d->out);
	for (i = 0; der != NULL && i < der->len; i++)
		fprintf(d->out, "%02x", der->data[i]);
	fputc('\n', d->out);
	fflush(d->out);
}

/* With whoever listens next. */
static void
again(struct desk *d)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	const int64_t end = utc_monotonic_ns() + WAIT_MS * INT64_C(1000000);

	signer_closep(&d->s);
	while (signer_open(&d->how, &d->s, &d->err) != 0) {
		if (utc_monotonic_ns() > end)
			die("nobody comes back", &d->err);
		nanosleep(&pause, NULL);
	}
}

/* Was it the connection? Whatever else is refused is a fault. */
static bool
lost(struct desk *d, int rc, const char *what)
{
	if (rc == 0)
		return false;
	if (rc != ERR_INTERNAL)
		die(what, &d->err);
	again(d);
	return true;
}

static void
forbid(struct desk *d, const uint8_t *serial)
{
	bool was_signed;

	while (
	    lost(d, signer_forbid(d->s, serial, REASON_SUPERSEDED, &was_signed, &d->err), "forbid"))
		;
	say(d, was_signed ? "forbidden-signed" : "forbidden", serial, NULL);
}

static void
revoke(struct desk *d, const uint8_t *serial)
{
	while (
	    lost(d, signer_revoke(d->s, serial, SIGNER_SERIAL_LEN, NULL, REASON_CESSATION, &d->err),
		"revoke"))
		;
	say(d, "revoked", serial, NULL);
}

/* The signature was asked for and no answer came. */
static bool
find(struct desk *d, const uint8_t *serial, struct blob *ret)
{
	int rc;

	while ((rc = signer_find(d->s, serial, ret, NULL, &d->err)) != ERR_ABSENT)
		if (!lost(d, rc, "find"))
			return true;
	if (dice(d, 2) == 0)
		forbid(d, serial);
	else
		say(d, "lost", serial, NULL);
	return false;
}

static bool
one(struct desk *d)
{
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	const size_t i = dice(d, (uint32_t)d->n);
	const struct request r = {
	    .profile = "client",
	    .holder.name = "load",
	    .token = TESTATTEST_SERIAL,
	    .slot = 0x9a,
	    .csr = d->csr[i],
	    .attestation = d->att[i],
	    .f9 = d->f9,
	};

	if (lost(d, signer_prepare(d->s, &r, &p, &d->err), "prepare"))
		return false;
	if (dice(d, 20) == 0) {
		forbid(d, p.serial);
		return false;
	}
	if (lost(d, signer_sign(d->s, p.serial, &cert, &d->err), "sign") &&
	    !find(d, p.serial, &cert))
		return false;
	say(d, "got", p.serial, &cert);
	if (dice(d, 20) == 0)
		revoke(d, p.serial);
	return true;
}

static int
run(char **argv)
{
	struct desk d = {.n = strtoul(argv[1], NULL, 10), .err = ERR_INIT};
	size_t count = strtoul(argv[3], NULL, 10), i;

	d.how = (struct signer_open){.home = argv[0], .socket = argv[2]};
	d.seed = (uint32_t)strtoul(argv[4], NULL, 10);
	d.csr = calloc(d.n, sizeof(*d.csr));
	d.att = calloc(d.n, sizeof(*d.att));
	if (d.csr == NULL || d.att == NULL || (d.out = fopen(argv[5], "w")) == NULL)
		die("cannot begin", NULL);
	get(argv[0], 0, "f9", &d.f9);
	for (i = 0; i < d.n; i++) {
		get(argv[0], i, "csr", &d.csr[i]);
		get(argv[0], i, "att", &d.att[i]);
	}
	again(&d);
	while (count > 0)
		if (one(&d))
			count--;
	signer_closep(&d.s);
	return fclose(d.out) == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 8 && strcmp(argv[1], "run") == 0)
		return run(argv + 2);
	return 2;
}
