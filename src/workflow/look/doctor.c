/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor: what makes the other commands fail, and the command that mends it. Changes nothing. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workflow/look/look.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- libraries ---- */

/* What a libykpiv does not know the device layer sends itself; other programs do not. */
static const struct {
	unsigned major, minor;
	const char *lacks;
} ykpiv_news[] = {
    {2, 3, "AES management keys"},
    {2, 4, "compressed certificates"},
    {2, 5, "RSA-3072, RSA-4096, Ed25519, X25519"},
};

static void
check_ykpiv(struct doctor *d)
{
	const char *version = device_libykpiv();
	unsigned major = 0, minor = 0;
	char lacks[120] = "";
	size_t i, at = 0;
	int w;

	if (sscanf(version, "%u.%u", &major, &minor) != 2 || major < 2 ||
	    (major == 2 && minor < 2)) {
		findings_add(&d->found, LEVEL_BAD, "ykpiv-old", "libykpiv",
		    "apt install --only-upgrade libykpiv2", "version %s; 2.2 or newer is needed",
		    version);
		return;
	}
	for (i = 0; i < LEN(ykpiv_news) && at < sizeof(lacks); i++) {
		if (major > ykpiv_news[i].major || minor >= ykpiv_news[i].minor)
			continue;
		w = snprintf(lacks + at, sizeof(lacks) - at, "%s%s", at > 0 ? ", " : "",
		    ykpiv_news[i].lacks);
		at += w < 0 ? 0 : (size_t)w;
	}
	if (at == 0)
		findings_add(&d->found, LEVEL_OK, NULL, "libykpiv", NULL, "%s", version);
	else
		findings_add(&d->found, LEVEL_NOTE, "ykpiv-lacks", "libykpiv", NULL,
		    "%s lacks %s: ykenroll does without, but yubico-piv-tool and ykcs11 of that "
		    "version cannot do it",
		    version, lacks);
}

static void
check_libraries(struct doctor *d)
{
	const char *text = OpenSSL_version(OPENSSL_VERSION);

	check_ykpiv(d);
	/* major and minor; OPENSSL_VERSION_NUMBER(3) */
	if (OpenSSL_version_num() >> 20 < OPENSSL_VERSION_NUMBER >> 20)
		findings_add(&d->found, LEVEL_BAD, "openssl-old", "OpenSSL",
		    "apt install --only-upgrade libssl3",
		    "%s, older than the %s that this program was built with", text,
		    OPENSSL_FULL_VERSION_STR);
	else
		findings_add(&d->found, LEVEL_OK, NULL, "OpenSSL", NULL, "%s", text);
}

/* ---- pcscd ---- */

#define POLKIT_FIX                                                                       \
	"install udev/ykenroll.rules as /etc/polkit-1/rules.d/50-ykenroll.rules, then: " \
	"usermod -aG ykenroll \"$USER\", and log in anew"

static void
check_pcscd(struct doctor *d)
{
	static const struct {
		enum workflow_level level;
		const char *id, *text, *fix;
	} by_service[] = {
	    [SERVICE_RUNS] = {LEVEL_OK, NULL, "answers", NULL},
	    [SERVICE_ABSENT] = {LEVEL_BAD, "pcscd-down", "is not running",
		"systemctl enable --now pcscd.socket (without systemd: pcscd)"},
	    [SERVICE_CLOSED] = {LEVEL_BAD, "pcscd-closed",
		"its socket " DEVICE_SOCKET " is closed to this user",
		"chmod 666 " DEVICE_SOCKET " (for good: SocketMode=0666 in pcscd.socket)"},
	    [SERVICE_REFUSED] = {LEVEL_BAD, "pcscd-refused",
		"closes the connection: polkit does not allow this user", POLKIT_FIX},
	    [SERVICE_FAILED] = {LEVEL_BAD, "pcscd-failed", "is running but does not work",
		"systemctl restart pcscd; journalctl -u pcscd tells why"},
	};
	const enum device_service s = d->machine.service;

	if (s == SERVICE_ABSENT && d->machine.daemon == NULL)
		findings_add(&d->found, LEVEL_BAD, "pcscd-missing", "pcscd", "apt install pcscd",
		    "is not installed");
	else
		findings_add(&d->found, by_service[s].level, by_service[s].id, "pcscd",
		    by_service[s].fix, "%s", by_service[s].text);
}

/* ---- driver, bus ---- */

/* Without a driver pcscd may still have other readers, such as virtual ones. */
static void
check_driver(struct doctor *d)
{
	const struct device_machine *m = &d->machine;

	if (m->driver != NULL)
		findings_add(&d->found, LEVEL_OK, NULL, "CCID driver", NULL, "%s", m->driver);
	else if (m->readers > 0)
		findings_add(&d->found, LEVEL_NOTE, "ccid-unneeded", "CCID driver", NULL,
		    "not installed, and the present readers work without it: a YubiKey on USB "
		    "would not be seen (apt install libccid)");
	else
		findings_add(&d->found, LEVEL_BAD, "ccid-missing", "CCID driver",
		    "apt install libccid", "not installed: pcscd sees no YubiKey");
}

static void
check_bus(struct doctor *d)
{
	const struct device_machine *m = &d->machine;

	if (m->usb_keys > m->usb_ccid)
		findings_add(&d->found, LEVEL_BAD, "usb-ccid-off", "USB",
		    "ykman config usb --enable PIV",
		    "%u of %u YubiKeys on USB have their smart card interface (CCID) disabled",
		    m->usb_keys - m->usb_ccid, m->usb_keys);
	else if (m->usb_ccid > 0 && m->readers == 0 && m->service == SERVICE_RUNS)
		findings_add(&d->found, LEVEL_BAD, "usb-no-reader", "USB",
		    "gpgconf --kill scdaemon; systemctl restart pcscd (for good: disable-ccid in "
		    "~/.gnupg/scdaemon.conf)",
		    "a YubiKey is on USB but pcscd has no reader: another program has claimed "
		    "the interface (scdaemon does), or the driver does not support the key");
	else if (m->usb_keys > 0)
		findings_add(&d->found, LEVEL_OK, NULL, "USB", NULL, "%u YubiKey%s", m->usb_keys,
		    m->usb_keys == 1 ? "" : "s");
}

/* ---- readers ---- */

/* What mends what device_list found. */
static const struct {
	const char *id, *fix;
} unusable[] = {
    [DEVICE_OTHER] = {"token-unusable", "unplug it and plug it in again; if that does not help: "
					"systemctl restart pcscd"},
    [DEVICE_FOREIGN] = {"token-foreign", NULL},
    [DEVICE_PIV_OFF] = {"token-piv-off", "ykman config usb --enable PIV"},
    [DEVICE_REFUSED] = {"token-refused", POLKIT_FIX},
};

static void
found_entry(struct doctor *d, const struct device_entry *e)
{
	const struct token_id *t = &e->id;

	if (e->usable) {
		findings_add(&d->found, LEVEL_OK, NULL, "token", NULL,
		    "%u, firmware %u.%u.%u, in %s", t->serial, t->firmware[0], t->firmware[1],
		    t->firmware[2], t->reader);
		return;
	}
	if (e->code == ERR_HELD) { /* check_holders says by whom */
		d->held = true;
		if (d->found.first_code == 0)
			d->found.first_code = ERR_HELD;
		return;
	}
	findings_add(&d->found, e->why == DEVICE_FOREIGN ? LEVEL_NOTE : LEVEL_BAD,
	    unusable[e->why].id, "token", unusable[e->why].fix, "%s", e->reason);
}

static void
check_readers(struct doctor *d)
{
	CLEAN(device_closep) struct device *dev = NULL;
	struct device_entry *entries = NULL;
	struct err why = ERR_INIT;
	size_t n = 0, i;

	if (d->machine.service != SERVICE_RUNS)
		return;
	if (device_open(d->w->device_ui, &dev, &why) != 0 ||
	    device_list(dev, &entries, &n, &why) != 0) {
		findings_add(&d->found, LEVEL_BAD, "readers-failed", "readers",
		    "systemctl restart pcscd", "%s", why.text);
		return;
	}
	if (n == 0)
		findings_add(&d->found, LEVEL_NOTE, "readers-empty", "readers", NULL,
		    "%u, all without a token: plug one in and run this again to check it",
		    d->machine.readers);
	for (i = 0; i < n; i++)
		found_entry(d, &entries[i]);
	free(entries);
}

/* ---- holders ---- */

static void
found_holder(struct doctor *d, const struct device_holder *h, size_t hidden)
{
	const bool suspect = d->held && (h->connected || hidden > 0);

	if (h->connected)
		findings_add(&d->found, suspect ? LEVEL_BAD : LEVEL_NOTE, "held", "held by",
		    h->fix != NULL ? h->fix : "close that program",
		    "%s (pid %d) is connected to pcscd%s", h->name, h->pid,
		    d->held ? ", and a card is in use" : " and may take the card");
	else if (suspect)
		findings_add(&d->found, LEVEL_BAD, "held-perhaps", "held by", h->fix,
		    "perhaps %s (pid %d): a card is in use by a process that this user cannot "
		    "inspect",
		    h->name, h->pid);
}

static void
check_holders(struct doctor *d)
{
	struct device_holder holders[DEVICE_HOLDERS_MAX];
	size_t hidden = 0, n = device_holders(holders, &hidden), i, before = d->found.n;

	for (i = 0; i < n; i++)
		found_holder(d, &holders[i], hidden);
	if (d->held && d->found.n == before)
		findings_add(&d->found, LEVEL_BAD, "held-unknown", "held by",
		    "run this as root to see which program it is",
		    "a card is in use by another program, and /proc does not show this user which");
}

/* ---- all ---- */

/* code: what another command would exit with for that reason. */
static const struct {
	const char *name;
	void (*run)(struct doctor *d);
	int code;
} checks[] = {
    {"libraries", check_libraries, ERR_INTERNAL},
    {"pcscd", check_pcscd, ERR_NO_TOKEN},
    {"driver", check_driver, ERR_NO_TOKEN},
    {"bus", check_bus, ERR_NO_TOKEN},
    {"readers", check_readers, ERR_NO_TOKEN},
    {"holders", check_holders, ERR_HELD},
    {"home", doctor_home, ERR_USAGE},
    {"CRLs", doctor_crls, ERR_FIT},
    {"clock", doctor_clock, ERR_FIT},
};

static size_t
count_unwell(const struct doctor *d)
{
	size_t i, n = 0;

	for (i = 0; i < d->found.n; i++)
		n += d->found.list[i].level >= LEVEL_WARN;
	return n;
}

int
workflow_doctor(const struct desk *w, struct workflow_finding ret[static WORKFLOW_FINDINGS_MAX],
    size_t *ret_n, struct err *err)
{
	struct doctor d = {.w = w, .found = {.list = ret}};
	size_t i;
	int rc;

	if ((rc = device_machine(w->device_ui, &d.machine, err)) != 0)
		return rc;
	for (i = 0; i < LEN(checks); i++) {
		d.found.code = checks[i].code;
		checks[i].run(&d);
	}
	*ret_n = d.found.n;
	if (d.found.first_code == 0)
		return 0;
	return err_set(err, d.found.first_code, "%zu problem%s found", count_unwell(&d),
	    count_unwell(&d) == 1 ? "" : "s");
}
