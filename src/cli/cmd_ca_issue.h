/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_ca_issue: what ca issue, renew and p12 have in common. */
#ifndef CLI_CMD_CA_ISSUE_H
#define CLI_CMD_CA_ISSUE_H

#include <sys/types.h>

#include "cli/cli.h"
#include "ykenroll/workflow_ca.h"

extern char *ca_out_path;		 /* --out */
extern struct poptOption ca_opt_names[]; /* --cn --email --upn --subject --days */

/* Is there room for FILE? Errors: ERR_OCCUPIED it exists and no --force. */
MUST_CHECK int ca_out_check(const char *path, struct err *err);
MUST_CHECK int ca_out(
    const char *path, const struct blob *data, mode_t mode, struct err *err); /* NULL: stdout */
/* What --json says of a certificate. */
struct json_t *ca_issued_json(const struct workflow_issued *issued, const char *profile);
void ca_issued_text(const struct workflow_issued *issued, const char *profile, const char *path);

#endif
