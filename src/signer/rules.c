/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/conf.h>

#include "base/file.h"
#include "key/evp.h"
#include "key/ossl.h"
#include "signer/rules.h"
#include "ykenroll/x509.h"

#define CRL_DAYS_DEFAULT 7
#define CRL_DAYS_MAX 90
#define DAYS_DEFAULT 365
#define DAYS_MAX 1830
#define SECTION_MAX (RULES_NAME_MAX + 16)

struct rules {
	CONF *conf;
	unsigned crl_days;
};

const char rules_default[] =
    "# ykenroll.conf: what this CA signs. OpenSSL's configuration syntax, config(5ssl).\n"
    "# The signer reads it when it starts. Everything that is commented out is the default.\n"
    "\n"
    "[ca]\n"
    "# Days from one CRL of the issuing CA to its nextUpdate. It is renewed at half of that.\n"
    "#crl_days = 7\n"
    "\n"
    "# TLS client authentication with the key in slot 9A.\n"
    "[profile client]\n"
    "# Validity of a certificate in days; a request may ask for less.\n"
    "#days = 365\n"
    "\n"
    "# PIN policy that the attestation must show: once (or stricter), always, any (but never).\n"
    "#pin_policy = once\n"
    "\n"
    "# Touch policy that the attestation must show: any, cached (or always), always, never.\n"
    "#touch_policy = any\n"
    "\n"
    "# ECDSA keys of firmware before 5.7 (YSA-2024-03): accept or refuse. RSA keys of firmware\n"
    "# 4.2.0 to 4.3.4 (YSA-2017-01) and all of 4.4.2 to 4.4.4 (YSA-2019-02) are always refused.\n"
    "#old_ecdsa = accept\n"
    "\n"
    "# Attestations of firmware 4 have no serial number. if-attested: accept them; required: "
    "refuse.\n#token_serial = if-attested\n";

struct word {
	const char *word;
	unsigned value;
};

#define PIN_BIT(p) (1u << (p))
#define PIN_SOME                                                             \
	(PIN_BIT(PIN_ONCE) | PIN_BIT(PIN_ALWAYS) | PIN_BIT(PIN_MATCH_ONCE) | \
	    PIN_BIT(PIN_MATCH_ALWAYS))

static const struct word pin_words[] = {
    {"once", PIN_SOME},
    {"always", PIN_BIT(PIN_ALWAYS) | PIN_BIT(PIN_MATCH_ALWAYS)},
    {"any", PIN_SOME | PIN_BIT(PIN_DEFAULT)},
    {NULL, 0},
};
static const struct word touch_words[] = {
    {"any", 1u << TOUCH_DEFAULT | 1u << TOUCH_NEVER | 1u << TOUCH_ALWAYS | 1u << TOUCH_CACHED},
    {"cached", 1u << TOUCH_CACHED | 1u << TOUCH_ALWAYS},
    {"always", 1u << TOUCH_ALWAYS},
    {"never", 1u << TOUCH_DEFAULT | 1u << TOUCH_NEVER},
    {NULL, 0},
};
static const struct word ecdsa_words[] = {{"accept", 1}, {"refuse", 0}, {NULL, 0}};
static const struct word serial_words[] = {{"if-attested", 0}, {"required", 1}, {NULL, 0}};

/* ---- values ---- */

static int
off(struct err *err, const char *section, const char *name, const char *value)
{
	return err_set(err, ERR_CA,
	    "ykenroll.conf: [%s] %s = %s is not possible; see the comment there", section, name,
	    value);
}

static int
get_days(const CONF *conf, const char *section, const char *name, unsigned max, unsigned *days,
    struct err *err)
{
	const char *text = NCONF_get_string(conf, section, name);
	unsigned long n;
	char *end;

	if (text == NULL)
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '1' || text[0] > '9' || *end != '\0' || errno != 0 || n > max)
		return off(err, section, name, text);
	*days = (unsigned)n;
	return 0;
}

static int
get_word(const CONF *conf, const char *section, const char *name, const struct word *words,
    const struct word **ret, struct err *err)
{
	const char *text = NCONF_get_string(conf, section, name);

	*ret = &words[0]; /* the default is the first */
	if (text == NULL)
		return 0;
	for (; words->word != NULL; words++) {
		if (strcmp(words->word, text) != 0)
			continue;
		*ret = words;
		return 0;
	}
	return off(err, section, name, text);
}

static int
known_names(const CONF *conf, const char *section, const char *const *names, struct err *err)
{
	STACK_OF(CONF_VALUE) *all = NCONF_get_section(conf, section);
	const CONF_VALUE *v;
	int i, j;

	for (i = 0; i < sk_CONF_VALUE_num(all); i++) {
		v = sk_CONF_VALUE_value(all, i);
		for (j = 0; names[j] != NULL && strcmp(names[j], v->name) != 0; j++)
			;
		if (names[j] == NULL)
			return err_set(err, ERR_CA,
			    "ykenroll.conf: [%s] has no %s; remove or correct it", section,
			    v->name);
	}
	return 0;
}

static int
read_ca(struct rules *c, struct err *err)
{
	static const char *const names[] = {"crl_days", NULL};
	int rc;

	c->crl_days = CRL_DAYS_DEFAULT;
	if ((rc = known_names(c->conf, "ca", names, err)) != 0)
		return rc;
	return get_days(c->conf, "ca", "crl_days", CRL_DAYS_MAX, &c->crl_days, err);
}

static int
read_profile(const struct rules *c, const char *section, struct profile *p, struct err *err)
{
	static const char *const names[] = {
	    "days", "pin_policy", "touch_policy", "old_ecdsa", "token_serial", NULL};
	const struct word *pin, *touch, *ecdsa, *serial;
	int rc;

	p->days = DAYS_DEFAULT;
	if ((rc = known_names(c->conf, section, names, err)) != 0 ||
	    (rc = get_days(c->conf, section, "days", DAYS_MAX, &p->days, err)) != 0 ||
	    (rc = get_word(c->conf, section, "pin_policy", pin_words, &pin, err)) != 0 ||
	    (rc = get_word(c->conf, section, "touch_policy", touch_words, &touch, err)) != 0 ||
	    (rc = get_word(c->conf, section, "old_ecdsa", ecdsa_words, &ecdsa, err)) != 0 ||
	    (rc = get_word(c->conf, section, "token_serial", serial_words, &serial, err)) != 0)
		return rc;
	p->pin = pin->value;
	p->pin_word = pin->word;
	p->touch = touch->value;
	p->touch_word = touch->word;
	p->old_ecdsa = ecdsa->value != 0;
	p->serial_needed = serial->value != 0;
	return 0;
}

static bool
name_ok(const char *name)
{
	const size_t len = strlen(name);

	return len >= 1 && len <= RULES_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int
rules_profile(const struct rules *c, const char *name, struct profile *ret, struct err *err)
{
	struct profile p = {0};
	char section[SECTION_MAX];
	int rc;

	if (!name_ok(name))
		return err_set(
		    err, ERR_USAGE, "a profile's name is lower case, digits and hyphens");
	snprintf(section, sizeof(section), "profile %s", name);
	if (NCONF_get_section(c->conf, section) == NULL)
		return err_set(err, ERR_USAGE,
		    "there is no profile %s; ykenroll.conf needs a section [%s]", name, section);
	if ((rc = read_profile(c, section, &p, err)) != 0)
		return rc;
	snprintf(p.name, sizeof(p.name), "%s", name);
	*ret = p;
	return 0;
}

unsigned
rules_crl_days(const struct rules *c)
{
	return c->crl_days;
}

/* ---- the file ---- */

static void
closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Whoever can write the file can lower the gate. */
static int
only_ours(const char *path, struct err *err)
{
	CLEAN(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_CA, "%s is not there", path);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, ERR_INTERNAL, "cannot open %s", path);
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0))
		return err_set(err, ERR_CA, "%s is not a file of ours; chown it", path);
	if ((st.st_mode & 022) != 0)
		return err_set(err, ERR_CA, "%s can be written by others; chmod 644 it", path);
	return 0;
}

static int
parse(struct rules *c, const struct blob *text, struct err *err)
{
	CLEAN(bio_freep)
	BIO *bio =
	    BIO_new_mem_buf(text->data == NULL ? (const void *)"" : text->data, (int)text->len);
	long line = 0;

	c->conf = NCONF_new(NULL);
	if (bio == NULL || c->conf == NULL)
		return evp_err(err, ERR_INTERNAL, "cannot read ykenroll.conf");
	if (NCONF_load_bio(c->conf, bio, &line) != 1) {
		(void)evp_err(err, ERR_CA, "syntax");
		return err_wrap(err, "ykenroll.conf: line %ld", line);
	}
	return 0;
}

int
rules_load(const char *path, struct rules **ret, struct err *err)
{
	CLEAN(rules_freep) struct rules *c = calloc(1, sizeof(*c));
	CLEAN(blob_wipe) struct blob text = {0};
	struct profile client;
	int rc;

	if (c == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if ((rc = only_ours(path, err)) != 0 || (rc = file_read(path, &text, err)) != 0 ||
	    (rc = parse(c, &text, err)) != 0 || (rc = read_ca(c, err)) != 0)
		return rc;
	/* a mistake in it should show at the start, not at the first enrolment */
	if ((rc = rules_profile(c, "client", &client, err)) != 0)
		return rc == ERR_USAGE
			   ? err_set(err, ERR_CA, "ykenroll.conf has no [profile client]")
			   : rc;
	*ret = TAKE(c);
	return 0;
}

void
rules_freep(struct rules **c)
{
	if (*c == NULL)
		return;
	NCONF_free((*c)->conf);
	free(*c);
	*c = NULL;
}
