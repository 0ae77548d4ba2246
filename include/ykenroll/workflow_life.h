/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workflow_life: what happens to a token after it was enrolled. Each is a plan: killed or unplugged
 * anywhere, the same call again completes it, and so does workflow_recover.
 *
 * What these use of the escrow is opened with the key that workflow.escrow_key names, goes from
 * there to the token, leaves an audit row, and is replaced by a new value in the same run.
 */
#ifndef YKENROLL_WORKFLOW_LIFE_H
#define YKENROLL_WORKFLOW_LIFE_H

#include "ykenroll/workflow.h"
#include "ykenroll/workflow_ca.h"

/* Why a token is reissued, and what that means: a const table. */
struct workflow_why {
	const char *name; /* "lost" */
	const char *what; /* for people */
	enum signer_reason reason;
	bool hold;		      /* the former certificate is only put on hold */
	bool first;		      /* it ends before the new one is made, else after */
	bool same_token;	      /* the new one is for the same token */
	bool none;		      /* there is no new one */
	enum registry_token_state to; /* of the former token; TOKEN_NEW: it stays */
};
const struct workflow_why *workflow_whys(size_t *ret_n);
const struct workflow_why *workflow_why(const char *name); /* NULL: there is none */

struct workflow_reissue {
	const char *what; /* a holder, a token's or a certificate's serial */
	const struct workflow_why *why;
	/* What is to be another than it was: name, e-mail, profile …; hours of forgotten: so long
	 * the other token is good. What is not given is as the former certificate's was. */
	struct request asked;
	bool new_key; /* of expiring and renamed: and another key */
	bool reset;   /* the new token had another life */
};
struct workflow_reissued {
	uint32_t former; /* the token that is replaced; 0: the same one */
	bool has_crl;	 /* its certificates were revoked or held at once, and this CRL says so */
	struct crl_info crl;
	bool has_new; /* report is filled */
	struct workflow_report report;
};
/* A certificate, or a token, in place of one that is not usable any more, by the table above. Again
 * after an interruption: the rest; after all is done: nothing. Errors: those of workflow_revoke and
 * workflow_enroll. */
MUST_CHECK int workflow_reissue(const struct desk *w, const struct workflow_reissue *what,
    struct workflow_reissued *ret, struct err *err);

struct workflow_unblock {
	const char *what; /* a holder or a token's serial; NULL: the token that is there */
	const char *ticket;
};
/* The holder, who is here, gets a new PIN by the PUK from escrow; the token gets a new PUK. Errors:
 * ERR_BLOCKED the PUK is, too; ERR_PIN the PUK in escrow is wrong, or has one try left. */
MUST_CHECK int workflow_unblock(const struct desk *w, const struct workflow_unblock *what,
    struct workflow_report *ret, struct err *err);

/* Unblock for a holder who is elsewhere (x509_unblock.h): request there, answer here, apply there.
 */
struct workflow_remote_unblock {
	const char *request; /* file; its key is beside it, with .key behind the name */
	const char *answer;  /* file; NULL: the request's name with .answer */
	unsigned hours;	     /* of request: so long may it be answered and used */
	const char *ticket;  /* of answer: for the audit, or NULL */
};
struct workflow_remote_result {
	uint32_t token;
	int64_t until; /* UTC seconds */
	char code[16];
};
/* For the token in the reader; no registry is needed. Errors: ERR_OCCUPIED a file is there;
 * ERR_BLOCKED the PUK is. */
MUST_CHECK int workflow_remote_request(const struct desk *w,
    const struct workflow_remote_unblock *what, struct workflow_remote_result *ret,
    struct err *err);
/* With the PUK from escrow, sealed to the request; a person says whether the holder is who asks.
 * The PUK is marked for replacement: the next unblock or reissue here does it. Errors: ERR_FIT not
 * a request, changed, expired; ERR_OCCUPIED it was answered before, or the token's state;
 * ERR_PERSON.
 */
MUST_CHECK int workflow_remote_answer(const struct desk *w,
    const struct workflow_remote_unblock *what, struct workflow_remote_result *ret,
    struct err *err);
/* The holder chooses the PIN; the key of the request is deleted, so that the answer is worth
 * nothing any more. Errors: ERR_FIT not the answer, expired; ERR_AMBIGUOUS another token; ERR_PIN,
 * ERR_BLOCKED. */
MUST_CHECK int workflow_remote_apply(const struct desk *w,
    const struct workflow_remote_unblock *what, struct workflow_remote_result *ret,
    struct err *err);

struct workflow_retire {
	const char *what; /* a holder, a token's serial; NULL: the token that is there */
	enum signer_reason reason;
	const char *ticket;
	bool absent; /* it is not here: nothing is wiped, and no reader is looked at */
};
/* The end: certificates revoked, the token wiped, its secrets closed. Errors: ERR_NO_TOKEN the
 * token is not here (and absent was not said). */
MUST_CHECK int workflow_retire(const struct desk *w, const struct workflow_retire *what,
    struct workflow_report *ret, struct err *err);

struct workflow_adopt {
	struct workflow_enroll enroll; /* who gets it, and what is asked of the CA */
	bool new_key;		       /* in place of the one in slot 9A */
};
/* A token that other tools made: its management key and PUK are replaced by ones in escrow; its
 * certificate is recorded where this CA issued it, else replaced by one for the same key. The PIN
 * stays the holder's, unless it is the factory's. Errors: ERR_OCCUPIED it is registered;
 * ERR_ATTEST the key cannot be attested, and no new one is wanted. */
MUST_CHECK int workflow_adopt(const struct desk *w, const struct workflow_adopt *what,
    struct workflow_report *ret, struct err *err);

#endif
