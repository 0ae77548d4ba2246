/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "key/evp.h"
#include "signer/init_make.h"
#include "signer/process.h"
#include "testsigner.h"

struct testattest testsigner_token;

static char top[] = "/var/tmp/ykenroll-signer-XXXXXX";
static int homes;

void
testsigner_set(char *at, size_t size, const char *text)
{
	snprintf(at, size, "%s", text == NULL ? "" : text);
}

void
testsigner_shell(int status, const char *fmt, ...)
{
	char command[8192];
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	r = system(command);
	if (!WIFEXITED(r) || WEXITSTATUS(r) != status)
		fail_msg("%s: status %d", command, r);
}

const char *
testsigner_path(const char *home, const char *name)
{
	static char path[PATH_MAX];

	assert_int_equal(file_join(path, sizeof(path), home, name, NULL), 0);
	return path;
}

static char *
in_top(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", top, name) > 0);
	return path;
}

char *
testsigner_empty(void)
{
	char name[32], *home;

	snprintf(name, sizeof(name), "home%d", homes++);
	home = in_top(name);
	assert_int_equal(mkdir(home, 0700), 0);
	return home;
}

char *
testsigner_root(void)
{
	return in_top("root.pem");
}

int
testsigner_init(const char *home, const char *rehearsal_root, struct err *err)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	const struct signer_init init = {
	    .home = home, .name = "Example", .rehearsal_root = rehearsal_root, .pass = pass};

	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	return init_ca(&init, err);
}

char *
testsigner_home(void)
{
	char *home = testsigner_empty(), *template = in_top("template");

	testsigner_shell(0, "cp -a %s/. %s", template, home);
	free(template);
	return home;
}

int
testsigner_setup(void **state)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	struct err err = ERR_INIT;
	char *template, *root, *pass;

	(void)state;
	signer_set_program("/proc/self/exe"); /* testsigner_main */
	assert_non_null(mkdtemp(top));
	template = in_top("template");
	root = testsigner_root();
	pass = in_top("pass");
	testattest_init(&testsigner_token, 5, 7, 1);
	assert_int_equal(pem_put(&testsigner_token.root.der, PEM_CERT, &pem, &err), 0);
	assert_int_equal(file_write(root, pem.data, pem.len, 0600, &err), 0);
	assert_int_equal(
	    file_write(pass, TESTSIGNER_PASS "\n", strlen(TESTSIGNER_PASS) + 1, 0600, &err), 0);
	assert_int_equal(mkdir(template, 0700), 0);
	if (testsigner_init(template, root, &err) != 0)
		fail_msg("%s", err.text);
	free(template);
	free(root);
	free(pass);
	return 0;
}

int
testsigner_teardown(void **state)
{
	(void)state;
	testattest_wipe(&testsigner_token);
	testsigner_shell(0, "rm -rf %s", top);
	return 0;
}

struct ca *
testsigner_open(const char *home)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct err err = ERR_INIT;
	struct ca *ca = NULL;

	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	if (ca_open(home, pass, 0, &ca, &err) != 0)
		fail_msg("%s", err.text);
	return ca;
}

int
testsigner_import(
    struct log *log, const struct log_who *who, const struct log_cert *c, struct err *err)
{
	struct log_row row = {.what = "import",
	    .ca = c->ca,
	    .serial = c->serial,
	    .serial_len = sizeof(c->serial),
	    .not_after = c->not_after,
	    .revoked = c->revoked_at,
	    .number = c->revoked_at != 0 ? c->reason : 0,
	    .text = "/CN=x"};

	return log_append_some(log, who, &row, err);
}

/* ---- requests ---- */

void
testsigner_attest(struct testsigner_request *q, const struct testattest_leaf *leaf)
{
	blob_wipe(&q->leaf);
	testattest_leaf(&testsigner_token, key_evp_public(q->key), leaf, &q->leaf);
	q->r.attestation = q->leaf;
}

void
testsigner_request(struct testsigner_request *q, enum key_alg alg, const char *cn)
{
	const struct testattest_leaf leaf = TESTATTEST_GOOD;

	*q = (struct testsigner_request){0};
	assert_int_equal(key_generate(alg, &q->key, NULL), 0);
	/* the name in it is not what is asked for: nothing but its key counts */
	assert_int_equal(csr_make(q->key, "somebody else", &q->csr, NULL), 0);
	testsigner_attest(q, &leaf);
	q->r = (struct request){
	    .profile = "client",
	    .token = TESTATTEST_SERIAL,
	    .slot = 0x9a,
	    .csr = q->csr,
	    .attestation = q->leaf,
	    .f9 = testsigner_token.f9,
	};
	TESTSIGNER_SET(q->r.holder.name, cn);
}

void
testsigner_request_wipe(struct testsigner_request *q)
{
	key_freep(&q->key);
	blob_wipe(&q->csr);
	blob_wipe(&q->leaf);
}

int
testsigner_prepare(const struct ca *ca, struct issue_peer *desk, enum request_form form,
    const struct request *r, struct signer_prepared *ret, struct err *err)
{
	const struct issue_ask ask = {.form = form, .peer = (uint32_t)geteuid(), .request = r};

	return issue_prepare(ca, desk, &ask, ret, err);
}

void
testsigner_issue(
    struct ca *ca, const char *cn, struct signer_prepared *ret_prepared, struct blob *ret_cert)
{
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	struct err err = ERR_INIT;

	testsigner_request(&q, KEY_P256, cn);
	if (testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, ret_prepared, &err) != 0)
		fail_msg("%s", err.text);
	if (issue_sign(ca, &desk, 1000, ret_prepared->serial, ret_cert, &err) != 0)
		fail_msg("%s", err.text);
}

/* ---- the signer as a program ---- */

static int
get_pass(void *ctx, const char *what, struct secret *ret, struct err *err)
{
	const char *spec = ctx;

	(void)what;
	if (strncmp(spec, "file:", 5) == 0)
		return file_read_secret(spec + 5, ret, err);
	if (strncmp(spec, "fd:", 3) == 0) {
		char line[64];
		const ssize_t n = read(atoi(spec + 3), line, sizeof(line));

		return n <= 0 ? err_errno(err, ERR_PERSON, "fd")
			      : secret_set(ret, line, (size_t)n, err);
	}
	return err_set(err, ERR_PERSON, "nobody to ask");
}

int
testsigner_main(int argc, char **argv)
{
	struct signer_pass pass = {.get = get_pass};
	struct signer_serve serve = {.pass = &pass};

	if (argc == 3 && strcmp(argv[1], "--make") == 0)
		_exit(signer_make(atoi(argv[2]), NULL) == 0 ? 0 : 1);
	serve.look = argc == 8 && strcmp(argv[7], "--look") == 0;
	if ((argc != 7 && !serve.look) || strcmp(argv[1], "--fd") != 0 ||
	    strcmp(argv[3], "--home") != 0)
		return 2;
	serve.fd = atoi(argv[2]);
	serve.home = argv[4];
	pass.ctx = argv[6];
	/* no exit(): an undumpable process cannot look for leaks */
	_exit(signer_serve(&serve, NULL) == 0 ? 0 : 1);
}
