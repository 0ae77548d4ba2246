/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/lib.h"
#include "device/status.h"
#include "device/wire.h"

#define OBJECT_MAX 3072 /* bytes: libykpiv writes what the token sent, tag and length included */
#define SIGNATURE_MAX 512
#define VERSION_TEXT_MAX 16

/* An allocator that wipes, and therefore remembers sizes. */
struct block {
	size_t len;
	max_align_t bytes[];
};

static void *
lib_alloc(void *data, size_t len)
{
	struct block *b;

	(void)data;
	if (len > SIZE_MAX - sizeof(*b) || (b = calloc(1, sizeof(*b) + len)) == NULL)
		return NULL;
	b->len = len;
	return b->bytes;
}

static void
lib_free(void *data, void *p)
{
	struct block *b;

	(void)data;
	if (p == NULL)
		return;
	b = (struct block *)((char *)p - offsetof(struct block, bytes));
	secret_wipe_bytes(b->bytes, b->len);
	free(b);
}

static void *
lib_realloc(void *data, void *p, size_t len)
{
	const struct block *b;
	void *to;

	if ((to = lib_alloc(data, len)) == NULL || p == NULL)
		return to;
	b = (const struct block *)((const char *)p - offsetof(struct block, bytes));
	memcpy(to, p, b->len < len ? b->len : len);
	lib_free(data, p);
	return to;
}

int
lib_open(struct token *token, struct err *err)
{
	const ykpiv_allocator allocator = {lib_alloc, lib_realloc, lib_free, NULL};
	ykpiv_rc rc;

	/* Verbosity 0: above, PINs and keys go to stderr. */
	if ((rc = ykpiv_init_with_allocator(&token->lib, 0, &allocator)) != YKPIV_OK)
		return status_ykpiv(err, rc, "libykpiv");
	wire_enter(0);
	rc = ykpiv_connect_with_external_card(
	    token->lib, (uintptr_t)token->dev->context, (uintptr_t)token->card);
	wire_leave();
	return rc == YKPIV_OK ? 0 : status_ykpiv(err, rc, "libykpiv");
}

void
lib_close(struct token *token)
{
	if (token->lib != NULL)
		(void)ykpiv_done_with_external_card(token->lib);
	token->lib = NULL;
}

/* What a libykpiv call came to. Its own code says little; the wire knows what the card said. */
static int
outcome(struct token *token, ykpiv_rc rc, const char *what, unsigned *ret_sw, struct err *err)
{
	const struct wire_last *last = wire_last();

	*ret_sw = last->sw;
	if (last->endless)
		return token_result(token, status_malformed(err, "an answer without end"));
	if (last->rc != SCARD_S_SUCCESS)
		return token_result(token, status_scard(err, last->rc, STATUS_OPEN, what));
	if (rc == YKPIV_PCSC_ERROR)
		return token_result(token, status_ykpiv(err, rc, what));
	if (last->apdus > 0 && last->len == 0)
		return token_result(
		    token, status_scard(err, SCARD_E_NOT_TRANSACTED, STATUS_OPEN, what));
	if (last->apdus > 0 && last->len < 2)
		return token_result(token, status_malformed(err, what));
	if (last->apdus > 0 && last->sw != SW_OK)
		return 0; /* the caller's to judge */
	return rc == YKPIV_OK ? 0 : token_result(token, status_ykpiv(err, rc, what));
}

int
lib_version(struct token *token, uint8_t ret[static 3], struct err *err)
{
	char text[VERSION_TEXT_MAX] = "";
	unsigned v[3], sw;
	ykpiv_rc yrc;
	int rc, i;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	wire_enter(0);
	yrc = ykpiv_get_version(token->lib, text, sizeof(text));
	wire_leave();
	if (yrc == YKPIV_OK && wire_last()->apdus == 0)
		return err_set(err, ERR_INTERNAL,
		    "libykpiv does not use this program's SCardTransmit: built wrongly");
	if ((rc = outcome(token, yrc, "GET VERSION", &sw, err)) != 0)
		return rc;
	if (sw != SW_OK)
		return token_result(token, status_sw(err, sw, "GET VERSION"));
	if (wire_last()->len != 3 + 2 || sscanf(text, "%u.%u.%u", &v[0], &v[1], &v[2]) != 3)
		return token_result(token, status_malformed(err, "GET VERSION"));
	for (i = 0; i < 3; i++)
		ret[i] = (uint8_t)v[i];
	return 0;
}

int
lib_serial(struct token *token, uint32_t *ret, struct err *err)
{
	uint32_t serial = 0;
	ykpiv_rc yrc;
	unsigned sw;
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	wire_enter(0);
	yrc = ykpiv_get_serial(token->lib, &serial);
	wire_leave();
	if ((rc = outcome(token, yrc, "GET SERIAL", &sw, err)) != 0)
		return rc;
	/* Before firmware 5 libykpiv asks the OTP application, which may be switched off, and the
	 * last answer is that of selecting PIV again. */
	if (!token_firmware(token, 5, 0, 0) && sw != SW_OK)
		return err_set(err, ERR_ABSENT, "the token does not tell its serial (%04X)", sw);
	if (token_firmware(token, 5, 0, 0) && (sw != SW_OK || wire_last()->len != 4 + 2))
		return token_result(token, status_malformed(err, "GET SERIAL"));
	*ret = serial;
	return 0;
}

int
lib_fetch(struct token *token, uint32_t object, struct blob *ret, unsigned *ret_sw, struct err *err)
{
	uint8_t data[OBJECT_MAX] = {0};
	unsigned long len = sizeof(data);
	ykpiv_rc yrc;
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	wire_enter(0);
	yrc = ykpiv_fetch_object(token->lib, (int)object, data, &len);
	wire_leave();
	if ((rc = outcome(token, yrc, "GET DATA", ret_sw, err)) != 0 || *ret_sw != SW_OK)
		return rc;
	return blob_set(ret, data, len, err);
}

int
lib_save(struct token *token, uint32_t object, const struct blob *content, unsigned *ret_sw,
    struct err *err)
{
	ykpiv_rc yrc;
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	wire_enter(0);
	yrc = ykpiv_save_object(token->lib, (int)object, content->data, content->len);
	wire_leave();
	if ((rc = outcome(token, yrc, "PUT DATA", ret_sw, err)) != 0 || *ret_sw != SW_OK)
		return rc;
	/* nothing but the status word is an answer; libykpiv 2.7 does not look */
	return wire_last()->len == 2 ? 0 : token_result(token, status_malformed(err, "PUT DATA"));
}

int
lib_attest(struct token *token, uint8_t slot, struct blob *ret, unsigned *ret_sw, struct err *err)
{
	uint8_t data[OBJECT_MAX] = {0};
	size_t len = sizeof(data);
	ykpiv_rc yrc;
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	wire_enter(0);
	yrc = ykpiv_attest(token->lib, slot, data, &len);
	wire_leave();
	if ((rc = outcome(token, yrc, "ATTEST", ret_sw, err)) != 0 || *ret_sw != SW_OK)
		return rc;
	return blob_set(ret, data, len, err);
}

int
lib_sign(struct token *token, uint8_t slot, uint8_t alg, unsigned deadline_sec, const uint8_t *in,
    size_t in_len, struct blob *ret, unsigned *ret_sw, struct err *err)
{
	uint8_t data[SIGNATURE_MAX] = {0};
	size_t len = sizeof(data);
	ykpiv_rc yrc;
	int rc;

	if ((rc = token_usable(token, err)) != 0)
		return rc;
	wire_enter(deadline_sec);
	yrc = ykpiv_sign_data(token->lib, in, in_len, data, &len, alg, slot);
	wire_leave();
	if ((rc = outcome(token, yrc, "GENERAL AUTHENTICATE", ret_sw, err)) != 0 ||
	    *ret_sw != SW_OK)
		return rc;
	return blob_set(ret, data, len, err);
}
