/* SPDX-License-Identifier: BSD-2-Clause */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/lib.h"
#include "device/status.h"
#include "device/wire.h"

#define OBJECT_MAX 3072 /* bytes: libykpiv writes what the token sent, tag and length included */
#define VERSION_TEXT_MAX 16

/* An allocator that wipes. */
static void *
lib_alloc(void *data, size_t len)
{
	(void)data;
	return calloc(1, len);
}

static void
lib_free(void *data, void *p)
{
	(void)data;
	if (p != NULL)
		secret_wipe_bytes(p, malloc_usable_size(p));
	free(p);
}

static void *
lib_realloc(void *data, void *p, size_t len)
{
	const size_t had = malloc_usable_size(p);
	void *to;

	if ((to = lib_alloc(data, len)) == NULL || p == NULL)
		return to;
	memcpy(to, p, had < len ? had : len);
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

static int
begin(const struct token *token, struct err *err)
{
	const int rc = token_usable(token, err);

	if (rc == 0)
		wire_enter(0);
	return rc;
}

static int
judge(ykpiv_rc rc, const struct wire_last *last, const char *what, struct err *err)
{
	if (last->endless)
		return status_malformed(err, "the answer does not end");
	if (last->rc != SCARD_S_SUCCESS)
		return status_scard(err, last->rc, STATUS_OPEN, what);
	if (rc == YKPIV_PCSC_ERROR)
		return status_ykpiv(err, rc, what);
	if (last->apdus > 0 && last->len == 0)
		return status_scard(err, SCARD_E_NOT_TRANSACTED, STATUS_OPEN, what);
	if (last->apdus > 0 && last->len < 2)
		return status_malformed(err, what);
	if (last->apdus > 0 && last->sw != SW_OK)
		return 0; /* the caller's to judge */
	return rc == YKPIV_OK ? 0 : status_ykpiv(err, rc, what);
}

/* What a libykpiv call came to. Its own code says little; the wire knows what the card said. */
static int
end(struct token *token, ykpiv_rc rc, const char *what, unsigned *ret_sw, struct err *err)
{
	wire_leave();
	*ret_sw = wire_last()->sw;
	return token_result(token, judge(rc, wire_last(), what, err));
}

int
lib_version(struct token *token, uint8_t ret[static 3], struct err *err)
{
	char text[VERSION_TEXT_MAX] = "";
	unsigned v[3], sw;
	int rc, i;

	if ((rc = begin(token, err)) != 0 ||
	    (rc = end(token, ykpiv_get_version(token->lib, text, sizeof(text)), "GET VERSION", &sw,
		 err)) != 0)
		return rc;
	if (wire_last()->apdus == 0)
		return err_set(err, ERR_INTERNAL,
		    "libykpiv does not use this program's SCardTransmit: built wrongly");
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
	unsigned sw;
	int rc;

	if ((rc = begin(token, err)) != 0 ||
	    (rc = end(token, ykpiv_get_serial(token->lib, &serial), "GET SERIAL", &sw, err)) != 0)
		return rc;
	/* Before firmware 5 libykpiv asks the OTP application, which may be switched off, and the
	 * last answer is that of selecting PIV again. */
	if (!token_firmware(token, 5, 0, 0) && sw != SW_OK)
		return err_set(
		    err, ERR_ABSENT, "the token does not report its serial number (%04X)", sw);
	if (token_firmware(token, 5, 0, 0) && (sw != SW_OK || wire_last()->len != 4 + 2))
		return token_result(token, status_malformed(err, "GET SERIAL"));
	*ret = serial;
	return 0;
}

int
lib_attest(struct token *token, uint8_t slot, struct blob *ret, unsigned *ret_sw, struct err *err)
{
	uint8_t data[OBJECT_MAX] = {0};
	size_t len = sizeof(data);
	int rc;

	if ((rc = begin(token, err)) != 0 ||
	    (rc = end(token, ykpiv_attest(token->lib, slot, data, &len), "ATTEST", ret_sw, err)) !=
		0 ||
	    *ret_sw != SW_OK)
		return rc;
	return blob_set(ret, data, len, err);
}
