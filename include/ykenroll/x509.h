/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x509: requests, certificates, attestations and the login proof; objects in and out as DER.
 *
 * Nothing here keeps state. Times are UTC seconds. Signing takes a struct key (key.h); verification
 * never does.
 */
#ifndef YKENROLL_X509_H
#define YKENROLL_X509_H

#include "ykenroll/blob.h"
#include "ykenroll/err.h"
#include "ykenroll/key.h"

#define X509_SERIAL_MAX 20 /* bytes: RFC 5280, 4.1.2.2 */
#define X509_TEXT_MAX 512  /* bytes of a printed name, with the NUL */
#define X509_SHA256_LEN 32

MUST_CHECK int x509_sha256(
    const struct blob *data, uint8_t ret[static X509_SHA256_LEN], struct err *err);

/* ---- certification requests (PKCS#10) ---- */

/* A request for this key with CN=cn (UTF-8), signed once by the key. Errors: those of the key's
 * callback; ERR_INTERNAL. */
MUST_CHECK int csr_make(struct key *key, const char *cn, struct blob *ret_der, struct err *err);

enum csr_san_kind { SAN_EMAIL, SAN_DNS, SAN_URI, SAN_IP, SAN_UPN };
struct csr_san {
	enum csr_san_kind kind;
	const char *value;
};
/* "email:alice@example.org"; the value points into text. Errors: ERR_USAGE. */
MUST_CHECK int csr_san_parse(const char *text, struct csr_san *ret, struct err *err);

struct csr_fields {
	const char *subject; /* RFC 4514, "/CN=…/O=…", or a bare common name; NULL: empty */
	const struct csr_san *san;
	size_t n_san;
	/* DER of attestation and f9 certificate, carried as 1.3.6.1.4.1.41482.3.1 and .3.2, or NULL
	 */
	const struct blob *attestation, *f9;
};
/* Can such a request be made? Asks no key. Errors: ERR_USAGE. */
MUST_CHECK int csr_check(const struct csr_fields *fields, struct err *err);
/* As csr_make. Errors: also ERR_USAGE. */
MUST_CHECK int csr_build(
    struct key *key, const struct csr_fields *fields, struct blob *ret_der, struct err *err);

/* Check form, that nothing follows the DER, and the signature; give the key. Nothing else of a
 * request is ever used. Errors: ERR_FIT. */
MUST_CHECK int csr_read(
    const uint8_t *der, size_t len, struct blob *ret_spki, enum key_alg *ret_alg, struct err *err);

/* The one request of a file, in PEM or DER, as DER; csr_read looks into it. Errors: ERR_FIT there
 * is none, and what it is instead; there are several. */
MUST_CHECK int csr_from_file(const struct blob *file, struct blob *ret_der, struct err *err);
/* The DNS names and IP addresses that a request asks for, one "dns:…" or "ip:…" a line, as text
 * with a NUL; empty when it asks for none. Errors: ERR_FIT it has others. */
MUST_CHECK int csr_names(const struct blob *csr, struct blob *ret_lines, struct err *err);

/* ---- certificates ---- */

struct cert_info {
	uint8_t serial[X509_SERIAL_MAX]; /* big endian, without a leading zero octet */
	size_t serial_len;
	char subject[X509_TEXT_MAX]; /* RFC 4514 in UTF-8; what is not plain, escaped */
	char issuer[X509_TEXT_MAX];
	int64_t not_before, not_after;
	uint8_t sha256[X509_SHA256_LEN];      /* of the DER */
	uint8_t spki_sha256[X509_SHA256_LEN]; /* of the SubjectPublicKeyInfo */
	enum key_alg alg;		      /* KEY_NONE when not one of ours */
};

/* Errors: ERR_FIT not one certificate, or trailing bytes. */
MUST_CHECK int cert_read(const uint8_t *der, size_t len, struct cert_info *ret, struct err *err);

/* E-mail address, UPN and SID, as far as it has them, into ret: the rest stays as it is. */
struct holder; /* x509_request.h */
MUST_CHECK int cert_holder(const struct blob *der, struct holder *ret, struct err *err);

MUST_CHECK int cert_spki(const uint8_t *der, size_t len, struct blob *ret_spki, struct err *err);

/* PEM with this name appended to *ret as text without NUL. */
#define PEM_CERT "CERTIFICATE"
#define PEM_CRL "X509 CRL"
#define PEM_REQUEST "CERTIFICATE REQUEST"
#define PEM_SPKI "PUBLIC KEY"
MUST_CHECK int pem_put(const struct blob *der, const char *name, struct blob *ret, struct err *err);
/* The first certificate, CRL of a PEM text. Errors: ERR_FIT. */
MUST_CHECK int cert_from_pem(const struct blob *pem, struct blob *ret_der, struct err *err);
/* The certificate that a file, in PEM or DER, is of: of a chain, in whatever order, the one that
 * issued none of the others. Errors: ERR_FIT there is none, and what it is instead; or more than
 * one. */
MUST_CHECK int cert_from_file(const struct blob *file, struct blob *ret_der, struct err *err);
MUST_CHECK int crl_from_pem(const struct blob *pem, struct blob *ret_der, struct err *err);

struct crl_info {
	int64_t this_update, next_update;
	uint64_t number; /* CRL number */
	size_t entries;
	char issuer[X509_TEXT_MAX];
};
MUST_CHECK int crl_read(const uint8_t *der, size_t len, struct crl_info *ret, struct err *err);

/* A CRL read entry by entry where it is: one of a million entries has 45 MB, and ten times that as
 * objects. Nothing is to be freed. */
struct crl_item {
	const uint8_t *serial; /* big endian, without zeros in front; into the CRL */
	size_t len;
	bool negative;	    /* then serial is its two's complement, and no certificate of ours */
	const uint8_t *der; /* the entry */
	size_t der_len;
};
struct crl {
	const uint8_t *der; /* the caller's */
	size_t len;
	bool mapped; /* whole pages of a file: they leave memory when they were read */
	size_t entries;
	bool sorted; /* by serial number */
	/* crl.c's own */
	const uint8_t *tbs, *tbs_value, *tbs_end, *list, *list_end, *first, *at;
	size_t forgotten;
	struct crl_item before, last;
};
/* What is around the entries, for crl_verify and crl_says alone, which then says no entries.
 * Errors: ERR_FIT. */
MUST_CHECK int crl_frame(
    const uint8_t *der, size_t len, bool mapped, struct crl *ret, struct err *err);
/* Reads every entry once. Errors: ERR_FIT. */
MUST_CHECK int crl_open(
    const uint8_t *der, size_t len, bool mapped, struct crl *ret, struct err *err);
/* As crl_read. */
MUST_CHECK int crl_says(const struct crl *c, struct crl_info *ret, struct err *err);
/* 1: *ret is the next; 0: that was all. Not mixed with crl_has. */
MUST_CHECK int crl_next(struct crl *c, struct crl_item *ret, struct err *err);
/* 0 when it gives none. */
int crl_item_reason(const struct crl_item *e);
/* Is a certificate with this serial listed? Quick for many when CRL and questions are in order. */
MUST_CHECK int crl_has(
    struct crl *c, const uint8_t *serial, size_t len, bool *ret, struct err *err);
/* Is the CRL of this CA: its name, its key's signature? Errors: ERR_PROOF no; ERR_FIT malformed. */
MUST_CHECK int crl_verify(const struct crl *c, const struct blob *ca, struct err *err);
/* crl_has, for one. ret_last, or NULL: nobody was revoked after it. */
MUST_CHECK int crl_lists(const struct blob *crl, const uint8_t *serial, size_t len, bool *ret,
    bool *ret_last, struct err *err);

/* Do servers accept what this CA issues for clients, with so many CAs below it, and its CRLs?
 * Errors: ERR_PROOF no, and why not; ERR_FIT malformed. */
MUST_CHECK int cert_issues_clients(const struct blob *cert, unsigned below, struct err *err);

/* Is this certificate signed by that CA, under its name? Errors: ERR_PROOF no; ERR_FIT malformed.
 */
MUST_CHECK int cert_issued_by(const struct blob *cert, const struct blob *ca, struct err *err);

/* May it log in as a client, by its extended key usages (RFC 5280, 4.2.1.12)? Without the extension
 * it may. */
MUST_CHECK int cert_is_client(const struct blob *cert, bool *ret, struct err *err);

/* Every block of a PEM text: DER in ret[0..*ret_n), which the caller wipes, also after a failure.
 * Errors: ERR_FIT none, more than max, one with another name, or a broken one. */
MUST_CHECK int pem_blocks(const struct blob *pem, const char *name, struct blob *ret, size_t max,
    size_t *ret_n, struct err *err);

/* ---- PKCS #12: certificate, chain and key in one file ---- */

struct p12 {
	const struct key *key; /* in memory: key_generate */
	const struct blob *cert, *chain;
	size_t n_chain;
	const char *name; /* shown by importers; UTF-8 */
	const struct secret *pass;
	bool compat; /* 3DES and SHA-1, for importers that know no better; else AES-256, SHA-256 */
};
/* Errors: ERR_USAGE the passphrase; ERR_INTERNAL. */
MUST_CHECK int p12_make(const struct p12 *what, struct blob *ret_der, struct err *err);

/* ---- attestation ---- */

enum attest_policy_pin {
	PIN_DEFAULT,
	PIN_NEVER,
	PIN_ONCE,
	PIN_ALWAYS,
	PIN_MATCH_ONCE,
	PIN_MATCH_ALWAYS
};
enum attest_policy_touch { TOUCH_DEFAULT, TOUCH_NEVER, TOUCH_ALWAYS, TOUCH_CACHED };

struct attestation {
	uint8_t firmware[3];
	uint32_t serial;	    /* 0 when the certificate has none (firmware 4) */
	uint8_t slot;		    /* 0x9a … */
	uint8_t pin_policy;	    /* enum attest_policy_pin */
	uint8_t touch_policy;	    /* enum attest_policy_touch */
	uint8_t form_factor;	    /* without the flags; 0 when absent */
	bool fips, cspn;	    /* product line, not mode of operation */
	bool rehearsal;		    /* chains to the rehearsal root, not to Yubico */
	char anchor[X509_TEXT_MAX]; /* name of the trust anchor */
	enum key_alg alg;
	struct blob spki; /* of the attested key */
};

/* Besides Yubico's roots and PIV intermediates, which are built in as name and public key. */
struct attest_trust {
	const struct blob *rehearsal_root; /* DER certificate, or NULL */
	const char *intermediates_dir;	   /* *.pem that Yubico issued later, or those of a
					      rehearsal; each must chain to a built-in root, or to
					      rehearsal_root. Or NULL */
};

/* Verify leaf <- f9 <- anchor and read the extensions. Checks: names, signatures, CA bit and path
 * length of f9 where present, each extension exactly once and well-formed, leaf and f9 of the same
 * firmware, slot from the subject. It proves on which token the key is, not that the token is here
 * now (there is no nonce). *ret must be zeroed or wiped; on success the caller wipes it with
 * attestation_wipe. Errors: ERR_ATTEST with the reason. */
MUST_CHECK int attest_verify(const struct blob *leaf, const struct blob *f9,
    const struct attest_trust *trust, struct attestation *ret, struct err *err);
void attestation_wipe(struct attestation *a);
/* What an attestation claims of firmware, serial, policies and key, by whomever it is signed: for
 * showing, and for what the token itself decides. Errors: ERR_ATTEST. */
MUST_CHECK int attest_claims(const struct blob *leaf, struct attestation *ret, struct err *err);

/* Would attestations signed by this f9 certificate be accepted? What can be known before a key is
 * generated. ret_anchor: X509_TEXT_MAX bytes, the name of the trust anchor. Errors: ERR_ATTEST with
 * the reason. */
MUST_CHECK int attest_check_f9(
    const struct blob *f9, const struct attest_trust *trust, char *ret_anchor, struct err *err);

/* ---- receipts: a text signed with CMS (RFC 5652) ---- */

/* Its text and the DER of the certificate in it that signed; who that is the caller decides.
 * Errors: ERR_PROOF the signature does not fit; ERR_FIT it is no such thing. */
MUST_CHECK int receipt_open(
    const struct blob *cms, struct blob *ret_text, struct blob *ret_signer, struct err *err);
/* Did issuing certify cert, and root issuing, as of that time? CRLs are not asked. Errors:
 * ERR_PROOF. */
MUST_CHECK int receipt_chain(const struct blob *cert, const struct blob *issuing,
    const struct blob *root, int64_t at, struct err *err);

/* ---- the login proof ---- */

struct handshake_result {
	char protocol[16]; /* "TLSv1.3" */
	char cipher[64];
	char signature[64];		      /* of the client, e.g. "ecdsa_secp256r1_sha256" */
	uint8_t peer_sha256[X509_SHA256_LEN]; /* of the certificate that the server saw */
};

/* A TLS 1.3 handshake in memory: the client has cert and key (the token), the server trusts only
 * cas, requires a client certificate and checks the CRLs of the whole chain. Proved by what the
 * server saw, and by data read back after the handshake. The key signs once. Errors: the key's own
 * (PIN, touch, gone); ERR_PROOF with the server's reason; ERR_FIT when a certificate or CRL
 * is malformed. */
MUST_CHECK int handshake_prove(struct key *key, const struct blob *cert, const struct blob *cas,
    size_t n_cas, const struct blob *crls, size_t n_crls, struct handshake_result *ret,
    struct err *err);

#endif
