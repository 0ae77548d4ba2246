/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "workflow/look/look.h"

/*
 * Every mismatch that can be told, with what mends it: none of these destroys what is not known to
 * be somewhere else, but for those that a person must ask for. %1$u is the token, %2$s its home.
 */
static const struct {
	const char *id, *what, *fix;
} mismatches[] = {
    {"not-registered", "registry",
	"enrol it: ykenroll enroll NAME --email ADDRESS; or take it over as it is: ykenroll adopt"},
    {"row-missing", "registry",
	"restore the registry from a backup, or take the token over: ykenroll adopt -d %1$u"},
    {"work-open", "registry", "ykenroll recover -d %1$u"},
    {"token-lost", "registry",
	"it was reported lost and is here: ask who brought it; then ykenroll enroll --reset or "
	"ykenroll retire %1$u"},
    {"token-damaged", "registry", "ykenroll retire %1$u"},
    {"token-retired", "registry", "ykenroll enroll --reset for its next holder"},
    {"token-suspended", "registry", "ykenroll resume %1$u, when its holder may have it back"},
    {"token-new", "registry", "ykenroll enroll NAME --email ADDRESS -d %1$u"},
    {"firmware", "firmware",
	"another token of this serial number, or an edited registry: do not use it; compare its "
	"attestation: ykenroll token attest 9a"},
    {"cert-missing", "certificate in slot 9A",
	"ykenroll reissue %1$u --reason expiring writes a new one"},
    {"cert-unreadable", "certificate in slot 9A",
	"ykenroll reissue %1$u --reason expiring writes a new one"},
    {"cert-unexpected", "certificate in slot 9A",
	"take the token over: ykenroll adopt -d %1$u; or enrol it: ykenroll enroll --force"},
    {"cert-foreign", "certificate in slot 9A",
	"ykenroll reissue %1$u --reason expiring, when nobody needs the one that is there"},
    {"cert-of-another", "certificate in slot 9A",
	"find out how it came here: ykenroll show; then ykenroll reissue %1$u --reason expiring"},
    {"cert-old", "certificate in slot 9A", "ykenroll recover -d %1$u, or ykenroll reissue %1$u"},
    {"cert-expired", "certificate in slot 9A", "ykenroll reissue %1$u --reason expiring"},
    {"cert-revoked", "certificate in slot 9A", "ykenroll enroll --reset, or ykenroll retire %1$u"},
    {"cert-not-in-crl", "CRL", "ykenroll ca crl; then ykenroll ca publish"},
    {"cert-in-crl", "CRL",
	"the CA has revoked what the registry calls active: ykenroll revoke %1$u makes them agree"},
    {"cert-damaged", "registry", "restore the registry from a backup; ykenroll audit verify"},
    {"cert-twice", "registry", "restore the registry from a backup; ykenroll audit verify"},
    {"key-missing", "key in slot 9A",
	"it cannot be had back: ykenroll reissue %1$u --reason damaged"},
    {"key-unexpected", "key in slot 9A",
	"take the token over: ykenroll adopt -d %1$u; or enrol it: ykenroll enroll --force"},
    {"key-replaced", "key in slot 9A",
	"the certificate's key is gone: ykenroll reissue %1$u --reason damaged"},
    {"key-imported", "key in slot 9A",
	"a copy of it may exist: ykenroll reissue %1$u --reason damaged"},
    {"key-policy", "key in slot 9A",
	"it was made elsewhere: ykenroll reissue %1$u --reason damaged"},
    {"piv-reset", "PIV application",
	"everything on it is gone: ykenroll reissue %1$u --reason damaged onto this token"},
    {"identity-missing", "card identity", "ykenroll reissue %1$u --reason damaged writes it"},
    {"identity-other", "card identity", "ykenroll reissue %1$u --reason damaged writes it"},
    {"pin-blocked", "PIN", "ykenroll unblock -d %1$u"},
    {"pin-factory", "PIN", "its holder sets one: ykenroll token change-pin -d %1$u"},
    {"puk-blocked", "PUK",
	"the PIN cannot be unblocked any more: ykenroll reissue %1$u --reason damaged in time"},
    {"puk-factory", "PUK", "anybody can set the PIN: ykenroll unblock -d %1$u sets both anew"},
    {"mgm-factory", "management key",
	"anybody can change the token: ykenroll adopt -d %1$u sets a new one"},
    {"mgm-algorithm", "management key",
	"it was set elsewhere; ykenroll adopt -d %1$u with the one that it has"},
    {"escrow-missing", "escrow", "ykenroll adopt -d %1$u takes its secrets over"},
    {"escrow-damaged", "escrow", "restore the registry from a backup; ykenroll audit verify"},
    {"escrow-spent", "escrow",
	"somebody was shown it: ykenroll unblock -d %1$u (PUK) or ykenroll adopt -d %1$u sets a "
	"new one"},
};

static void __attribute__((format(printf, 6, 0))) add(struct findings *f, enum workflow_level level,
    const char *id, const char *what, const char *fix, const char *fmt, va_list ap)
{
	struct workflow_finding *one;

	if (level >= LEVEL_WARN && f->first_code == 0)
		f->first_code = f->code;
	if (f->n == WORKFLOW_FINDINGS_MAX)
		return;
	one = &f->list[f->n++];
	one->level = level;
	snprintf(one->id, sizeof(one->id), "%s", id);
	snprintf(one->what, sizeof(one->what), "%s", what);
	snprintf(one->fix, sizeof(one->fix), "%s", fix == NULL ? "" : fix);
	vsnprintf(one->text, sizeof(one->text), fmt, ap);
}

void
findings_add(struct findings *f, enum workflow_level level, const char *what, const char *fix,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(f, level, "", what, fix, fmt, ap);
	va_end(ap);
}

/* The table's %1$u: positions in a format that is no literal are not checked by anybody. */
static void
write_fix(char *ret, size_t size, const char *fix, uint32_t serial)
{
	static const char mark[] = "%1$u";
	const char *at;
	size_t n = 0;

	for (; (at = strstr(fix, mark)) != NULL && n < size; fix = at + sizeof(mark) - 1)
		n += (size_t)snprintf(
		    ret + n, size - n, "%.*s%u", (int)(at - fix), fix, (unsigned)serial);
	if (n < size)
		snprintf(ret + n, size - n, "%s", fix);
}

void
findings_mismatch(struct findings *f, const char *id, const char *fmt, ...)
{
	char fix[sizeof(f->list->fix)] = "";
	va_list ap;
	size_t i;

	for (i = 0; i < sizeof(mismatches) / sizeof(mismatches[0]) - 1; i++)
		if (strcmp(mismatches[i].id, id) == 0)
			break;
	write_fix(fix, sizeof(fix), mismatches[i].fix, f->token);
	va_start(ap, fmt);
	add(f, LEVEL_BAD, id, mismatches[i].what, fix, fmt, ap);
	va_end(ap);
}
