/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signer_import: a CA that exists already becomes this home's issuing CA: its key, its certificate,
 * and the records of what it has issued, as `openssl ca` and easy-rsa keep them (index.txt). What
 * it has revoked is on our first CRL, under a number that is higher than any it has used.
 *
 * Nothing is dropped in silence: a line of the records that cannot be understood stops the import
 * with its number.
 */
#ifndef YKENROLL_SIGNER_IMPORT_H
#define YKENROLL_SIGNER_IMPORT_H

#include "ykenroll/signer.h"
#include "ykenroll/x509.h"

struct signer_import {
	const char *cert; /* PEM file: the CA's certificate */
	const char *key;  /* PEM file, encrypted or not; NULL: in the HSM of signer_init.issuing_key
			   */
	const struct secret *key_pass; /* or NULL: it is not encrypted */
	const char *root;     /* PEM file: who signed cert; NULL when that is self-signed */
	const char *root_key; /* PEM file; NULL: elsewhere, and so is the root's CRL */
	const struct secret *root_key_pass;
	const char *index;     /* index.txt, or NULL: nothing is known of what it has issued */
	const char *certs;     /* directory of SERIAL.pem, or NULL */
	const char *crl;       /* PEM file: its last CRL, or NULL */
	const char *crlnumber; /* file with the next number in hex, or NULL */
	bool add_missing;      /* what certs and crl have and the index has not is taken in */
	bool dry_run;	       /* read and check everything, make nothing */
};

struct signer_imported {
	char subject[X509_TEXT_MAX];
	bool single;			      /* one level */
	size_t certs, revoked, held, expired; /* of the index; held is part of revoked */
	size_t added;			      /* of them with add_missing, or revoked by that */
	size_t with_der;		      /* whose certificate was found, too */
	size_t invalidity;   /* revoked with a time of compromise: only in the log */
	uint64_t crl_number; /* highest that it has used, or 0 */
};

/* Does this PEM key file need a passphrase? Errors: ERR_USAGE it is none; ERR_INTERNAL. */
MUST_CHECK int signer_import_asks(const char *key, bool *ret, struct err *err);

/* init: home, rehearsal_root, pass, root_pass, and issuing_key with the HSM's URI where the key is
 * in one; its other fields are not looked at. Errors: as signer_init; ERR_USAGE with the file, and
 * the line, that cannot be taken. */
MUST_CHECK int signer_import(const struct signer_init *init, const struct signer_import *what,
    struct signer_imported *ret, struct err *err);

#endif
