/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <sqlite3.h>

#include "key/ossl.h"
#include "testlog.h"
#include "ykenroll/blob.h"

static void
hash_field(EVP_MD_CTX *ctx, const void *data, size_t len)
{
	const uint8_t head[4] = {
	    (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

	EVP_DigestUpdate(ctx, head, sizeof(head));
	EVP_DigestUpdate(ctx, data, len);
}

/* As signer/log.h and db/chain.h say it. */
static void
hash_column(EVP_MD_CTX *ctx, sqlite3_stmt *st, int col)
{
	static const uint8_t null[4] = {0xff, 0xff, 0xff, 0xff};
	const uint64_t v = (uint64_t)sqlite3_column_int64(st, col);
	uint8_t be[8];
	int i;

	switch (sqlite3_column_type(st, col)) {
	case SQLITE_NULL:
		EVP_DigestUpdate(ctx, null, sizeof(null));
		return;
	case SQLITE_INTEGER:
		for (i = 0; i < 8; i++)
			be[i] = (uint8_t)(v >> (56 - 8 * i));
		hash_field(ctx, be, sizeof(be));
		return;
	default:
		hash_field(
		    ctx, sqlite3_column_blob(st, col), (size_t)sqlite3_column_bytes(st, col));
	}
}

#define COLS 14

static void
check_row(sqlite3_stmt *st, uint8_t head[static 32])
{
	CLEAN(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md[32];
	int i;

	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	hash_field(ctx, "ykenroll-issuance-1", strlen("ykenroll-issuance-1"));
	hash_field(ctx, head, 32);
	for (i = 0; i < COLS; i++)
		hash_column(ctx, st, i);
	EVP_DigestFinal_ex(ctx, md, NULL);
	assert_memory_equal(sqlite3_column_blob(st, COLS), head, 32);
	assert_memory_equal(sqlite3_column_blob(st, COLS + 1), md, 32);
	memcpy(head, md, 32);
}

struct testlog
testlog_audit(const char *path)
{
	json_t *open = json_object();
	struct testlog c = {0};
	uint8_t head[32] = {0};
	sqlite3_stmt *st;
	sqlite3 *db;
	char key[256];
	size_t i;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), 0);
	assert_int_equal(
	    sqlite3_prepare_v2(db,
		"SELECT n, at, peer, what, ca, serial, number, not_after, revoked, text, digest,"
		" data, audit_rows, audit_head, prev, hash FROM rows ORDER BY n",
		-1, &st, NULL),
	    0);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *what = (const char *)sqlite3_column_text(st, 3);
		const uint8_t *serial = sqlite3_column_blob(st, 5);
		const bool intent = strcmp(what, "intent") == 0 || strcmp(what, "crl-intent") == 0;
		const bool end = strcmp(what, "signed") == 0 || strcmp(what, "crl-signed") == 0;

		check_row(st, head);
		assert_int_equal(sqlite3_column_int64(st, 0), ++c.lines);
		snprintf(key, sizeof(key), "%s/%lld", (const char *)sqlite3_column_text(st, 4),
		    (long long)sqlite3_column_int64(st, 6));
		if (serial != NULL)
			for (key[0] = '\0', i = 0; i < (size_t)sqlite3_column_bytes(st, 5); i++)
				snprintf(key + 2 * i, 3, "%02x", serial[i]);
		c.intents += intent;
		c.signatures += end;
		if (intent)
			json_object_set_new(open, key, json_true());
		if (end)
			assert_int_equal(json_object_del(open, key), 0);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	json_decref(open);
	return c;
}
