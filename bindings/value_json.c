/* SPDX-License-Identifier: Apache-2.0 */
/* Values of epact.h from a JSON text, for hosts without Lua. */
#include "bindings/value.h"
#include "runtime/base/json.h"

enum { DEEPEST = 100 };

static int read_value(ep_json_reader *r, epl_arena *a, epact_value *out);

static int read_list(ep_json_reader *r, epl_arena *a, epact_value *out, size_t count)
{
	int rc = 0;
	epact_value *items = epl_arena_alloc(a, count * sizeof *items);
	if (!items) return EP_ENOMEM;
	for (size_t i = 0; i < count && !rc; i++) rc = read_value(r, a, &items[i]);
	*out = epact_list(items, count);
	return rc;
}

static int read_map(ep_json_reader *r, epl_arena *a, epact_value *out, size_t count)
{
	int rc = 0;
	epact_pair *pairs = epl_arena_alloc(a, count * sizeof *pairs);
	if (!pairs) return EP_ENOMEM;
	for (size_t i = 0; i < count && !rc; i++) {
		rc = read_value(r, a, &pairs[i].key);
		if (!rc) rc = read_value(r, a, &pairs[i].value);
	}
	*out = epact_map(pairs, count);
	return rc;
}

static int read_value(ep_json_reader *r, epl_arena *a, epact_value *out)
{
	ep_json_event e;
	ep_json_reader_next(r, &e);
	*out = epact_nil();
	switch (e.kind) {
	case EP_JSON_BOOL: *out = epact_boolean(e.as.flag); break;
	case EP_JSON_INTEGER: *out = epact_integer(e.as.integer); break;
	case EP_JSON_NUMBER: *out = epact_number(e.as.number); break;
	case EP_JSON_ARRAY: return read_list(r, a, out, e.as.count);
	case EP_JSON_OBJECT: return read_map(r, a, out, e.as.count);
	case EP_JSON_STRING:
		*out = epact_bytes(epl_arena_text(a, e.as.string.data, e.as.string.len), e.as.string.len);
		return out->as.string ? 0 : EP_ENOMEM;
	default: break;
	}
	return 0;
}

int epl_value_of_json(epl_arena *arena, epact_value *out, const char *text, size_t len, ep_err *err)
{
	ep_json_reader *r;
	const ep_json_limits limits = {.max_depth = DEEPEST};
	int rc = ep_json_reader_new(&r, text, len, &limits, err);
	if (rc) return rc;
	rc = read_value(r, arena, out);
	ep_json_reader_free(r);
	return rc ? ep_err_set(err, rc, "not enough memory") : 0;
}
