/* SPDX-License-Identifier: BSD-2-Clause */
/* ca log: is the issuance log whole; all of it, for other programs. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "ykenroll/signer_status.h"

static char *export;

static const struct poptOption table[] = {
    OPT_TEXT("export", 0, &export,
	"write every row to this new file, as JSON lines; - for standard output", "FILE"),
    OPT_END,
};

static int
put_line(void *ctx, const char *json, struct err *err)
{
	FILE *to = ctx;

	if (fputs(json, to) < 0 || putc('\n', to) == EOF)
		return err_errno(err, ERR_INTERNAL, "cannot write the rows");
	return 0;
}

/* Never over something that exists; what is not whole does not stay. */
static int
export_file(struct signer_log *found, struct err *err)
{
	const int fd = open(export, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to;
	int rc;

	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_OCCUPIED, "%s exists; name a new file", export);
	if (fd < 0)
		return err_errno(err, ERR_INTERNAL, "cannot create %s", export);
	if ((to = fdopen(fd, "w")) == NULL) {
		close(fd);
		rc = err_errno(err, ERR_INTERNAL, "cannot write %s", export);
	} else {
		rc = signer_log_verify(opt.home_path, put_line, to, found, err);
		if (rc == 0 && fflush(to) != 0)
			rc = err_errno(err, ERR_INTERNAL, "cannot write %s", export);
		if (rc == 0)
			rc = file_fsync(fd, export, err);
		fclose(to);
	}
	if (rc != 0)
		unlink(export);
	return rc;
}

static int
show(const struct signer_log *l, struct err *err)
{
	if (opt.json)
		return render_json(
		    json_pack("{s:I, s:I, s:I, s:s, s:I, s:s}", "lines", (json_int_t)l->lines,
			"certificates", (json_int_t)l->certs, "open", (json_int_t)l->open, "last",
			render_when(l->last_time), "crl_number", (json_int_t)l->crl_number, "head",
			render_hex(l->head, sizeof(l->head))),
		    err);
	printf(
	    "the issuance log is complete and unchanged: %llu rows, %llu certificates, CRL number "
	    "%llu\n",
	    (unsigned long long)l->lines, (unsigned long long)l->certs,
	    (unsigned long long)l->crl_number);
	printf("last row of %s, SHA-256 %s\n", render_when(l->last_time),
	    render_hex(l->head, sizeof(l->head)));
	return 0;
}

static int
run(struct called *c, struct err *err)
{
	struct signer_log found;
	bool to_stdout;
	int rc;

	(void)c;
	to_stdout = export != NULL && strcmp(export, "-") == 0;
	if (export != NULL && !to_stdout)
		rc = export_file(&found, err);
	else
		rc = signer_log_verify(
		    opt.home_path, to_stdout ? put_line : NULL, stdout, &found, err);
	return rc != 0 || to_stdout ? rc : show(&found, err);
}

const struct command cmd_ca_log = {
    "ca log", "read and verify the whole issuance log", NULL, 0, 0, table, .run = run};
