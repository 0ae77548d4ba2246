/* SPDX-License-Identifier: BSD-2-Clause */
/* ca ocsp: the OCSP responder. */
#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "ykenroll/relying_ocsp.h"

#define VALID_MIN 60 /* seconds */
#define VALID_MAX 604800UL

static char *listen_at, *cert, *key, *key_pass, *valid;

static const struct poptOption table[] = {
    OPT_TEXT("listen", 0, &listen_at,
	"numeric address and port; port 0 picks a free one (127.0.0.1:8888)", "ADDRESS:PORT"),
    OPT_TEXT("cert", 0, &cert,
	"the responder's certificate; default: the signer certifies a key kept in memory only",
	"FILE"),
    OPT_TEXT("key", 0, &key,
	"its key: encrypted PKCS #8, or a file with the URI of a key in an HSM", "FILE"),
    OPT_TEXT("key-pass", 0, &key_pass, "passphrase of that key: prompt, file:PATH or fd:N", "SPEC"),
    OPT_TEXT("valid", 0, &valid, "how long clients may cache an answer (600)", "SECONDS"),
    OPT_TABLE(opt_ca),
    OPT_END,
};

/* "127.0.0.1:8888", "[::1]:8888". */
static int
parse_listen(const char *text, char *address, size_t size, uint16_t *ret_port, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	struct in6_addr any;
	unsigned long port = 0;
	int rc;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= size)
		return err_set(err, ERR_USAGE,
		    "invalid --listen: use ADDRESS:PORT, such as 127.0.0.1:8888 or [::1]:8888");
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &any) != 1 && inet_pton(AF_INET6, address, &any) != 1)
		return err_set(
		    err, ERR_USAGE, "invalid --listen '%s': use a numeric address", address);
	if ((rc = text_number(colon + 1, "the port", UINT16_MAX, &port, err)) == 0)
		*ret_port = (uint16_t)port;
	return rc;
}

static int
get_pass(void *ctx, const char *what, struct secret *ret, struct err *err)
{
	const struct prompt ask = {key_pass, what, "--key-pass", false, NULL};

	(void)ctx;
	return prompt_secret(&ask, ret, err);
}

static void
show_ready(void *ctx, const char *address, uint16_t port)
{
	const bool six = strchr(address, ':') != NULL;

	(void)ctx;
	printf("http://%s%s%s:%u/\n", six ? "[" : "", address, six ? "]" : "", port);
	fflush(stdout);
}

static int
run(struct called *c, struct err *err)
{
	struct relying_ocsp what = {.pass = get_pass, .ready = show_ready};
	unsigned long seconds = RELYING_OCSP_VALID_SEC;
	char address[INET6_ADDRSTRLEN];
	int rc;

	if ((rc = parse_listen(listen_at == NULL ? "127.0.0.1:8888" : listen_at, address,
		 sizeof(address), &what.port, err)) != 0 ||
	    (valid != NULL && (rc = text_number(valid, "--valid", VALID_MAX, &seconds, err)) != 0))
		return rc;
	if (seconds < VALID_MIN)
		return err_set(err, ERR_USAGE, "--valid must be at least 60 seconds");
	if ((cert == NULL) != (key == NULL) || (key_pass != NULL && key == NULL))
		return err_set(err, ERR_USAGE,
		    "--cert, --key and --key-pass must be given together, or none of them");
	what.address = address;
	what.cert = cert;
	what.key = key;
	what.valid_sec = (unsigned)seconds;
	return relying_ocsp(&c->desk, &what, err);
}

const struct command cmd_ca_ocsp = {"ca ocsp",
    "answer status requests over HTTP (an OCSP responder)", NULL, 0, 0, table, .run = run};
