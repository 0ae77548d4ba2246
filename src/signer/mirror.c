/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "signer/ca_home.h"
#include "signer/mirror.h"
#include "ykenroll/x509.h"

static const char *const crt_names[] = {CA_PUB "/issuing.crt", CA_PUB "/root.crt"};
static const char *const crl_names[] = {CA_PUB "/issuing.crl", CA_PUB "/root.crl"};

static int
put(const char *path, const struct blob *there, const struct blob *pem, struct err *err)
{
	return blob_equal(there, pem) ? 0 : file_write(path, pem->data, pem->len, 0644, err);
}

/* The first signer that is asked decides under which root this desk works. */
static int
put_crt(const char *home, const char *name, const struct blob *der, bool pinned, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0}, there = {0};
	const struct ca_name path = ca_name(home, name);
	int rc;

	if ((rc = pem_put(der, PEM_CERT, &pem, err)) != 0)
		return rc;
	if (file_read(path.at, &there, NULL) == 0 && pinned && !blob_equal(&there, &pem))
		return err_set(err, ERR_CA,
		    "the signer belongs to another CA than %s, the one of this desk", path.at);
	return put(path.at, &there, &pem, err);
}

static int
put_crl(const char *home, const char *name, const struct blob *der, struct err *err)
{
	CLEAN(blob_wipe) struct blob pem = {0}, there = {0}, old = {0};
	struct crl_info was, is;
	const struct ca_name path = ca_name(home, name);
	int rc;

	if ((rc = pem_put(der, PEM_CRL, &pem, err)) != 0 ||
	    (rc = crl_read(der->data, der->len, &is, err)) != 0)
		return rc;
	if (file_read(path.at, &there, NULL) == 0 && crl_from_pem(&there, &old, NULL) == 0 &&
	    crl_read(old.data, old.len, &was, NULL) == 0 && was.number > is.number)
		return err_set(err, ERR_CA,
		    "the signer's CRL has number %llu but %s already has %llu: the signer's log "
		    "was restored from an old backup; restore the latest one there",
		    (unsigned long long)is.number, path.at, (unsigned long long)was.number);
	return put(path.at, &there, &pem, err);
}

bool
mirror_wanted(const char *home)
{
	const struct ca_name path = ca_name(home, CA_DIR);
	struct stat st;

	return lstat(path.at, &st) != 0;
}

int
mirror_pub(const char *home, const struct signer_ca *ca, struct err *err)
{
	const struct ca_name path = ca_name(home, CA_PUB);
	size_t i;
	int rc;

	if (!mirror_wanted(home))
		return 0;
	if (mkdir(path.at, 0755) != 0 && errno != EEXIST)
		return err_errno(err, ERR_INTERNAL, "cannot create %s", path.at);
	/* of one level: twice the same */
	if ((rc = put_crt(home, crt_names[1], &ca->cas[ca->n - 1], true, err)) != 0 ||
	    (rc = put_crt(home, crt_names[0], &ca->cas[0], false, err)) != 0)
		return rc;
	for (i = 0; i < ca->n_crls; i++)
		if ((rc = put_crl(home, crl_names[i], &ca->crls[i], err)) != 0)
			return rc;
	return 0;
}
