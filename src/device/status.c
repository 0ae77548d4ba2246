/* SPDX-License-Identifier: BSD-2-Clause */
#include "device/status.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* pcsclite.h; opening, open: the code in either situation. */
static const struct {
	LONG rc;
	int opening, open;
	const char *text;
} scard_codes[] = {
    {SCARD_W_REMOVED_CARD, ERR_NO_TOKEN, ERR_GONE, "the token was removed"},
    {SCARD_E_NO_SMARTCARD, ERR_NO_TOKEN, ERR_GONE, "no token in the reader"},
    {SCARD_W_RESET_CARD, ERR_GONE, ERR_GONE, "the token was reset or plugged in again"},
    {SCARD_W_UNPOWERED_CARD, ERR_NO_TOKEN, ERR_GONE, "the token has no power"},
    {SCARD_W_UNRESPONSIVE_CARD, ERR_NO_TOKEN, ERR_GONE, "the token does not respond"},
    {SCARD_E_NOT_TRANSACTED, ERR_NO_TOKEN, ERR_GONE, "the token did not answer"},
    {SCARD_F_COMM_ERROR, ERR_NO_TOKEN, ERR_GONE, "the reader failed"},
    {SCARD_E_READER_UNAVAILABLE, ERR_NO_TOKEN, ERR_GONE, "the reader was removed"},
    {SCARD_E_UNKNOWN_READER, ERR_NO_TOKEN, ERR_GONE, "there is no such reader"},
    {SCARD_E_INVALID_HANDLE, ERR_INTERNAL, ERR_GONE, "the connection to the token was lost"},
    {SCARD_E_INSUFFICIENT_BUFFER, ERR_GONE, ERR_GONE, "the token's answer is too long"},
    {SCARD_E_PROTO_MISMATCH, ERR_NO_TOKEN, ERR_GONE, "the card does not support the protocol T=1"},
    {SCARD_E_SHARING_VIOLATION, ERR_HELD, ERR_HELD, "the token is held by another program"},
    {SCARD_E_NO_READERS_AVAILABLE, ERR_NO_TOKEN, ERR_GONE, "no smart card reader is connected"},
    {SCARD_E_NO_SERVICE, ERR_NO_TOKEN, ERR_GONE,
	"pcscd is not running; start it (systemctl start pcscd.socket)"},
    {SCARD_E_SERVICE_STOPPED, ERR_NO_TOKEN, ERR_GONE,
	"pcscd has stopped; start it (systemctl start pcscd.socket)"},
    {SCARD_W_SECURITY_VIOLATION, ERR_NO_TOKEN, ERR_GONE,
	"pcscd refuses this user; allow org.debian.pcsc-lite.access_pcsc and access_card in "
	"polkit (`ykenroll doctor` says how)"},
    {SCARD_E_NO_ACCESS, ERR_NO_TOKEN, ERR_GONE,
	"pcscd's socket is closed to this user; allow it to use pcscd"},
    {SCARD_E_NO_MEMORY, ERR_INTERNAL, ERR_INTERNAL, "out of memory in PC/SC"},
};

/* ISO 7816-4, 5.1.3; SP 800-73-4 part 2. "Not there" is an answer where the caller says so, and
 * malformed elsewhere. */
static const struct {
	unsigned sw;
	int code;
	const char *text;
} sw_codes[] = {
    {SW_DENIED, ERR_MGMKEY, "the token requires authentication first"},
    {SW_BLOCKED, ERR_BLOCKED, "blocked"},
    {SW_CONDITIONS, ERR_USAGE, "the token's conditions of use are not satisfied"},
    {SW_WRONG_DATA, ERR_USAGE, "the token rejected these parameters"},
    {SW_ABSENT, ERR_GONE, "the token did not find it"},
    {SW_FULL, ERR_FIT, "the token is full"},
    {SW_NO_REFERENCE, ERR_GONE, "the token did not find it"},
    {SW_NO_INS, ERR_USAGE, "this token's firmware does not support the command"},
    {0x6581, ERR_INTERNAL, "the token reports a memory failure"},
    {0x6700, ERR_USAGE, "the token rejected the length"},
    {0x6a81, ERR_USAGE, "the token does not support this function"},
    {0x6a86, ERR_USAGE, "the token rejected these parameters"},
    {0x6b00, ERR_USAGE, "the token rejected these parameters"},
};

static const struct {
	ykpiv_rc rc;
	int code;
	const char *text;
} ykpiv_codes[] = {
    {YKPIV_MEMORY_ERROR, ERR_INTERNAL, "out of memory"},
    {YKPIV_PCSC_ERROR, ERR_GONE, "the connection to the token was lost"},
    {YKPIV_SIZE_ERROR, ERR_GONE, "the token's answer has the wrong size"},
    {YKPIV_PARSE_ERROR, ERR_GONE, "the token's answer is malformed"},
    {YKPIV_GENERIC_ERROR, ERR_GONE, "the token's answer is malformed"},
    {YKPIV_INVALID_OBJECT, ERR_ABSENT, "not on the token"},
    {YKPIV_AUTHENTICATION_ERROR, ERR_MGMKEY, "the token requires authentication first"},
};

int
status_why(struct err *err, enum device_why why, const char *text)
{
	err_set(err, ERR_NO_TOKEN, "%s", text);
	if (err != NULL)
		err->why = (int)why;
	return ERR_NO_TOKEN;
}

int
status_scard(struct err *err, LONG rc, enum status_when when, const char *what)
{
	size_t i;
	int code;

	for (i = 0; i < LEN(scard_codes); i++)
		if (scard_codes[i].rc == rc) {
			code =
			    when == STATUS_OPENING ? scard_codes[i].opening : scard_codes[i].open;
			err_set(err, code, "%s: %s", what, scard_codes[i].text);
			if (err != NULL && rc == SCARD_W_SECURITY_VIOLATION)
				err->why = DEVICE_REFUSED;
			return code;
		}
	return err_set(err, when == STATUS_OPENING ? ERR_INTERNAL : ERR_GONE,
	    "%s: PC/SC error 0x%08lx", what, (unsigned long)rc & 0xffffffffUL);
}

int
status_sw(struct err *err, unsigned sw, const char *what)
{
	size_t i;

	for (i = 0; i < LEN(sw_codes); i++)
		if (sw_codes[i].sw == sw)
			return err_set(
			    err, sw_codes[i].code, "%s: %s (%04X)", what, sw_codes[i].text, sw);
	return err_set(err, ERR_GONE, "%s: the token answered %04X", what, sw);
}

int
status_ykpiv(struct err *err, ykpiv_rc rc, const char *what)
{
	size_t i;

	for (i = 0; i < LEN(ykpiv_codes); i++)
		if (ykpiv_codes[i].rc == rc)
			return err_set(
			    err, ykpiv_codes[i].code, "%s: %s", what, ykpiv_codes[i].text);
	return err_set(err, ERR_INTERNAL, "%s: libykpiv error %d", what, (int)rc);
}

int
status_malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_GONE, "the token gave a malformed answer (%s)", what);
}
