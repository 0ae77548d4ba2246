/* SPDX-License-Identifier: BSD-2-Clause */
/* slot: names, numbers and certificate objects of the slots. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ykenroll/device.h"

#define RETIRED_FIRST 0x82
#define RETIRED_CERT_FIRST 0x5fc10d /* SP 800-73-4 part 1, table 3 */

#define RETIRED(n)                                                              \
	{                                                                       \
		RETIRED_FIRST + (n)-1, "RETIRED" #n, RETIRED_CERT_FIRST + (n)-1 \
	}

static const struct device_slot slots[] = {
    {0x9a, "AUTHENTICATION", OBJ_CERT_9A},
    {0x9c, "SIGNATURE", 0x5fc10a},
    {0x9d, "KEY_MANAGEMENT", 0x5fc10b},
    {0x9e, "CARD_AUTH", 0x5fc101},
    RETIRED(1),
    RETIRED(2),
    RETIRED(3),
    RETIRED(4),
    RETIRED(5),
    RETIRED(6),
    RETIRED(7),
    RETIRED(8),
    RETIRED(9),
    RETIRED(10),
    RETIRED(11),
    RETIRED(12),
    RETIRED(13),
    RETIRED(14),
    RETIRED(15),
    RETIRED(16),
    RETIRED(17),
    RETIRED(18),
    RETIRED(19),
    RETIRED(20),
    {DEVICE_SLOT_F9, "ATTESTATION", OBJ_ATTESTATION},
};

#define N_SLOTS (sizeof(slots) / sizeof(slots[0]))

const struct device_slot *
device_slots(size_t *ret_n)
{
	*ret_n = N_SLOTS;
	return slots;
}

const struct device_slot *
device_slot(uint8_t slot)
{
	size_t i;

	for (i = 0; i < N_SLOTS; i++)
		if (slots[i].slot == slot)
			return &slots[i];
	return NULL;
}

/* "KEY-MANAGEMENT" is as good as "KEY_MANAGEMENT". */
static bool
same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) {
		const char pair[2][2] = {{*a == '-' ? '_' : *a, '\0'}, {*b, '\0'}};

		if (strcasecmp(pair[0], pair[1]) != 0)
			return false;
	}
	return *a == *b;
}

const struct device_slot *
device_slot_parse(const char *text)
{
	const char *hex = strncasecmp(text, "0x", 2) == 0 ? text + 2 : text;
	size_t i;

	if (strlen(hex) == 2 && strspn(hex, "0123456789abcdefABCDEF") == 2)
		return device_slot((uint8_t)strtoul(hex, NULL, 16));
	for (i = 0; i < N_SLOTS; i++)
		if (same_name(text, slots[i].name))
			return &slots[i];
	return NULL;
}
