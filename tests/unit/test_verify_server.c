/* SPDX-License-Identifier: BSD-2-Clause */
/* Which server does a URL mean, and can it smuggle anything into a request or a file name? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "relying/verify_server.h"

static void
a_url_names_host_port_and_path(void **state)
{
	static const struct {
		const char *url, *host, *port, *path;
		bool bracket;
		enum tls_speech speech;
	} rows[] = {
	    {"https://www.example.org", "www.example.org", "443", "/", false, TLS_HTTP},
	    {"https://www.example.org/", "www.example.org", "443", "/", false, TLS_HTTP},
	    {"https://www.example.org:8443/a?b=c#d", "www.example.org", "8443", "/a?b=c", false,
		TLS_HTTP},
	    {"https://h?q", "h", "443", "/?q", false, TLS_HTTP},
	    {"www.example.org:1", "www.example.org", "1", "/", false, TLS_HTTP},
	    {"localhost", "localhost", "443", "/", false, TLS_HTTP},
	    {"https://[::1]:8443/x", "::1", "8443", "/x", true, TLS_HTTP},
	    {"[2001:db8::1]", "2001:db8::1", "443", "/", true, TLS_HTTP},
	    {"127.0.0.1:65535", "127.0.0.1", "65535", "/", false, TLS_HTTP},
	    {"imaps://mail.example.org", "mail.example.org", "993", "/", false, TLS_GREETS},
	    {"mail.example.org:465", "mail.example.org", "465", "/", false, TLS_GREETS},
	    {"https://mail.example.org:993/", "mail.example.org", "993", "/", false, TLS_HTTP},
	    {"ldaps://[::1]", "::1", "636", "/", true, TLS_LDAP},
	    {"tls://vpn.example.org:4433", "vpn.example.org", "4433", "/", false, TLS_MUTE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct place p;
		struct err err = ERR_INIT;

		assert_int_equal(place_parse(rows[i].url, &p, &err), 0);
		assert_string_equal(p.host, rows[i].host);
		assert_string_equal(p.port, rows[i].port);
		assert_string_equal(p.path, rows[i].path);
		assert_int_equal(p.bracket, rows[i].bracket);
		assert_int_equal(p.speech, rows[i].speech);
	}
}

static void
anything_else_is_refused(void **state)
{
	static const char *const urls[] = {"", "https://", "http://www.example.org", "ftp://x",
	    ":443", "x:", "x:0", "x:65536", "x:99999999", "x:4a", "x:-1",
	    "https://user@www.example.org/", "https://user:pw@www.example.org/", "-x",
	    "https://a b/", "a\nb", "https://x/a b", "https://x/a\r\nHost: y", "https://x/\xc3\xa9",
	    "https://x\r\n", "[::1", "[::1]x", "[::1]:", "[]", "[fe80::1%25eth0]", "::1",
	    "https://[a/b]", "https://x:443:443/", "tls://x", "imap://x", "://x"};
	struct err err = ERR_INIT;
	struct place p;
	char longest[3000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_int_equal(place_parse(urls[i], &p, &err), ERR_USAGE);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(place_parse(longest, &p, &err), ERR_USAGE);
	memcpy(longest, "https://x/", 10);
	assert_int_equal(place_parse(longest, &p, &err), ERR_USAGE);
}

/* ---- what an answer means ---- */

static struct tls_reply
answer(int status, const char *page)
{
	struct tls_reply r = {.asked = true,
	    .handshake = true,
	    .answered = status != 0,
	    .status = status,
	    .alert = status == 0 ? TLS_UNKNOWN_CA : -1};

	assert_int_equal(blob_set(&r.page, page, strlen(page), NULL), 0);
	return r;
}

static enum relying_verdict
judged(struct judging *j, struct relying_probe *to, const char *name, int status, const char *page)
{
	CLEAN(tls_reply_wipe) struct tls_reply r = answer(status, page);

	*to = (struct relying_probe){
	    .name = name, .protocol = "TLS 1.3", .wants_in = strcmp(name, "live") == 0};
	judge(j, to, &r);
	assert_true(to->right == (to->verdict == (to->wants_in ? VERDICT_IN : VERDICT_REFUSED)));
	return to->verdict;
}

static void
an_answer_is_judged_by_what_the_valid_one_gets(void **state)
{
	static const struct {
		int live;
		const char *expect;
		enum relying_verdict live_is;
		int other;
		const char *page;
		enum relying_verdict other_is;
	} rows[] = {
	    {200, NULL, VERDICT_IN, 0, "", VERDICT_REFUSED},
	    {200, NULL, VERDICT_IN, 403, "", VERDICT_REFUSED},
	    {200, NULL, VERDICT_IN, 421, "", VERDICT_REFUSED},
	    {200, NULL, VERDICT_IN, 200, "in", VERDICT_IN},
	    {200, NULL, VERDICT_IN, 200, "another", VERDICT_IN},
	    {200, NULL, VERDICT_IN, 302, "", VERDICT_REFUSED},
	    {200, NULL, VERDICT_IN, 404, "", VERDICT_REFUSED},
	    {200, NULL, VERDICT_IN, 502, "", VERDICT_UNCLEAR},
	    {200, NULL, VERDICT_IN, 429, "", VERDICT_UNCLEAR},
	    {502, NULL, VERDICT_UNCLEAR, 502, "", VERDICT_UNCLEAR},
	    {404, NULL, VERDICT_UNCLEAR, 404, "", VERDICT_UNCLEAR},
	    {302, NULL, VERDICT_UNCLEAR, 302, "", VERDICT_UNCLEAR},
	    {0, NULL, VERDICT_REFUSED, 200, "in", VERDICT_IN},
	    {200, "in", VERDICT_IN, 200, "another", VERDICT_REFUSED},
	    {200, "in", VERDICT_IN, 200, "so in", VERDICT_IN},
	    {200, "welcome", VERDICT_REFUSED, 200, "in", VERDICT_REFUSED},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct relying_verify what = {.expect = rows[i].expect};
		const struct visit v = {.what = &what};
		CLEAN(judging_wipe) struct judging j = {.v = &v};
		struct relying_probe live, other;

		assert_int_equal(judged(&j, &live, "live", rows[i].live, "in"), rows[i].live_is);
		assert_int_equal(
		    judged(&j, &other, "revoked", rows[i].other, rows[i].page), rows[i].other_is);
	}
}

/* A page that those get, too, who cannot be let in, may be a refusal: it is not known. */
static void
a_page_for_other_cas_too_is_unclear(void **state)
{
	static const struct {
		int none;
		const char *none_gets, *other_gets, *same_gets;
		enum relying_verdict is; /* with the page "sorry" */
	} rows[] = {
	    {200, "sorry", "sorry", "sorry", VERDICT_UNCLEAR},
	    {400, "", "sorry", "sorry", VERDICT_UNCLEAR},
	    {200, "welcome", "sorry", "sorry", VERDICT_UNCLEAR},
	    {200, "sorry", "hello", "sorry", VERDICT_IN},
	    {200, "sorry", "in", "sorry", VERDICT_IN},
	    {200, "sorry", "sorry", "hello", VERDICT_IN},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct relying_verify what = {.url = ""};
		const struct visit v = {.what = &what};
		CLEAN(judging_wipe) struct judging j = {.v = &v};
		struct relying_probe live, none, other, same, gone;

		assert_int_equal(judged(&j, &live, "live", 200, "in"), VERDICT_IN);
		(void)judged(&j, &none, "none", rows[i].none, rows[i].none_gets);
		(void)judged(&j, &other, "other-ca", 200, rows[i].other_gets);
		(void)judged(&j, &same, "same-name", 200, rows[i].same_gets);
		(void)judged(&j, &gone, "revoked", 200, "sorry");
		judging_settle(&j);
		assert_int_equal(gone.verdict, rows[i].is);
		assert_false(gone.right);
		assert_int_equal(live.verdict, VERDICT_IN);
	}
}

static void
another_site_says_the_same_to_every_name(void **state)
{
	static const struct {
		const char *page, *other;
		int other_status;
		bool elsewhere;
	} rows[] = {
	    {"welcome", "welcome", 200, true},
	    {"welcome to x.org", "welcome to y.invalid", 200, true},
	    {"welcome", "welcome", 404, false},
	    {"the list", "no such site", 200, false},
	    {"x.org x.org.", "y.invalid y.invalid.", 200, true},
	    {"", "", 200, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN(tls_reply_wipe) struct tls_reply a = answer(200, rows[i].page);
		CLEAN(tls_reply_wipe)
		struct tls_reply b = answer(rows[i].other_status, rows[i].other);

		assert_int_equal(
		    judge_is_elsewhere(&a, "x.org", &b, "y.invalid"), rows[i].elsewhere);
	}
}

/* ---- what all of them mean ---- */

static struct relying_probe
row(const char *name, enum relying_verdict verdict, bool needed)
{
	const bool wants_in = strcmp(name, "live") == 0 || strcmp(name, "chain") == 0 ||
			      strcmp(name, "path-listed") == 0;

	return (struct relying_probe){.name = name,
	    .protocol = "TLS 1.3",
	    .verdict = verdict,
	    .wants_in = wants_in,
	    .needed = needed,
	    .alert = -1,
	    .right = verdict == (wants_in ? VERDICT_IN : VERDICT_REFUSED)};
}

static void
nothing_is_right_that_is_not_known(void **state)
{
	static const struct {
		const char *name;
		enum relying_verdict live, other;
		bool needed;
		const char *id;
		int rc;
	} rows[] = {
	    {"none", VERDICT_IN, VERDICT_REFUSED, true, "right", 0},
	    {"none", VERDICT_IN, VERDICT_IN, true, "no-certificate", ERR_PROOF},
	    {"other-name", VERDICT_IN, VERDICT_IN, true, "other-name", ERR_PROOF},
	    {"no-name", VERDICT_IN, VERDICT_IN, true, "other-name", ERR_PROOF},
	    {"other-session", VERDICT_IN, VERDICT_IN, false, "other-session", ERR_PROOF},
	    {"chain", VERDICT_REFUSED, VERDICT_IN, false, "needs-chain", ERR_PROOF},
	    {"chain", VERDICT_REFUSED, VERDICT_REFUSED, false, "refuses-all", ERR_PROOF},
	    {"revoked", VERDICT_IN, VERDICT_IN, true, "revoked", ERR_PROOF},
	    {"revoked-before", VERDICT_IN, VERDICT_IN, false, "revoked", ERR_PROOF},
	    {"wrong-eku", VERDICT_IN, VERDICT_IN, true, "wrong-eku", ERR_PROOF},
	    {"resumed", VERDICT_IN, VERDICT_IN, false, "resumed", ERR_PROOF},
	    {"spoofed", VERDICT_IN, VERDICT_FOUND, true, "spoofed", ERR_PROOF},
	    {"announced", VERDICT_IN, VERDICT_FOUND, true, "other-ca-announced", ERR_PROOF},
	    {"none", VERDICT_UNCLEAR, VERDICT_REFUSED, true, "no-answer", ERR_PERSON},
	    {"revoked", VERDICT_IN, VERDICT_UNCLEAR, true, "unclear", ERR_PERSON},
	    {"revoked-before", VERDICT_IN, VERDICT_UNCLEAR, false, "unclear", ERR_PERSON},
	    {"none", VERDICT_UNTRIED, VERDICT_REFUSED, true, "untested", ERR_PERSON},
	    {"resumed", VERDICT_IN, VERDICT_UNTRIED, true, "resumes", ERR_PERSON},
	    {"resumed", VERDICT_IN, VERDICT_UNTRIED, false, "right", 0},
	    {"wrong-eku", VERDICT_IN, VERDICT_UNTRIED, true, "incomplete", ERR_PERSON},
	    {"also-name", VERDICT_IN, VERDICT_IN, true, "other-name", ERR_PROOF},
	    {"path-none", VERDICT_IN, VERDICT_IN, true, "path-open", ERR_PROOF},
	    {"path-unlisted", VERDICT_IN, VERDICT_IN, true, "path-open", ERR_PROOF},
	    {"path-listed", VERDICT_IN, VERDICT_REFUSED, true, "path-refuses", ERR_PROOF},
	    {"path-listed", VERDICT_IN, VERDICT_UNTRIED, true, "incomplete", ERR_PERSON},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct relying_verified r;
		struct err err = ERR_INIT;

		memset(&r, 0, sizeof(r));
		r.probes[0] = row("live", rows[i].live, true);
		r.probes[1] = row(rows[i].name, rows[i].other, rows[i].needed);
		r.n = 2;
		assert_int_equal(verify_conclude(&r, &err), rows[i].rc);
		assert_string_equal(r.finding_id, rows[i].id);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_judged_by_what_the_valid_one_gets),
	    cmocka_unit_test(a_page_for_other_cas_too_is_unclear),
	    cmocka_unit_test(another_site_says_the_same_to_every_name),
	    cmocka_unit_test(nothing_is_right_that_is_not_known),
	    cmocka_unit_test(a_url_names_host_port_and_path),
	    cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
