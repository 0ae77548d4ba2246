/* SPDX-License-Identifier: BSD-2-Clause */
#include "testreg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/x509.h>
#include <sqlite3.h>

int
testreg_init(const struct testreg *t, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	const struct registry_init init = {
	    .home = t->home,
	    .recovery_cert_name = "Recovery of the test",
	    .recovery_out = t->key,
	    .recovery_pass = pass,
	};

	assert_int_equal(secret_set(pass, TESTREG_PASS, strlen(TESTREG_PASS), err), 0);
	return registry_init(&init, err);
}

void
testreg_open(struct testreg *t)
{
	struct err err = ERR_INIT;

	registry_closep(&t->r);
	if (registry_open(t->home, "uid 1000 (test)", &t->r, &err) != 0)
		fail_msg("%s", err.text);
}

int
testreg_setup(void **state)
{
	struct testreg *t = calloc(1, sizeof(*t));
	struct err err = ERR_INIT;

	assert_non_null(t);
	snprintf(t->dir, sizeof(t->dir), "/tmp/ykenroll-registry.XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->home, sizeof(t->home), "%s/home", t->dir);
	snprintf(t->key, sizeof(t->key), "%s/recovery.key", t->dir);
	if (testreg_init(t, &err) != 0)
		fail_msg("%s", err.text);
	testreg_open(t);
	*state = t;
	return 0;
}

int
testreg_teardown(void **state)
{
	struct testreg *t = *state;
	char cmd[128];

	registry_closep(&t->r);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", t->dir);
	assert_int_equal(system(cmd), 0);
	free(t);
	return 0;
}

int
testreg_begin(
    struct testreg *t, uint32_t serial, const char *holder, bool additional, struct err *err)
{
	CLEAN(secret_freep) struct secret *mgm = secret_new();
	CLEAN(secret_freep) struct secret *puk = secret_new();
	CLEAN(registry_sealed_wipe) struct registry_sealed s0 = {0};
	CLEAN(registry_sealed_wipe) struct registry_sealed s1 = {0};
	struct registry_sealed both[2];
	struct registry_work w = {
	    .plan = "enroll", .asked = {.token = serial, .profile = "user", .firmware = {5, 7, 1}}};
	int rc;

	snprintf(w.asked.holder.key, sizeof(w.asked.holder.key), "%s", holder);
	snprintf(w.asked.holder.name, sizeof(w.asked.holder.name), "Name of %s", holder);
	memset(w.asked.guid, 0x11, sizeof(w.asked.guid));
	assert_int_equal(secret_set(mgm,
			     "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"
			     "\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18",
			     24, err),
	    0);
	assert_int_equal(secret_set(puk, "24680135", 8, err), 0);
	if ((rc = registry_seal(t->r, serial, SECRET_MGMKEY, 10, mgm, &s0, err)) != 0 ||
	    (rc = registry_seal(t->r, serial, SECRET_PUK, 0, puk, &s1, err)) != 0)
		return rc;
	both[0] = s0;
	both[1] = s1;
	return registry_begin(t->r, &w, both, 2, additional ? BEGIN_MORE : BEGIN_FIRST, err);
}

int64_t
testreg_work(struct testreg *t, uint32_t serial)
{
	CLEAN(registry_work_wipe) struct registry_work w = {0};
	struct err err = ERR_INIT;

	if (registry_work_open(t->r, serial, &w, &err) != 0)
		fail_msg("%s", err.text);
	return w.id;
}

void
testcert_make(struct testcert *c, unsigned n)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIGNUM *bn;
	unsigned char *der = NULL;
	int len;

	memset(c, 0, sizeof(*c));
	memset(c->serial, 0x5a, sizeof(c->serial));
	c->serial[15] = (uint8_t)n;
	c->serial[14] = (uint8_t)(n >> 8);
	bn = BN_bin2bn(c->serial, sizeof(c->serial), NULL);
	assert_non_null(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)));
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	len = i2d_X509(x, &der);
	assert_int_equal(blob_set(&c->der, der, (size_t)len, NULL), 0);
	OPENSSL_free(der);
	der = NULL;
	len = i2d_PUBKEY(key, &der);
	assert_int_equal(EVP_Digest(der, (size_t)len, c->spki, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	BN_free(bn);
	X509_free(x);
	EVP_PKEY_free(key);
}

void
testcert_wipe(struct testcert *c)
{
	blob_wipe(&c->der);
}

void
testreg_enrol(struct testreg *t, uint32_t serial, const char *holder, unsigned n)
{
	CLEAN(testcert_wipe) struct testcert c = {0};
	struct err err = ERR_INIT;
	int64_t work;

	testcert_make(&c, n);
	if (testreg_begin(t, serial, holder, true, &err) != 0)
		fail_msg("%s", err.text);
	work = testreg_work(t, serial);
	if (registry_cert_prepared(t->r, work, c.serial, c.spki, 1, 2, &err) != 0 ||
	    registry_cert_issued(t->r, work, &c.der, &err) != 0 ||
	    registry_finish(t->r, work, "proved", &err) != 0)
		fail_msg("%s", err.text);
}

static int
first(void *ctx, int n, char **values, char **names)
{
	(void)names;
	if (n > 0 && values[0] != NULL)
		*(int64_t *)ctx = strtoll(values[0], NULL, 10);
	return 1;
}

static int
run(const struct testreg *t, const char *sql, int64_t *ret)
{
	char path[192];
	sqlite3 *db = NULL;
	int rc;

	snprintf(path, sizeof(path), "%s/registry.db", t->home);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	rc = sqlite3_exec(db, sql, ret == NULL ? NULL : first, ret, NULL);
	sqlite3_close(db);
	return rc;
}

int
testreg_sql(const struct testreg *t, const char *sql)
{
	return run(t, sql, NULL);
}

int64_t
testreg_count(const struct testreg *t, const char *sql)
{
	int64_t n = -1;

	run(t, sql, &n);
	return n;
}
