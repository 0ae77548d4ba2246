/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "workflow/move/move.h"

#define HEX (2 * X509_SHA256_LEN)

int
move_map(const char *path, struct blob *ret, struct err *err)
{
	CLEAN(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	void *p;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_ABSENT, "%s does not exist", path);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path);
	if (st.st_size == 0)
		return 0;
	if ((p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		return err_errno(err, ERR_INTERNAL, "cannot read %s", path);
	*ret = (struct blob){.data = p, .len = (size_t)st.st_size};
	return 0;
}

void
move_unmap(struct blob *b)
{
	if (b->data != NULL)
		munmap(b->data, b->len);
	*b = (struct blob){0};
}

static int
add_line(struct blob *text, const char *line, struct err *err)
{
	return blob_append(text, line, strlen(line), err);
}

int
manifest_begin(struct blob *text, const struct workflow_moved *m, struct err *err)
{
	char line[160];

	snprintf(line, sizeof(line),
	    "# ykenroll backup 1\n# made %s by release " YKENROLL_VERSION
	    ", audit rows %llu, CRL %llu\n",
	    m->made, (unsigned long long)m->rows, (unsigned long long)m->number);
	return add_line(text, line, err);
}

int
manifest_add(struct blob *text, const char *name, const struct blob *data, struct err *err)
{
	char line[PATH_MAX + HEX + 4], hex[HEX + 1];
	uint8_t hash[X509_SHA256_LEN];
	int rc;

	if (!text_is_plain(name) || strchr(name, '\\') != NULL)
		return err_set(err, ERR_USAGE, "rename %s: it cannot be in a backup", name);
	if ((rc = x509_sha256(data, hash, err)) != 0)
		return rc;
	text_hex(hash, sizeof(hash), hex);
	snprintf(line, sizeof(line), "%s  %s\n", hex, name);
	return add_line(text, line, err);
}

/* Below dir, whoever wrote the manifest. */
static bool
is_below(const char *name)
{
	return name[0] != '\0' && name[0] != '/' && text_is_plain(name) &&
	       strcmp(name, "..") != 0 && strncmp(name, "../", 3) != 0 &&
	       strstr(name, "/../") == NULL &&
	       (strlen(name) < 3 || strcmp(name + strlen(name) - 3, "/..") != 0);
}

static int
read_file(const char *dir, const char *name, const char *hex, struct blob *ret, struct err *err)
{
	char path[PATH_MAX], is[HEX + 1];
	uint8_t hash[X509_SHA256_LEN];
	int rc;

	if ((rc = file_join(path, sizeof(path), dir, name, err)) != 0)
		return rc;
	if ((rc = move_map(path, ret, err)) != 0)
		return rc == ERR_ABSENT
			   ? err_set(err, ERR_FIT, "the backup lacks %s, which was in it", path)
			   : rc;
	if ((rc = x509_sha256(ret, hash, err)) != 0)
		return rc;
	text_hex(hash, sizeof(hash), is);
	return strcmp(is, hex) == 0 ? 0
				    : err_set(err, ERR_FIT,
					  "%s is not what was backed up: its SHA-256 is another "
					  "one than the manifest's; use another backup",
					  path);
}

static int
read_line(const char *dir, char *line,
    int (*each)(void *ctx, const char *name, const struct blob *data, struct err *err), void *ctx,
    struct workflow_moved *m, struct err *err)
{
	CLEAN(move_unmap) struct blob data = {0};
	unsigned long long rows, number;
	const char *name;
	int rc;

	if (sscanf(line, "# made %31s by release %*31[^,], audit rows %llu, CRL %llu", m->made,
		&rows, &number) == 3) {
		m->rows = rows;
		m->number = number;
	}
	if (line[0] == '#' || line[0] == '\0')
		return 0;
	if (strlen(line) < HEX + 3 || memcmp(line + HEX, "  ", 2) != 0 ||
	    !is_below(name = line + HEX + 2))
		return err_set(err, ERR_FIT, "%s/" MANIFEST " has a line that is not one", dir);
	line[HEX] = '\0';
	if ((rc = read_file(dir, name, line, &data, err)) != 0)
		return rc;
	m->files++;
	m->has_ca = m->has_ca || strcmp(name, "ca/issuance.db") == 0;
	return each == NULL ? 0 : each(ctx, name, &data, err);
}

int
manifest_check(const char *dir,
    int (*each)(void *ctx, const char *name, const struct blob *data, struct err *err), void *ctx,
    struct workflow_moved *ret, struct err *err)
{
	static const char first[] = "# ykenroll backup 1\n";
	CLEAN(blob_wipe) struct blob text = {0};
	struct workflow_moved m = {0};
	char path[PATH_MAX], *at, *line;
	int rc;

	if ((rc = file_join(path, sizeof(path), dir, MANIFEST, err)) != 0)
		return rc;
	if ((rc = file_read(path, &text, err)) != 0)
		return rc == ERR_ABSENT ? err_set(err, ERR_USAGE,
					      "%s is not there: not a directory that `ykenroll "
					      "backup` has finished",
					      path)
					: rc;
	if ((rc = blob_append(&text, "", 1, err)) != 0)
		return rc;
	if (strncmp((char *)text.data, first, sizeof(first) - 1) != 0)
		return err_set(
		    err, ERR_USAGE, "%s is not of a backup that this release knows", path);
	at = (char *)text.data;
	while (rc == 0 && (line = strsep(&at, "\n")) != NULL)
		rc = read_line(dir, line, each, ctx, &m, err);
	if (rc == 0)
		*ret = m;
	return rc;
}
