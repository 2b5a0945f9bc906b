/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: the events of a stream do not depend on how its bytes are split, and the limit holds. The first byte says the
 * pieces and the limit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 64 };

static void require(bool condition)
{
	if (!condition) abort();
}

static void add_event(ep_buf *out, const ep_sse_event *e, size_t max)
{
	require(e->name || e->data);
	require(!max || e->name_len + e->data_len <= max);
	require((e->name != NULL) == (e->name_len > 0) && (e->data || !e->data_len));
	require((!e->name || !e->name[e->name_len]) && (!e->data || !e->data[e->data_len]));
	ep_buf_printf(out, "%zu %zu ", e->name_len, e->data_len);
	ep_buf_add(out, e->name, e->name_len);
	ep_buf_add(out, e->data, e->data_len);
}

/* Writes the events and the state at the end, of bytes in pieces of n, each in memory of just its size. */
static int decode(ep_buf *out, const uint8_t *data, size_t size, size_t n, size_t max)
{
	ep_sse sse;
	ep_sse_event e;
	int rc = 0;
	ep_sse_init(&sse, max);
	for (size_t from = 0; from < size && rc >= 0; from += n) {
		size_t len = size - from < n ? size - from : n;
		char *piece = malloc(len);
		require(piece);
		memcpy(piece, data + from, len);
		const char *at = piece;
		while ((rc = ep_sse_next(&sse, &at, piece + len, &e)) > 0) add_event(out, &e, max);
		require(rc < 0 || at == piece + len);
		free(piece);
	}
	ep_buf_puts(out, ep_sse_within(&sse) ? "within" : "between");
	ep_sse_fini(&sse);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size) return 0;
	ep_buf whole = {0}, split = {0}, limited = {0};
	size_t n = (*data & 0x1f) + 1u;
	require(decode(&whole, data + 1, size - 1, size, 0) == 0);
	require(decode(&split, data + 1, size - 1, n, 0) == 0);
	require(whole.len == split.len && !memcmp(whole.data, split.data, whole.len));
	int rc = decode(&limited, data + 1, size - 1, n, LIMIT);
	require(rc == EP_ETOOLARGE || (!rc && whole.len == limited.len && !memcmp(whole.data, limited.data, whole.len)));
	ep_buf_fini(&whole);
	ep_buf_fini(&split);
	ep_buf_fini(&limited);
	return 0;
}
