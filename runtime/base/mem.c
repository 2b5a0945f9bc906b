/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

/* The variable data of the runtime: the host's functions, set at most once, before the first request; and the countdown,
 * 0 in every program but a test of failing memory. */
static ep_mem_functions of_host;
static _Atomic(const ep_mem_functions *) functions; /* NULL: nothing was asked for yet */
static atomic_long fail_countdown;

static const ep_mem_functions of_libc = {malloc, calloc, realloc, free};

static const ep_mem_functions *settle(void)
{
	const ep_mem_functions *f = NULL;
	atomic_compare_exchange_strong(&functions, &f, &of_libc);
	return f ? f : &of_libc;
}

static const ep_mem_functions *in_use(void)
{
	const ep_mem_functions *f = atomic_load_explicit(&functions, memory_order_acquire);
	return f ? f : settle();
}

int ep_mem_use(const ep_mem_functions *given)
{
	static atomic_flag taken = ATOMIC_FLAG_INIT;
	const ep_mem_functions *none = NULL;
	if (atomic_load(&functions) || atomic_flag_test_and_set(&taken)) return EP_EBUSY;
	of_host = *given;
	return atomic_compare_exchange_strong(&functions, &none, &of_host) ? 0 : EP_EBUSY;
}

static int refused(void)
{
	if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0) return 0;
	if (atomic_fetch_sub(&fail_countdown, 1) > 1) return 0;
	atomic_store(&fail_countdown, 1); /* stays at the point of failure */
	return 1;
}

void ep_mem_fail_after(long nth) { atomic_store(&fail_countdown, nth); }

void *ep_alloc(size_t size) { return refused() ? NULL : in_use()->alloc(size ? size : 1); }

void *ep_calloc(size_t count, size_t size)
{
	return refused() ? NULL : in_use()->calloc(count ? count : 1, size ? size : 1);
}

void *ep_realloc(void *p, size_t size) { return refused() ? NULL : in_use()->realloc(p, size ? size : 1); }

void ep_free(void *p)
{
	if (p) in_use()->free(p);
}

char *ep_strndup(const void *bytes, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : ep_alloc(len + 1);
	if (!copy) return NULL;
	if (len) memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

char *ep_strdup(const char *text) { return text ? ep_strndup(text, strlen(text)) : NULL; }
