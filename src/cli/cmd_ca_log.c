/* SPDX-License-Identifier: BSD-2-Clause */
#include <jansson.h>

#include "base/utc.h"
#include "cli/cli.h"
#include "ykenroll/signer_status.h"

static const struct poptOption table[] = {
    OPT_END,
};

static int
show(const struct signer_log *l, struct err *err)
{
	char head[2 * SIGNER_LOG_HASH_LEN + 1], last[UTC_TEXT_LEN];

	render_serial(l->head, sizeof(l->head), head);
	utc_text(l->last_time, last);
	if (opt.json)
		return render_json(
		    json_pack("{s:I, s:I, s:I, s:s, s:I, s:s}", "lines", (json_int_t)l->lines,
			"certificates", (json_int_t)l->certs, "open", (json_int_t)l->open, "last",
			last, "crl_number", (json_int_t)l->crl_number, "head", head),
		    err);
	printf("the issuance log is whole: %llu lines, %llu certificates, CRL number %llu\n",
	    (unsigned long long)l->lines, (unsigned long long)l->certs,
	    (unsigned long long)l->crl_number);
	printf("last line of %s, SHA-256 %s\n", last, head);
	return 0;
}

int
cmd_ca_log(int argc, const char **argv, struct err *err)
{
	struct signer_log found;
	const char *args[1];
	size_t n;
	int rc;

	if ((rc = opt_parse(argc, argv, "ca log", "[OPTION...]", table, args, 0, &n, err)) != 0 ||
	    (rc = signer_log_verify(opt.home_path, &found, err)) != 0)
		return rc;
	return show(&found, err);
}
