/* SPDX-License-Identifier: BSD-2-Clause */
/* restore: the issuance log of a backup, and what the CRLs that servers have tell beyond it. */
#include <unistd.h>

#include "base/file.h"
#include "base/utc.h"
#include "signer/crl.h"
#include "signer/restore.h"
#include "ykenroll/x509.h"

struct restoring {
	const struct signer_restore *what;
	struct signer_restored *ret;
	struct blob certs[LOG_CAS];
	struct log *log;
	struct log_who who;
	int lock;
};

static void
restoring_wipe(struct restoring *r)
{
	size_t i;

	log_closep(&r->log);
	for (i = 0; i < LOG_CAS; i++)
		blob_wipe(&r->certs[i]);
	file_closep(&r->lock);
}

/* ---- one entry ---- */

/* One that is known was revoked since, or is of a number that nobody knows the end of. */
static int
take_entry(
    struct restoring *r, enum log_ca ca, const struct crl_entry *e, bool known, struct err *err)
{
	struct log_row row = {.what = known ? "revoked" : "import",
	    .ca = known ? -1 : (int)ca,
	    .serial = e->serial,
	    .serial_len = sizeof(e->serial),
	    .number = e->reason,
	    .not_after = known ? 0 : LOG_NEVER,
	    .revoked = known ? 0 : e->revoked_at};

	return r->what->take ? log_append_some(r->log, &r->who, &row, err) : 0;
}

/* newer: the CRL is, so that what the log took off hold was put on it again. */
static int
look_up(struct restoring *r, enum log_ca ca, bool newer, const struct crl_entry *e, size_t *missing,
    struct err *err)
{
	struct log_cert c;
	const int rc = log_find(r->log, e->serial, sizeof(e->serial), &c, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	if (rc == 0 && c.ca == ca && !crl_entry_firmer(e, &c) &&
	    (c.revoked_at != 0 || (c.released && !newer)))
		return 0;
	++*missing;
	return take_entry(r, ca, e, rc == 0, err);
}

/* ---- one CRL ---- */

/* Ours go on from there. What the root has signed is taken over as it is: its key is elsewhere. */
static int
take_crl(struct restoring *r, enum log_ca ca, const struct crl_scan *s, const struct crl_file *f,
    struct err *err)
{
	const struct ca_name pub =
	    ca_name(r->what->home, ca == LOG_ROOT ? CA_PUB "/root.crl" : CA_PUB "/issuing.crl");
	const struct ca_name own = ca_name(r->what->home, CA_DIR "/root.crl");
	struct log_row row = {.what = "import-crl", .ca = (int)ca, .number = (int64_t)s->number};
	uint8_t hash[LOG_HASH_LEN];
	int rc;

	/* a registry that is older than this is to be found out */
	if (ca == LOG_ISSUING)
		r->who.audit = s->audit;
	rc = log_append_some(r->log, &r->who, &row, err);
	r->who.audit = (struct signer_audit){0};
	if (rc != 0 || (rc = log_sync(r->log, err)) != 0)
		return rc;
	if (ca == LOG_ROOT &&
	    ((rc = crl_file_hash(f, hash, err)) != 0 ||
		(rc = crl_file_to_pem(f, own.at, 0600, err)) != 0 ||
		(rc = log_of_crl(r->log, &r->who, "crl-signed", ca, s->number, hash, err)) != 0))
		return rc;
	return crl_file_to_pem(f, pub.at, 0644, err);
}

static int
compare(struct restoring *r, enum log_ca ca, const struct crl_file *f, struct crl_scan *s,
    struct err *err)
{
	struct signer_shown *to = ca == LOG_ROOT ? &r->ret->root : &r->ret->issuing;
	const uint64_t known = r->log->sums.crls[ca].number;
	const bool newer = s->number > known;
	struct crl_entry e;
	size_t missing = 0;
	int rc;

	if (to->shown && to->number >= s->number)
		return 0; /* the file has it twice, or an older one */
	while ((rc = crl_scan_next(s, &e, err)) == 1)
		if ((rc = look_up(r, ca, newer, &e, &missing, err)) != 0)
			return rc;
	if (rc != 0)
		return rc;
	*to =
	    (struct signer_shown){true, s->number, known, s->this_update, s->next_update, missing};
	if (ca == LOG_ISSUING)
		r->ret->audit = s->audit;
	if (!r->what->take)
		return 0;
	return newer ? take_crl(r, ca, s, f, err) : log_sync(r->log, err);
}

/* Whose is it? */
static int
compare_any(struct restoring *r, const struct crl_file *f, struct err *err)
{
	struct crl_scan s;
	int ca, rc;

	for (ca = 0; ca < LOG_CAS; ca++) {
		if ((rc = crl_scan_begin(f, &r->certs[ca], &s, err)) == 0)
			return compare(r, (enum log_ca)ca, f, &s, err);
		if (rc != ERR_FIT)
			return rc;
	}
	return err_set(
	    err, ERR_USAGE, "%s contains a CRL that this CA has not signed", r->what->crl);
}

static int
compare_all(struct restoring *r, struct err *err)
{
	CLEAN(file_stream_closep) FILE *from = fopen(r->what->crl, "re");
	const struct ca_name dir = ca_name(r->what->home, CA_DIR);
	int rc = 0;

	if (from == NULL)
		return err_errno(err, ERR_USAGE, "cannot open %s", r->what->crl);
	while (rc == 0) {
		CLEAN(crl_file_close) struct crl_file f = CRL_FILE_INIT;

		if ((rc = crl_file_next(from, r->what->crl, dir.at, &f, err)) == 0)
			rc = compare_any(r, &f, err);
	}
	if (rc != ERR_ABSENT)
		return rc;
	return r->ret->issuing.shown
		   ? 0
		   : err_set(err, ERR_USAGE,
			 "%s contains no CRL of the issuing CA in PEM (of one in DER: openssl crl "
			 "-inform DER -in FILE -out FILE.pem)",
			 r->what->crl);
}

/* ---- the home ---- */

static int
load_cert(const char *home, const char *name, struct blob *ret, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0};
	const struct ca_name path = ca_name(home, name);

	return file_read(path.at, &pem, err) == 0 && cert_from_pem(&pem, ret, err) == 0
		   ? 0
		   : ca_refused(err);
}

int
restore_ca(const struct signer_restore *what, struct signer_restored *ret, struct err *err)
{
	CLEAN(restoring_wipe)
	struct restoring r = {.what = what,
	    .ret = ret,
	    .who = {.now = utc_now(), .peer = (uint32_t)geteuid()},
	    .lock = -1};
	const struct ca_name dir = ca_name(what->home, CA_DIR), log = ca_name(what->home, CA_LOG);
	int rc;

	*ret = (struct signer_restored){0};
	if ((rc = ca_there(what->home, err)) != 0 ||
	    (rc = load_cert(what->home, CA_DIR "/issuing.crt", &r.certs[LOG_ISSUING], err)) != 0 ||
	    (rc = load_cert(what->home, CA_DIR "/root.crt", &r.certs[LOG_ROOT], err)) != 0 ||
	    (rc = ca_lock(what->home, 0, &r.lock, err)) != 0 ||
	    (rc = log_convert(dir.at, &r.who, err)) != 0 ||
	    (rc = log_open(log.at, LOG_THERE, &r.who, &r.log, err)) != 0)
		return rc;
	/* never back, as whatever appends to it */
	if (r.who.now < r.log->sums.last_time)
		r.who.now = r.log->sums.last_time;
	return compare_all(&r, err);
}
