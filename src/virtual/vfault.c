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

static int
parse_kind(struct vfault *f, enum vfault_kind kind)
{
	if (f->kind != VFAULT_NONE)
		return -1;
	f->kind = kind;
	return 0;
}

static int
parse_value(struct vfault *f, const char *name, size_t name_len, const char *text)
{
	const struct {
		const char *name;
		int base;
		long max;
		int *to;
		enum vfault_kind kind;
	} values[] = {
	    {"at", 10, 1000000, &f->at, VFAULT_NONE},
	    {"nth", 10, 1000000, &f->nth, VFAULT_NONE},
	    {"ins", 16, 0xFF, &f->ins, VFAULT_NONE},
	    {"p2", 16, 0xFF, &f->p2, VFAULT_NONE},
	    {"sw", 16, 0xFFFF, &f->sw, VFAULT_SW},
	    {"delay", 10, 600000, &f->delay_ms, VFAULT_DELAY},
	    {"back", 10, 600000, &f->back_ms, VFAULT_NONE},
	};

	if (name_len == 4 && strncmp(name, "swap", 4) == 0) {
		if (*text == '\0' || strlen(text) >= VFAULT_PATH_MAX)
			return -1;
		strcpy(f->swap, text);
		return parse_kind(f, VFAULT_SWAP);
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
		*values[i].to = (int)v;
		return values[i].kind == VFAULT_NONE ? 0 : parse_kind(f, values[i].kind);
	}
	return -1;
}

static int
parse_word(struct vfault *f, const char *word)
{
	const char *eq = strchr(word, '=');

	if (strcmp(word, "data") == 0) {
		f->data = true;
		return 0;
	}
	if (eq != NULL)
		return parse_value(f, word, (size_t)(eq - word), eq + 1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].word, word) == 0)
			return parse_kind(f, kinds[i].kind);
	return -1;
}

static const char *
complaint(const struct vfault *f)
{
	bool removal = f->kind == VFAULT_REMOVE_BEFORE || f->kind == VFAULT_REMOVE_AFTER ||
		       f->kind == VFAULT_REMOVE_ANSWERED || f->kind == VFAULT_SWAP;

	if (f->kind == VFAULT_NONE)
		return "does not say what happens (remove-after, sw=6F00...)";
	if ((f->at < 0) == (f->ins < 0))
		return "needs either at=N or ins=XX";
	if (f->ins < 0 && (f->nth >= 0 || f->p2 >= 0 || f->data))
		return "nth, p2 and data go with ins";
	if (f->at == 0 || f->nth == 0)
		return "counts from 1";
	if (f->back_ms >= 0 && !removal)
		return "back goes with a removal or a swap";
	return NULL;
}

int
vfault_add(struct vfault_list *l, const char *spec, char *msg, size_t msg_len)
{
	struct vfault f = {
	    .at = -1, .nth = -1, .ins = -1, .p2 = -1, .sw = -1, .delay_ms = -1, .back_ms = -1};
	char copy[256], *save = NULL;
	const char *why;

	if (l->n == VFAULT_MAX || strlen(spec) >= sizeof(copy))
		return state_say(
		    msg, msg_len, "fault: too %s", l->n == VFAULT_MAX ? "many" : "long");
	strcpy(copy, spec);
	for (char *w = strtok_r(copy, ";,", &save); w != NULL; w = strtok_r(NULL, ";,", &save)) {
		if (parse_word(&f, w) != 0)
			return state_say(msg, msg_len,
			    "fault: \"%s\" is unknown, out of range or given twice", w);
	}
	why = complaint(&f);
	if (why != NULL)
		return state_say(msg, msg_len, "fault \"%s\" %s", spec, why);
	f.countdown = (unsigned)(f.at > 0 ? f.at : f.nth > 0 ? f.nth : 1);
	l->f[l->n++] = f;
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
