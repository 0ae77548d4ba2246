/* SPDX-License-Identifier: BSD-2-Clause */
/* steps_what: the steps in words, as a plan shows them. */
#include <stdio.h>

#include "workflow/steps.h"

void
steps_what_reset(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "reset the PIV application; lost for ever:%.90s",
	    e->lost[0] != '\0' ? e->lost : " nothing but PIN and PUK");
}

void
steps_what_mgmkey(const struct enrolment *e, char *ret, size_t size)
{
	static const struct {
		enum device_mgm_alg alg;
		const char *name;
	} names[] = {{MGM_3DES, "3DES"}, {MGM_AES128, "AES-128"}, {MGM_AES192, "AES-192"},
	    {MGM_AES256, "AES-256"}};
	const char *name = "?";
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].alg == e->mgm_alg)
			name = names[i].name;
	snprintf(ret, size, "set a random management key (%s), held in escrow%s", name,
	    e->admin_used ? ", and clear the flags of the former one" : "");
}

void
steps_what_puk(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "set a random PUK, held in escrow");
}

void
steps_what_pin(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "set the holder's PIN");
}

void
steps_what_key(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "generate an %s key in slot 9A%s", key_alg_name(e->work.key_alg),
	    e->slot_used && !e->resumed ? ", which destroys the key that is there" : "");
}

void
steps_what_same_key(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "take the key that is in slot 9A");
}

void
steps_what_identity(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "write a new card identity (CHUID, CCC)");
}

void
steps_what_attest(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "have the token attest the key");
}

void
steps_what_request(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "sign a request with the key");
}

void
steps_what_issue(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(
	    ret, size, "have the CA check it all and issue a certificate (%s)", e->work.profile);
}

void
steps_what_import(const struct enrolment *e, char *ret, size_t size)
{
	snprintf(ret, size, "write the certificate to slot 9A and read it back%s",
	    e->cert_used && !e->resumed ? ", which replaces the one that is there" : "");
}

void
steps_what_prove(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "log in with the token (TLS 1.3, CRLs checked)");
}

void
steps_what_activate(const struct enrolment *e, char *ret, size_t size)
{
	(void)e;
	snprintf(ret, size, "record the token as active");
}

/* What becomes of the token that this one stands in for. */
void
steps_what_replaced(const struct enrolment *e, char *ret, size_t size)
{
	const struct workflow_why *why = workflow_why(e->work.why);

	snprintf(ret, size, "%s the certificates of token %u (%s)",
	    why != NULL && why->hold ? "hold" : "revoke", (unsigned)e->work.replaces,
	    why == NULL ? "superseded" : workflow_reason_name((int)why->reason));
}
