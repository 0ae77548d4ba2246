/* SPDX-License-Identifier: BSD-2-Clause */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include "ykenroll/relying_publish.h"

#define WAIT_MAX 86400 /* seconds */

struct opt opt;

struct poptOption opt_common[] = {
    OPT_TEXT("home", 0, &opt.home, "directory of CA and registry", "DIR"),
    OPT_FLAG("json", 0, &opt.json, "one JSON object on standard output"),
    OPT_FLAG("non-interactive", 0, &opt.non_interactive, "fail (10) instead of asking a person"),
    POPT_TABLEEND,
};

struct poptOption opt_token[] = {
    OPT_TEXT("device", 'd', &opt.device, "use the token with this serial number", "SERIAL"),
    OPT_TEXT("reader", 'r', &opt.reader, "use the token in this reader (exact name)", "NAME"),
    OPT_TEXT("wait", 0, &opt.wait, "wait this long for a token to be plugged in, or to be free",
	"SECONDS"),
    OPT_FLAG("last-try", 0, &opt.last_try, "send a PIN or PUK even if only one try is left"),
    POPT_TABLEEND,
};

struct poptOption opt_ca[] = {
    OPT_TEXT(
	"ca-pass", 0, &opt.ca_pass, "passphrase of the CA key: prompt, file:PATH or fd:N", "SPEC"),
    POPT_TABLEEND,
};

struct poptOption opt_yes[] = {
    OPT_FLAG("yes", 'y', &opt.yes, "answer yes to every question"),
    POPT_TABLEEND,
};

struct poptOption opt_letter[] = {
    OPT_TEXT("letter", 0, &opt.letter,
	"write the generated PIN to this new file, for the holder (a PDF if it ends in .pdf)",
	"FILE"),
    OPT_TEXT("letter-to", 0, &opt.letter_to,
	"encrypt the letter to this certificate of the holder (CMS)", "CERT"),
    POPT_TABLEEND,
};

struct poptOption opt_escrow[] = {
    OPT_TEXT("escrow-key", 0, &opt.escrow_key, "file with a key that opens the escrow", "KEY"),
    OPT_TEXT(
	"escrow-pass", 0, &face.escrow_pass, "its passphrase: prompt, file:PATH or fd:N", "SPEC"),
    POPT_TABLEEND,
};

const struct poptOption opt_only_common[] = {OPT_END}, opt_only_token[] = {OPT_TOKEN_END};

/* ---- a request by its table ---- */

static struct err asked_err; /* of the first field that cannot be */

void
opt_asked(poptContext con, enum poptCallbackReason reason, const struct poptOption *option,
    const char *arg, const void *data)
{
	(void)con;
	(void)reason;
	(void)data;
	if (option->arg == NULL && asked_err.code == 0)
		(void)!request_set(&opt.asked, option->longName, arg, &asked_err);
}

int
opt_asked_check(struct err *err)
{
	if (asked_err.code != 0 && err != NULL)
		*err = asked_err;
	return asked_err.code;
}

/* ---- where to ---- */

static bool
is_stdout(const char *path)
{
	return path == NULL || strcmp(path, "-") == 0;
}

int
opt_out_check(const char *path, struct err *err)
{
	int rc;

	if (is_stdout(path))
		return 0;
	if (opt.force)
		return file_check_dir(path, err);
	if ((rc = file_check_new(path, err)) == ERR_OCCUPIED)
		err_hint(err, "use --force to overwrite it");
	return rc;
}

int
opt_out(const char *path, const struct blob *data, mode_t mode, struct err *err)
{
	if (!is_stdout(path))
		return opt.force ? file_write(path, data->data, data->len, mode, err)
				 : file_create(path, data->data, data->len, mode, err);
	if (fwrite(data->data, 1, data->len, stdout) != data->len || fflush(stdout) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot write the output");
	return 0;
}

/* ---- who, and where ---- */

/* Who logged in, whatever he became since; the kernel keeps it. -1 where it does not know. */
static long long
login_uid(void)
{
	CLEAN(blob_wipe) struct blob text = {0};
	unsigned uid;

	if (file_read("/proc/self/loginuid", &text, NULL) != 0 ||
	    blob_append(&text, "", 1, NULL) != 0 ||
	    sscanf((const char *)text.data, "%u", &uid) != 1 || uid == UINT32_MAX)
		return -1;
	return uid;
}

static const char *
opt_actor(void)
{
	static char actor[256];
	const struct passwd *pw = getpwuid(getuid());
	const char *sudo = getenv("SUDO_USER");
	const long long login = login_uid();
	int n;

	n = snprintf(actor, sizeof(actor), "uid %u (%s)", (unsigned)getuid(),
	    pw == NULL ? "?" : pw->pw_name);
	if (login >= 0 && login != (long long)getuid())
		n += snprintf(actor + n, sizeof(actor) - (size_t)n, ", login uid %lld", login);
	/* the environment is whose it is: a claim, and called one */
	if (sudo != NULL)
		snprintf(actor + n, sizeof(actor) - (size_t)n, ", sudo says %.64s", sudo);
	return actor;
}

int
opt_registry(struct registry **ret, struct err *err)
{
	const int rc = registry_open(opt.home_path, opt_actor(), ret, err);

	return rc == ERR_ABSENT ? ERR_INTERNAL : rc;
}

int
opt_desk(struct desk *ret, struct err *err)
{
	unsigned long serial = 0, wait_sec = 0;
	int rc;

	if (opt.device != NULL && opt.reader != NULL)
		return err_set(err, ERR_USAGE, "use either --device or --reader");
	if (opt.device != NULL &&
	    (rc = text_number(opt.device, "--device", UINT32_MAX, &serial, err)) != 0)
		return rc;
	if (opt.wait != NULL &&
	    (rc = text_number(opt.wait, "--wait", WAIT_MAX, &wait_sec, err)) != 0)
		return rc;
	memset(ret, 0, sizeof(*ret));
	ret->home = opt.home_path;
	ret->actor = opt_actor();
	ret->tell_servers = relying_publish_configured;
	ret->ca_pass_spec = opt.ca_pass != NULL	  ? opt.ca_pass
			    : opt.non_interactive ? NULL
						  : "prompt";
	ret->choice.serial = (uint32_t)serial;
	ret->choice.reader = opt.reader;
	ret->choice.wait_sec = (unsigned)wait_sec;
	face.yes = opt.yes != 0;
	face.json = opt.json != 0;
	face.wait = opt.wait;
	ret->device_ui = &face_device;
	ret->ui = face_ui;
	ret->letter = opt.letter;
	ret->letter_to = opt.letter_to;
	ret->dry_run = opt.dry_run != 0;
	ret->last_try = opt.last_try != 0;
	ret->force = opt.force != 0;
	ret->escrow_key = opt.escrow_key;
	return 0;
}
