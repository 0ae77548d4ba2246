/* SPDX-License-Identifier: BSD-2-Clause */
/* p11_mock: a token in memory: label "mock", PIN "471199", the P-256 key "ca" in it.
 * $MOCK_FLAGS (hexadecimal) are added to its token flags. */
#ifndef P11_MOCK_H
#define P11_MOCK_H

#include <p11-kit/pkcs11.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret);
CK_RV mock_function_list(CK_FUNCTION_LIST **ret);

#endif
