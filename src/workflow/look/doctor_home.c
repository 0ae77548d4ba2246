/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: the home, what servers get from it, and the clock. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/utc.h"
#include "desk/ca.h"
#include "workflow/look/look.h"

#define DAY INT64_C(86400)
#define ROOT_CRL_MIN (30 * DAY)
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static void
newest(struct doctor *d, int64_t t)
{
	if (t > d->newest)
		d->newest = t;
}

/* ---- permissions ---- */

/* What only its owner may read; what is not there is another finding's affair. */
static void
check_private(struct doctor *d, const char *name)
{
	char path[PATH_MAX], fix[PATH_MAX + 32];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s%s%s", d->w->home, name[0] == '\0' ? "" : "/", name) >=
		(int)sizeof(path) ||
	    lstat(path, &st) != 0)
		return;
	if ((st.st_mode & 077) != 0) {
		snprintf(
		    fix, sizeof(fix), "chmod %s '%s'", S_ISDIR(st.st_mode) ? "700" : "600", path);
		findings_add(&d->found, LEVEL_BAD, "home-open", "home", fix,
		    "%s is accessible to others (mode %04o)", path, (unsigned)st.st_mode & 07777);
	}
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		snprintf(fix, sizeof(fix), "chown -R %u '%s'", (unsigned)geteuid(), path);
		findings_add(&d->found, LEVEL_BAD, "home-owner", "home", fix,
		    "%s belongs to uid %u, and you are uid %u", path, (unsigned)st.st_uid,
		    (unsigned)geteuid());
	}
}

static int
take_time(void *ctx, const struct registry_row *row)
{
	newest(ctx, row->token.changed);
	return 0;
}

static void
check_registry(struct doctor *d)
{
	CLEAN(registry_closep) struct registry *r = NULL;
	struct err why = ERR_INIT;
	int64_t rows = 0;
	int rc;

	d->found.code = ERR_INTERNAL; /* the permissions are in order */
	rc = registry_open(d->w->home, d->w->actor, &r, &why);
	if (rc == ERR_ABSENT) {
		findings_add(&d->found, LEVEL_BAD, "registry-missing", "registry", "ykenroll init",
		    "there is no home in %s", d->w->home);
		return;
	}
	if (rc == 0 && (rc = registry_list(r, 0, take_time, d, &why)) == 0)
		rc = registry_audit_verify(r, &rows, &why);
	if (rc != 0)
		findings_add(&d->found, LEVEL_BAD, "registry-damaged", "registry",
		    "restore registry.db from a backup that `ykenroll doctor` accepts", "%s",
		    why.text);
	else
		findings_add(&d->found, LEVEL_OK, NULL, "registry", NULL,
		    "%lld audit rows verified", (long long)rows);
}

void
doctor_home(struct doctor *d)
{
	static const char *const private[] = {
	    "", "ca", "ca/root.key", "ca/issuing.key", "flight.key", "registry.db"};
	const size_t before = d->found.n;
	size_t i;

	if (access(d->w->home, F_OK) != 0 && errno == ENOENT) {
		findings_add(&d->found, LEVEL_BAD, "home-missing", "home", "ykenroll init",
		    "%s does not exist", d->w->home);
		return;
	}
	for (i = 0; i < LEN(private); i++)
		check_private(d, private[i]);
	if (d->found.n != before)
		return; /* the registry refuses such a home */
	findings_add(&d->found, LEVEL_OK, NULL, "home", NULL, "%s, accessible to its owner only",
	    d->w->home);
	check_registry(d);
}

/* ---- CRLs and CA certificates ---- */

static const struct crl_rule {
	const char *name, *what, *fix;
	int64_t bad_left; /* seconds; 0: only its end is */
} crl_rules[] = {
    {"pub/issuing.crl", "issuing CRL",
	"ykenroll ca crl (a running ykenroll signer does it by itself), then: ykenroll ca "
	"publish",
	0},
    {"pub/root.crl", "root CRL", "ykenroll ca crl --root, then: ykenroll ca publish", ROOT_CRL_MIN},
};

static void
check_crl(struct doctor *d, const struct crl_rule *rule)
{
	const int64_t now = utc_now();
	CLEAN(blob_wipe) struct blob der = {0};
	struct crl_info crl;
	char end[UTC_TEXT_LEN];
	int64_t left;

	if (home_pem(d->w->home, rule->name, crl_from_pem, &der, NULL) != 0 ||
	    crl_read(der.data, der.len, &crl, NULL) != 0) {
		findings_add(&d->found, LEVEL_BAD, "crl-missing", rule->what, rule->fix,
		    "%s is missing or not a CRL: servers that check CRLs refuse everybody",
		    rule->name);
		return;
	}
	newest(d, crl.this_update);
	utc_text(crl.next_update, end);
	left = crl.next_update - now;
	if (left <= 0)
		findings_add(&d->found, LEVEL_BAD, "crl-expired", rule->what, rule->fix,
		    "expired %s: servers that check CRLs refuse everybody", end);
	else if (left < rule->bad_left)
		findings_add(&d->found, LEVEL_BAD, "crl-ending", rule->what, rule->fix,
		    "expires %s, in less than %lld days", end, (long long)(rule->bad_left / DAY));
	else if (left < (crl.next_update - crl.this_update) / 2)
		findings_add(&d->found, LEVEL_WARN, "crl-half", rule->what, rule->fix,
		    "expires %s, and more than half of its lifetime is over", end);
	else
		findings_add(&d->found, LEVEL_OK, NULL, rule->what, NULL,
		    "number %llu, valid until %s", (unsigned long long)crl.number, end);
}

static void
check_ca_cert(struct doctor *d, const char *name, const char *what)
{
	struct workflow_end ends[WORKFLOW_ENDS_MAX];
	char end[UTC_TEXT_LEN];
	size_t i = 0, n = workflow_ends(d->w->home, false, ends);

	while (i < n && strcmp(ends[i].what, what) != 0)
		i++;
	if (i == n) {
		findings_add(&d->found, LEVEL_BAD, "cert-missing", what, "restore it from a backup",
		    "%s is missing or not a certificate", name);
		return;
	}
	utc_text(ends[i].until, end);
	if (ends[i].over)
		findings_add(
		    &d->found, LEVEL_BAD, "cert-expired", what, ends[i].fix, "expired %s", end);
	else if (ends[i].soon)
		findings_add(&d->found, LEVEL_WARN, "cert-ending", what, ends[i].fix,
		    "ends %s, less than a third of its life is left: no certificate is valid after "
		    "that",
		    end);
	else
		findings_add(&d->found, LEVEL_OK, NULL, what, NULL, "until %s", end);
}

/* Of one level there is none; the root of an imported CA may have its key elsewhere. */
static bool
no_root_crl(struct doctor *d)
{
	CLEAN(blob_wipe) struct blob issuing = {0}, root = {0};

	if (home_has(d->w->home, "pub/root.crl") || home_has(d->w->home, "ca/root.crl"))
		return false;
	if (home_pem(d->w->home, "pub/issuing.crt", cert_from_pem, &issuing, NULL) == 0 &&
	    home_pem(d->w->home, "pub/root.crt", cert_from_pem, &root, NULL) == 0 &&
	    blob_equal(&issuing, &root))
		return true;
	if (!home_has(d->w->home, "ca/issuing.key") || home_has(d->w->home, "ca/root.key"))
		return false;
	findings_add(&d->found, LEVEL_NOTE, "root-crl-elsewhere", "root CRL", NULL,
	    "is not signed here: servers that check the CRLs of the whole chain need it from the "
	    "root's owner");
	return true;
}

/* Nothing is wrong with a kernel without it. */
static void
check_sandbox(struct doctor *d)
{
	if (signer_landlock())
		return;
	findings_add(&d->found, LEVEL_NOTE, "landlock-missing", "signer",
	    "lsm=landlock,... on the kernel's command line",
	    "this kernel has no Landlock: an attacker who takes over the signer's process can "
	    "read whatever its user can");
}

void
doctor_crls(struct doctor *d)
{
	size_t i;

	if (!home_has(d->w->home, "pub"))
		return; /* no CA here, or doctor_home has said so */
	check_ca_cert(d, "pub/issuing.crt", "issuing CA");
	check_ca_cert(d, "pub/root.crt", "root CA");
	for (i = 0; i < LEN(crl_rules); i++)
		if (i == 0 || !no_root_crl(d))
			check_crl(d, &crl_rules[i]);
	check_sandbox(d);
}

/* ---- clock ---- */

/* The day this was compiled (SOURCE_DATE_EPOCH's, where that is set). */
static int64_t
built(void)
{
	struct tm tm = {0};

	if (strptime(__DATE__, "%b %d %Y", &tm) == NULL)
		return 0;
	return (int64_t)timegm(&tm) - DAY; /* the compiler's day is a local one */
}

void
doctor_clock(struct doctor *d)
{
	static const char fix[] = "timedatectl set-ntp true (without a network: date -u -s TIME)";
	const int64_t now = utc_now();
	struct timex tx = {.modes = 0};
	char t[UTC_TEXT_LEN], last[UTC_TEXT_LEN];

	utc_text(now, t);
	utc_text(d->newest, last);
	if (now < built())
		findings_add(&d->found, LEVEL_BAD, "clock-before-build", "clock", fix,
		    "says %s, which is before this program was built (" __DATE__ ")", t);
	else if (now < d->newest)
		findings_add(&d->found, LEVEL_BAD, "clock-behind", "clock", fix,
		    "says %s, but the registry or a CRL is dated in the future (%s)", t, last);
	else if (adjtimex(&tx) == TIME_ERROR)
		findings_add(&d->found, LEVEL_NOTE, "clock-unsynced", "clock", NULL,
		    "says %s; it is not synchronised with a time server, so it may be wrong", t);
	else
		findings_add(&d->found, LEVEL_OK, NULL, "clock", NULL, "%s", t);
}
