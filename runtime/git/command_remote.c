/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/command_private.h"

#include <string.h>

#include "runtime/base/mem.h"

static int note_loopback(ep_git_command *c)
{
	if (!c->url.text || !c->url.loopback) return 0;
	c->loopback = ep_strdup(c->url.scope);
	return c->loopback ? 0 : EP_ENOMEM;
}

static void withhold(ep_git_command *c)
{
	c->withheld = c->o.credential != NULL;
	ep_git_url_fini(&c->url);
}

static int take_url(ep_git_command *c, const char *url)
{
	ep_err why = {0};
	if (ep_git_is_other_transport(url, c->o.protocols)) {
		withhold(c);
		return 0;
	}
	int rc = ep_git_remote_read(&c->url, url, c->o.allow_http, &why);
	if (rc) ep_err_set(&c->error, rc, "%s: the remote '%s': %s", c->o.what, c->o.remote, ep_err_message(&why));
	ep_err_fini(&why);
	if (!rc) rc = note_loopback(c);
	if (!rc && !ep_git_url_covers(c->o.scope, url)) withhold(c);
	return rc;
}

static const char *remote_setting(const ep_git_command *c, const char *name, size_t len, const char *key)
{
	ep_buf full = {0};
	ep_buf_printf(&full, "remote.%.*s.%s", (int)len, name, key);
	const char *value = ep_buf_failed(&full) ? NULL : ep_git_repository_get(&c->repository, full.data, true);
	ep_buf_fini(&full);
	return value;
}

static int find_remote(ep_git_command *c)
{
	const char *name = c->o.remote, *url = NULL;
	if (strstr(name, "://")) return take_url(c, name);
	if (c->o.push) url = remote_setting(c, name, strlen(name), "pushurl");
	if (!url) url = remote_setting(c, name, strlen(name), "url");
	if (!url) return ep_err_set(&c->error, EP_ENOENT, "%s: the repository has no remote '%s'", c->o.what, name);
	return take_url(c, url);
}

/* In a partial clone any command may fetch; one that does not is not to fail because of the remote's URL. */
static void find_promisor(ep_git_command *c)
{
	size_t len;
	const char *name = ep_git_repository_promisor(&c->repository, &len);
	const char *url = name ? remote_setting(c, name, len, "url") : NULL;
	if (!url || !ep_git_url_covers(c->o.scope, url) ||
		ep_git_url_read(&c->url, url, strlen(url), c->o.allow_http, NULL))
		withhold(c);
}

int ep_git_command_find_remote(ep_git_command *c)
{
	if (c->o.url) return note_loopback(c);
	if (c->o.remote) return find_remote(c);
	if (c->o.credential) find_promisor(c);
	return 0;
}
