/* SPDX-License-Identifier: BSD-2-Clause */
/* import: between import.c (the home) and import_read.c (the records). */
#ifndef SIGNER_IMPORT_H
#define SIGNER_IMPORT_H

#include "signer/init_make.h"
#include "ykenroll/signer_import.h"

struct importing {
	const struct signer_init *init;
	const struct signer_import *what;
	struct signer_imported *ret;
	struct key *keys[LOG_CAS]; /* NULL: not here */
	struct blob certs[LOG_CAS];
	bool single;
};

/* Index, CRL and its number into the log, not synced. Errors: ERR_USAGE with file and line. */
MUST_CHECK int import_records(
    struct importing *im, struct log *log, const struct log_who *who, struct err *err);

/* signer_import, in this process. */
MUST_CHECK int import_ca(const struct signer_init *init, const struct signer_import *what,
    struct signer_imported *ret, struct err *err);

/* ---- import_index.c: a line of index.txt, the records of `openssl ca` and of easy-rsa: six fields
 * between tabs: status, end of validity, when and why it was revoked, serial in hex, file, subject
 * ---- */

#define IMPORT_SUBJECT_MAX 4096

struct import_line {
	struct log_cert cert;		  /* of the issuing CA */
	char status;			  /* V, R, E */
	bool vague;			  /* its end has a year of two digits, 50 to 95 */
	int64_t end_later;		  /* with vague: if that means 2050 to 2095 */
	bool invalidity;		  /* revoked with a time of compromise */
	char hex[2 * LOG_SERIAL_LEN + 2]; /* the serial as it is spelt, upper case */
	char subject[IMPORT_SUBJECT_MAX]; /* ASCII; other octets as \xNN */
};

/* The serial's field alone: cert.serial and hex. */
const char *import_serial(const char *hex, struct import_line *l);
/* line: without its newline; is written to. Returns NULL, or what is wrong with it. */
const char *import_index_line(char *line, struct import_line *ret);

#endif
