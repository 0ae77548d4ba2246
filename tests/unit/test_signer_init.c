/* SPDX-License-Identifier: BSD-2-Clause */
/* Is there a whole CA after init, or none, whenever it is cut short? */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/utc.h"
#include "signer/init_make.h"
#include "quick.h"
#include "testsigner.h"

#define KILLS (24 / (int)quick())

static void
textp(char **s)
{
	free(*s);
}

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static void
init_twice_is_refused(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *root = testsigner_root();
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(testsigner_init(home, root, &err), ERR_OCCUPIED);
}

static void
an_interrupted_init_is_made_anew(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *root = testsigner_root();
	CLEAN(ca_closep) struct ca *ca = NULL;
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "touch %s/ca/unfinished; mkdir -m 700 %s/ca.new; touch %s/ca.new/x",
	    home, home, home);
	assert_int_equal(ca_there(home, &err), ERR_CA);
	OK(testsigner_init(home, root, &err));
	assert_int_not_equal(access(testsigner_path(home, "ca.new"), F_OK), 0);
	ca = testsigner_open(home);
}

static void
init_does_not_replace_the_certificates_of_a_ca_that_is_elsewhere(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0, "mv %s/ca %s/ca.away", home, home);
	assert_int_equal(testsigner_init(home, NULL, &err), ERR_OCCUPIED);
}

/* The rehearsal root with two certificates behind it; to be freed. */
static char *
bundle(void)
{
	CLEAN(textp) char *root = testsigner_root();
	char *path;

	assert_true(asprintf(&path, "%s.bundle", root) > 0);
	testsigner_shell(0, "cat %s %s %s >%s", root, root, root, path);
	return path;
}

static void
what_is_behind_the_rehearsal_root_goes_to_the_intermediates(void **state)
{
	CLEAN(textp) char *home = testsigner_empty(), *root = testsigner_root(), *file = bundle();
	struct err err = ERR_INIT;

	(void)state;
	OK(testsigner_init(home, file, &err));
	testsigner_shell(0, "cmp %s %s/ca/rehearsal-root.pem", root, home);
	testsigner_shell(0,
	    "cd %s/ca/intermediates && test $(stat -c %%a .) = 700 && test $(ls -A | wc -l) = 2 && "
	    "for i in 1 2; do cmp %s rehearsal-$i.pem || exit; done",
	    home, root);
	testsigner_shell(0, "! find %s/ca -type f -perm /077 | grep .", home);
	/* left by a crash, before and after the renaming */
	testsigner_shell(0, "cd %s && touch ca/unfinished && cp -a ca ca.new", home);
	OK(testsigner_init(home, root, &err));
	testsigner_shell(0, "cd %s && test ! -e ca.new && test ! -e ca/intermediates", home);
}

static void
a_rehearsal_file_is_certificates_all_through(void **state)
{
	CLEAN(textp) char *home = testsigner_empty(), *root = testsigner_root(), *file = bundle();
	static const char begin[] = "-----BEGIN CERTIFICATE-----",
			  end[] = "-----END CERTIFICATE-----";
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(
	    0, "(cat %s; printf '%%s\\nAAAA\\n%%s\\n' '%s' '%s') >%s", root, begin, end, file);
	assert_int_equal(testsigner_init(home, file, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "block 2"));
	testsigner_shell(0, "for i in $(seq 18); do cat %s; done >%s", root, file);
	assert_int_equal(testsigner_init(home, file, &err), ERR_USAGE);
	testsigner_shell(0, ": >%s", file);
	assert_int_equal(testsigner_init(home, file, &err), ERR_USAGE);
	assert_int_not_equal(access(testsigner_path(home, "ca"), F_OK), 0);
	OK(testsigner_init(home, root, &err));
}

static void
init_says_rehearsal_in_both_subjects_only_when_it_is_one(void **state)
{
	CLEAN(textp) char *home = testsigner_home(), *other = testsigner_empty();
	struct err err = ERR_INIT;

	(void)state;
	testsigner_shell(0,
	    "for f in root issuing; do openssl x509 -in %s/pub/$f.crt -noout -subject | "
	    "grep -q REHEARSAL || exit 1; done",
	    home);
	OK(testsigner_init(other, NULL, &err));
	testsigner_shell(1,
	    "cat %s/pub/*.crt | openssl storeutl -noout -text -certs /dev/stdin | grep REHEARSAL",
	    other);
	testsigner_shell(0, "test $(stat -c %%a %s/ca)$(stat -c %%a %s/pub) = 700755", home, home);
	testsigner_shell(0, "! find %s/ca -type f -perm /077 | grep .", home);
	testsigner_shell(0, "grep -q 'ENCRYPTED PRIVATE KEY' %s/ca/root.key", home);
}

static void
init_takes_only_sensible_words(void **state)
{
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct signer_init init = {.home = "/nonexistent", .name = "Example", .pass = pass};

	(void)state;
	assert_int_equal(init_ca(&init, NULL), ERR_USAGE); /* passphrase */
	assert_int_equal(secret_set(pass, "x", 1, NULL), 0);
	assert_int_equal(init_ca(&init, NULL), ERR_USAGE); /* no home */
	init.home = "relative";
	assert_int_equal(init_ca(&init, NULL), ERR_USAGE);
	init.home = "/tmp";
	init.name = "bad\033name";
	assert_int_equal(init_ca(&init, NULL), ERR_USAGE);
	init.name = " ";
	assert_int_equal(init_ca(&init, NULL), ERR_USAGE);
	init.name = "Example";
	init.root_days = 1;
	init.issuing_days = 2;
	assert_int_equal(init_ca(&init, NULL), ERR_USAGE);
}

/* Killed at 24 moments (QUICK=N: an Nth of these) spread over all of it, the next call finishes or
 * finds a finished one. */
static void
init_may_be_killed_anywhere(void **state)
{
	CLEAN(textp) char *first = testsigner_empty(), *root = bundle();
	struct err err = ERR_INIT;
	int64_t start = utc_monotonic_ns(), length_ns;
	int i, rc;

	(void)state;
	OK(testsigner_init(first, root, &err));
	length_ns = utc_monotonic_ns() - start;
	for (i = 0; i < KILLS; i++) {
		CLEAN(textp) char *home = testsigner_empty();
		CLEAN(ca_closep) struct ca *ca = NULL;
		const pid_t pid = fork();

		if (pid == 0)
			_exit(testsigner_init(home, root, NULL) == 0 ? 0 : 1);
		usleep((useconds_t)(length_ns / 1000 * (i + 1) / KILLS));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		rc = testsigner_init(home, root, &err);
		if (rc != 0 && rc != ERR_OCCUPIED)
			fail_msg("%s", err.text);
		ca = testsigner_open(home);
		testsigner_shell(0,
		    "cd %s && test ! -e ca.new && cmp ca/root.crt pub/root.crt && cmp ca/issuing.crt "
		    "pub/issuing.crt && cmp ca/root.crl pub/root.crl && test -e pub/chain.pem && "
		    "test $(ls ca/intermediates | wc -l) = 2",
		    home);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(init_twice_is_refused),
	    cmocka_unit_test(an_interrupted_init_is_made_anew),
	    cmocka_unit_test(init_does_not_replace_the_certificates_of_a_ca_that_is_elsewhere),
	    cmocka_unit_test(what_is_behind_the_rehearsal_root_goes_to_the_intermediates),
	    cmocka_unit_test(a_rehearsal_file_is_certificates_all_through),
	    cmocka_unit_test(init_says_rehearsal_in_both_subjects_only_when_it_is_one),
	    cmocka_unit_test(init_takes_only_sensible_words),
	    cmocka_unit_test(init_may_be_killed_anywhere),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
