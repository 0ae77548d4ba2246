/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import_index: a line of index.txt, the records of `openssl ca` and of easy-rsa: six fields
 * between tabs: status, end of validity, when and why it was revoked, serial in hex, file, subject.
 */
#ifndef SIGNER_IMPORT_INDEX_H
#define SIGNER_IMPORT_INDEX_H

#include "signer/log.h"

#define IMPORT_SUBJECT_MAX 4096

struct import_line {
	struct log_cert cert;		  /* of the issuing CA */
	char status;			  /* V, R, E */
	bool invalidity;		  /* revoked with a time of compromise */
	char hex[2 * LOG_SERIAL_LEN + 2]; /* the serial as it is spelt, upper case */
	char subject[IMPORT_SUBJECT_MAX]; /* ASCII; other octets as \xNN */
};

/* line: without its newline; is written to. Returns NULL, or what is wrong with it. */
const char *import_index_line(char *line, struct import_line *ret);

#endif
