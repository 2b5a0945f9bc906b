/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for values that are freed together; copies of values in it. */
#include <string.h>

#include "bindings/value.h"
#include "runtime/base/err.h"
#include "runtime/base/mem.h"

enum { FIRST_CHUNK = 480, LARGEST_CHUNK = 64 << 10, DEEPEST = 100 };

typedef struct epl_chunk {
	struct epl_chunk *next;
	size_t used, room;
	max_align_t data[];
} chunk;

static chunk *add_chunk(epl_arena *a, size_t size)
{
	size_t room = a->chunks ? a->chunks->room * 2 : FIRST_CHUNK;
	if (room > LARGEST_CHUNK) room = LARGEST_CHUNK;
	if (room < size) room = size;
	if (room > SIZE_MAX - sizeof(chunk)) return NULL;
	chunk *c = ep_alloc(sizeof *c + room);
	if (!c) return NULL;
	c->used = 0;
	c->room = room;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

void *epl_arena_alloc(epl_arena *a, size_t size)
{
	size_t whole = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	chunk *c = a->chunks;
	if (whole < size) return NULL;
	if (!c || c->room - c->used < whole) c = add_chunk(a, whole);
	if (!c) return NULL;
	void *p = (char *)c->data + c->used;
	c->used += whole;
	return p;
}

char *epl_arena_text(epl_arena *a, const char *bytes, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : epl_arena_alloc(a, len + 1);
	if (!copy) return NULL;
	if (len) memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

void epl_arena_fini(epl_arena *a)
{
	for (chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		ep_free(c);
	}
	a->chunks = NULL;
}

/* --- copies --- */

static int copy(epl_arena *a, epact_value *to, const epact_value *from, int depth);

static void *array(epl_arena *a, size_t count, size_t size)
{
	return count > SIZE_MAX / size ? NULL : epl_arena_alloc(a, count * size);
}

static int copy_list(epl_arena *a, epact_value *to, const epact_value *from, int depth)
{
	int rc = 0;
	epact_value *items = array(a, from->size, sizeof *items);
	if (!items) return EP_ENOMEM;
	for (size_t i = 0; i < from->size && !rc; i++) rc = copy(a, &items[i], &from->as.list[i], depth);
	to->as.list = items;
	return rc;
}

static int copy_map(epl_arena *a, epact_value *to, const epact_value *from, int depth)
{
	int rc = 0;
	epact_pair *pairs = array(a, from->size, sizeof *pairs);
	if (!pairs) return EP_ENOMEM;
	for (size_t i = 0; i < from->size && !rc; i++) {
		rc = copy(a, &pairs[i].key, &from->as.map[i].key, depth);
		if (!rc) rc = copy(a, &pairs[i].value, &from->as.map[i].value, depth);
	}
	to->as.map = pairs;
	return rc;
}

static int copy(epl_arena *a, epact_value *to, const epact_value *from, int depth)
{
	*to = *from;
	if (depth == DEEPEST || from->type < EPACT_NIL || from->type > EPACT_MAP) return EP_EINVAL;
	if (from->type == EPACT_LIST) return copy_list(a, to, from, depth + 1);
	if (from->type == EPACT_MAP) return copy_map(a, to, from, depth + 1);
	if (from->type != EPACT_STRING) return 0;
	to->as.string = epl_arena_text(a, from->as.string, from->size);
	return to->as.string ? 0 : EP_ENOMEM;
}

int epl_values_copy(epl_arena *a, const epact_value **out, const epact_value *values, size_t count)
{
	epact_value whole, list = epact_list(values, count);
	int rc = copy(a, &whole, &list, 0);
	*out = whole.as.list;
	return rc;
}

typedef struct copied {
	epact_value value; /* what the host holds */
	epl_arena arena;
} copied;

epact_value *epact_value_copy(const epact_value *value)
{
	copied *c = ep_calloc(1, sizeof *c);
	if (!c) return NULL;
	if (!copy(&c->arena, &c->value, value, 0)) return &c->value;
	epact_value_free(&c->value);
	return NULL;
}

void epact_value_free(epact_value *value)
{
	copied *c = (copied *)(void *)value;
	if (!c) return;
	epl_arena_fini(&c->arena);
	ep_free(c);
}

/* --- making and reading them --- */

epact_value epact_nil(void) { return (epact_value){.type = EPACT_NIL}; }
epact_value epact_boolean(int boolean) { return (epact_value){.type = EPACT_BOOL, .as.boolean = boolean != 0}; }
epact_value epact_integer(int64_t integer) { return (epact_value){.type = EPACT_INTEGER, .as.integer = integer}; }
epact_value epact_number(double number) { return (epact_value){.type = EPACT_NUMBER, .as.number = number}; }
epact_value epact_text(const char *text) { return text ? epact_bytes(text, strlen(text)) : epact_nil(); }

epact_value epact_bytes(const void *bytes, size_t size)
{
	return (epact_value){.type = EPACT_STRING, .size = size, .as.string = bytes};
}

epact_value epact_list(const epact_value *values, size_t count)
{
	return (epact_value){.type = EPACT_LIST, .size = count, .as.list = values};
}

epact_value epact_map(const epact_pair *pairs, size_t count)
{
	return (epact_value){.type = EPACT_MAP, .size = count, .as.map = pairs};
}

const epact_value *epact_get(const epact_value *map, const char *key)
{
	size_t len = strlen(key);
	if (!map || map->type != EPACT_MAP) return NULL;
	for (size_t i = map->size; i-- > 0;) { /* the last of two equal keys counts */
		const epact_pair *p = &map->as.map[i];
		if (p->key.type != EPACT_STRING || p->key.size != len || memcmp(p->key.as.string, key, len) != 0) continue;
		return &p->value;
	}
	return NULL;
}
