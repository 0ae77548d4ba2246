/* SPDX-License-Identifier: BSD-2-Clause */
/* login: what a login's files share. */
#ifndef X509_LOGIN_H
#define X509_LOGIN_H

#include "ykenroll/x509_tls.h"

/* ---- login_http.c: an HTTP answer, as far as it has come ---- */

/* Is all of it there? Not known of an answer that ends with the connection. */
bool http_is_whole(const struct blob *answer);
/* Status, title, location and page. */
MUST_CHECK int http_read(const struct blob *answer, struct tls_reply *ret, struct err *err);
/* Of TLS_GREETS and TLS_LDAP: title, and whether it is a welcome. */
void greeting_read(enum tls_speech speech, const struct blob *answer, struct tls_reply *ret);

#endif
