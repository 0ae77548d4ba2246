/* SPDX-License-Identifier: BSD-2-Clause */
/* ends: what of a home ends by itself, and locks everybody out then. */
#include <stdio.h>

#include "base/utc.h"
#include "desk/ca.h"
#include "workflow/look/look.h"

static const struct {
	const char *file, *what, *fix;
	bool crl;
	int of; /* it ends soon when less than 1/of of its life is left */
} rules[] = {
    {"pub/issuing.crl", "issuing CRL",
	"ykenroll ca crl (a running ykenroll signer does it by itself), then give pub/issuing.crl "
	"to the servers",
	true, 4},
    {"pub/root.crl", "root CRL", "ykenroll ca crl --root, then give pub/root.crl to the servers",
	true, 4},
    {"pub/issuing.crt", "issuing CA",
	"ykenroll ca renew --issuing, then give pub/chain.pem to the servers; of one level: make a "
	"new CA, ykenroll init --home NEW, and move the holders to it",
	false, 3},
    {"pub/root.crt", "root CA",
	"make a new CA, ykenroll init --home NEW, and move the holders to it", false, 3},
};

static int
times(const char *home, size_t i, struct workflow_end *e)
{
	CLEAN(blob_wipe) struct blob der = {0};
	struct cert_info cert;
	struct crl_info says;
	struct crl crl;

	if (home_pem(
		home, rules[i].file, rules[i].crl ? crl_from_pem : cert_from_pem, &der, NULL) != 0)
		return -1;
	if (rules[i].crl) {
		if (crl_frame(der.data, der.len, false, &crl, NULL) != 0 ||
		    crl_says(&crl, &says, NULL) != 0)
			return -1;
		e->from = says.this_update;
		e->until = says.next_update;
		return 0;
	}
	if (cert_read(der.data, der.len, &cert, NULL) != 0)
		return -1;
	e->from = cert.not_before;
	e->until = cert.not_after;
	return 0;
}

size_t
workflow_ends(const char *home, bool crls, struct workflow_end ret[static WORKFLOW_ENDS_MAX])
{
	/* without a CA a CRL is a copy, which is as old as the last talk with the signer */
	const bool ours = crls && home_has(home, "ca");
	const int64_t now = utc_now();
	size_t i, n = 0;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct workflow_end *e = &ret[n];

		*e = (struct workflow_end){
		    .what = rules[i].what, .fix = rules[i].fix, .crl = rules[i].crl};
		if ((rules[i].crl && !ours) || times(home, i, e) != 0)
			continue;
		e->soon = e->until - now < (e->until - e->from) / rules[i].of;
		e->over = e->until <= now;
		n++;
	}
	return n;
}
