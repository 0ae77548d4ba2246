/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_live: which certificates may log in as clients now, and a file of a published directory.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utc.h"
#include "relying/publish.h"

void
live_wipe(struct live *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		blob_wipe(&v->all[i].der);
	free(v->all);
}

struct adding {
	struct live *to;
	struct err *err;
};

static int
add(const struct adding *a, const struct registry_live *of, const struct blob *der)
{
	struct live *v = a->to;
	struct leaf one = {.of = *of}, *more;
	bool client = false;
	int rc;

	/* a server's or a responder's logs in nowhere, whatever its profile is called */
	if ((rc = cert_is_client(der, &client, a->err)) != 0 || !client)
		return rc;
	if (v->n == v->room) {
		v->room = v->room == 0 ? 64 : 2 * v->room;
		if ((more = realloc(v->all, v->room * sizeof(*more))) == NULL)
			return err_set(a->err, ERR_INTERNAL, "out of memory");
		v->all = more;
	}
	if ((rc = cert_read(der->data, der->len, &one.info, a->err)) != 0 ||
	    (rc = cert_issued_by(der, v->issuing, NULL)) == ERR_PROOF)
		return rc == ERR_PROOF ? 0 : rc; /* of a CA that is no more */
	text_hex(one.info.serial, one.info.serial_len, one.serial);
	if ((rc = blob_set(&one.der, der->data, der->len, a->err)) == 0)
		v->all[v->n++] = one;
	return rc;
}

static int
add_token(void *ctx, const struct registry_live *of, const struct blob *der)
{
	return add(ctx, of, der);
}

/* Keys in files log in, too. */
static int
add_software(void *ctx, const struct registry_software *one, const struct blob *der)
{
	struct registry_live of = {.holder = 0};

	memcpy(of.profile, one->profile, sizeof(of.profile));
	return one->revoked != 0 ? 0 : add(ctx, &of, der);
}

static int
by_serial(const void *a, const void *b)
{
	return strcmp(((const struct leaf *)a)->serial, ((const struct leaf *)b)->serial);
}

/* The CRL knows better than the registry: a revocation may not have come there yet. */
static int
drop_listed(struct live *v, struct err *err)
{
	size_t i, kept = 0;
	int rc;

	for (i = 0; i < v->n; i++) {
		struct leaf *one = &v->all[i];

		if ((rc = crl_has(
			 v->crl, one->info.serial, one->info.serial_len, &one->listed, err)) != 0)
			return rc;
	}
	for (i = 0; i < v->n; i++)
		if (v->all[i].listed)
			blob_wipe(&v->all[i].der);
		else
			v->all[kept++] = v->all[i];
	v->n = kept;
	return 0;
}

int
live_read(struct live *v, struct registry *r, struct err *err)
{
	struct adding a = {v, err};
	const int64_t now = utc_now();
	int rc;

	if (r == NULL)
		return err_set(err, ERR_ABSENT,
		    "the list of valid certificates needs the registry, which cannot be opened "
		    "here; run: ykenroll doctor");
	if ((rc = registry_live(r, now, add_token, &a, err)) != 0 ||
	    (rc = registry_software_each(r, now, add_software, &a, err)) != 0)
		return rc;
	if (v->n > 0)
		qsort(v->all, v->n, sizeof(v->all[0]), by_serial);
	return drop_listed(v, err);
}

int
live_put(const char *path, const struct blob *text, size_t *written, struct err *err)
{
	CLEAN(blob_wipe) struct blob there = {0};
	int rc;

	if (file_read(path, &there, NULL) == 0 && blob_equal(&there, text))
		return 0;
	if ((rc = file_write(path, text->data, text->len, 0644, err)) != 0 ||
	    (rc = file_read(path, &there, err)) != 0)
		return rc;
	if (!blob_equal(&there, text))
		return err_set(
		    err, ERR_INTERNAL, "%s read back differs from what was written", path);
	++*written;
	return 0;
}
