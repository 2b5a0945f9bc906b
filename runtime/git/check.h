/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CHECK_H
#define EP_GIT_CHECK_H

/* What may be handed to git: checked before anything starts, so that no value can become an option or a second line.
 *
 * Life: texts are copied. Thread: any. Owner: the caller. Errors: EP_EINVAL with a message that names what is wrong,
 * EP_ENOMEM. */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/err.h"
#include "runtime/base/secret.h"

/* A branch or tag: git's rules for the name of a ref (check-ref-format), at most 250 bytes, and no '-' in front. */
int ep_git_ref_check(const char *name, size_t len, ep_err *err);

/* A filter of a partial clone: blob:none, blob:limit=N, tree:N, object:type=T, or combine: of these. */
int ep_git_filter_check(const char *filter, size_t len, ep_err *err);

/* The password of an answer to git, which is made of lines: not empty, and without control characters. */
int ep_git_password_check(const ep_secret *secret, ep_err *err);

/* A folder of a sparse checkout: a path below the top of the repository, a '/' at its end or not. */
int ep_git_sparse_check(const char *folder, ep_err *err);

/* A folder on this machine from which git may borrow: a repository that is there. For a thread that may block. */
int ep_git_reference_check(const char *path, ep_err *err);

typedef struct ep_git_url {
	char *text;    /* as given */
	char *scheme;  /* "https" or "http" */
	char *host;    /* with the port, if one was given */
	char *path;    /* as git asks for it: decoded, without slashes around it */
	char *scope;   /* scheme://host */
	bool loopback; /* the host is this machine */
} ep_git_url;

/* Takes an http or https URL without credentials, query and fragment apart. http to another host than this machine
 * is refused unless allow_http. No message repeats the URL, which could hold a secret. */
int ep_git_url_read(ep_git_url *url, const char *text, size_t len, bool allow_http, ep_err *err);

void ep_git_url_fini(ep_git_url *url);

/* Whether a credential for `scope` (NULL: none is) may go to the URL: that lies there, or below it. */
bool ep_git_url_covers(const char *scope, const char *url);

/* The same of a remote's URL; of another transport, which a repository object may be allowed, the error says so. */
int ep_git_remote_read(ep_git_url *url, const char *text, bool allow_http, ep_err *err);

/* Whether the URL, or the path, is of a transport in protocols, such as "file:ssh" (NULL: none). */
bool ep_git_is_other_transport(const char *url, const char *protocols);

/* Whether a remote may have the URL: one of those transports, or as ep_git_url_read takes it. */
int ep_git_remote_check(const char *url, const char *protocols, bool allow_http, ep_err *err);

#endif
