/* SPDX-License-Identifier: Apache-2.0 */
/* table.sort with a comparator that may wait: the quicksort of Lua 5.4's ltablib.c, step by step, so that it can be
 * left at each call of the comparator. The same elements are compared in the same order, with the same errors. */
#include <limits.h>
#include <time.h>

#include "bindings/epl.h"
#include "bindings/stdlib.h"

enum { RANDOM_LIMIT = 100, DEPTH = 64 };

/* What is being compared. On the stack, behind the table, the comparator and the sorter: */
enum {
	ENDS,      /* a[lo] a[up] */
	LOW,       /* a[p] a[lo] */
	HIGH,      /* a[p] a[up] */
	SCAN_UP,   /* P a[i] */
	SCAN_DOWN, /* P a[i] a[j] */
};

typedef struct range {
	unsigned lo, up, random;
} range;

typedef struct sorter {
	range now;
	unsigned p, i, j;
	int step, left;
	range later[DEPTH]; /* the longer halves: each at most half of the one before */
} sorter;

static void swap(lua_State *L, unsigned i, unsigned j)
{
	lua_seti(L, 1, i);
	lua_seti(L, 1, j);
}

static void next_range(sorter *s)
{
	s->step = ENDS;
	s->now = s->left ? s->later[--s->left] : (range){0};
}

/* Only for ranges that were cut badly: an order that is bad for the middle is not bad for another place. */
static unsigned pick(const range *r)
{
	unsigned quarter = (r->up - r->lo) / 4;
	if (r->up - r->lo < RANDOM_LIMIT || !r->random) return r->lo + (r->up - r->lo) / 2;
	return r->random % (quarter * 2) + (r->lo + quarter);
}

/* a[p] is the pivot: the shorter half first, the longer one later. */
static void split(sorter *s, unsigned p)
{
	range low = {s->now.lo, p - 1, s->now.random}, high = {p + 1, s->now.up, s->now.random};
	bool low_first = p - s->now.lo < s->now.up - p;
	range shorter = low_first ? low : high, longer = low_first ? high : low;
	unsigned size = low_first ? p - s->now.lo : s->now.up - p;
	if ((longer.up - longer.lo) / 128 > size) longer.random = (unsigned)clock() + (unsigned)time(NULL);
	s->later[s->left++] = longer;
	s->now = shorter;
	s->step = ENDS;
}

static void start_scan(lua_State *L, sorter *s)
{
	unsigned last = s->now.up - 1;
	if (s->now.up - s->now.lo == 2) {
		next_range(s);
		return;
	}
	lua_geti(L, 1, s->p);
	lua_pushvalue(L, -1);
	lua_geti(L, 1, last);
	swap(L, s->p, last);
	s->i = s->now.lo;
	s->j = last;
	s->step = SCAN_UP;
}

static void bad_order(lua_State *L) { luaL_error(L, "invalid order function for sorting"); }

static void take_ends(lua_State *L, sorter *s, bool less)
{
	if (less)
		swap(L, s->now.lo, s->now.up);
	else
		lua_pop(L, 2);
	if (s->now.up - s->now.lo == 1) {
		next_range(s);
		return;
	}
	s->p = pick(&s->now);
	s->step = LOW;
}

static void take_middle(lua_State *L, sorter *s, bool less)
{
	if (s->step == LOW && !less) {
		lua_pop(L, 1);
		s->step = HIGH;
		return;
	}
	if (less)
		swap(L, s->p, s->step == LOW ? s->now.lo : s->now.up);
	else
		lua_pop(L, 2);
	start_scan(L, s);
}

static void take_scan_up(lua_State *L, sorter *s, bool less)
{
	if (!less) {
		s->step = SCAN_DOWN;
		return;
	}
	if (s->i == s->now.up - 1) bad_order(L);
	lua_pop(L, 1);
}

static void take_scan_down(lua_State *L, sorter *s, bool less)
{
	if (less) {
		if (s->j < s->i) bad_order(L);
		lua_pop(L, 1);
	} else if (s->j < s->i) {
		lua_pop(L, 1);
		swap(L, s->now.up - 1, s->i);
		split(s, s->i);
	} else {
		swap(L, s->i, s->j);
		s->step = SCAN_UP;
	}
}

/* The comparator's answer is on the top. */
static void take_answer(lua_State *L, sorter *s)
{
	bool less = lua_toboolean(L, -1);
	lua_pop(L, 1);
	switch (s->step) {
	case ENDS: take_ends(L, s, less); break;
	case SCAN_UP: take_scan_up(L, s, less); break;
	case SCAN_DOWN: take_scan_down(L, s, less); break;
	default: take_middle(L, s, less);
	}
}

/* Pushes the comparator with the elements at these places of the stack. */
static void push_call(lua_State *L, int a, int b)
{
	int top = lua_gettop(L) + 1;
	lua_pushvalue(L, 2);
	lua_pushvalue(L, top + a);
	lua_pushvalue(L, top + b);
}

/* Pushes the next two elements and the call that compares them; false: sorted. */
static bool next_compare(lua_State *L, sorter *s)
{
	const range *r = &s->now;
	switch (s->step) {
	case ENDS:
		while (s->now.lo >= s->now.up && s->left) next_range(s);
		if (r->lo >= r->up) return false;
		lua_geti(L, 1, r->lo);
		lua_geti(L, 1, r->up);
		push_call(L, -1, -2);
		break;
	case LOW:
		lua_geti(L, 1, s->p);
		lua_geti(L, 1, r->lo);
		push_call(L, -2, -1);
		break;
	case HIGH:
		lua_geti(L, 1, r->up);
		push_call(L, -1, -2);
		break;
	case SCAN_UP:
		lua_geti(L, 1, ++s->i);
		push_call(L, -1, -2);
		break;
	default: lua_geti(L, 1, --s->j); push_call(L, -3, -1);
	}
	return true;
}

static int sort_k(lua_State *L, int status, lua_KContext ctx);

static int go_on(lua_State *L, sorter *s)
{
	while (next_compare(L, s)) {
		lua_callk(L, 2, 1, (lua_KContext)s, sort_k);
		take_answer(L, s);
	}
	return 0;
}

static int sort_k(lua_State *L, int status, lua_KContext ctx)
{
	sorter *s = (sorter *)ctx;
	(void)status;
	take_answer(L, s);
	return go_on(L, s);
}

/* table.sort(list [, comp]); without a comparator, and where nothing can wait, Lua's own. */
static int sort(lua_State *L)
{
	bool own = !lua_isyieldable(L) || lua_type(L, 1) != LUA_TTABLE || lua_type(L, 2) != LUA_TFUNCTION;
	if (own) return lua_tocfunction(L, lua_upvalueindex(1))(L);
	lua_Integer n = luaL_len(L, 1);
	if (n <= 1) return 0;
	luaL_argcheck(L, n < INT_MAX, 1, "array too big");
	lua_settop(L, 2);
	sorter *s = lua_newuserdatauv(L, sizeof *s, 0);
	*s = (sorter){.now = {1, (unsigned)n, 0}, .step = ENDS};
	return go_on(L, s);
}

void epl_open_sort(lua_State *L)
{
	lua_getglobal(L, "table");
	lua_getfield(L, -1, "sort");
	lua_pushcclosure(L, sort, 1);
	epl_set_waiting(L, -2, "sort", 2);
	lua_pop(L, 1);
}
