/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_CLIENT_H
#define EP_RELACE_CLIENT_H

/* A client of the Relace API: where it is, with which credential, and how patiently. Never changed once it is made.
 *
 * Life: counted; calls hold a count. Thread: the loop's. Owner: each holder of a count. The client holds counts of
 * its credential and its profile; the engine must outlive the client's calls.
 * Errors: EP_EINVAL that names the setting; EP_ENOMEM. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/err.h"
#include "runtime/base/secret.h"
#include "runtime/relace/account.h"
#include "runtime/relace/options.h"

typedef struct ep_relace_client ep_relace_client;

enum { EP_RELACE_RETRIES = 2 };
#define EP_RELACE_TIMEOUT (60 * EP_SECOND)       /* of an attempt */
#define EP_RELACE_BULK_TIMEOUT (300 * EP_SECOND) /* of one that sends many files */
#define EP_RELACE_RETRY_WAIT 60.0                /* seconds, all waits of a call */

/* Who wants to know of each attempt: method, host, path (masked), status, duration. */
typedef struct ep_relace_log {
	bool (*wanted)(void *arg); /* asked first: a line that nobody reads is not made */
	void (*write)(void *arg, const char *line);
	void *arg;
} ep_relace_log;

/* Texts are copied; {0} but for the credential is a set of defaults. */
typedef struct ep_relace_settings {
	const char *base_url; /* NULL: EP_RELACE_BASE_URL */
	size_t base_url_len;
	bool allow_http;               /* plain http to other hosts than this machine */
	ep_secret *credential;         /* a count of its own is taken */
	uint64_t timeout;              /* ns of an attempt; 0: EP_RELACE_TIMEOUT, or EP_RELACE_BULK_TIMEOUT */
	int max_retries;               /* < 0: EP_RELACE_RETRIES */
	double max_retry_wait;         /* seconds; < 0: EP_RELACE_RETRY_WAIT */
	double max_rate;               /* most attempts a minute, over this client and all derived from it; 0: no limit */
	ep_accounts *accounts;         /* what clients of one host and credential share; NULL: this client shares nothing */
	bool no_rate_control;          /* learn no limit, and let a 429 hold back nobody but the call that met it */
	const char *user_agent;        /* NULL: "epact/C VERSION" */
	const ep_http_header *headers; /* of every call, in place of ours of that name; as in ep_relace_options */
	size_t header_count;
	ep_relace_text query;        /* of every call that does not say otherwise: "a=b&c=d", encoded */
	ep_relace_log log;           /* {0}: nobody */
	ep_http_settings connection; /* how to connect; its user_agent is not looked at */
} ep_relace_settings;

int ep_relace_client_new(ep_relace_client **out, ep_loop *loop, ep_http *http, ep_secrets *secrets,
	const ep_relace_settings *settings, ep_err *err);

/* What a derived client may have of its own. */
typedef struct ep_relace_override {
	const char *base_url; /* NULL: the same */
	size_t base_url_len;
	bool allow_http;               /* for that one; what the parent may the derived client may too */
	ep_secret *credential;         /* NULL: the same */
	uint64_t timeout;              /* 0: the same */
	int max_retries;               /* < 0: the same */
	double max_retry_wait;         /* < 0: the same */
	const ep_http_header *headers; /* in place of the parent's of that name; one without value takes it away */
	size_t header_count;
	ep_relace_text query; /* in place of the parent's parameters of the same names */
} ep_relace_override;

/* A client of the same connection, with settings of its own. Shares the limit of the rate with its parent. */
int ep_relace_client_derive(
	ep_relace_client **out, ep_relace_client *parent, const ep_relace_override *own, ep_err *err);

ep_relace_client *ep_relace_client_retain(ep_relace_client *client);
void ep_relace_client_release(ep_relace_client *client);

/* "https://api.relace.run/v1", without a slash at its end; borrowed. */
const char *ep_relace_client_url(const ep_relace_client *client);

/* "a=b&c=d", encoded; borrowed. */
ep_relace_text ep_relace_client_query(const ep_relace_client *client);

ep_loop *ep_relace_client_loop(const ep_relace_client *client);

/* What is known of the limit of the client's account, and who waits for it. */
typedef struct ep_relace_rate {
	double limit;  /* attempts a minute that are let through now; 0: no limit is known */
	uint64_t held; /* ns that the server still wants to be left alone */
	size_t waiting, under_way;
	unsigned refused; /* attempts that ever were */
} ep_relace_rate;

ep_relace_rate ep_relace_client_rate(const ep_relace_client *client);

/* Borrowed. */
ep_secret *ep_relace_client_credential(const ep_relace_client *client);

/* Adds the URL of the repo's git remote; the id is checked. */
int ep_relace_git_url(const ep_relace_client *client, ep_buf *out, const char *repo_id, size_t len, ep_err *err);

#endif
