/* SPDX-License-Identifier: BSD-2-Clause */
/* Where does the signer stop: at how long, at what is revoked, at which clock, at whose silence? */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utc.h"
#include "signer/crl.h"
#include "signer/peer.h"
#include "testsigner.h"

#define DAY 86400

#define OK(call)                                  \
	do {                                      \
		struct err *e_ = &err;            \
		if ((call) != 0)                  \
			fail_msg("%s", e_->text); \
	} while (0)

static void
textp(char **s)
{
	free(*s);
}

static int64_t clock_offset;

static int64_t
shifted_now(void)
{
	return utc_now() + clock_offset;
}

static void
a_request_may_ask_for_less_time_and_not_for_more(void **state)
{
	static const struct {
		unsigned days, hours;
		int rc;
		int64_t sec; /* that it is valid */
	} t[] = {
	    {0, 0, 0, 365 * DAY},
	    {365, 0, 0, 365 * DAY},
	    {1, 0, 0, DAY},
	    {366, 0, ERR_CA, 0},
	    {0, 8, 0, 8 * 3600 + 300},
	    {0, 366 * 24, ERR_CA, 0},
	};
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	testsigner_request(&q, KEY_P256, "alice");
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};

		q.r.days = t[i].days;
		q.r.hours = t[i].hours;
		if (testsigner_prepare(ca, &desk, REQUEST_PREPARE, &q.r, &p, &err) != t[i].rc ||
		    (t[i].rc == 0 && p.not_after - p.not_before + 1 != t[i].sec))
			fail_msg("%u days, %u hours: %s", t[i].days, t[i].hours, err.text);
	}
}

static void
only_a_hold_is_released(void **state)
{
	static const enum signer_reason good[] = {REASON_UNSPECIFIED, REASON_KEY_COMPROMISE,
	    REASON_AFFILIATION_CHANGED, REASON_SUPERSEDED, REASON_CESSATION};
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CLEAN(signer_prepared_wipe) struct signer_prepared p = {0};
		CLEAN(blob_wipe) struct blob cert = {0};

		testsigner_issue(ca, "alice", &p, &cert);
		OK(issue_revoke(ca, 1000, p.serial, 16, REASON_HOLD, &err));
		OK(issue_revoke(ca, 1000, p.serial, 16, REASON_RELEASE, &err));
		OK(issue_revoke(ca, 1000, p.serial, 16, good[i], &err));
		assert_int_equal(
		    issue_revoke(ca, 1000, p.serial, 16, REASON_RELEASE, &err), ERR_CA);
		/* nor does another reason come instead, but that it was a compromise all along */
		assert_int_equal(issue_revoke(ca, 1000, p.serial, 16, REASON_HOLD, &err), ERR_CA);
		OK(issue_revoke(ca, 1000, p.serial, 16, REASON_KEY_COMPROMISE, &err));
	}
}

static void
what_is_revoked_is_not_renewed(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	CLEAN(testsigner_request_wipe) struct testsigner_request q;
	CLEAN(issue_peer_wipe) struct issue_peer desk = {0};
	CLEAN(signer_prepared_wipe) struct signer_prepared p = {0}, again = {0};
	CLEAN(blob_wipe) struct blob cert = {0};
	struct request none = {0};
	const struct issue_ask renew = {
	    .form = REQUEST_RENEW, .serial = p.serial, .request = &none};
	struct err err = ERR_INIT;

	(void)state;
	testsigner_request(&q, KEY_P256, "web server");
	TESTSIGNER_SET(q.r.profile, "software");
	OK(testsigner_prepare(ca, &desk, REQUEST_SOFTWARE, &q.r, &p, &err));
	OK(issue_sign(ca, &desk, 0, p.serial, &cert, &err));
	OK(issue_prepare(ca, &desk, &renew, &again, &err));
	OK(issue_revoke(ca, 0, p.serial, 16, REASON_SUPERSEDED, &err));
	assert_int_equal(issue_prepare(ca, &desk, &renew, &again, &err), ERR_CA);
}

static void
time_in_the_log_never_goes_back(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(ca_closep) struct ca *ca = testsigner_open(home);
	struct err err = ERR_INIT;
	int64_t last;

	(void)state;
	OK(crl_renew(ca, 0, true, &err));
	last = ca->log->sums.last_time;
	ca->now = shifted_now;
	clock_offset = -LOG_CLOCK_SLACK / 2;
	OK(crl_renew(ca, 0, true, &err));
	clock_offset = 0;
	assert_true(ca->log->sums.last_time >= last);
	testsigner_shell(0,
	    "sqlite3 %s/ca/issuance.db 'SELECT count(*) FROM rows AS a JOIN rows AS b ON b.n = a.n + 1"
	    " WHERE b.at < a.at' | grep -qx 0",
	    home);
}

static void
a_log_that_others_may_read_is_refused(void **state)
{
	CLEAN(textp) char *home = testsigner_home();
	CLEAN(secret_freep) struct secret *pass = secret_new();
	struct ca *ca = NULL;

	(void)state;
	assert_int_equal(secret_set(pass, TESTSIGNER_PASS, strlen(TESTSIGNER_PASS), NULL), 0);
	assert_int_equal(chmod(testsigner_path(home, CA_LOG), 0640), 0);
	assert_int_equal(ca_open(home, pass, 0, &ca, NULL), ERR_CA);
	assert_int_equal(chmod(testsigner_path(home, CA_LOG), 0604), 0);
	assert_int_equal(ca_open(home, pass, 0, &ca, NULL), ERR_CA);
}

/* "Revoke", bent: one field, or another number in it. */
static int
parsed(void (*bend)(struct blob *frame))
{
	static const uint8_t serial[SIGNER_SERIAL_LEN] = {0x55, 1, 2, 3};
	CLEAN(blob_wipe) struct blob frame = {0};
	struct message m;

	assert_int_equal(message_begin(&frame, MESSAGE_REVOKE, NULL), 0);
	assert_int_equal(message_put_number(&frame, TAG_REASON, REASON_SUPERSEDED, NULL), 0);
	assert_int_equal(message_put(&frame, TAG_ANY_SERIAL, serial, sizeof(serial), NULL), 0);
	if (bend != NULL)
		bend(&frame);
	return message_parse(frame.data + MESSAGE_HEAD, frame.len - MESSAGE_HEAD, &m);
}

static void
twice(struct blob *frame)
{
	static const uint8_t other[SIGNER_SERIAL_LEN] = {0x66};

	assert_int_equal(message_put(frame, TAG_ANY_SERIAL, other, sizeof(other), NULL), 0);
}

static void
out_of_order(struct blob *frame)
{
	assert_int_equal(message_put_number(frame, TAG_REASON, REASON_HOLD, NULL), 0);
}

static void
behind_the_end(struct blob *frame)
{
	frame->data[frame->len - SIGNER_SERIAL_LEN - 1] += 1;
}

static void
without_the_last(struct blob *frame)
{
	frame->len -= SIGNER_SERIAL_LEN + 5;
}

static void
with_a_foreign_one(struct blob *frame)
{
	assert_int_equal(message_put(frame, TAG_TEXT, "x", 1, NULL), 0);
}

static void
a_message_is_its_fields_in_order_once_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(parsed(NULL), 0);
	assert_int_equal(parsed(twice), -1);
	assert_int_equal(parsed(out_of_order), -1);
	assert_int_equal(parsed(behind_the_end), -1);
	assert_int_equal(parsed(without_the_last), -1);
	assert_int_equal(parsed(with_a_foreign_one), -1);
}

static void
a_desk_that_stops_in_the_middle_of_a_frame_loses_its_place(void **state)
{
	const struct signer_times none = {0};
	CLEAN(peer_freep) struct signer_peer *s = NULL;
	struct err err = ERR_INIT;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	OK(peer_new(fds[0], &none, &s, &err));
	assert_int_equal(s->uid, geteuid());
	assert_int_equal(peer_step(s, NULL, POLLOUT), 0); /* hello */
	assert_int_equal(s->stalled_ns, 0);
	assert_int_equal(write(fds[1], "\0\0", 2), 2);
	assert_int_equal(peer_step(s, NULL, POLLIN), 0);
	assert_int_equal(peer_step(s, NULL, 0), 0);
	s->stalled_ns -= INT64_C(9000000000);
	assert_int_equal(peer_step(s, NULL, 0), 0);
	s->stalled_ns -= INT64_C(2000000000);
	assert_int_equal(peer_step(s, NULL, 0), -1);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_may_ask_for_less_time_and_not_for_more),
	    cmocka_unit_test(only_a_hold_is_released),
	    cmocka_unit_test(what_is_revoked_is_not_renewed),
	    cmocka_unit_test(time_in_the_log_never_goes_back),
	    cmocka_unit_test(a_log_that_others_may_read_is_refused),
	    cmocka_unit_test(a_message_is_its_fields_in_order_once_and_nothing_else),
	    cmocka_unit_test(a_desk_that_stops_in_the_middle_of_a_frame_loses_its_place),
	};

	return cmocka_run_group_tests(tests, testsigner_setup, testsigner_teardown);
}
