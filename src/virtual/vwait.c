/* SPDX-License-Identifier: BSD-2-Clause */
#include <time.h>

#include <openssl/rand.h>

#include "virtual/vcrypt.h"
#include "virtual/applet.h"

#define TOUCH_PATIENCE_MS 15000
#define TOUCH_CACHE_MS 15000
#define TOUCH_CACHED 3

static int64_t
system_now(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool
system_sleep(void *ctx, unsigned ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)ctx;
	return nanosleep(&t, NULL) == 0;
}

const struct vkey_clock vwait_system = {system_now, system_sleep, NULL};

bool
vwait_ms(struct applet *a, unsigned ms)
{
	const struct vkey_clock *c = a->env.clock;
	unsigned resets = a->resets;

	return ms == 0 || (c->sleep_ms(c->ctx, ms) && a->resets == resets);
}

static int64_t *
last_touch(struct applet *a, uint8_t slot)
{
	for (size_t i = 0; i < STATE_SLOTS; i++)
		if (a->st.slots[i].id == slot)
			return &a->ses.touched_ms[i];
	return &a->ses.touched_ms[STATE_SLOTS];
}

/* A late finger is no finger: the key has given up. */
bool
vwait_touch(struct applet *a, uint8_t slot, uint8_t policy)
{
	const struct vkey_clock *c = a->env.clock;
	int64_t *last = last_touch(a, slot);

	if (policy == POLICY_NEVER)
		return true;
	if (policy == TOUCH_CACHED && *last != 0 &&
	    c->now_ms(c->ctx) - (*last - 1) < TOUCH_CACHE_MS)
		return true;
	if (a->st.touch == VKEY_TOUCH_NEVER || a->st.touch_ms >= TOUCH_PATIENCE_MS) {
		vwait_ms(a, TOUCH_PATIENCE_MS);
		return false;
	}
	if (!vwait_ms(a, a->st.touch_ms))
		return false;
	*last = c->now_ms(c->ctx) + 1;
	return true;
}

bool
vwait_generate(struct applet *a, const struct vcrypt_alg *alg)
{
	uint32_t luck = 0;

	if (!a->env.real_timing)
		return true;
	RAND_bytes((unsigned char *)&luck, sizeof(luck));
	return vwait_ms(a, alg->least_ms + luck % (alg->most_ms - alg->least_ms + 1));
}

bool
vwait_use(struct applet *a, uint8_t alg)
{
	return !a->env.real_timing || vwait_ms(a, vcrypt_alg(NULL, alg)->use_ms);
}
