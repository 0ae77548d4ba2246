/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "signer/make.h"
#include "signer/message.h"

#define TEXT_MAX 65536 /* bytes: paths, names */
#define NONE UINT32_MAX

enum kind { TEXT, SECRET, RAW };

#define FIELD(f, kind)                                                        \
	{                                                                     \
		offsetof(struct make, f), sizeof(((struct make *)0)->f), kind \
	}

static const struct {
	size_t at, size;
	enum kind kind;
} fields[] = {
    FIELD(version, TEXT), /* first: what follows depends on it */
    FIELD(what, RAW),
    FIELD(init.home, TEXT),
    FIELD(init.name, TEXT),
    FIELD(init.rehearsal_root, TEXT),
    FIELD(init.pass, SECRET),
    FIELD(init.root_pass, SECRET),
    FIELD(init.root_days, RAW),
    FIELD(init.issuing_days, RAW),
    FIELD(init.root_key, TEXT),
    FIELD(init.issuing_key, TEXT),
    FIELD(init.adopt, RAW),
    FIELD(init.single, RAW),
    FIELD(init.part, RAW),
    FIELD(init.root_alg, RAW),
    FIELD(init.issuing_alg, RAW),
    FIELD(import.cert, TEXT),
    FIELD(import.key, TEXT),
    FIELD(import.key_pass, SECRET),
    FIELD(import.root, TEXT),
    FIELD(import.root_key, TEXT),
    FIELD(import.root_key_pass, SECRET),
    FIELD(import.index, TEXT),
    FIELD(import.certs, TEXT),
    FIELD(import.crl, TEXT),
    FIELD(import.crlnumber, TEXT),
    FIELD(import.add_missing, RAW),
    FIELD(import.dry_run, RAW),
    FIELD(restore.home, TEXT),
    FIELD(restore.crl, TEXT),
    FIELD(restore.take, RAW),
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* The pointer that is a TEXT or a SECRET. */
static void *
pointer(const struct make *m, size_t i)
{
	void *p;

	memcpy(&p, (const char *)m + fields[i].at, sizeof(p));
	return p;
}

static void
point(struct make *m, size_t i, const void *p)
{
	memcpy((char *)m + fields[i].at, &p, sizeof(p));
}

static int
send_field(int fd, const struct make *m, size_t i, struct err *err)
{
	const void *p = (const char *)m + fields[i].at;
	uint32_t len = (uint32_t)fields[i].size;
	int rc;

	if (fields[i].kind != RAW && (p = pointer(m, i)) == NULL)
		len = NONE;
	else if (fields[i].kind == TEXT)
		len = (uint32_t)strnlen(p, TEXT_MAX);
	else if (fields[i].kind == SECRET)
		len = sizeof(struct secret);
	if ((rc = message_write(fd, &len, sizeof(len), err)) != 0)
		return rc;
	return len == NONE ? 0 : message_write(fd, p, len, err);
}

int
make_send(int fd, const struct make *m, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < FIELDS && rc == 0; i++)
		rc = send_field(fd, m, i, err);
	return rc;
}

/* Room for a field of this length; NULL where it cannot be that long. */
static void *
room(struct make *m, size_t i, size_t len)
{
	void *p = NULL;

	if (fields[i].kind == RAW)
		return len == fields[i].size ? (char *)m + fields[i].at : NULL;
	if (fields[i].kind == SECRET && len == sizeof(struct secret))
		p = secret_new();
	else if (fields[i].kind == TEXT && len <= TEXT_MAX)
		p = calloc(1, len + 1);
	point(m, i, p);
	return p;
}

static int
receive_field(int fd, struct make *m, size_t i, struct err *err)
{
	uint32_t len;
	void *to;
	int rc;

	if ((rc = message_read(fd, &len, sizeof(len), err)) != 0 ||
	    (len == NONE && fields[i].kind != RAW))
		return rc;
	if ((to = room(m, i, len)) == NULL)
		return err_set(err, ERR_INTERNAL, "the signer got an impossible request");
	return message_read(fd, to, len, err);
}

int
make_receive(int fd, struct make *ret, struct err *err)
{
	CLEAN(make_wipe) struct make m = {0};
	size_t i;
	int rc;

	for (i = 0; i < FIELDS; i++) {
		if ((rc = receive_field(fd, &m, i, err)) != 0)
			return rc;
		if (m.version == NULL || strcmp(m.version, YKENROLL_VERSION) != 0)
			return err_set(err, ERR_CA,
			    "ykenroll-signer is release " YKENROLL_VERSION
			    ", ykenroll is not; install both from the same release");
	}
	*ret = m;
	memset(&m, 0, sizeof(m));
	return 0;
}

void
make_wipe(struct make *m)
{
	struct secret *s;
	size_t i;

	for (i = 0; i < FIELDS; i++) {
		if (fields[i].kind == SECRET && (s = pointer(m, i)) != NULL)
			secret_freep(&s);
		else if (fields[i].kind == TEXT)
			free(pointer(m, i));
	}
	memset(m, 0, sizeof(*m));
}
