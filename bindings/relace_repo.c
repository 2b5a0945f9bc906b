/* SPDX-License-Identifier: Apache-2.0 */
/* Repos of the Relace API: get, delete, list. Face: lua/epact/relace/repo.lua; engine: runtime/relace/repo. */
#include "bindings/relace.h"
#include "bindings/relace_body.h"
#include "runtime/relace/repo.h"

/* --- methods --- */

/* client:repo_get(id, options) -> RepoMetadata */
static int repo_get(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_call_options o = epl_relace_options(L, 3, "repo:get");
	ep_relace_call *call;
	ep_err err = {0};
	epl_check_can_wait(L);
	int rc = ep_relace_repo_get(&call, c, id, &o.call, &err);
	return epl_await_call(L, rc, call, &err, &o, epl_push_answer);
}

/* client:repo_delete(id, options) */
static int repo_delete(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_call_options o = epl_relace_options(L, 3, "repo:delete");
	ep_relace_call *call;
	ep_err err = {0};
	epl_check_can_wait(L);
	int rc = ep_relace_repo_delete(&call, c, id, &o.call, &err);
	return epl_await_call(L, rc, call, &err, &o, NULL);
}

typedef struct list_options {
	lua_Integer page_start, page_size;
	int order_descending, filter_metadata;
	epl_text order_by, created_after, created_before;
} list_options;

static const epl_option list_spec[] = {{"page_start", EPL_INT, offsetof(list_options, page_start), EPL_NATURAL},
	{"page_size", EPL_INT, offsetof(list_options, page_size), EPL_POSITIVE},
	{"order_by", EPL_TEXT, offsetof(list_options, order_by), 0},
	{"order_descending", EPL_TRISTATE, offsetof(list_options, order_descending), 0},
	{"filter_metadata", EPL_TABLE, offsetof(list_options, filter_metadata), 0},
	{"created_after", EPL_TEXT, offsetof(list_options, created_after), 0},
	{"created_before", EPL_TEXT, offsetof(list_options, created_before), 0}, {0}};

static ep_relace_page read_page(lua_State *L, int index)
{
	list_options f = {.page_start = -1, .page_size = -1, .order_descending = -1};
	epl_read_options(L, index, list_spec, &f, "repo:list");
	return (ep_relace_page){.start = f.page_start,
		.size = f.page_size,
		.descending = f.order_descending,
		.order_by = epl_relace_text(f.order_by),
		.created_after = epl_relace_text(f.created_after),
		.created_before = epl_relace_text(f.created_before),
		.metadata = epl_push_pairs(L, f.filter_metadata, "filter_metadata", "repo:list")};
}

/* client:repo_list(filter, options) -> {items, total_items, next_page} */
static int repo_list(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	epl_call_options o = epl_relace_options(L, 3, "repo:list");
	ep_relace_page page = read_page(L, 2);
	ep_relace_call *call;
	ep_err err = {0};
	epl_check_can_wait(L);
	int rc = ep_relace_repo_list(&call, c, &page, &o.call, &err);
	return epl_await_call(L, rc, call, &err, &o, epl_push_answer);
}

/* client:repo_list_check(filter, options): raises what repo_list would before it sends */
static int repo_list_check(lua_State *L)
{
	epl_check_relace(L, 1);
	epl_relace_options(L, 3, "repo:list");
	ep_relace_page page = read_page(L, 2);
	ep_err err = {0};
	return ep_relace_check_page(&page, &err) ? epl_raise(L, &err) : 0;
}

static const luaL_Reg methods[] = {{"repo_get", repo_get}, {"repo_delete", repo_delete}, {"repo_list", repo_list},
	{"repo_list_check", repo_list_check}, {NULL, NULL}};

void epl_open_relace_repo(lua_State *L) { luaL_setfuncs(L, methods, 0); }
