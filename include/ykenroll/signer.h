/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signer: the certification authority. Its key is used only in a program of its own,
 * ykenroll-signer; everybody else talks to that process over a Unix socket (`ykenroll signer`), or
 * over a socketpair to one that is started for this command.
 *
 *   desk:    signer_open -> signer_ca / signer_prepare -> signer_sign / signer_find / signer_revoke
 *            -> signer_closep
 *   once:    signer_init, or signer_import (signer_import.h)
 *   signer:  signer_serve.h
 *
 * Issuing has two phases. Prepare checks everything (request, attestation, names, profile, size)
 * and answers with the serial and the bytes that would be signed. Sign writes the intent to the
 * issuance log (ca/issuance.db), syncs it, signs, verifies, logs the certificate, syncs, answers.
 * A serial is signed at most once; asking again gives the logged certificate. What was prepared and
 * never signed is forgotten when the connection ends.
 *
 * Common errors: ERR_GONE never; ERR_CA the CA cannot be unlocked, or refuses (the reason is in the
 * text); ERR_ATTEST the attestation was refused; ERR_INTERNAL.
 */
#ifndef YKENROLL_SIGNER_H
#define YKENROLL_SIGNER_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"
#include "ykenroll/secret.h"
#include "ykenroll/x509.h"
#include "ykenroll/x509_request.h"

#define SIGNER_SERIAL_LEN 16 /* octets, the first one 0x40..0x7f */
#define SIGNER_CN_MAX 64     /* characters: ub-common-name, RFC 5280 appendix A */
#define SIGNER_EMAIL_MAX 254 /* bytes: RFC 5321, 4.5.3.1.3 less the brackets */

/* ---- once ---- */

struct signer_init {
	const char *home; /* absolute; exists, private */
	const char *name; /* organisation or CA name, goes into the subjects: "NAME Root CA", "NAME
			     Issuing CA" */
	const char *rehearsal_root; /* PEM file: the root, then what intermediates it has below it;
				       or NULL: then only Yubico's roots are trusted */
	const struct secret *pass;  /* of the issuing CA's key: passphrase, or HSM PIN */
	const struct secret *root_pass;	    /* of the root's key; NULL: pass */
	unsigned root_days, issuing_days;   /* 0: 7300 and 3650 */
	const char *root_key, *issuing_key; /* PKCS #11 URIs (key.h); NULL: encrypted in ca/ */
	bool adopt;			    /* the keys that the URIs name are there already */
	bool single; /* one level: "NAME CA" is its own root; issuing_key, issuing_alg, root_days */
	bool part;   /* of a home that the caller makes: he has its lock (flock of home), and the CA
			is unfinished until signer_init_end */
	enum key_alg root_alg, issuing_alg; /* KEY_NONE: P-384 and P-256, or the adopted key's */
};

/* Make ca/ (keys, issuance.db), pub/ (root.crt, issuing.crt, root.crl, issuing.crl: PEM) and
 * ykenroll.conf under home, by a ykenroll-signer that is started for it. All or nothing: half of a
 * CA left by a crash is completed or removed by the next call. Errors: ERR_OCCUPIED there is a CA
 * already. */
MUST_CHECK int signer_init(const struct signer_init *init, struct err *err);
/* Could that be made, as far as it can be told without passphrases? Nothing is changed. */
MUST_CHECK int signer_init_check(const struct signer_init *init, struct err *err);
/* All else of the home is made: from now on there is a CA. Errors: ERR_INTERNAL. */
MUST_CHECK int signer_init_end(const char *home, struct err *err);

/* Has this kernel what confines a signer's files (Landlock)? */
bool signer_landlock(void);

/* ---- the desk's side ---- */

/* Become ykenroll-signer with these words, of which the first is its name. Comes back only on
 * failure: ERR_INTERNAL it is not there, or cannot be started. */
MUST_CHECK int signer_exec(char *const argv[], struct err *err);

struct signer;

struct signer_open {
	const char *home;
	const char *ca_pass_spec; /* handed on to a signer that has to be started: "prompt",
				     "file:PATH", "fd:N"; NULL: none can be asked */
	bool root;		  /* start a signer for this alone, with the root's key in it */
	bool look; /* without a key, and so nobody is asked: it finds, and checks what it is asked
		      for (signer_precheck, signer_prepare…), and signs nothing */
	const char *root_pass_spec; /* with root; NULL: the CA passphrase opens it too */
	const char *about;  /* a line for above the prompt of one that is started; NULL, "": none */
	const char *socket; /* of a signer that listens there, perhaps on another host; NULL: what
			       [desk] signer of home/ykenroll.conf names, if it does */
};

/* Connect to the socket that is named, else to home/signer.sock when somebody listens there, else
 * start one (ykenroll-signer --fd N), which asks for the passphrase itself: it never passes
 * through this process. Returns when the CA key is unlocked. Errors: ERR_CA wrong passphrase, no CA
 * in this home, nobody listens at the socket that is named, or root is wanted and somebody listens;
 * ERR_PERSON a passphrase is needed and cannot be asked; ERR_USAGE. */
MUST_CHECK int signer_open(const struct signer_open *open, struct signer **ret, struct err *err);
void signer_closep(struct signer **s);

struct signer_ca {
	size_t n;	     /* levels: 2, or 1 when the issuing CA is its own root */
	struct blob cas[2];  /* DER: issuing, root; cas[n - 1] is the trust anchor */
	size_t n_crls;	     /* n, or 1 less: the root of an imported CA may publish its own */
	struct blob crls[2]; /* DER: issuing's, root's; the issuing CA's is renewed first when half
				its life is gone. A long one is read from home/pub */
	struct blob rehearsal_root; /* empty in production */
};
MUST_CHECK int signer_ca(struct signer *s, struct signer_ca *ret, struct err *err);
void signer_ca_wipe(struct signer_ca *ca);

/* Of a request (x509_request.h): what the token's holder has is offered, and the profile takes what
 * it has a place for; of a software key's holder nothing more may be given.
 *
Would this request be refused whatever the key is? Names, profile, validity, f9's chain, firmware,
 * algorithm and policies: what is meant to be made on the token, so that a refusal comes before the
 * token is changed. csr and attestation are not looked at. What the attestation says decides later.
 */
MUST_CHECK int signer_precheck(struct signer *s, const struct request *request, struct err *err);

struct signer_prepared {
	uint8_t serial[SIGNER_SERIAL_LEN];
	struct blob tbs;     /* DER TBSCertificate */
	size_t cert_len_max; /* bytes that the certificate will have at most */
	int64_t not_before, not_after;
};
MUST_CHECK int signer_prepare(
    struct signer *s, const struct request *request, struct signer_prepared *ret, struct err *err);
/* The same for a key that is in no token: of the request count csr, days, and names. Only for
 * profiles with `key = software`, and only for root, the signer's own uid, and those that [ca]
 * software_peers in ykenroll.conf names. signer_sign as ever. */
MUST_CHECK int signer_prepare_software(
    struct signer *s, const struct request *request, struct signer_prepared *ret, struct err *err);
/* A certificate of such a profile once more, with the same names. Of the request count days, and
 * the csr of a new key. Errors: ERR_ABSENT not of this CA; ERR_CA it is revoked, or of a token. */
MUST_CHECK int signer_prepare_renewal(struct signer *s,
    const uint8_t serial[static SIGNER_SERIAL_LEN], const struct request *request,
    struct signer_prepared *ret, struct err *err);
void signer_prepared_wipe(struct signer_prepared *p);

/* The issuing CA's own certificate once more, for the same key: signed by the root's, published in
 * pub/. With signer_open.root, once. Errors: ERR_CA the root's key is not there. */
MUST_CHECK int signer_renew_issuing(struct signer *s, struct err *err);

MUST_CHECK int signer_sign(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    struct blob *ret_cert, struct err *err);

/* The certificate with this serial from the issuance log. ret_said, unless NULL, gets the profile
 * that it was issued by, if that is one for tokens, and still there. Errors: ERR_ABSENT never
 * signed, or its signature was lost in a crash (then the serial is on the next CRL). */
MUST_CHECK int signer_find(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    struct blob *ret_cert, struct request *ret_said, struct err *err);

enum signer_reason {	     /* RFC 5280, 5.3.1 */
	REASON_RELEASE = -1, /* none: it is taken off hold */
	REASON_UNSPECIFIED = 0,
	REASON_KEY_COMPROMISE = 1,
	REASON_AFFILIATION_CHANGED = 3,
	REASON_SUPERSEDED = 4,
	REASON_CESSATION = 5,
	REASON_HOLD = 6,
};
/* Log the revocation, sign and publish a CRL that has it. Revoking again with the same reason is
 * not an error. serial: of any length up to 20 octets (one that was imported). cert: the DER of
 * that certificate, which perhaps nobody recorded; its signature says that it is of this CA, and
 * the log has it from then on. NULL: not at hand.
 *
 * REASON_RELEASE takes a certificate that is on hold off the CRL (removeFromCRL is a delta CRL's
 * word: here it is just not listed any more), and publishes that. Of one that is not revoked: no
 * error. Errors: ERR_ABSENT no such certificate; ERR_CA it is revoked for good, expired
 * long ago, or another CA's. */
MUST_CHECK int signer_revoke(struct signer *s, const uint8_t *serial, size_t len,
    const struct blob *cert, enum signer_reason reason, struct err *err);

/* Give a serial up: after this no certificate with it comes into being, whichever desk has prepared
 * it and is about to ask for its signature. One that was signed already is revoked for this reason
 * (unless it is revoked), and that is published. Asking again is not an error. */
MUST_CHECK int signer_forbid(struct signer *s, const uint8_t serial[static SIGNER_SERIAL_LEN],
    enum signer_reason reason, bool *ret_signed, struct err *err);

/* What the CRL that is published now says of itself. Nothing but numbers comes over, however long
 * it is. Errors: ERR_ABSENT this CA makes none of the root. */
MUST_CHECK int signer_crl_state(struct signer *s, bool root, struct crl_info *ret, struct err *err);

/* Sign and publish a CRL now: the issuing CA's, or the root's (with signer_open.root, once: then
 * the root's key is gone from the process). Errors: ERR_CA the root's key is not there. */
MUST_CHECK int signer_crl(struct signer *s, bool root, struct err *err);

/* How far the registry's audit chain is: goes into the log with everything that this connection has
 * signed, and into the CRLs. ret_known: what the signer was told before by anybody (rows 0: never).
 * A registry that has no such row is older than what was told. */
struct signer_audit {
	uint64_t rows;
	uint8_t head[32]; /* hash of the last of them */
};
MUST_CHECK int signer_tell(struct signer *s, const struct signer_audit *audit,
    struct signer_audit *ret_known, struct err *err);

/* Time the signer has spent for us, nanoseconds. */
struct signer_times {
	int64_t kdf_ns, fsync_ns;
	int64_t wait_ns; /* waiting for the passphrase */
};
struct signer_times signer_times(const struct signer *s);

#endif
