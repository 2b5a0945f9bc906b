/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The only mutable global of the runtime: 0 in every program but a test of failing memory. */
static atomic_long fail_countdown;

static int refused(void)
{
	if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0) return 0;
	if (atomic_fetch_sub(&fail_countdown, 1) > 1) return 0;
	atomic_store(&fail_countdown, 1); /* stays at the point of failure */
	return 1;
}

void ep_mem_fail_after(long nth) { atomic_store(&fail_countdown, nth); }

void *ep_alloc(size_t size) { return refused() ? NULL : malloc(size ? size : 1); }

void *ep_calloc(size_t count, size_t size) { return refused() ? NULL : calloc(count ? count : 1, size ? size : 1); }

void *ep_realloc(void *p, size_t size) { return refused() ? NULL : realloc(p, size ? size : 1); }

void ep_free(void *p) { free(p); }

char *ep_strndup(const void *bytes, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : ep_alloc(len + 1);
	if (!copy) return NULL;
	if (len) memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

char *ep_strdup(const char *text) { return text ? ep_strndup(text, strlen(text)) : NULL; }
