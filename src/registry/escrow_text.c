/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "registry/room.h"

/* "algorithm 0A\nvalue " */
#define ALG_LEN (sizeof("algorithm 0A\nvalue ") - 1)
#define HEAD_MAX 128

static const char *const kind_names[] = {
    [SECRET_MGMKEY] = "management-key",
    [SECRET_PUK] = "puk",
    [SECRET_PIN] = "pin",
};

const char *
registry_secret_kind_name(enum registry_secret_kind k)
{
	return (unsigned)k <= SECRET_PIN ? kind_names[k] : "unknown";
}

int
registry_secret_kind_read(
    struct db_stmt *st, int col, enum registry_secret_kind *ret, struct err *err)
{
	const int i =
	    registry_word(st, col, kind_names, SECRET_KINDS, "a secret has an unknown kind", err);

	if (i < 0)
		return i;
	*ret = (enum registry_secret_kind)i;
	return 0;
}

/* What every sealed text of this label starts with. */
static size_t
head(const struct escrow_label *label, char ret[static HEAD_MAX])
{
	return (size_t)snprintf(ret, HEAD_MAX,
	    "ykenroll-secret 1\nserial %u\nkind %s\nversion %u\n", (unsigned)label->serial,
	    registry_secret_kind_name(label->kind), label->version);
}

/* A PUK goes in as it is: it must not be able to write further lines. */
static bool
is_one_word(const struct secret *s)
{
	size_t i;

	for (i = 0; i < s->len; i++)
		if (s->bytes[i] <= 0x20 || s->bytes[i] >= 0x7f)
			return false;
	return true;
}

int
escrow_text_write(const struct escrow_label *label, const struct secret *secret,
    struct secret *ret_text, struct err *err)
{
	const bool hex = label->kind == SECRET_MGMKEY;
	const size_t value_len = hex ? 2 * secret->len : secret->len;
	char start[HEAD_MAX], alg[ALG_LEN + 1];
	const size_t n = head(label, start);
	char *p = (char *)ret_text->bytes;

	if (secret->len == 0 || n + ALG_LEN + value_len + 2 > SECRET_MAX)
		return err_set(err, ERR_USAGE, "a %s of %zu bytes cannot be sealed",
		    registry_secret_kind_name(label->kind), secret->len);
	if (!hex && !is_one_word(secret))
		return err_set(err, ERR_USAGE, "a %s must be printable ASCII without spaces",
		    registry_secret_kind_name(label->kind));
	snprintf(alg, sizeof(alg), "algorithm %02X\nvalue ", label->alg);
	memcpy(p, start, n);
	memcpy(p + n, alg, ALG_LEN);
	if (hex)
		text_hex(secret->bytes, secret->len, p + n + ALG_LEN);
	else
		memcpy(p + n + ALG_LEN, secret->bytes, secret->len);
	p[n + ALG_LEN + value_len] = '\n';
	ret_text->len = n + ALG_LEN + value_len + 1;
	return 0;
}

static int
other(const struct escrow_label *label, struct err *err)
{
	return err_set(err, ERR_INTERNAL,
	    "what is sealed is not %s %u of token %u: the registry was edited or damaged",
	    registry_secret_kind_name(label->kind), label->version, (unsigned)label->serial);
}

int
escrow_text_read(
    struct secret *text, struct escrow_label *label, struct secret *ret, struct err *err)
{
	char start[HEAD_MAX], *p = (char *)text->bytes;
	const size_t n = head(label, start);
	size_t len;
	uint8_t alg;

	if (text->len < n + ALG_LEN + 2 || text->len > SECRET_MAX || memcmp(p, start, n) != 0 ||
	    p[text->len - 1] != '\n' || memchr(p, '\0', text->len) != NULL)
		return other(label, err);
	p[text->len - 1] = '\0';
	p += n;
	if (memcmp(p, "algorithm ", 10) != 0 || memcmp(p + 12, "\nvalue ", 7) != 0)
		return other(label, err);
	p[12] = '\0';
	if (text_unhex(p + 10, &alg, 1) != 0)
		return other(label, err);
	p += ALG_LEN;
	len = strlen(p);
	label->alg = alg;
	if (label->kind != SECRET_MGMKEY)
		return secret_set(ret, p, len, err);
	if (len % 2 != 0 || text_unhex(p, ret->bytes, len / 2) != 0)
		return other(label, err);
	ret->len = len / 2;
	return 0;
}
