/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ykenroll/relying_publish.h"
#include "base/file.h"
#include "point.h"
#include "signer/process.h"

#define READER "Yubico YubiKey CCID 00 00"
#define SERIAL 11223344

static char top[200];
static char ca_pass[sizeof(top) + 16];

static void __attribute__((format(printf, 1, 2))) shell(const char *fmt, ...)
{
	char command[8192];
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	r = system(command);
	if (!WIFEXITED(r) || WEXITSTATUS(r) != 0)
		fail_msg("%s: status %d", command, r);
}

/* ---- all points ---- */

static void
put_file(const char *name, const char *text)
{
	char path[PATH_MAX];

	assert_int_equal(file_join(path, sizeof(path), top, name, NULL), 0);
	assert_int_equal(file_write(path, text, strlen(text), 0600, NULL), 0);
}

static struct vkey *
open_key(const char *dir, const char *firmware)
{
	char path[PATH_MAX], msg[200] = "";
	const struct vkey_config config = {
	    .state = path, .root_dir = top, .firmware = firmware, .serial = SERIAL};
	struct vkey *key = NULL;

	assert_int_equal(file_join(path, sizeof(path), dir, "key.json", NULL), 0);
	if (vkey_open(&config, &key, msg, sizeof(msg)) != VKEY_OK)
		fail_msg("%s", msg);
	return key;
}

/* What the signer's sanitizers have to say goes where it is looked for. */
static void
sanitizers_of_children(void)
{
	static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *now = getenv(names[i]);
		char *text = NULL;

		assert_true(
		    asprintf(&text, "%s:log_path=%s/sanitizer", now == NULL ? "" : now, top) > 0);
		setenv(names[i], text, 1);
		free(text);
	}
}

static void
prepare(const char *firmware)
{
	char dir[sizeof(top) + 64];

	shell("mkdir -p %s/%s/template", top, firmware);
	snprintf(dir, sizeof(dir), "%s/%s/template", top, firmware);
	vkey_free(open_key(dir, firmware));
	shell("cp -a %s/home %s", top, dir);
}

int
point_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(top, sizeof(top), "%s/ykenroll-faults.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(top));
	snprintf(ca_pass, sizeof(ca_pass), "file:%s/pass", top);
	put_file("pass", "correct horse battery\n");
	put_file("rpass", "recovery passphrase\n");
	put_file("pin", POINT_PIN "\n");
	sanitizers_of_children();
	signer_set_program(SIGNER);
	vkey_free(open_key(top, NULL)); /* makes the attestation root */
	shell(YKENROLL " init --home %s/home --name Test --rehearsal %s/root.pem --ca-pass %s"
		       " --recovery-out %s/recovery.key --recovery-pass file:%s/rpass >/dev/null",
	    top, top, ca_pass, top, top);
	prepare("5.7.1");
	prepare("5.4.3");
	return 0;
}

int
point_teardown(void **state)
{
	(void)state;
	shell("for f in %s/sanitizer.*; do if [ -e \"$f\" ]; then cat \"$f\" >&2; exit 1; fi; done",
	    top);
	shell("rm -rf %s", top);
	return 0;
}

void
point_check_all(const char *firmware)
{
	shell("cd %s/%s && python3 " CHECKER " --key %s/recovery.key --pass %s/rpass"
	      " --mode interrupted p*/before >&2",
	    top, firmware, top, top);
	shell("cd %s/%s && python3 " CHECKER " --key %s/recovery.key --pass %s/rpass --pin %s/pin"
	      " p* >&2",
	    top, firmware, top, top, top);
	shell("rm -rf %s/%s/p*", top, firmware);
}

/* ---- one point ---- */

void
point_start(struct point *p, const char *firmware, const char *name)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "%s/%s/p%s", top, firmware, name);
	shell("cp -a %s/%s/template %s", top, firmware, p->dir);
	shim_reset();
	p->key = open_key(p->dir, firmware);
	(void)shim_add(READER, p->key);
}

void
point_fault(struct point *p, unsigned at, const char *kind)
{
	char spec[64], msg[200] = "";

	snprintf(spec, sizeof(spec), "at=%u;%s", at, kind);
	if (vkey_fault(p->key, spec, msg, sizeof(msg)) != VKEY_OK)
		fail_msg("%s", msg);
}

static int
give_secret(void *ctx, enum desk_secret which, struct secret *ret, struct err *err)
{
	(void)ctx;
	if (which != DESK_NEW_PIN)
		return err_set(err, ERR_ABSENT, "none given");
	return secret_set(ret, POINT_PIN, strlen(POINT_PIN), err);
}

static int
run(struct point *p, enum point_how how)
{
	char home[PATH_MAX];
	const struct desk w = {
	    .tell_servers = relying_publish_configured,
	    .home = home,
	    .actor = "test",
	    .ca_pass_spec = ca_pass,
	    .ui = {.secret = give_secret},
	};
	const struct workflow_enroll what = {
	    .request.holder.name = "Alice Adams",
	    .request.holder.key = "alice@example.org",
	    .request.holder.email = "alice@example.org",
	    .request.profile = "client",
	    .request.alg = KEY_P256,
	    .request.pin_policy = PIN_ONCE,
	    .request.touch_policy = TOUCH_NEVER,
	};

	assert_int_equal(file_join(home, sizeof(home), p->dir, "home", NULL), 0);
	p->err = (struct err)ERR_INIT;
	return how == POINT_ENROLL ? workflow_enroll(&w, &what, &p->report, &p->err)
				   : workflow_recover(&w, false, &p->report, &p->err);
}

static unsigned
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* A secret that is not given back aborts after SECRET_SLOTS runs; here is the rest. */
int
point_run(struct point *p, enum point_how how)
{
	const unsigned before = open_files();
	const int rc = run(p, how);

	assert_int_equal(shim_open(), 0);
	assert_int_equal(open_files(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return rc;
}

void
point_keep(struct point *p)
{
	shell("cd %s && mkdir before && cp -a home key.json before", p->dir);
}

void
point_stop(struct point *p)
{
	assert_true(shim_contexts() > 0);
	vkey_free(p->key);
	p->key = NULL;
	shim_reset();
}
