/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "ykenroll/secret.h"

static struct secret *arena; /* SECRET_SLOTS of them, mapped at first use */
static bool taken[SECRET_SLOTS];

void
secret_wipe_bytes(void *p, size_t len)
{
	explicit_bzero(p, len);
}

int
secret_harden(struct err *err)
{
	const struct rlimit none = {0, 0};

	/* RLIMIT_CORE is ignored where core_pattern is a pipe (core(5)); not being dumpable is what
	 * counts. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot protect this process's memory");
	return 0;
}

static void
arena_map(void)
{
	const size_t len = sizeof(struct secret) * SECRET_SLOTS;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* 16 KiB: below every default RLIMIT_MEMLOCK. Where even that is refused the memory is at
	 * least not dumped. */
	if (p == MAP_FAILED)
		abort();
	(void)mlock(p, len);
	(void)madvise(p, len, MADV_DONTDUMP);
	(void)madvise(p, len, MADV_WIPEONFORK);
	arena = p;
}

struct secret *
secret_new(void)
{
	size_t i;

	if (arena == NULL)
		arena_map();
	for (i = 0; i < SECRET_SLOTS; i++) {
		if (taken[i])
			continue;
		taken[i] = true;
		secret_wipe_bytes(&arena[i], sizeof(arena[i]));
		return &arena[i];
	}
	abort();
}

void
secret_freep(struct secret **s)
{
	if (*s == NULL)
		return;
	secret_wipe_bytes(*s, sizeof(**s));
	taken[*s - arena] = false;
	*s = NULL;
}

int
secret_set(struct secret *s, const void *bytes, size_t len, struct err *err)
{
	if (len > SECRET_MAX)
		return err_set(err, ERR_USAGE, "a secret may have at most %d bytes", SECRET_MAX);
	secret_wipe_bytes(s, sizeof(*s));
	if (len > 0)
		memcpy(s->bytes, bytes, len);
	s->len = len;
	return 0;
}

int
secret_random(struct secret *s, size_t len, struct err *err)
{
	if (len > SECRET_MAX)
		return err_set(err, ERR_INTERNAL, "a secret of %zu bytes is too long", len);
	secret_wipe_bytes(s, sizeof(*s));
	if (getrandom(s->bytes, len, 0) != (ssize_t)len)
		return err_errno(
		    err, ERR_INTERNAL, "the kernel gave no random numbers (getrandom)");
	s->len = len;
	return 0;
}

bool
secret_is_trivial(const struct secret *s)
{
	size_t i, same = 1, up = 1, down = 1;

	for (i = 1; i < s->len; i++) {
		int d = s->bytes[i] - s->bytes[i - 1];

		same += d == 0;
		up += d == 1;
		down += d == -1;
	}
	return same == s->len || up == s->len || down == s->len;
}

int
secret_digits(struct secret *s, size_t n, struct err *err)
{
	size_t i;
	int rc;

	do {
		if ((rc = secret_random(s, n, err)) != 0)
			return rc;
		for (i = 0; i < n; i++) {
			/* rejection keeps the digits uniform: 250 is the largest multiple of 10 in
			 * a byte */
			while (s->bytes[i] >= 250)
				if (getrandom(&s->bytes[i], 1, 0) != 1)
					return err_errno(err, ERR_INTERNAL,
					    "the kernel gave no random numbers (getrandom)");
			s->bytes[i] = (uint8_t)('0' + s->bytes[i] % 10);
		}
	} while (secret_is_trivial(s));
	return 0;
}
