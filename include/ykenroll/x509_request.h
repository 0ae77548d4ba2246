/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x509_request: what is asked for a person's or a program's key: one record from the command line
 * through workflow and registry to the signer's messages and the names in the certificate.
 *
 * A field that is zero, or empty, is not given. One const table says of each how people call it,
 * where the registry keeps it, which messages carry it, and what it may be; who parses, stores,
 * sends or merges walks that table. A new field is a member, a line of the table, and its use.
 *
 * A zeroed record is empty. Texts are in it, UTF-8; csr, attestation and f9 are its own, and go
 * with request_wipe. Holder and texts may be assigned as they are.
 */
#ifndef YKENROLL_X509_REQUEST_H
#define YKENROLL_X509_REQUEST_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"

#define REQUEST_TEXT_MAX 520 /* bytes with the NUL, as below */
#define REQUEST_SUBJECT_MAX 4096
#define REQUEST_NAMES_MAX (16 * 1024)
#define REQUEST_DER_MAX (16u * 1024) /* bytes of a request, an attestation */
#define REQUEST_GUID_LEN 16
#define REQUEST_DAYS_MAX 3650

/* The texts about a person, which are columns of the registry. */
#define HOLDER_TEXTS(X)                                          \
	X(key) /* e-mail or external id, unique, without case */ \
	HOLDER_ABOUT(X)
#define HOLDER_ABOUT(X)                                      \
	X(name) /* CN */                                     \
	X(email)                                             \
	X(upn)	     /* user principal name */               \
	X(external)  /* id in another system (HR), unique */ \
	X(directory) /* DN in a directory */                 \
	X(sid)	     /* of a Windows account, "S-1-5-21-…" */

struct holder {
	int64_t id; /* in the registry; 0: none */
#define HOLDER_TEXT(member) char member[REQUEST_TEXT_MAX];
	HOLDER_TEXTS(HOLDER_TEXT)
#undef HOLDER_TEXT
};

struct request {
	struct holder holder;

	/* the certificate */
	char profile[64];		   /* "client" */
	char subject[REQUEST_SUBJECT_MAX]; /* lines "O=Example" (C, ST, L, O, OU, serialNumber) */
	char names[REQUEST_NAMES_MAX];	   /* lines "dns:www.example.org", "ip:192.0.2.1" */
	unsigned days;			   /* else the profile's */
	unsigned hours;			   /* from now on, instead of days */
	uint8_t days_kept; /* 1: days is what a former certificate had, and the profile may allow
			      fewer by now: then those */

	/* the key, and the token that has it */
	uint8_t alg;			  /* enum key_alg */
	uint8_t pin_policy, touch_policy; /* x509.h */
	uint32_t token;
	uint8_t slot;
	uint8_t guid[REQUEST_GUID_LEN]; /* of the CHUID */
	uint8_t firmware[3];
	struct blob csr, attestation, f9; /* DER */

	/* the work */
	char why[32];		       /* "damaged": what a reissue is for */
	char ticket[REQUEST_TEXT_MAX]; /* by whose order */
	uint32_t replaces;	       /* another token, whose certificates this ends */
	unsigned flags;		       /* the plan's own */
};
void request_wipe(struct request *r);

enum request_kind {
	REQUEST_TEXT,
	REQUEST_LINES, /* the text of another one goes on a line of its own */
	REQUEST_WORD,  /* a number that people write as a word */
	REQUEST_NUMBER,
	REQUEST_BYTES,
	REQUEST_DER, /* struct blob */
};
enum request_place { REQUEST_NOWHERE, REQUEST_HOLDERS, REQUEST_WORKS };
enum request_form { /* of the signer's messages, bits */
	REQUEST_PREPARE = 1u << 0,
	REQUEST_PRECHECK = 1u << 1,
	REQUEST_SOFTWARE = 1u << 2,
	REQUEST_RENEW = 1u << 3,
};

struct request_field {
	const char *name;  /* "pin-policy": as an option; NULL: nobody types it */
	const char *what;  /* "PIN policy" */
	const char *lines; /* of LINES: what stands in front of each, "dns:" */
	enum request_kind kind;
	size_t at, size; /* in struct request */
	unsigned max;	 /* of a number */
	bool kept;	 /* a later certificate has it from the former one */
	enum request_place place;
	const char *column;
	uint8_t tag;	/* in messages, 1 to 63; 0: in none, the field is another one's */
	unsigned forms; /* enum request_form: those that may carry it */
	int (*word)(const char *text); /* of WORD; 0: there is no such */
	const char *choices;	       /* of WORD: "once or always", for who wrote another one */
};
const struct request_field *request_fields(size_t *ret_n);
/* NULL: there is none. */
const struct request_field *request_field(const char *name);

bool request_given(const struct request *r, const struct request_field *f);

/* From an option, a cell of a table: by its name. Errors: ERR_USAGE no such field, empty, too long,
 * or not what it may be. */
MUST_CHECK int request_set(struct request *r, const char *name, const char *text, struct err *err);

/* A field as bytes: the text without its NUL, the DER; what data points to goes with r. Numbers and
 * words: as a number. */
struct request_value {
	const void *data;
	size_t len;
	int64_t number;
};
struct request_value request_get(const struct request *r, const struct request_field *f);
/* The other way round, from whomever: it is checked. Errors: ERR_USAGE; ERR_INTERNAL (memory). */
MUST_CHECK int request_put(struct request *r, const struct request_field *f,
    const struct request_value *value, struct err *err);

static inline bool
request_is_number(const struct request_field *f)
{
	return f->kind == REQUEST_WORD || f->kind == REQUEST_NUMBER;
}

/* What is kept, and not given in r, is taken from there: the former certificate's request, or what
 * is usual. The holder's id goes with the key. */
void request_merge(struct request *r, const struct request *from);

#endif
