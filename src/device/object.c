/* SPDX-License-Identifier: BSD-2-Clause */
#define ZLIB_CONST /* next_in is only read */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/tlv.h"
#include "base/utc.h"
#include "device/apdu.h"
#include "device/status.h"

#define OBJECT_MAX 3063 /* bytes inside 53: the 3072 of a token less 5C 03 .. 53 82 .. .. */
#define OBJECT_ID_LEN 3
#define ZIP_MAX 16384
#define WINDOW_GZIP (15 + 16) /* zlib.h: write a gzip header */
#define WINDOW_ANY (15 + 32)  /* zlib.h: recognise gzip and zlib by the header */
#define MEM_LEVEL 8	      /* zlib.h: the default */

enum {
	PIVTAG_ID = 0x5c,
	PIVTAG_CONTENT = 0x53,
	PIVTAG_CERT = 0x70,
	PIVTAG_INFO = 0x71,
	PIVTAG_LRC = 0xfe
};
enum { INFO_PLAIN = 0x00, INFO_GZIP = 0x01 }; /* SP 800-73-4 part 1, table 10 */

static uint32_t
cert_object(uint8_t slot)
{
	const struct device_slot *s = device_slot(slot);

	return s == NULL ? 0 : s->cert_object;
}

int
token_get_object(struct token *token, uint32_t object, struct blob *ret, struct err *err)
{
	const uint8_t data[] = {PIVTAG_ID, OBJECT_ID_LEN, (uint8_t)(object >> 16),
	    (uint8_t)(object >> 8), (uint8_t)object};
	const struct apdu cmd = {.ins = INS_GET_DATA,
	    .p1 = 0x3f,
	    .p2 = 0xff,
	    .answer = APDU_LONG,
	    .data = data,
	    .len = sizeof(data),
	    .what = "GET DATA"};
	CLEAN(blob_wipe) struct blob got = {0};
	struct tlv content = {.len = 0};
	unsigned sw = 0;
	size_t pos = 0;
	int rc;

	if ((rc = apdu_send(token, &cmd, &got, &sw, err)) != 0)
		return rc;
	if (sw == SW_OK && (tlv_next(got.data, got.len, &pos, &content) != 1 || pos != got.len ||
			       content.tag != PIVTAG_CONTENT))
		return token_result(token, status_malformed(err, cmd.what));
	if (sw == SW_ABSENT || sw == SW_NO_REFERENCE || (sw == SW_OK && content.len == 0))
		return err_set(err, ERR_ABSENT, "object %06x is not on the token", object);
	if (sw == SW_DENIED)
		return err_set(err, ERR_PIN, "object %06x can be read only with the PIN", object);
	if (sw != SW_OK)
		return token_result(token, status_sw(err, sw, cmd.what));
	return blob_set(ret, content.value, content.len, err);
}

int
token_put_object(struct token *token, uint32_t object, const struct blob *content, struct err *err)
{
	const uint8_t id[OBJECT_ID_LEN] = {
	    (uint8_t)(object >> 16), (uint8_t)(object >> 8), (uint8_t)object};
	CLEAN(blob_wipe) struct blob data = {0};
	struct apdu cmd = {.ins = INS_PUT_DATA, .p1 = 0x3f, .p2 = 0xff, .what = "PUT DATA"};
	int rc;

	if (content->len > OBJECT_MAX)
		return err_set(err, ERR_FIT, "object %06x holds at most %d bytes, not %zu", object,
		    OBJECT_MAX, content->len);
	if ((rc = tlv_put(&data, PIVTAG_ID, id, sizeof(id), err)) != 0 ||
	    (rc = tlv_put(&data, PIVTAG_CONTENT, content->data, content->len, err)) != 0)
		return rc;
	cmd.data = data.data;
	cmd.len = data.len;
	return apdu_run(token, &cmd, NULL, err);
}

/* ---- certificates ---- */

/* All of it at once, by what init has made of z; at most 16 KiB come out. Errors: ERR_FIT. */
static int
zip(z_stream *z, int init, int (*step)(z_stream *, int), int (*end)(z_stream *),
    const struct blob *in, struct blob *ret, const char *bad, struct err *err)
{
	uint8_t out[ZIP_MAX];
	int r;

	if (init != Z_OK)
		return err_set(err, ERR_INTERNAL, "out of memory");
	z->next_in = in->data;
	z->avail_in = (uInt)in->len;
	z->next_out = out;
	z->avail_out = sizeof(out);
	r = step(z, Z_FINISH);
	(void)end(z);
	if (r != Z_STREAM_END || z->avail_in != 0)
		return err_set(err, ERR_FIT, "%s", bad);
	return blob_set(ret, out, sizeof(out) - z->avail_out, err);
}

static bool
is_one_sequence(const struct blob *der)
{
	struct tlv t;
	size_t pos = 0;

	return tlv_next(der->data, der->len, &pos, &t) == 1 && t.tag == 0x30 && pos == der->len;
}

/* 70 { DER } 71 { 00 | 01 } FE {}; the last two may be missing (SP 800-73-4 part 1, 3.1.2). */
static int
parse_cert(const struct blob *content, struct blob *ret, struct err *err)
{
	struct tlv cert, info;
	struct blob packed;
	z_stream z = {0};

	if (tlv_find(content->data, content->len, PIVTAG_CERT, &cert) != 0)
		return err_set(err, ERR_FIT, "not a certificate object");
	if (tlv_find(content->data, content->len, PIVTAG_INFO, &info) != 0)
		return blob_set(ret, cert.value, cert.len, err);
	if (info.len != 1 || (info.value[0] != INFO_PLAIN && info.value[0] != INFO_GZIP))
		return err_set(err, ERR_FIT, "the certificate object has an unknown format");
	if (info.value[0] == INFO_PLAIN)
		return blob_set(ret, cert.value, cert.len, err);
	/* RFC 1952, or RFC 1950 as old minidrivers wrote it */
	packed = (struct blob){.data = (uint8_t *)(uintptr_t)cert.value, .len = cert.len};
	return zip(&z, inflateInit2(&z, WINDOW_ANY), inflate, inflateEnd, &packed, ret,
	    "the compressed certificate is damaged or too long", err);
}

int
token_get_cert(struct token *token, uint8_t slot, struct blob *ret_der, struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	CLEAN(blob_wipe) struct blob der = {0};
	const uint32_t object = cert_object(slot);
	int rc;

	if (object == 0)
		return err_set(err, ERR_USAGE, "slot %02x has no certificate", slot);
	if ((rc = token_get_object(token, object, &content, err)) != 0)
		return rc;
	if ((rc = parse_cert(&content, &der, err)) != 0)
		return err_wrap(err, "slot %02x", slot), rc;
	if (!is_one_sequence(&der))
		return err_set(err, ERR_FIT, "slot %02x: not a certificate", slot);
	blob_move(ret_der, &der);
	return 0;
}

/* 70 { cert } 71 { info } FE {} */
int
token_put_packed(
    struct token *token, uint8_t slot, const struct blob *packed, bool is_gzip, struct err *err)
{
	const uint8_t info = is_gzip ? INFO_GZIP : INFO_PLAIN;
	CLEAN(blob_wipe) struct blob content = {0};
	const uint32_t object = cert_object(slot);
	int rc;

	if (object == 0 || slot == DEVICE_SLOT_F9)
		return err_set(err, ERR_USAGE, "slot %02x cannot hold a certificate", slot);
	if ((rc = tlv_put(&content, PIVTAG_CERT, packed->data, packed->len, err)) != 0 ||
	    (rc = tlv_put(&content, PIVTAG_INFO, &info, 1, err)) != 0 ||
	    (rc = tlv_put(&content, PIVTAG_LRC, NULL, 0, err)) != 0)
		return rc;
	return token_put_object(token, object, &content, err);
}

int
token_put_cert(struct token *token, uint8_t slot, const struct blob *der, struct err *err)
{
	if (der->len > DEVICE_CERT_MAX)
		return err_set(err, ERR_FIT,
		    "a slot holds a certificate of at most %d bytes, not %zu", DEVICE_CERT_MAX,
		    der->len);
	return token_put_packed(token, slot, der, false, err);
}

/* What libykpiv 2.2 and ykman 4 cannot read is only written where there is no other way. */
int
device_pack_cert(const struct blob *der, struct blob *ret, bool *ret_gzip, struct err *err)
{
	CLEAN(blob_wipe) struct blob packed = {0};
	z_stream z = {0};
	int rc;

	if (der->len <= DEVICE_CERT_MAX) {
		*ret_gzip = false;
		return blob_set(ret, der->data, der->len, err);
	}
	rc = zip(&z,
	    deflateInit2(
		&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEM_LEVEL, Z_DEFAULT_STRATEGY),
	    deflate, deflateEnd, der, &packed, "the certificate is too long", err);
	if (rc != 0)
		return rc;
	if (packed.len > DEVICE_CERT_MAX)
		return err_set(err, ERR_FIT,
		    "a slot holds a certificate of at most %d bytes; this one has %zu, and %zu "
		    "compressed",
		    DEVICE_CERT_MAX, der->len, packed.len);
	blob_move(ret, &packed);
	*ret_gzip = true;
	return 0;
}

int
token_delete_cert(struct token *token, uint8_t slot, struct err *err)
{
	const struct blob none = {0};
	const uint32_t object = cert_object(slot);

	if (object == 0 || slot == DEVICE_SLOT_F9)
		return err_set(
		    err, ERR_USAGE, "slot %02x: its certificate cannot be deleted", slot);
	return token_put_object(token, object, &none, err);
}

/* ---- CHUID and CCC ---- */

/* SP 800-73-4 part 1, table 9. FASC-N of a card outside the federal government: agency 9999. */
enum { PIVTAG_FASCN = 0x30, PIVTAG_GUID = 0x34, PIVTAG_EXPIRY = 0x35, PIVTAG_SIGNATURE = 0x3e };

#define EXPIRY_LEN 8

static const uint8_t fascn[] = {0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce, 0x73, 0x9d,
    0x83, 0x68, 0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xc8, 0x42, 0x10, 0xc3, 0xeb};

int
token_put_chuid(struct token *token, const uint8_t guid[static DEVICE_GUID_LEN], int64_t expires,
    struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	char text[UTC_TEXT_LEN], date[EXPIRY_LEN + 1];
	int rc;

	utc_text(expires, text);
	snprintf(date, sizeof(date), "%.4s%.2s%.2s", text, text + 5, text + 8);
	if ((rc = tlv_put(&content, PIVTAG_FASCN, fascn, sizeof(fascn), err)) != 0 ||
	    (rc = tlv_put(&content, PIVTAG_GUID, guid, DEVICE_GUID_LEN, err)) != 0 ||
	    (rc = tlv_put(&content, PIVTAG_EXPIRY, date, EXPIRY_LEN, err)) != 0 ||
	    (rc = tlv_put(&content, PIVTAG_SIGNATURE, NULL, 0, err)) != 0 ||
	    (rc = tlv_put(&content, PIVTAG_LRC, NULL, 0, err)) != 0)
		return rc;
	return token_put_object(token, OBJ_CHUID, &content, err);
}

int
token_get_guid(struct token *token, uint8_t ret_guid[static DEVICE_GUID_LEN], struct err *err)
{
	CLEAN(blob_wipe) struct blob content = {0};
	struct tlv guid;
	int rc;

	if ((rc = token_get_object(token, OBJ_CHUID, &content, err)) != 0)
		return rc;
	if (tlv_find(content.data, content.len, PIVTAG_GUID, &guid) != 0 ||
	    guid.len != DEVICE_GUID_LEN)
		return err_set(err, ERR_ABSENT, "the CHUID has no GUID");
	memcpy(ret_guid, guid.value, DEVICE_GUID_LEN);
	return 0;
}

/* SP 800-73-4 part 1, table 8: card identifier, then what PIV leaves at fixed values or empty */
int
token_put_ccc(struct token *token, struct err *err)
{
	enum { CARD_ID_AT = 9, CARD_ID_LEN = 14 };
	uint8_t ccc[] = {0xf0, 0x15, 0xa0, 0x00, 0x00, 0x01, 0x16, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 0xf1, 0x01, 0x21, 0xf2, 0x01, 0x21, 0xf3, 0x00, 0xf4, 0x01, 0x00,
	    0xf5, 0x01, 0x10, 0xf6, 0x00, 0xf7, 0x00, 0xfa, 0x00, 0xfb, 0x00, 0xfc, 0x00, 0xfd,
	    0x00, 0xfe, 0x00};
	const struct blob content = {.data = ccc, .len = sizeof(ccc)};
	CLEAN(secret_freep) struct secret *random = secret_new();
	int rc;

	if ((rc = secret_random(random, CARD_ID_LEN, err)) != 0)
		return rc;
	memcpy(ccc + CARD_ID_AT, random->bytes, CARD_ID_LEN);
	return token_put_object(token, OBJ_CCC, &content, err);
}
