/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * p11_shim: a PKCS #11 module that counts calls and makes one of them fail, in front of
 * $SHIM_REAL, or of the small token in p11_mock.c.
 *
 * $SHIM_LOG    a line with its name for each call
 * $SHIM_FAULT  CALL:N:WHAT, the Nth such call of this process. WHAT: a CK_RV in hexadecimal;
 *                  kill (before it is done); die (after); hang; corrupt (the signature)
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p11_mock.h"

static CK_FUNCTION_LIST *real;

static void
note(const char *name)
{
	const char *path = getenv("SHIM_LOG");
	char line[64];
	int fd, n;

	if (path == NULL || (fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
		return;
	n = snprintf(line, sizeof(line), "%s\n", name);
	if (write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

/* What is to go wrong with this call, or NULL. */
static const char *
fault(const char *name)
{
	static unsigned seen;
	const char *f = getenv("SHIM_FAULT");
	const size_t len = strlen(name);
	char *what;

	note(name);
	if (f == NULL || strncmp(f, name, len) != 0 || f[len] != ':')
		return NULL;
	return ++seen == strtoul(f + len + 1, &what, 10) && *what == ':' ? what + 1 : NULL;
}

static CK_RV
before(const char *what)
{
	if (what == NULL || strcmp(what, "corrupt") == 0 || strcmp(what, "die") == 0)
		return CKR_OK;
	if (strcmp(what, "kill") == 0)
		kill(getpid(), SIGKILL);
	while (strcmp(what, "hang") == 0)
		pause();
	return strtoul(what, NULL, 16);
}

static void
after(const char *what)
{
	if (what != NULL && strcmp(what, "die") == 0)
		kill(getpid(), SIGKILL);
}

#define SHIM(name, params, args)                          \
	static CK_RV shim_##name params                   \
	{                                                 \
		const char *what = fault(#name);          \
		CK_RV rv = before(what);                  \
                                                          \
		rv = rv == CKR_OK ? real->name args : rv; \
		after(what);                              \
		return rv;                                \
	}

SHIM(C_Initialize, (void *args), (args))
SHIM(C_Finalize, (void *args), (args))
SHIM(C_GetInfo, (CK_INFO * info), (info))
SHIM(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n), (present, list, n))
SHIM(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info))
SHIM(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info))
SHIM(C_OpenSession,
    (CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *session),
    (slot, flags, app, notify, session))
SHIM(C_CloseSession, (CK_SESSION_HANDLE session), (session))
SHIM(C_GetSessionInfo, (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info))
SHIM(C_Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len),
    (session, user, pin, len))
SHIM(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *attrs, CK_ULONG n),
    (session, attrs, n))
SHIM(C_FindObjects, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *n),
    (session, list, max, n))
SHIM(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session))
SHIM(C_GetAttributeValue,
    (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attrs, CK_ULONG n),
    (session, object, attrs, n))
SHIM(C_SignInit, (CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key),
    (session, m, key))
SHIM(C_GenerateKeyPair,
    (CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_ATTRIBUTE *a, CK_ULONG na, CK_ATTRIBUTE *b,
	CK_ULONG nb, CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv),
    (session, m, a, na, b, nb, pub, priv))

static CK_RV
shim_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *sig, CK_ULONG *len)
{
	const char *what = fault("C_Sign");
	CK_RV rv = before(what);

	if (rv == CKR_OK)
		rv = real->C_Sign(session, in, in_len, sig, len);
	if (rv == CKR_OK && what != NULL && strcmp(what, "corrupt") == 0)
		sig[*len - 1] ^= 1;
	after(what);
	return rv;
}

static int
load(void)
{
	const char *path = getenv("SHIM_REAL");
	CK_C_GetFunctionList get = mock_function_list;
	void *module;

	if (path != NULL) {
		if ((module = dlopen(path, RTLD_NOW | RTLD_LOCAL)) == NULL)
			return -1;
		*(void **)&get = dlsym(module, "C_GetFunctionList");
	}
	return get != NULL && get(&real) == CKR_OK ? 0 : -1;
}

__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **ret)
{
	static CK_FUNCTION_LIST list;

	if (load() != 0)
		return CKR_GENERAL_ERROR;
	list = *real;
	list.C_GetFunctionList = C_GetFunctionList;
	list.C_Initialize = shim_C_Initialize;
	list.C_Finalize = shim_C_Finalize;
	list.C_GetInfo = shim_C_GetInfo;
	list.C_GetSlotList = shim_C_GetSlotList;
	list.C_GetSlotInfo = shim_C_GetSlotInfo;
	list.C_GetTokenInfo = shim_C_GetTokenInfo;
	list.C_OpenSession = shim_C_OpenSession;
	list.C_CloseSession = shim_C_CloseSession;
	list.C_GetSessionInfo = shim_C_GetSessionInfo;
	list.C_Login = shim_C_Login;
	list.C_FindObjectsInit = shim_C_FindObjectsInit;
	list.C_FindObjects = shim_C_FindObjects;
	list.C_FindObjectsFinal = shim_C_FindObjectsFinal;
	list.C_GetAttributeValue = shim_C_GetAttributeValue;
	list.C_SignInit = shim_C_SignInit;
	list.C_Sign = shim_C_Sign;
	list.C_GenerateKeyPair = shim_C_GenerateKeyPair;
	*ret = &list;
	return CKR_OK;
}
