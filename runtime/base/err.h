/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_ERR_H
#define EP_BASE_ERR_H

/* Errors: a negative code says what kind, an ep_err says the rest.
 *
 * Life: the caller's memory, {0} is "no error"; ep_err_fini frees what it holds. Thread: the owner's.
 * Owner: the struct owns its texts. No text of an ep_err may hold a secret: mask before it is set. */

#include <stdarg.h>
#include <stdbool.h>

/* X(NAME, number, "slug"): the slug is `err.code` in Lua. */
#define EP_ERRORS(X)                                                                                                   \
	X(EINVAL, -1, "invalid_argument")                                                                                  \
	X(ENOMEM, -2, "no_memory")                                                                                         \
	X(ECANCELLED, -3, "cancelled")                                                                                     \
	X(ETIMEOUT, -4, "timeout")                                                                                         \
	X(ECLOSED, -5, "closed")                                                                                           \
	X(ETOOLARGE, -6, "too_large")                                                                                      \
	X(EIO, -7, "io")                                                                                                   \
	X(ENOENT, -8, "not_found")                                                                                         \
	X(EEXIST, -9, "exists")                                                                                            \
	X(EPERMISSION, -10, "permission")                                                                                  \
	X(ENOSPACE, -11, "no_space")                                                                                       \
	X(EBUSY, -12, "busy")                                                                                              \
	X(EJSON, -13, "json")                                                                                              \
	X(ESCRIPT, -14, "script")                                                                                          \
	X(EDNS, -20, "dns")                                                                                                \
	X(ECONNECT, -21, "connection")                                                                                     \
	X(ETLS, -22, "tls")                                                                                                \
	X(EPROTOCOL, -23, "protocol")                                                                                      \
	X(ETRUNCATED, -24, "truncated")                                                                                    \
	X(EREDIRECT, -25, "redirect")                                                                                      \
	X(EDECODE, -26, "decode")                                                                                          \
	X(EBLOCKED, -28, "blocked_address")                                                                                \
	X(EINDOUBT, -27, "in_doubt")                                                                                       \
	X(EBADREQUEST, -40, "bad_request")                                                                                 \
	X(EAUTH, -41, "authentication")                                                                                    \
	X(ECONFLICT, -42, "conflict")                                                                                      \
	X(EUNPROCESSABLE, -43, "unprocessable")                                                                            \
	X(ELOCKED, -44, "locked")                                                                                          \
	X(ERATELIMIT, -45, "rate_limit")                                                                                   \
	X(ESERVER, -46, "server")                                                                                          \
	X(ESTATUS, -47, "other_status")                                                                                    \
	X(EMETHOD, -48, "method_not_allowed")                                                                              \
	X(ENOGIT, -60, "no_git")                                                                                           \
	X(ENOBRANCH, -61, "branch_not_found")                                                                              \
	X(EDESTINATION, -62, "destination_exists")                                                                         \
	X(ENETWORK, -63, "network")                                                                                        \
	X(ECORRUPT, -64, "corrupt")                                                                                        \
	X(EEXIT, -65, "exit_status")                                                                                       \
	X(ENONFF, -66, "non_fast_forward")                                                                                 \
	X(ENOTHING, -67, "nothing_to_commit")                                                                              \
	X(EDETACHED, -68, "detached_head")                                                                                 \
	X(ECHANGES, -69, "local_changes")                                                                                  \
	X(EDATABASE, -70, "database")                                                                                      \
	X(EUNSAFE, -71, "unsafe_config")

enum {
#define X(name, number, slug) EP_##name = (number),
	EP_ERRORS(X)
#undef X
};

/* What the peer said of its limit of the rate. */
typedef struct ep_err_rate {
	bool given;                     /* any of them was */
	double limit, remaining, reset; /* as the peer wrote them; -1: not given */
} ep_err_rate;

typedef struct ep_err {
	int code;           /* 0: no error */
	int status;         /* HTTP status or exit status; 0: none */
	int attempts;       /* tries made; 0: not counted */
	bool retryable;     /* the same call may succeed later */
	bool maybe_sent;    /* the peer may have acted on it */
	double retry_after; /* seconds the peer asked to wait; 0: it did not ask */
	ep_err_rate rate;
	char *message;    /* one sentence: what failed, on what, why, what to do */
	char *operation;  /* such as "GET http://127.0.0.1:1/v1/repo" or "git clone"; NULL if none */
	char *detail;     /* the peer's own words: a body's start, the end of git's stderr; NULL if none */
	char *request_id; /* NULL if none */
} ep_err;

/* The slug of a code, "unknown" for a number that is none. */
const char *ep_err_slug(int code);

/* The code of a slug, 0 if there is none. */
int ep_err_code(const char *slug);

/* The code of a negative libuv result or a negated errno, which libuv's are on Linux. */
int ep_err_of_errno(int negative_errno);

/* Sets code and message unless an error is there already (the first one tells the cause); returns code.
 * err may be NULL. The message is cut, never lost, when memory runs out. */
int ep_err_set(ep_err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ep_err_vset(ep_err *err, int code, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

/* Sets code and message from a negated errno: "WHAT: No space left on device". Returns the code. */
int ep_err_set_errno(ep_err *err, int negative_errno, const char *what);

/* Replaces one of the texts by a copy of len bytes. */
void ep_err_text(char **text, const char *bytes, unsigned long len);

/* The message, or the slug's words when there was no memory for one. */
const char *ep_err_message(const ep_err *err);

void ep_err_fini(ep_err *err);

/* Moves what `from` holds into `to` (whose own is freed); `from` is then empty. to may be
 * NULL: nobody wants to know. */
void ep_err_move(ep_err *to, ep_err *from);

#endif
