/* SPDX-License-Identifier: BSD-2-Clause */
/* p11_uri: RFC 7512, narrowed to what names one private key and gives no PIN away. */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "key/p11.h"

uid_t p11_owner = (uid_t)-1;

void
p11_uri_freep(P11KitUri **uri)
{
	if (*uri != NULL)
		p11_kit_uri_free(*uri);
	*uri = NULL;
}

static int
judge(P11KitUri *uri, struct err *err)
{
	CK_ATTRIBUTE *class = p11_kit_uri_get_attribute(uri, CKA_CLASS);
	const char *pin = p11_kit_uri_get_pin_source(uri);

	if (p11_kit_uri_get_pin_value(uri) != NULL)
		return err_set(err, ERR_USAGE,
		    "a PIN in the URI can be read by everybody; use pin-source=file:PATH, or be "
		    "asked");
	if (p11_kit_uri_any_unrecognized(uri))
		return err_set(err, ERR_USAGE, "the URI has an attribute that is not known");
	if (class != NULL && *(const CK_OBJECT_CLASS *)class->pValue != CKO_PRIVATE_KEY)
		return err_set(
		    err, ERR_USAGE, "the URI must name a private key: type=private, or no type");
	if (p11_kit_uri_get_attribute(uri, CKA_LABEL) == NULL &&
	    p11_kit_uri_get_attribute(uri, CKA_ID) == NULL)
		return err_set(
		    err, ERR_USAGE, "the URI names no key: give object=LABEL or id=%%XX");
	if (pin != NULL && pin[0] != '/' && strncmp(pin, "file:/", 6) != 0)
		return err_set(err, ERR_USAGE, "pin-source must be file:/PATH or /PATH");
	return 0;
}

int
p11_uri_parse(const char *text, P11KitUri **ret, struct err *err)
{
	CLEAN(p11_uri_freep) P11KitUri *uri = p11_kit_uri_new();
	const char *path;
	int rc;

	if (uri == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri)) != P11_KIT_URI_OK)
		return err_set(
		    err, ERR_USAGE, "not a PKCS #11 URI (RFC 7512): %s", p11_kit_uri_message(rc));
	if ((rc = judge(uri, err)) != 0)
		return rc;
	path = p11_kit_uri_get_module_path(uri);
	if (path != NULL && (rc = p11_uri_module(path, err)) != 0)
		return rc;
	*ret = TAKE(uri);
	return 0;
}

int
p11_uri_text(P11KitUri *uri, char **ret, struct err *err)
{
	const int rc = p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, ret);

	return rc == P11_KIT_URI_OK ? 0
				    : err_set(err, ERR_INTERNAL, "cannot write the URI: %s",
					  p11_kit_uri_message(rc));
}

int
p11_uri_pin(const P11KitUri *uri, const struct secret *given, struct secret *file_pin,
    const struct secret **ret, struct err *err)
{
	const char *source = p11_kit_uri_get_pin_source(uri);
	int rc;

	if (source == NULL) {
		*ret = given == NULL || given->len == 0 ? NULL : given;
		return 0;
	}
	/* RFC 7512, 2.4: a file by its URI, or by its path */
	if (strncmp(source, "file://", 7) == 0)
		source += 7;
	else if (strncmp(source, "file:", 5) == 0)
		source += 5;
	if ((rc = file_read_secret(source, file_pin, err)) != 0) {
		err_wrap(err, "pin-source");
		return rc == ERR_ABSENT ? ERR_USAGE : rc;
	}
	*ret = file_pin;
	return 0;
}

/* Root is whoever owns "/": in a user namespace that need not be 0. A directory that all may write
 * to is safe when it is sticky: what is root's in it cannot be replaced. */
static bool
trusted(const char *path, uid_t root)
{
	struct stat st;

	if (lstat(path, &st) != 0 || (st.st_uid != root && st.st_uid != p11_owner))
		return false;
	return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
	       (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0);
}

int
p11_uri_module(const char *path, struct err *err)
{
	char real[PATH_MAX], *slash;
	struct stat root;
	bool ok;

	if (path[0] != '/')
		return err_set(err, ERR_USAGE, "module-path must be absolute: %s", path);
	if (realpath(path, real) == NULL || stat("/", &root) != 0)
		return err_errno(err, ERR_USAGE, "module-path %s", path);
	for (ok = trusted(real, root.st_uid); ok && (slash = strrchr(real, '/')) != real;) {
		*slash = '\0';
		ok = trusted(real, root.st_uid);
	}
	if (!ok)
		return err_set(err, ERR_USAGE,
		    "module-path %s is refused: somebody else than root can change %s, and its "
		    "code would see the PIN",
		    path, real);
	return 0;
}
