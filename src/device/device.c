/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"
#include "device/readers.h"
#include "device/status.h"
#include "device/wire.h"

#define LIST_TEXT_MAX 400
#define NS_PER_SEC INT64_C(1000000000)

const char device_factory_pin[] = "123456", device_factory_puk[] = "12345678";
const uint8_t device_factory_mgmkey[24] = {
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

int
device_open(const struct device_ui *ui, struct device **ret, struct err *err)
{
	struct device *dev;
	LONG rc;
	int r;

	if ((dev = calloc(1, sizeof(*dev))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	if (ui != NULL)
		dev->ui = *ui;
	dev->base = wire_stats();
	if ((r = wire_start(ui, err)) != 0) {
		free(dev);
		return r;
	}
	wire_enter(0);
	rc = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &dev->context);
	wire_leave();
	if (rc != SCARD_S_SUCCESS) {
		wire_stop();
		free(dev);
		return status_scard(err, rc, STATUS_OPENING, "PC/SC");
	}
	*ret = dev;
	return 0;
}

void
device_closep(struct device **dev)
{
	if (*dev == NULL)
		return;
	wire_enter(0);
	(void)SCardReleaseContext((*dev)->context);
	wire_leave();
	wire_stop();
	free(*dev);
	*dev = NULL;
}

struct device_stats
device_stats(const struct device *dev)
{
	const struct device_stats now = wire_stats();

	return (struct device_stats){
	    .apdus = now.apdus - dev->base.apdus,
	    .card_ns = now.card_ns - dev->base.card_ns,
	};
}

/* Look at one reader; what is wrong with it goes into the entry. */
static void
look(struct device *dev, const struct reader *reader, struct device_entry *ret)
{
	CLEAN(token_closep) struct token *token = NULL;
	struct err err = ERR_INIT;

	memcpy(ret->id.reader, reader->name, sizeof(ret->id.reader));
	ret->code = reader->yubikey
			? session_open(dev, reader->name, &token, &err)
			: err_set(&err, ERR_NO_TOKEN, "%s: not a YubiKey", reader->name);
	ret->usable = ret->code == 0;
	ret->why = reader->yubikey ? (enum device_why)err.why : DEVICE_FOREIGN;
	if (ret->usable)
		ret->id = *token_id(token);
	else
		snprintf(ret->reason, sizeof(ret->reason), "%.*s", (int)sizeof(ret->reason) - 1,
		    err.text);
	session_close(&token, false);
}

int
device_list(struct device *dev, struct device_entry **ret, size_t *ret_n, struct err *err)
{
	struct reader readers[READER_COUNT_MAX];
	struct device_entry *entries;
	size_t n = 0, i;
	int rc;

	if ((rc = reader_scan(dev, readers, &n, err)) != 0)
		return rc;
	if ((entries = calloc(n + 1, sizeof(*entries))) == NULL)
		return err_set(err, ERR_INTERNAL, "out of memory");
	for (i = 0; i < n; i++)
		look(dev, &readers[i], &entries[i]);
	*ret = entries;
	*ret_n = n;
	return 0;
}

/* More than one would do: say which there are. */
static int
ambiguous(struct device *dev, struct err *err)
{
	struct device_entry *entries = NULL;
	char list[LIST_TEXT_MAX] = "";
	size_t n = 0, i, at = 0;
	int rc, w;

	if ((rc = device_list(dev, &entries, &n, err)) != 0)
		return rc;
	for (i = 0; i < n && at < sizeof(list); i++) {
		if (!entries[i].usable && entries[i].code != ERR_HELD)
			continue;
		w = entries[i].usable
			? snprintf(list + at, sizeof(list) - at, "%s%u (%s)", at > 0 ? ", " : "",
			      entries[i].id.serial, entries[i].id.reader)
			: snprintf(list + at, sizeof(list) - at,
			      "%sone held by another program (%s)", at > 0 ? ", " : "",
			      entries[i].id.reader);
		at += w < 0 ? 0 : (size_t)w;
	}
	free(entries);
	return err_set(err, ERR_AMBIGUOUS,
	    "more than one token is connected; choose one with --device SERIAL: %s", list);
}

static int
open_only(
    struct device *dev, const struct reader *readers, size_t n, struct token **ret, struct err *err)
{
	size_t i, keys = 0, at = 0;

	for (i = 0; i < n; i++) {
		if (!readers[i].yubikey)
			continue;
		at = i;
		keys++;
	}
	if (keys == 1)
		return session_open(dev, readers[at].name, ret, err);
	if (keys > 1)
		return ambiguous(dev, err);
	if (n > 0)
		return err_set(
		    err, ERR_NO_TOKEN, "%s holds a card that is not a YubiKey", readers[0].name);
	return err_set(err, ERR_NO_TOKEN, "no token in any reader; plug one in");
}

static int
open_by_serial(struct device *dev, uint32_t serial, const struct reader *readers, size_t n,
    struct token **ret, struct err *err)
{
	CLEAN(token_closep) struct token *token = NULL;
	struct err failed = ERR_INIT;
	char who[HOLDERS_TEXT_MAX];
	bool held = false;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		if (!readers[i].yubikey)
			continue;
		rc = session_open(dev, readers[i].name, &token, &failed);
		if (rc == 0 && token->id.serial == serial) {
			*ret = TAKE(token);
			return 0;
		}
		held = held || rc == ERR_HELD;
		session_close(&token, false);
	}
	if (held) {
		holders_text(who, sizeof(who));
		return err_set(err, ERR_HELD,
		    "token %u was not found, and one token is held by another program: %s", serial,
		    who);
	}
	/* One that could not be looked at may be it: that is what there is to say. */
	if (failed.code == ERR_GONE)
		return err_set(err, ERR_GONE,
		    "token %u was not found, and one token does not answer: %s", serial,
		    failed.text);
	return err_set(err, ERR_NO_TOKEN, "token %u is not in any reader", serial);
}

static int
open_by_reader(struct device *dev, const struct device_choice *choice, struct token **ret,
    const struct reader *readers, size_t n, struct err *err)
{
	CLEAN(token_closep) struct token *token = NULL;
	size_t i;
	int rc;

	for (i = 0; i < n && strcmp(readers[i].name, choice->reader) != 0; i++)
		continue;
	if (i == n)
		return err_set(
		    err, ERR_NO_TOKEN, "%s: no such reader, or no token in it", choice->reader);
	if (!readers[i].yubikey)
		return err_set(err, ERR_NO_TOKEN, "%s: not a YubiKey", choice->reader);
	if ((rc = session_open(dev, readers[i].name, &token, err)) != 0)
		return rc;
	if (choice->serial != 0 && choice->serial != token->id.serial) {
		rc = err_set(err, ERR_NO_TOKEN, "%s holds token %u, not %u", choice->reader,
		    token->id.serial, choice->serial);
		session_close(&token, false);
		return rc;
	}
	*ret = TAKE(token);
	return 0;
}

static int
open_now(
    struct device *dev, const struct device_choice *choice, struct token **ret, struct err *err)
{
	struct reader readers[READER_COUNT_MAX];
	size_t n = 0;
	int rc;

	if ((rc = reader_scan(dev, readers, &n, err)) != 0)
		return rc;
	if (choice != NULL && choice->reader != NULL)
		return open_by_reader(dev, choice, ret, readers, n, err);
	if (choice != NULL && choice->serial != 0)
		return open_by_serial(dev, choice->serial, readers, n, ret, err);
	return open_only(dev, readers, n, ret, err);
}

/* What may be otherwise in a moment. */
static bool
may_come(int rc)
{
	return rc == ERR_NO_TOKEN || rc == ERR_HELD || rc == ERR_GONE;
}

static void
waiting(const struct device *dev, const char *why)
{
	if (dev->ui.waiting != NULL)
		dev->ui.waiting(dev->ui.ctx, why);
}

/* The readers are looked at before the token, so no change between the two is missed. Who lets go
 * of a card need not change anything: a held one is tried each time. */
static int
wait_and_open(struct device *dev, const struct device_choice *choice, struct token **ret,
    struct err *why, struct err *err)
{
	const int64_t until = utc_monotonic_ns() + choice->wait_sec * NS_PER_SEC;
	struct watch watch;
	bool changed = true;
	int64_t again;
	int rc, open_rc = why->code;

	while (may_come(open_rc) && utc_monotonic_ns() < until) {
		if ((rc = watch_begin(dev, &watch, err)) != 0)
			return rc;
		if (changed || open_rc == ERR_HELD)
			open_rc = open_now(dev, choice, ret, why);
		if (!may_come(open_rc) || open_rc == ERR_HELD)
			continue;
		again = open_rc == ERR_GONE ? utc_monotonic_ns() + NS_PER_SEC : until;
		if ((rc = watch_wait(dev, &watch, again, &changed, err)) != 0)
			return rc;
		changed = changed || open_rc == ERR_GONE;
	}
	if (open_rc != 0 && err != NULL)
		*err = *why;
	return open_rc;
}

int
token_open(
    struct device *dev, const struct device_choice *choice, struct token **ret, struct err *err)
{
	const struct device_stats before = wire_stats();
	struct err why = ERR_INIT;
	int rc = open_now(dev, choice, ret, &why);

	if (!may_come(rc) || choice == NULL || choice->wait_sec == 0) {
		if (rc != 0 && err != NULL)
			*err = why;
		return rc;
	}
	waiting(dev, why.text);
	rc = wait_and_open(dev, choice, ret, &why, err);
	waiting(dev, NULL);
	dev->base.card_ns += wire_stats().card_ns - before.card_ns;
	return rc;
}
