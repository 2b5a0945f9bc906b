/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPACT_RELACE_H
#define EPACT_RELACE_H

/* The client of the Relace API, and git clone, for C programs without Lua: the engines that scripts use, with their retries,
 * masked errors and credentials that leave no trace.
 *
 *     const epact_relace_options options = {.size = sizeof options, .api_key = key};
 *     epact_relace *r;
 *     if (epact_relace_open(&r, &options)) return 1;
 *     const char *repos[] = {id};
 *     epact_relace_token_create(NULL, r, "agent", repos, 1, 3600, on_token, NULL);
 *     epact_relace_run(r);
 *     epact_relace_close(r, NULL, NULL);
 *
 * Thread: a client belongs to the thread of its loop.
 * Errors: what a function starts ends by its callback, exactly once, also with a bad argument; the function itself fails
 * with EPACT_ENOMEM or EPACT_ECLOSED alone, and then calls nobody. Texts are copied, and may be freed behind the call.
 * Callbacks: as in epact.h: from a turn of the loop; they may call every function but epact_relace_run. */

#include "epact.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A client. Life: epact_relace_open .. the callback of epact_relace_close. Thread: the loop's. Owner: the caller. */
typedef struct epact_relace epact_relace;

/* A call that is under way. Life: until its callback. Thread: the loop's. Owner: the library. */
typedef struct epact_relace_call epact_relace_call;

/* Life: read by epact_relace_open only. Thread: any. Owner: the caller. */
typedef struct epact_relace_options {
	size_t size;            /* sizeof(epact_relace_options): the struct may grow */
	struct uv_loop_s *loop; /* lent by the host, as in epact_options; NULL: an own one */
	const char *api_key;    /* or a repo token; required */
	const char *base_url;   /* with /v1; NULL: https://api.relace.run/v1 */
	int allow_http;         /* not 0: plain http to other machines than this one */
	const char *ca_file;    /* certificates to trust in place of the system's; NULL: the system's */
	double timeout_seconds; /* of an attempt; 0: 60, or 300 for what sends files */
	int max_retries;        /* further attempts; 0: 2; negative: none */
	char *why;              /* where the words go when the open fails; NULL: nowhere */
	size_t why_size;
} epact_relace_options;

/* Opens a client; nothing is sent. 0, EPACT_EINVAL for a setting that cannot be, EPACT_ENOMEM, EPACT_EIO. */
EPACT_API int epact_relace_open(epact_relace **out, const epact_relace_options *options);

/* Runs an own loop until no call is under way. 0. */
EPACT_API int epact_relace_run(epact_relace *r);

/* Closes the client: calls that are under way are cancelled and end with EPACT_ECLOSED, then on_closed(arg), if not NULL. On
 * an own loop that is before the return (called from a callback: before epact_relace_run returns), on a lent one while the
 * host runs it. A token that is being made is waited for, two seconds at most, and deleted. */
EPACT_API void epact_relace_close(epact_relace *r, void (*on_closed)(void *arg), void *arg);

/* Cancels the call, which ends with EPACT_ECANCELLED. What a create may have made is deleted where that is known; a clone
 * removes its folder. */
EPACT_API void epact_relace_cancel(epact_relace_call *call);

/* Makes a repo token for some repos; ttl_seconds 0: it does not expire. Result: a map with "token", "name", "repo_ids" and
 * "expires_at", as the server says it. Never repeated when it may have been carried out. out may be NULL, here and below. */
EPACT_API int epact_relace_token_create(epact_relace_call **out, epact_relace *r, const char *name,
	const char *const *repo_ids, size_t count, long ttl_seconds, epact_done *on_done, void *arg);

/* Deletes a token; one that is gone already is success. No result. */
EPACT_API int epact_relace_token_delete(
	epact_relace_call **out, epact_relace *r, const char *token, epact_done *on_done, void *arg);

/* Makes a repo of a folder's files, by git's rules: in a work tree what is ignored stays out; NULL: an empty one. Result: a
 * map with "repo_id" and "repo_head". */
EPACT_API int epact_relace_repo_create(
	epact_relace_call **out, epact_relace *r, const char *folder, epact_done *on_done, void *arg);

/* Deletes a repo; one that is gone already is success. No result. */
EPACT_API int epact_relace_repo_delete(
	epact_relace_call **out, epact_relace *r, const char *repo_id, epact_done *on_done, void *arg);

/* Makes a folder's files all that the repo holds, streamed from disk. skip_binary not 0: what is no text is left out, else
 * it is an error. Result: a map with "repo_id", "repo_head", "changed_files". */
EPACT_API int epact_relace_overwrite(epact_relace_call **out, epact_relace *r, const char *repo_id, const char *folder,
	int skip_binary, epact_done *on_done, void *arg);

/* Clones the repo into a folder that must not exist, or be empty. branch NULL: the default one; depth in commits, 0: all.
 * The credential reaches git by a socket: no argument, variable or file holds it. Result: a map with "directory", "head",
 * "branch". */
EPACT_API int epact_relace_clone(epact_relace_call **out, epact_relace *r, const char *repo_id, const char *folder,
	const char *branch, unsigned depth, epact_done *on_done, void *arg);

/* Calls any route: method "GET", "POST", "PUT", "PATCH" or "DELETE"; path below the base URL, encoded; body a JSON text or
 * NULL. POST and PATCH are never repeated when they may have been carried out. Result: the answer's JSON as a value; a
 * string when it is no JSON, none when it is empty. */
EPACT_API int epact_relace_request(epact_relace_call **out, epact_relace *r, const char *method, const char *path,
	const char *body, size_t size, epact_done *on_done, void *arg);

#ifdef __cplusplus
}
#endif

#endif
