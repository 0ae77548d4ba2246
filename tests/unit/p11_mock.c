/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "p11_mock.h"

#define PIN "471199"
#define KEYS_MAX 4
#define FIELD 32

static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

struct key {
	EVP_PKEY *pkey;
	char label[33];
	size_t label_len, id_len;
	uint8_t id[32];
	uint8_t point[2 + 65]; /* DER OCTET STRING */
};

/* Handles: 2 * key + 1 private, 2 * key + 2 public. */
static struct key keys[KEYS_MAX];
static size_t n_keys;
static bool logged_in; /* until the last session ends */
static unsigned sessions;
static CK_OBJECT_HANDLE found[2 * KEYS_MAX], signing;
static CK_ULONG n_found, at_found;

static CK_RV
add_key(const void *label, size_t label_len, const void *id, size_t id_len)
{
	struct key *k = &keys[n_keys];
	size_t len;

	if (n_keys == KEYS_MAX || label_len >= sizeof(k->label) || id_len > sizeof(k->id) ||
	    (k->pkey = EVP_EC_gen("P-256")) == NULL)
		return CKR_DEVICE_MEMORY;
	memcpy(k->label, label, k->label_len = label_len);
	memcpy(k->id, id, k->id_len = id_len);
	k->point[0] = 0x04;
	k->point[1] = 65;
	if (EVP_PKEY_get_octet_string_param(
		k->pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, k->point + 2, 65, &len) != 1)
		return CKR_DEVICE_ERROR;
	n_keys++;
	return CKR_OK;
}

static CK_RV
initialize(void *args)
{
	(void)args;
	return n_keys == 0 ? add_key("ca", 2, "\x01", 1) : CKR_OK;
}

static CK_RV
finalize(void *args)
{
	(void)args;
	while (n_keys > 0)
		EVP_PKEY_free(keys[--n_keys].pkey);
	logged_in = false;
	sessions = 0;
	return CKR_OK;
}

static void
pad(CK_UTF8CHAR *to, size_t size, const char *text)
{
	memset(to, ' ', size);
	memcpy(to, text, strlen(text));
}

static CK_RV
get_info(CK_INFO *info)
{
	*info = (CK_INFO){.cryptokiVersion = {2, 40}};
	pad(info->manufacturerID, sizeof(info->manufacturerID), "mock");
	pad(info->libraryDescription, sizeof(info->libraryDescription), "mock");
	return CKR_OK;
}

static CK_RV
get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n)
{
	(void)present;
	if (list != NULL && *n < 1)
		return CKR_BUFFER_TOO_SMALL;
	if (list != NULL)
		list[0] = 7;
	*n = 1;
	return CKR_OK;
}

static CK_RV
get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	(void)slot;
	*info = (CK_SLOT_INFO){.flags = CKF_TOKEN_PRESENT};
	pad(info->slotDescription, sizeof(info->slotDescription), "mock");
	pad(info->manufacturerID, sizeof(info->manufacturerID), "mock");
	return CKR_OK;
}

static CK_RV
get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	const char *more = getenv("MOCK_FLAGS");

	(void)slot;
	*info = (CK_TOKEN_INFO){
	    .flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED};
	info->flags |= more == NULL ? 0 : strtoul(more, NULL, 16);
	pad(info->label, sizeof(info->label), "mock");
	pad(info->manufacturerID, sizeof(info->manufacturerID), "mock");
	pad(info->model, sizeof(info->model), "mock");
	pad(info->serialNumber, sizeof(info->serialNumber), "1");
	return CKR_OK;
}

static CK_RV
open_session(
    CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	(void)slot;
	(void)flags;
	(void)app;
	(void)notify;
	*session = 5;
	sessions++;
	return CKR_OK;
}

static CK_RV
close_session(CK_SESSION_HANDLE session)
{
	(void)session;
	if (--sessions == 0)
		logged_in = false;
	return CKR_OK;
}

static CK_RV
get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	(void)session;
	*info = (CK_SESSION_INFO){
	    .slotID = 7, .state = logged_in ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION};
	return CKR_OK;
}

static CK_RV
login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
	(void)session;
	(void)user;
	if (len != strlen(PIN) || memcmp(pin, PIN, len) != 0)
		return CKR_PIN_INCORRECT;
	logged_in = true;
	return CKR_OK;
}

/* ---- objects ---- */

static const void *
value(CK_OBJECT_HANDLE h, CK_ATTRIBUTE_TYPE type, size_t *len)
{
	static const CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, public = CKO_PUBLIC_KEY;
	static const CK_KEY_TYPE ec = CKK_EC;
	const struct key *k = &keys[(h - 1) / 2];
	const bool is_private = h % 2 == 1;

	switch (type) {
	case CKA_CLASS:
		*len = sizeof(private);
		return is_private ? &private : &public;
	case CKA_KEY_TYPE:
		*len = sizeof(ec);
		return &ec;
	case CKA_LABEL:
		*len = k->label_len;
		return k->label;
	case CKA_ID:
		*len = k->id_len;
		return k->id;
	case CKA_EC_PARAMS:
		*len = sizeof(p256);
		return p256;
	case CKA_EC_POINT:
		*len = sizeof(k->point);
		return is_private ? NULL : k->point;
	}
	return NULL;
}

static bool
matches(CK_OBJECT_HANDLE h, const CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	const void *v;
	CK_ULONG i;
	size_t len;

	for (i = 0; i < n; i++)
		if ((v = value(h, attrs[i].type, &len)) == NULL || len != attrs[i].ulValueLen ||
		    memcmp(v, attrs[i].pValue, len) != 0)
			return false;
	return logged_in || h % 2 == 0;
}

static CK_RV
find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	CK_OBJECT_HANDLE h;

	(void)session;
	n_found = at_found = 0;
	for (h = 1; h <= 2 * n_keys; h++)
		if (matches(h, attrs, n))
			found[n_found++] = h;
	return CKR_OK;
}

static CK_RV
find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *n)
{
	(void)session;
	for (*n = 0; *n < max && at_found < n_found; ++*n)
		list[*n] = found[at_found++];
	return CKR_OK;
}

static CK_RV
find_final(CK_SESSION_HANDLE session)
{
	(void)session;
	return CKR_OK;
}

static CK_RV
get_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *attrs, CK_ULONG n)
{
	const void *v;
	CK_ULONG i;
	size_t len;

	(void)session;
	for (i = 0; i < n; i++) {
		if ((v = value(h, attrs[i].type, &len)) == NULL) {
			attrs[i].ulValueLen = (CK_ULONG)-1;
			return CKR_ATTRIBUTE_TYPE_INVALID;
		}
		if (attrs[i].pValue != NULL && attrs[i].ulValueLen < len)
			return CKR_BUFFER_TOO_SMALL;
		if (attrs[i].pValue != NULL)
			memcpy(attrs[i].pValue, v, len);
		attrs[i].ulValueLen = len;
	}
	return CKR_OK;
}

static CK_RV
generate(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_ATTRIBUTE *a, CK_ULONG na, CK_ATTRIBUTE *b,
    CK_ULONG nb, CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv)
{
	const CK_ATTRIBUTE *label = NULL, *id = NULL;
	CK_ULONG i;

	(void)session;
	(void)b;
	(void)nb;
	if (m->mechanism != CKM_EC_KEY_PAIR_GEN)
		return CKR_MECHANISM_INVALID;
	for (i = 0; i < na; i++) {
		label = a[i].type == CKA_LABEL ? &a[i] : label;
		id = a[i].type == CKA_ID ? &a[i] : id;
	}
	*priv = 2 * n_keys + 1;
	*pub = 2 * n_keys + 2;
	return label == NULL || id == NULL
		   ? CKR_TEMPLATE_INCOMPLETE
		   : add_key(label->pValue, label->ulValueLen, id->pValue, id->ulValueLen);
}

/* ---- signing ---- */

static CK_RV
sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE h)
{
	(void)session;
	signing = h;
	return m->mechanism == CKM_ECDSA && logged_in ? CKR_OK : CKR_MECHANISM_INVALID;
}

static CK_RV
sign(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *sig, CK_ULONG *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(keys[(signing - 1) / 2].pkey, NULL);
	uint8_t der[80];
	const uint8_t *p = der;
	size_t der_len = sizeof(der);
	ECDSA_SIG *s = NULL;
	bool ok;

	(void)session;
	ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	     EVP_PKEY_sign(ctx, der, &der_len, in, in_len) == 1 &&
	     (s = d2i_ECDSA_SIG(NULL, &p, (long)der_len)) != NULL && *len >= 2 * FIELD &&
	     BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, FIELD) == FIELD &&
	     BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + FIELD, FIELD) == FIELD;
	*len = 2 * FIELD;
	ECDSA_SIG_free(s);
	EVP_PKEY_CTX_free(ctx);
	return ok ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV
mock_function_list(CK_FUNCTION_LIST **ret)
{
	static CK_FUNCTION_LIST list = {
	    .version = {2, 40},
	    .C_Initialize = initialize,
	    .C_Finalize = finalize,
	    .C_GetInfo = get_info,
	    .C_GetSlotList = get_slot_list,
	    .C_GetSlotInfo = get_slot_info,
	    .C_GetTokenInfo = get_token_info,
	    .C_OpenSession = open_session,
	    .C_CloseSession = close_session,
	    .C_GetSessionInfo = get_session_info,
	    .C_Login = login,
	    .C_FindObjectsInit = find_init,
	    .C_FindObjects = find,
	    .C_FindObjectsFinal = find_final,
	    .C_GetAttributeValue = get_attributes,
	    .C_SignInit = sign_init,
	    .C_Sign = sign,
	    .C_GenerateKeyPair = generate,
	};

	*ret = &list;
	return CKR_OK;
}
