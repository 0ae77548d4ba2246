/* SPDX-License-Identifier: BSD-2-Clause */
/* management: what the Management application tells of the token as a whole. */
#include "base/tlv.h"
#include "device/apdu.h"
#include "device/status.h"

#define PAGES_MAX 8
#define INS_READ_CONFIG 0x1d

/* Yubico's Management application; the tags are those of READ CONFIG */
enum {
	TAG_FORM_FACTOR = 0x04,
	TAG_MORE_PAGES = 0x10,
	TAG_FIPS_CAPABLE = 0x14,
	TAG_FIPS_APPROVED = 0x15,
	TAG_PIN_COMPLEXITY = 0x16,
	FIPS_PIV = 0x02,
	FORM_FIPS = 0x80,
	FORM_MASK = 0x0f,
};

static const uint8_t management_aid[] = {0xa0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17};

/* The last byte of a field says all that is asked: the flags are of one or two bytes. */
static void
take(const struct tlv *t, struct token_config *ret, bool *ret_more)
{
	const uint8_t last = t->len == 0 ? 0 : t->value[t->len - 1];

	switch (t->tag) {
	case TAG_FORM_FACTOR:
		ret->form_factor = last & FORM_MASK;
		ret->fips_series = (last & FORM_FIPS) != 0;
		break;
	case TAG_FIPS_CAPABLE:
		ret->fips_series = ret->fips_series || (last & FIPS_PIV) != 0;
		break;
	case TAG_FIPS_APPROVED:
		ret->fips_approved = (last & FIPS_PIV) != 0;
		break;
	case TAG_PIN_COMPLEXITY:
		ret->pin_complexity = last != 0;
		break;
	case TAG_MORE_PAGES:
		*ret_more = last != 0;
		break;
	default:
		break;
	}
}

/* Ways to say that there is nothing to tell. */
static bool
is_refusal(unsigned sw)
{
	return sw == SW_NO_INS || sw == SW_ABSENT || sw == SW_WRONG_DATA || sw == SW_CONDITIONS ||
	       sw == 0x6a86 || sw == 0x6b00;
}

static int
read_page(
    struct token *token, uint8_t page, struct token_config *ret, bool *ret_more, struct err *err)
{
	const struct apdu cmd = {
	    .ins = INS_READ_CONFIG, .p1 = page, .answer = APDU_SHORT, .what = "READ CONFIG"};
	CLEAN(blob_wipe) struct blob got = {0};
	struct tlv t;
	unsigned sw = 0;
	size_t pos = 1;
	int rc, more;

	*ret_more = false;
	if ((rc = apdu_send(token, &cmd, &got, &sw, err)) != 0 || is_refusal(sw))
		return rc;
	if (sw != SW_OK)
		return token_result(token, status_sw(err, sw, cmd.what));
	if (got.len < 1 || got.data[0] != got.len - 1)
		return token_result(token, status_malformed(err, cmd.what));
	ret->known = true;
	while ((more = tlv_next(got.data, got.len, &pos, &t)) == 1)
		take(&t, ret, ret_more);
	return more == 0 ? 0 : token_result(token, status_malformed(err, cmd.what));
}

int
token_config(struct token *token, struct token_config *ret, struct err *err)
{
	const struct apdu cmd = {.ins = INS_SELECT,
	    .p1 = 0x04,
	    .answer = APDU_SHORT,
	    .data = management_aid,
	    .len = sizeof(management_aid),
	    .what = "SELECT (management)"};
	struct token_config config = {0};
	unsigned sw = 0;
	uint8_t page;
	bool more;
	int rc;

	if ((rc = apdu_send(token, &cmd, NULL, &sw, err)) != 0)
		return rc;
	token->authenticated = token->verified = false;
	more = sw == SW_OK;
	for (page = 0; rc == 0 && more && page < PAGES_MAX; page++)
		rc = read_page(token, page, &config, &more, err);
	if (rc == 0)
		rc = session_select(token, err);
	if (rc != 0) {
		token->gone = true; /* what is selected now is not PIV, and PINs are not for it */
		return rc;
	}
	*ret = config;
	return 0;
}

static const char *const forms[] = {"unknown", "USB-A keychain", "USB-A nano", "USB-C keychain",
    "USB-C nano", "USB-C and Lightning", "USB-A Bio", "USB-C Bio"};

const char *
device_form_name(uint8_t form_factor)
{
	return form_factor < sizeof(forms) / sizeof(forms[0]) ? forms[form_factor] : forms[0];
}
