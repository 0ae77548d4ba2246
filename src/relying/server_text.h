/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server_text: the configurations, line by line, ended by NULL. <NAME> <IDENT> <PORT> <DIR> <CERT>
 * <KEY> <BACKEND> <AUTHORITY> stand for values. A line that begins with '-' is there when a
 * certificate is required, one that begins with '+' when it is optional.
 */
#ifndef RELYING_SERVER_TEXT_H
#define RELYING_SERVER_TEXT_H

extern const char *const server_text_nginx[],
    *const server_text_apache[], *const server_text_haproxy[], *const server_text_caddy[],
								   *const server_text_traefik[];

#endif
