/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/client.h"

#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/relace/address.h"
#include "runtime/relace/private.h"
#include "runtime/relace/query.h"

/* --- the family --- */

static ep_relace_family *family_new(ep_loop *loop, double max_rate)
{
	ep_relace_family *family = ep_calloc(1, sizeof *family);
	if (!family) return NULL;
	family->refs = 1;
	ep_lane_init(&family->lane, loop);
	family->limited = max_rate > 0;
	if (family->limited) ep_rate_fix(&family->lane.rate, max_rate / 60);
	family->chance = ep_loop_now(loop) ^ (uint64_t)(uintptr_t)family;
	return family;
}

static void family_release(ep_relace_family *family)
{
	if (!family || --family->refs) return;
	ep_lane_fini(&family->lane);
	ep_free(family);
}

/* splitmix64: spreads retries, guards nothing. */
double ep_relace_chance(ep_relace_client *client)
{
	uint64_t z = client->family->chance += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* --- life --- */

static void free_client(ep_relace_client *client)
{
	ep_relace_free_headers(client);
	family_release(client->family);
	ep_account_release(client->account);
	if (client->profile) ep_http_profile_release(client->profile);
	ep_secret_release(client->credential);
	ep_buf_fini(&client->url);
	ep_buf_fini(&client->query);
	ep_free(client);
}

ep_relace_client *ep_relace_client_retain(ep_relace_client *client)
{
	client->refs++;
	return client;
}

void ep_relace_client_release(ep_relace_client *client)
{
	if (client && --client->refs == 0) free_client(client);
}

static int set_credential(ep_relace_client *client, ep_secret *credential, ep_err *err)
{
	size_t len;
	const char *value = ep_secret_reveal(credential, &len);
	int rc = ep_relace_check_credential(value, len, "the credential", err);
	if (!rc) client->credential = ep_secret_retain(credential);
	return rc;
}

static int set_url(ep_relace_client *client, const char *url, size_t len, bool allow_http, ep_err *err)
{
	client->allow_http = allow_http;
	int rc = ep_relace_base_url(&client->url, url, len, allow_http, err);
	if (!rc) client->shown_at = (size_t)(strstr(client->url.data, "://") + 3 - client->url.data);
	return rc;
}

/* The query of the parent (NULL: none) with pairs of its own. */
static int set_query(ep_relace_client *client, const ep_relace_client *parent, ep_relace_text own, ep_err *err)
{
	ep_relace_text queries[] = {parent ? ep_relace_client_query(parent) : (ep_relace_text){0}, own};
	int rc = ep_relace_check_query(own.data, own.len, "query", err);
	if (rc) return rc;
	ep_query_merge(&client->query, queries, 2);
	rc = ep_buf_failed(&client->query);
	return rc ? ep_err_set(err, rc, "no memory for a client") : 0;
}

/* Prepares a list, and finds what cannot be sent. */
static int check_headers(ep_relace_client *client, ep_err *err)
{
	ep_http_headers *headers;
	int rc = ep_relace_headers(&headers, client, NULL, err);
	if (!rc) ep_http_headers_release(headers);
	return rc;
}

static int set_connection(ep_relace_client *client, const ep_relace_settings *s, ep_err *err)
{
	ep_http_settings connection = s->connection;
	connection.user_agent = s->user_agent ? s->user_agent : "epact/C " EPACT_VERSION;
	return ep_http_profile_new(&client->profile, &connection, err);
}

/* The account of its host and credential. */
static int set_account(ep_relace_client *client, bool none, ep_err *err)
{
	size_t host = client->shown_at + strcspn(client->url.data + client->shown_at, "/"), len;
	if (none) return 0;
	const char *credential = ep_secret_reveal(client->credential, &len);
	client->account = ep_account_get(client->accounts, client->loop, client->url.data, host, credential, len);
	return client->account ? 0 : ep_err_set(err, EP_ENOMEM, "no memory for a client");
}

static void set_retry(ep_retry_policy *retry, int max_retries, double max_wait)
{
	if (max_retries >= 0) retry->max_retries = max_retries;
	if (max_wait >= 0) retry->max_wait = max_wait;
}

static ep_relace_client *new_client(ep_loop *loop, ep_http *http, ep_secrets *secrets, ep_err *err)
{
	ep_relace_client *client = ep_calloc(1, sizeof *client);
	if (!client) {
		ep_err_set(err, EP_ENOMEM, "no memory for a client");
		return NULL;
	}
	client->refs = 1;
	client->loop = loop;
	client->http = http;
	client->secrets = secrets;
	client->retry = (ep_retry_policy){.max_retries = EP_RELACE_RETRIES, .max_wait = EP_RELACE_RETRY_WAIT};
	return client;
}

int ep_relace_client_new(ep_relace_client **out, ep_loop *loop, ep_http *http, ep_secrets *secrets,
	const ep_relace_settings *settings, ep_err *err)
{
	int rc;
	const char *url = settings->base_url ? settings->base_url : EP_RELACE_BASE_URL;
	size_t url_len = settings->base_url ? settings->base_url_len : strlen(url);
	ep_relace_client *client = new_client(loop, http, secrets, err);
	if (!client) return EP_ENOMEM;
	client->timeout = settings->timeout;
	client->log = settings->log;
	set_retry(&client->retry, settings->max_retries, settings->max_retry_wait);
	if ((rc = set_credential(client, settings->credential, err))) goto fail;
	if ((rc = set_url(client, url, url_len, settings->allow_http, err))) goto fail;
	if ((rc = set_query(client, NULL, settings->query, err))) goto fail;
	if ((rc = set_connection(client, settings, err))) goto fail;
	if ((rc = ep_relace_set_headers(client, NULL, settings->headers, settings->header_count, err))) goto fail;
	if ((rc = check_headers(client, err))) goto fail;
	client->accounts = settings->accounts;
	if ((rc = set_account(client, settings->no_rate_control, err))) goto fail;
	if (!(client->family = family_new(loop, settings->max_rate))) {
		rc = ep_err_set(err, EP_ENOMEM, "no memory for a client");
		goto fail;
	}
	*out = client;
	return 0;
fail:
	free_client(client);
	return rc;
}

int ep_relace_client_derive(
	ep_relace_client **out, ep_relace_client *parent, const ep_relace_override *own, ep_err *err)
{
	int rc;
	ep_relace_client *client = new_client(parent->loop, parent->http, parent->secrets, err);
	if (!client) return EP_ENOMEM;
	client->timeout = own->timeout ? own->timeout : parent->timeout;
	client->retry = parent->retry;
	client->log = parent->log;
	set_retry(&client->retry, own->max_retries, own->max_retry_wait);
	client->profile = ep_http_profile_retain(parent->profile);
	client->family = parent->family;
	client->family->refs++;
	client->accounts = parent->accounts;
	const char *url = own->base_url ? own->base_url : parent->url.data;
	size_t url_len = own->base_url ? own->base_url_len : parent->url.len;
	if ((rc = set_url(client, url, url_len, parent->allow_http || own->allow_http, err))) goto fail;
	if ((rc = set_credential(client, own->credential ? own->credential : parent->credential, err))) goto fail;
	if ((rc = set_query(client, parent, own->query, err))) goto fail;
	if ((rc = ep_relace_set_headers(client, parent, own->headers, own->header_count, err))) goto fail;
	if (own->header_count && (rc = check_headers(client, err))) goto fail;
	if (parent->account && !own->credential && !own->base_url)
		client->account = ep_account_retain(parent->account);
	else if ((rc = set_account(client, !parent->account, err)))
		goto fail;
	*out = client;
	return 0;
fail:
	free_client(client);
	return rc;
}

const char *ep_relace_client_url(const ep_relace_client *client) { return client->url.data; }

ep_relace_text ep_relace_client_query(const ep_relace_client *client)
{
	size_t mark = client->query.len ? 1 : 0;
	return (ep_relace_text){ep_buf_text(&client->query) + mark, client->query.len - mark};
}

ep_relace_rate ep_relace_client_rate(const ep_relace_client *client)
{
	const ep_lane *lane = client->account ? ep_account_lane(client->account) : &client->family->lane;
	return (ep_relace_rate){.limit = ep_rate_pace(&lane->rate) * 60,
		.held = ep_lane_held(lane),
		.waiting = lane->waiting_count,
		.under_way = lane->rate.out,
		.refused = lane->rate.refusals};
}

ep_loop *ep_relace_client_loop(const ep_relace_client *client) { return client->loop; }

ep_secret *ep_relace_client_credential(const ep_relace_client *client) { return client->credential; }

int ep_relace_git_url(const ep_relace_client *client, ep_buf *out, const char *repo_id, size_t len, ep_err *err)
{
	int rc = ep_relace_check_id(repo_id, len, "repo_id", err);
	if (rc) return rc;
	ep_buf_add(out, client->url.data, client->url.len);
	ep_buf_puts(out, "/repo/");
	ep_buf_add(out, repo_id, len);
	ep_buf_puts(out, ".git");
	return ep_buf_failed(out) ? ep_err_set(err, ep_buf_failed(out), "no memory for the URL of a remote") : 0;
}
