/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "virtual/state.h"
#include "virtual/vfault.h"

static const struct {
	const char *word;
	enum vfault_kind kind;
} kinds[] = {
    {"remove-before", VFAULT_REMOVE_BEFORE},
    {"remove-after", VFAULT_REMOVE_AFTER},
    {"remove-answered", VFAULT_REMOVE_ANSWERED},
    {"short", VFAULT_SHORT},
    {"long", VFAULT_LONG},
    {"garbage", VFAULT_GARBAGE},
};

/* Where a specification's values land while it is read; -1: not given. */
struct draft {
	enum vfault_kind kind;
	long at, nth, ins, p2, sw, delay, back;
	bool data;
	const char *swap;
};

static int
parse_kind(struct draft *d, enum vfault_kind kind)
{
	if (d->kind != VFAULT_NONE)
		return -1;
	d->kind = kind;
	return 0;
}

static int
parse_value(struct draft *d, const char *name, size_t name_len, const char *text)
{
	const struct {
		const char *name;
		int base;
		long max;
		long *to;
		enum vfault_kind kind;
	} values[] = {
	    {"at", 10, 1000000, &d->at, VFAULT_NONE},
	    {"nth", 10, 1000000, &d->nth, VFAULT_NONE},
	    {"ins", 16, 0xFF, &d->ins, VFAULT_NONE},
	    {"p2", 16, 0xFF, &d->p2, VFAULT_NONE},
	    {"sw", 16, 0xFFFF, &d->sw, VFAULT_SW},
	    {"delay", 10, 600000, &d->delay, VFAULT_DELAY},
	    {"back", 10, 600000, &d->back, VFAULT_NONE},
	};

	if (name_len == 4 && strncmp(name, "swap", 4) == 0) {
		d->swap = text;
		return *text != '\0' && strlen(text) < VFAULT_PATH_MAX ? parse_kind(d, VFAULT_SWAP)
								       : -1;
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char *end;
		long v;

		if (strlen(values[i].name) != name_len ||
		    strncmp(values[i].name, name, name_len) != 0)
			continue;
		v = strtol(text, &end, values[i].base);
		if (*text == '\0' || *end != '\0' || v < 0 || v > values[i].max ||
		    *values[i].to >= 0)
			return -1;
		*values[i].to = v;
		return values[i].kind == VFAULT_NONE ? 0 : parse_kind(d, values[i].kind);
	}
	return -1;
}

static int
parse_word(struct draft *d, const char *word)
{
	const char *eq = strchr(word, '=');

	if (strcmp(word, "data") == 0) {
		d->data = true;
		return 0;
	}
	if (eq != NULL)
		return parse_value(d, word, (size_t)(eq - word), eq + 1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].word, word) == 0)
			return parse_kind(d, kinds[i].kind);
	return -1;
}

static const char *
complaint(const struct draft *d)
{
	bool removal = d->kind == VFAULT_REMOVE_BEFORE || d->kind == VFAULT_REMOVE_AFTER ||
		       d->kind == VFAULT_REMOVE_ANSWERED || d->kind == VFAULT_SWAP;

	if (d->kind == VFAULT_NONE)
		return "does not say what happens (remove-after, sw=6F00...)";
	if ((d->at < 0) == (d->ins < 0))
		return "needs either at=N or ins=XX";
	if (d->ins < 0 && (d->nth >= 0 || d->p2 >= 0 || d->data))
		return "nth, p2 and data go with ins";
	if (d->at == 0 || d->nth == 0)
		return "counts from 1";
	if (d->back >= 0 && !removal)
		return "back goes with a removal or a swap";
	return NULL;
}

int
vfault_add(struct vfault_list *l, const char *spec, char *msg, size_t msg_len)
{
	struct draft d = {VFAULT_NONE, -1, -1, -1, -1, -1, -1, -1, false, NULL};
	char copy[256], *save = NULL;
	const char *why;

	if (l->n == VFAULT_MAX || strlen(spec) >= sizeof(copy))
		return state_say(
		    msg, msg_len, "fault: too %s", l->n == VFAULT_MAX ? "many" : "long");
	strcpy(copy, spec);
	for (char *w = strtok_r(copy, ";,", &save); w != NULL; w = strtok_r(NULL, ";,", &save)) {
		if (parse_word(&d, w) != 0)
			return state_say(msg, msg_len,
			    "fault: \"%s\" is unknown, out of range or one too many", w);
	}
	why = complaint(&d);
	if (why != NULL)
		return state_say(msg, msg_len, "fault \"%s\" %s", spec, why);
	l->f[l->n++] = (struct vfault){.kind = d.kind,
	    .countdown = (unsigned)(d.at > 0	? d.at
				    : d.nth > 0 ? d.nth
						: 1),
	    .ins = (int)d.ins,
	    .p2 = (int)d.p2,
	    .data = d.data,
	    .sw = (uint16_t)d.sw,
	    .delay_ms = (unsigned)(d.delay > 0 ? d.delay : 0),
	    .back_ms = (int)d.back};
	if (d.swap != NULL)
		strcpy(l->f[l->n - 1].swap, d.swap);
	return 0;
}

/* A header, Le, or an extended Le alone bring none. */
static bool
carries_data(const uint8_t *apdu, size_t len)
{
	return len > 7 || (len > 5 && apdu[4] != 0);
}

static bool
matches(const struct vfault *f, const uint8_t *apdu, size_t len)
{
	if (f->ins < 0)
		return true;
	return len >= 4 && apdu[1] == f->ins && (f->p2 < 0 || apdu[3] == f->p2) &&
	       (!f->data || carries_data(apdu, len));
}

struct vfault
vfault_take(struct vfault_list *l, const uint8_t *apdu, size_t len)
{
	struct vfault due = {.kind = VFAULT_NONE, .back_ms = -1};

	for (size_t i = 0; i < l->n;) {
		struct vfault *f = &l->f[i];

		if (!matches(f, apdu, len) || --f->countdown > 0) {
			i++;
		} else if (due.kind != VFAULT_NONE) {
			/* Two due at once: the first armed happens, the other with the next. */
			f->countdown = 1;
			i++;
		} else {
			due = *f;
			memmove(f, f + 1, (--l->n - i) * sizeof(*f));
		}
	}
	return due;
}
