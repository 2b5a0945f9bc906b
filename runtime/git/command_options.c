/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/command_private.h"

#include <string.h>

#include "runtime/base/mem.h"

/* --- the options, copied: room for all is made before, so that no address changes --- */

static size_t size_of(const char *text) { return text ? strlen(text) + 1 : 0; }

static size_t size_of_list(const char *const *list, size_t *count)
{
	size_t size = 0;
	for (; list && *list; list++, ++*count) size += size_of(*list);
	return size;
}

static const char *keep_bytes(ep_buf *texts, const char *bytes, size_t len)
{
	const char *at = texts->data + texts->len;
	if (!bytes) return NULL;
	ep_buf_add(texts, bytes, len);
	ep_buf_putc(texts, '\0');
	return at;
}

static const char *keep(ep_buf *texts, const char *text) { return keep_bytes(texts, text, text ? strlen(text) : 0); }

static const char *const *keep_list(ep_git_command *c, const char *const *list, size_t *used)
{
	const char **to = c->lists + *used;
	size_t n = 0;
	if (!list) return NULL;
	for (; list[n]; n++) to[n] = keep(&c->texts, list[n]);
	to[n] = NULL;
	*used += n + 1;
	return to;
}

static void describe(ep_buf *what, const ep_git_command_options *o)
{
	ep_buf_printf(what, "git %s", o->argv[1]);
	if (o->directory) ep_buf_printf(what, " in '%s'", o->directory);
}

int ep_git_command_copy(ep_git_command *c, const ep_git_command_options *o)
{
	ep_buf what = {0};
	ep_git_command_options *to = &c->o;
	size_t count = 3, used = 0;
	if (o->what)
		ep_buf_puts(&what, o->what);
	else
		describe(&what, o);
	size_t size = what.len + 1 + size_of(o->directory) + size_of(o->git_dir) + size_of(o->protocols) + o->in_len + 1 +
		size_of(o->remote) + size_of(o->scope) + size_of(o->ca_file) + size_of_list(o->argv, &count) +
		size_of_list(o->config, &count) + size_of_list(o->env, &count) + 1;
	c->lists = ep_calloc(count, sizeof *c->lists);
	*to = *o;
	to->credential = o->credential ? ep_secret_retain(o->credential) : NULL;
	if (ep_buf_failed(&what) || !c->lists || !ep_buf_reserve(&c->texts, size)) {
		ep_buf_fini(&what);
		to->what = "git";
		return EP_ENOMEM;
	}
	to->what = keep(&c->texts, ep_buf_text(&what));
	ep_buf_fini(&what);
	to->url = o->url ? "" : NULL; /* c->url has it */
	to->argv = keep_list(c, o->argv, &used);
	to->config = keep_list(c, o->config, &used);
	to->env = keep_list(c, o->env, &used);
	to->directory = keep(&c->texts, o->directory);
	to->git_dir = keep(&c->texts, o->git_dir);
	to->protocols = keep(&c->texts, o->protocols);
	to->in_bytes = keep_bytes(&c->texts, o->in_bytes, o->in_len);
	to->remote = keep(&c->texts, o->remote);
	to->scope = keep(&c->texts, o->scope);
	to->ca_file = keep(&c->texts, o->ca_file);
	return ep_git_machine_find(&c->machine);
}
