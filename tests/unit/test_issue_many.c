/* SPDX-License-Identifier: BSD-2-Clause */
/* Do other people's tools find anything wrong with what the CA issues, whoever it is for and
 * whenever? Holders at random, all profiles, dates around 2049/2050 and 29 February. FULL=1: a
 * thousand certificates, else 200; QUICK=N: an Nth of 200. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "key/evp.h"
#include "signer/gate.h"
#include "signer/init_make.h"
#include "testsigner.h"

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

#define DAY INT64_C(86400)
#define KEYS 5

static struct ca *ca;
static char *home;
static int64_t clock_now;
static struct key *keys[KEYS];
static unsigned n_certs;

static int64_t
stopped(void)
{
	return clock_now;
}

/* ---- chance, the same at every run ---- */

static uint64_t seed = 20261120;

static unsigned
pick(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((seed >> 33) % n);
}

static size_t
put_char(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* A name of 1 to max characters from many alphabets; every eighth has exactly max. None beyond the
 * basic plane: dumpasn1 takes UTF-8 of four octets for an error. */
static const char *
random_name(char *ret, unsigned max)
{
	static const struct {
		uint32_t from, to;
	} alphabets[] = {{'A', 'z'}, {0xc0, 0x17f}, {0x391, 0x3c9}, {0x410, 0x44f},
	    {0x4e00, 0x9fa5}, {' ', '~'}};
	const unsigned chars = pick(8) == 0 ? max : 1 + pick(max), a = pick(6);
	unsigned i;
	size_t n = 0;

	for (i = 0; i < chars; i++) {
		const bool inner = i > 0 && i + 1 < chars;
		uint32_t c =
		    inner && pick(9) == 0
			? ' '
			: alphabets[a].from + pick(alphabets[a].to - alphabets[a].from + 1);

		n += put_char(ret + n, !inner && c == ' ' ? 'x' : c);
	}
	ret[n] = '\0';
	return ret;
}

static const char *
maybe(const char *text)
{
	return pick(3) == 0 ? NULL : text;
}

/* ---- requests ---- */

static const struct {
	const char *name;
	bool software, dns, fields;
} profiles[] = {
    {"client", false, false, false},
    {"smartcard-logon", false, false, false},
    {"piv", false, false, false},
    {"all", false, false, true},
    {"software", true, false, false},
    {"server", true, true, false},
    {"ocsp", true, false, false},
    {"site", true, true, true},
};
#define N_PROFILES (sizeof(profiles) / sizeof(profiles[0]))

static const char conf[] =
    "[profile all]\nbase = smartcard-logon\nnames = email, upn, uuid, sid\npolicy = all\n"
    "cdp = http://pki.example.org/issuing.crl, ldap://ldap.example.org/cn=issuing\n"
    "ocsp = http://ocsp.example.org/\nca_issuers = http://pki.example.org/issuing.cer\n"
    "policies = 1.3.6.1.4.1.99999.1.2, 2.16.840.1.101.3.2.1.3.13\ndays = 1830\n"
    "key_usage = digitalSignature, nonRepudiation, keyAgreement\n"
    "[policy all]\nC = supplied\nST = optional\nL = optional\nO = supplied\nOU = optional\n"
    "serialNumber = optional\n"
    "[profile site]\nbase = server\npolicy = all\ncdp = http://pki.example.org/issuing.crl\n"
    "key_usage = digitalSignature, keyEncipherment\nextended_key_usage = serverAuth, clientAuth\n";

struct person {
	char cn[300], o[300], email[80], upn[80], sid[80], subject[1000], names[200];
	uint8_t guid[REQUEST_GUID_LEN];
};

static void
fill(struct person *h, const char *profile, struct request *r)
{
	const bool logon = strcmp(profile, "smartcard-logon") == 0 || strcmp(profile, "all") == 0;
	size_t i;

	snprintf(
	    h->email, sizeof(h->email), "u%u.o'neil+x@mail%u.example.org", pick(100000), pick(9));
	snprintf(h->upn, sizeof(h->upn), "%s%u@corp.example.org", pick(2) == 0 ? "zoë" : "user",
	    pick(100000));
	snprintf(h->sid, sizeof(h->sid), "S-1-5-21-%u-%u-%u-%u", pick(1u << 30), pick(1u << 30),
	    pick(1u << 30), 1000 + pick(99999));
	for (i = 0; i < sizeof(h->guid); i++)
		h->guid[i] = (uint8_t)pick(256);
	TESTSIGNER_SET(r->holder.name, random_name(h->cn, 64));
	TESTSIGNER_SET(r->holder.email, maybe(h->email));
	TESTSIGNER_SET(r->holder.upn, logon ? h->upn : maybe(h->upn));
	TESTSIGNER_SET(r->holder.sid, maybe(h->sid));
	memcpy(r->guid, h->guid, sizeof(r->guid));
	r->days = pick(2) == 0 ? 0 : 1 + pick(30);
}

static void
fill_fields(struct person *h, struct request *r)
{
	char l[500];

	snprintf(h->subject, sizeof(h->subject), "C=%s\nO=%s%s%s%s", pick(2) == 0 ? "DE" : "JP",
	    random_name(h->o, 64), pick(2) == 0 ? "\nOU=IT & Betrieb" : "",
	    pick(2) == 0 ? "\nserialNumber=E-4711/7" : "", pick(2) == 0 ? "\nL=" : "");
	if (h->subject[strlen(h->subject) - 1] == '=')
		strncat(h->subject, random_name(l, 100), 500);
	TESTSIGNER_SET(r->subject, h->subject);
}

static void
fill_server(struct person *h, struct request *r)
{
	snprintf(h->names, sizeof(h->names), "dns:w%u.example.org%s%s", pick(100000),
	    pick(2) == 0 ? "\ndns:*.xn--bcher-kva.example" : "",
	    pick(2) == 0 ? "\nip:192.0.2.7\nip:2001:db8::7" : "");
	TESTSIGNER_SET(r->names, h->names);
}

static void
prepare(
    const struct request *base, unsigned which, struct issue_peer *desk, struct signer_prepared *p)
{
	struct request r = *base;
	struct err err = ERR_INIT;
	struct person h = {0};

	TESTSIGNER_SET(r.profile, profiles[which].name);
	fill(&h, r.profile, &r);
	if (profiles[which].fields)
		fill_fields(&h, &r);
	if (profiles[which].dns)
		fill_server(&h, &r);
	if (profiles[which].software) {
		memset(r.guid, 0, sizeof(r.guid));
		r.holder.sid[0] = '\0';
		if (profiles[which].dns || strcmp(r.profile, "ocsp") == 0)
			r.holder.email[0] = r.holder.upn[0] = '\0';
		OK(testsigner_prepare(ca, desk, REQUEST_SOFTWARE, &r, p, &err));
		return;
	}
	OK(testsigner_prepare(ca, desk, REQUEST_PREPARE, &r, p, &err));
}

/* One certificate into DIR/time-number.pem. */
static void
issue_one(unsigned which, unsigned k)
{
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
	CLEAN(blob_wipe) struct blob csr = {0}, leaf = {0}, cert = {0}, pem = {0};
	const struct testattest_leaf good = TESTATTEST_GOOD;
	struct request base = {.token = TESTATTEST_SERIAL, .slot = 0x9a, .f9 = testsigner_token.f9};
	struct err err = ERR_INIT;
	char name[100];

	OK(csr_make(keys[k], "somebody else", &csr, &err));
	testattest_leaf(&testsigner_token, key_evp_public(keys[k]), &good, &leaf);
	base.csr = csr;
	base.attestation = leaf;
	prepare(&base, which, &desk, &p);
	OK(issue_sign(ca, &desk, 1000, p.serial, &cert, &err));
	OK(pem_put(&cert, PEM_CERT, &pem, &err));
	snprintf(name, sizeof(name), "many/%lld/%04u.pem", (long long)clock_now, n_certs++);
	OK(file_write(testsigner_path(home, name), pem.data, pem.len, 0600, &err));
}

/* ---- the group ---- */

static void
open_ca(void)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	CLEAN(blob_wipe) struct blob text = {0};
	char *root = testsigner_root();
	const struct signer_init init = {.home = home,
	    .name = "Example",
	    .rehearsal_root = root,
	    .pass = pass,
	    .root_days = 12000,
	    .issuing_days = 12000};
	struct err err = ERR_INIT;
	const char *path;

	OK(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), &err));
	OK(init_ca(&init, &err));
	path = testsigner_path(home, "ykenroll.conf");
	OK(file_read(path, &text, &err));
	OK(blob_append(&text, conf, sizeof(conf) - 1, &err));
	OK(file_write(path, text.data, text.len, 0600, &err));
	ca = testsigner_open(home);
	ca->now = stopped;
	free(root);
}

static int
setup(void **state)
{
	static const enum key_alg algs[KEYS] = {
	    KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA2048, KEY_RSA3072};
	size_t i;

	testsigner_setup(state);
	home = testsigner_empty();
	open_ca();
	for (i = 0; i < KEYS; i++)
		assert_int_equal(key_generate(algs[i], &keys[i], NULL), 0);
	assert_int_equal(mkdir(testsigner_path(home, "many"), 0700), 0);
	return 0;
}

static int
teardown(void **state)
{
	size_t i;

	for (i = 0; i < KEYS; i++)
		key_freep(&keys[i]);
	ca_closep(&ca);
	free(home);
	return testsigner_teardown(state);
}

/* Rising, for a signer's clock does not go back. 29 February 2028 and what a year and a day later
 * is; the last UTCTime and the first GeneralizedTime as beginning, and as end. */
static const char *const times[] = {"2028-02-28T23:59:59Z", "2028-02-29T12:00:00Z",
    "2029-03-01T00:04:59Z", "2048-12-31T23:59:59Z", "2049-01-01T00:05:00Z", "2049-12-31T23:59:59Z",
    "2050-01-01T00:00:00Z", "2050-01-01T00:05:00Z", "2052-02-29T00:00:00Z"};
#define TIMES (1 + sizeof(times) / sizeof(times[0]))

static unsigned
wanted(void)
{
	const char *full = getenv("FULL"), *quick = getenv("QUICK");

	if (full != NULL && full[0] != '\0')
		return 1000;
	return quick != NULL && atoi(quick) > 1 ? 200 / (unsigned)atoi(quick) : 200;
}

static void
the_ca_issues_them(void **state)
{
	const unsigned total = wanted();
	char name[100];
	size_t t;

	(void)state;
	clock_now = utc_now();
	for (t = 0; t < TIMES; t++) {
		if (t > 0)
			assert_int_equal(utc_parse(times[t - 1], &clock_now), 0);
		snprintf(name, sizeof(name), "many/%lld", (long long)clock_now);
		assert_int_equal(mkdir(testsigner_path(home, name), 0700), 0);
		while (n_certs < total * (t + 1) / TIMES)
			issue_one(n_certs % N_PROFILES, (n_certs / N_PROFILES) % KEYS);
	}
	assert_int_equal(n_certs, total);
}

/* COMMAND for each directory D of one time T, from within many/; its lines are counted. */
static void
judge(const char *what, const char *command)
{
	testsigner_shell(0,
	    "cd %s/many && cat ../pub/issuing.crt ../pub/root.crt >cas.pem && "
	    "for T in [0-9]*; do %s; done >out 2>&1; n=$(grep -c '^good$' out); "
	    "echo \"# %s: $n of %u\" >&2; [ \"$n\" = %u ] || { grep -v '^good$' out | head -40 >&2; "
	    "exit 1; }",
	    home, command, what, n_certs, n_certs);
}

static void
openssl_verifies_each_strictly(void **state)
{
	(void)state;
	judge("openssl verify -x509_strict",
	    "openssl verify -x509_strict -attime $T -CAfile cas.pem $T/*.pem | sed 's/.*: OK$/good/'");
}

static void
certtool_verifies_each(void **state)
{
	(void)state;
	if (system("command -v certtool && ls /usr/lib/*/faketime/libfaketime.so.1") != 0)
		skip();
	/* without the faketime program: its semaphores are named by a number of the process, and
	 * stay behind when one is killed */
	judge("certtool --verify",
	    "L=$(ls /usr/lib/*/faketime/libfaketime.so.1); for f in $T/*.pem; do "
	    "env LD_PRELOAD=$L FAKETIME=\"$(date -d @$T '+%Y-%m-%d %H:%M:%S')\" certtool "
	    "--verify --load-ca-certificate cas.pem --infile $f >one 2>&1 && "
	    "grep -q 'Chain verification output: Verified' one && echo good || { echo $f; tail -3 "
	    "one; }; done");
}

/* It is not in Debian 13. */
static void
dumpasn1_warns_of_none(void **state)
{
	(void)state;
	if (system("command -v dumpasn1 >/dev/null") != 0)
		skip();
	/* it counts in 32 bits: every time after 2038 is an error to it, and nothing else may be */
	judge("dumpasn1",
	    "for f in $T/*.pem; do openssl x509 -in $f -outform DER -out one.der && "
	    "dumpasn1 one.der >one 2>&1; e=$(grep -c 'Error: Time value cannot be represented in "
	    "a 32-bit time_t' one); grep -Eq \"^0 warnings, $e errors\" one && "
	    "[ $(grep -ci 'error:' one) = $e ] && echo good || { echo $f; grep -A3 -iE "
	    "'error|warning' one; }; done");
}

/* Every one is in the log as signed, and none of their serials is there twice. */
static void
the_log_has_each_once(void **state)
{
	(void)state;
	testsigner_shell(0,
	    "cd %s/many && cat */*.pem >/dev/null && for f in */*.pem; do openssl x509 -in $f "
	    "-noout -serial; done | tr A-F a-f | sed 's/.*=//' | sort >serials && "
	    "[ $(uniq serials | wc -l) = %u ] && sqlite3 -readonly ../ca/issuance.db "
	    "\"SELECT lower(hex(serial)) FROM rows WHERE what = 'signed'\" | sort | comm -13 - serials | wc -l "
	    "| grep -qx 0",
	    home, n_certs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_ca_issues_them),
	    cmocka_unit_test(openssl_verifies_each_strictly),
	    cmocka_unit_test(certtool_verifies_each),
	    cmocka_unit_test(dumpasn1_warns_of_none),
	    cmocka_unit_test(the_log_has_each_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
