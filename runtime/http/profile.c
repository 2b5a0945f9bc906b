/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/http/private.h"

/* True when the environment names a proxy: only then is libcurl left to look for it, at each connection. */
static bool environment_has_proxy(void)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);
		if (value && *value) return true;
	}
	return false;
}

static bool copy_texts(ep_http_profile *p, const ep_http_settings *s)
{
	ep_buf agent = {0};
	ep_buf_printf(&agent, "User-Agent: %s", s->user_agent ? s->user_agent : "epact/" EPACT_VERSION);
	p->agent_line = ep_buf_take(&agent);
	p->ca_file = ep_strdup(s->ca_file);
	p->ca_dir = ep_strdup(s->ca_dir);
	p->proxy = ep_strdup(s->proxy);
	return p->agent_line && (p->ca_file || !s->ca_file) && (p->ca_dir || !s->ca_dir) && (p->proxy || !s->proxy);
}

static int check_text(const char *text, const char *name, ep_err *err)
{
	for (; text && *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return ep_err_set(err, EP_EINVAL, "%s holds a control character", name);
	}
	return 0;
}

int ep_http_profile_new(ep_http_profile **out, const ep_http_settings *settings, ep_err *err)
{
	int rc = check_text(settings->user_agent, "user_agent", err);
	if (!rc) rc = check_text(settings->proxy, "proxy", err);
	if (!rc && settings->public_only && settings->proxy && *settings->proxy)
		rc = ep_err_set(
			err, EP_EINVAL, "public_only has no effect behind a proxy, which connects by itself; leave out one");
	if (rc) return rc;
	ep_http_profile *p = ep_calloc(1, sizeof *p);
	if (!p) goto fail;
	p->count = 1;
	if (!copy_texts(p, settings)) goto fail;
	p->connect_timeout = settings->connect_timeout ? settings->connect_timeout : 10 * EP_SECOND;
	p->stall_timeout = settings->stall_timeout ? settings->stall_timeout : 60 * EP_SECOND;
	p->stall_rate = settings->stall_rate;
	p->http2 = settings->http2;
	p->public_only = settings->public_only;
	p->direct = p->public_only || (settings->proxy ? !*settings->proxy : !environment_has_proxy());
	*out = p;
	return 0;
fail:
	ep_http_profile_release(p);
	return ep_err_set(err, EP_ENOMEM, "no memory for an HTTP client");
}

ep_http_profile *ep_http_profile_retain(ep_http_profile *profile)
{
	profile->count++;
	return profile;
}

void ep_http_profile_release(ep_http_profile *p)
{
	if (!p || --p->count) return;
	if (p->proxy) explicit_bzero(p->proxy, strlen(p->proxy)); /* it may hold a password */
	ep_free(p->agent_line);
	ep_free(p->ca_file);
	ep_free(p->ca_dir);
	ep_free(p->proxy);
	ep_free(p);
}
