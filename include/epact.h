/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPACT_H
#define EPACT_H

/* epact: an event loop that embeds Lua 5.4 and runs agent scripts.
 *
 *     epact *e;
 *     if (epact_open(&e, NULL) == 0 && epact_start_file(e, "script.lua", argc, argv) == 0) epact_run(e);
 *     int status = epact_exit_status(e);
 *     epact_close(e, NULL, NULL);
 *
 * Thread: an instance belongs to the thread of its loop. From any other may be called: epact_interrupt,
 * epact_request_tree, epact_reply_finish, epact_reply_fail and the functions of values, which belong to no instance.
 * Errors: functions return 0 or a negative EPACT_E code; epact_failure_of gives the words. A text or an array that is
 * needed and is NULL is EPACT_EINVAL; to close NULL is nothing.
 * Callbacks: come from a turn of the loop, unless said otherwise. They may call every function of their instance,
 * epact_close too, but may not run the loop. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EPACT_API __attribute__((visibility("default")))
#else
#define EPACT_API
#endif

/* --- codes --- */

/* What went wrong; the slug of a code, as scripts see it in `err.code`, is behind it. */
enum {
	EPACT_EINVAL = -1,          /* invalid_argument */
	EPACT_ENOMEM = -2,          /* no_memory */
	EPACT_ECANCELLED = -3,      /* cancelled: by the host, or by os.exit */
	EPACT_ETIMEOUT = -4,        /* timeout */
	EPACT_ECLOSED = -5,         /* closed: the instance was, meanwhile */
	EPACT_ETOOLARGE = -6,       /* too_large */
	EPACT_EIO = -7,             /* io: the system failed */
	EPACT_ENOENT = -8,          /* not_found */
	EPACT_EEXIST = -9,          /* exists */
	EPACT_EPERMISSION = -10,    /* permission */
	EPACT_ENOSPACE = -11,       /* no_space */
	EPACT_EBUSY = -12,          /* busy: also, every task waits for another */
	EPACT_EJSON = -13,          /* json */
	EPACT_ESCRIPT = -14,        /* script: Lua raised what is no error object, or one with a slug of its own */
	EPACT_EDNS = -20,           /* dns */
	EPACT_ECONNECT = -21,       /* connection */
	EPACT_ETLS = -22,           /* tls */
	EPACT_EPROTOCOL = -23,      /* protocol */
	EPACT_ETRUNCATED = -24,     /* truncated */
	EPACT_EREDIRECT = -25,      /* redirect */
	EPACT_EDECODE = -26,        /* decode */
	EPACT_EBLOCKED = -28,       /* blocked_address: no public one, and only those are wanted */
	EPACT_EINDOUBT = -27,       /* in_doubt: what must not happen twice may have happened */
	EPACT_EBADREQUEST = -40,    /* bad_request */
	EPACT_EAUTH = -41,          /* authentication */
	EPACT_ECONFLICT = -42,      /* conflict */
	EPACT_EUNPROCESSABLE = -43, /* unprocessable */
	EPACT_ELOCKED = -44,        /* locked */
	EPACT_ERATELIMIT = -45,     /* rate_limit */
	EPACT_ESERVER = -46,        /* server */
	EPACT_ESTATUS = -47,        /* other_status */
	EPACT_EMETHOD = -48,        /* method_not_allowed */
	EPACT_ENOGIT = -60,         /* no_git */
	EPACT_ENOBRANCH = -61,      /* branch_not_found */
	EPACT_EDESTINATION = -62,   /* destination_exists */
	EPACT_ENETWORK = -63,       /* network */
	EPACT_ECORRUPT = -64,       /* corrupt */
	EPACT_EEXIT = -65,          /* exit_status */
	EPACT_ENONFF = -66,         /* non_fast_forward */
	EPACT_ENOTHING = -67,       /* nothing_to_commit */
	EPACT_EDETACHED = -68,      /* detached_head */
	EPACT_ECHANGES = -69,       /* local_changes: they would be lost */
	EPACT_EDATABASE = -70,      /* database */
	EPACT_EUNSAFE = -71         /* unsafe_config: a repository's configuration could run a program */
};

/* What is known of a failure. Texts hold no secret; NULL where nothing is known, but for message and text.
 * Life: of one that the library gives, as said where it is given; it may grow at its end. One that a host gives is
 * copied: {.size = sizeof(epact_failure), .code = ..., .message = ...} is enough.
 * Thread: as of who gives it. Owner: the giver. */
typedef struct epact_failure {
	size_t size;            /* sizeof(epact_failure): the struct may grow */
	int code;               /* EPACT_E... */
	const char *slug;       /* `err.code`, such as "not_found"; given by a host: NULL is that of the code */
	const char *message;    /* one sentence: what failed, on what, why, what to do */
	const char *text;       /* all in one line, for a log: the message with the operation; not read from a host */
	const char *operation;  /* such as "GET http://127.0.0.1:1/v1/repo" or "git clone" */
	const char *detail;     /* the peer's own words */
	const char *request_id; /* the server's */
	const char *traceback;  /* through the tasks; not read from a host */
	int status;             /* HTTP or exit status; 0: none */
	int attempts;           /* tries made; 0: not counted */
	int retryable;          /* not 0: the same may succeed later */
	int maybe_sent;         /* not 0: the peer may have acted on it */
	double retry_after;     /* seconds the peer asked to wait; 0: it did not ask */
} epact_failure;

/* --- values --- */

enum { EPACT_NIL, EPACT_BOOL, EPACT_INTEGER, EPACT_NUMBER, EPACT_STRING, EPACT_LIST, EPACT_MAP };

/* A value that crosses between host and script, where it is copied: plain data, 24 bytes. A Lua table is a list when
 * its keys are 1 to n and there is one, or when epact.json marked it as an array, else a map. What is no data
 * (functions, userdata) is refused; secrets too: scripts say secret:reveal() when they mean it.
 *
 * Life: of one that the library gives, until the callback it was given to returns; epact_value_copy keeps it.
 * Thread: any, one at a time. Owner: the giver; the taker reads it during its call only. */
typedef struct epact_value epact_value;
struct epact_value {
	int type;    /* EPACT_NIL ... EPACT_MAP */
	size_t size; /* of a string in bytes, of a list in values, of a map in pairs; else not read */
	union {
		int boolean;
		int64_t integer;
		double number;
		const char *string; /* bytes; given by the library there is a NUL behind them */
		const epact_value *list;
		const struct epact_pair *map;
	} as;
};

/* Keys are strings, integers, numbers or booleans; of two that are equal the last counts. The order is any. */
typedef struct epact_pair {
	epact_value key, value;
} epact_pair;

/* Make values, on the caller's stack. What they point to is borrowed. epact_text's ends with a NUL. */
EPACT_API epact_value epact_nil(void);
EPACT_API epact_value epact_boolean(int boolean);
EPACT_API epact_value epact_integer(int64_t integer);
EPACT_API epact_value epact_number(double number);
EPACT_API epact_value epact_text(const char *text);
EPACT_API epact_value epact_bytes(const void *bytes, size_t size);
EPACT_API epact_value epact_list(const epact_value *values, size_t count);
EPACT_API epact_value epact_map(const epact_pair *pairs, size_t count);

/* The value at a text key of a map, NULL when there is none, or when map is NULL or no map: so reads can be chained. */
EPACT_API const epact_value *epact_get(const epact_value *map, const char *key);

/* Copies a value and all in it, to be freed with epact_value_free (NULL is fine). NULL: no memory, or nested deeper than
 * 100. */
EPACT_API epact_value *epact_value_copy(const epact_value *value);
EPACT_API void epact_value_free(epact_value *value);

/* --- instances --- */

enum { EPACT_LOG_OFF, EPACT_LOG_ERROR, EPACT_LOG_WARN, EPACT_LOG_INFO, EPACT_LOG_DEBUG };

/* An instance: a Lua state on a loop. Life: epact_open .. the callback of epact_close. Thread: the loop's.
 * Owner: the caller. */
typedef struct epact epact;

struct uv_loop_s;

/* {.size = sizeof(epact_options)} is a set of defaults. Life: read by epact_open only, but for what the callbacks'
 * arguments point to. Thread: any. Owner: the caller; texts are copied. */
typedef struct epact_options {
	size_t size;            /* sizeof(epact_options): the struct may grow */
	struct uv_loop_s *loop; /* lent by the host, which runs it and keeps it open; NULL: an own one */
	double grace_seconds;   /* how long clean-up after a cancel may take; 0: 5 seconds */
	int log_level;          /* EPACT_LOG_...: the least important one that is given to log */
	/* NULL: nothing is logged. Secrets are masked. Comes at any time, also inside of functions: it calls none of them */
	void (*log)(void *arg, int level, const char *text);
	void *log_arg;
	double slice_seconds; /* a task that computes longer without waiting, while there are others, is warned of in
	                       * the log; 0: 0.25 seconds; negative: none is */
	void (*tree)(void *arg, const char *text); /* is given the tree of tasks after epact_request_tree */
	void *tree_arg;
	int virtual_time;        /* not 0, for tests: the clock jumps to the next timer when all tasks wait for time */
	unsigned long long seed; /* of the order in which ready tasks then run, and of math.random */
	size_t memory_limit;     /* most bytes that scripts' values may take; 0: no limit. Beyond it Lua raises no_memory */
	/* Where the memory of scripts' values comes from; NULL: as all other (epact_use_allocator). size 0 frees p, else p
	 * (NULL: new memory) of old_size bytes becomes size bytes; NULL: there is none, p is as it was; what shrinks may not
	 * be refused */
	void *(*allocate)(void *arg, void *p, size_t old_size, size_t size);
	void *allocate_arg;
	const char *const
		*environment;     /* "NAME=VALUE"..., NULL at the end: what scripts see by os.getenv and epact.env, and
	                                 * the processes that they start; NULL: the process's own */
	const char *base_url; /* of the Relace API, with /v1: for clients that say nothing else; NULL: RELACE_BASE_URL */
	const char *api_key;  /* the same; kept as a secret; NULL: RELACE_API_KEY */
} epact_options;

/* The functions by which the library takes memory outside of Lua, in the whole process. Thread: they are called from
 * any. The libraries below (libuv, libcurl, SQLite) keep their own. */
typedef struct epact_allocator {
	void *(*alloc)(size_t size);
	void *(*calloc)(size_t count, size_t size);
	void *(*realloc)(void *p, size_t size);
	void (*free)(void *p);
} epact_allocator;

/* Sets them, once in a process and before anything else of this header is called: they are copied. 0, or EPACT_EBUSY when
 * memory was taken already. */
EPACT_API int epact_use_allocator(const epact_allocator *functions);

/* Opens an instance; options may be NULL. 0, or EPACT_ENOMEM, EPACT_EINVAL, EPACT_EIO. */
EPACT_API int epact_open(epact **out, const epact_options *options);

/* What a script or a call came to. Life: until the callback returns. Thread: the loop's. Owner: the library. */
typedef struct epact_result {
	const epact_failure *failure; /* NULL: it succeeded */
	size_t count;                 /* of the values that it returned; 0 after a failure */
	const epact_value *values;
} epact_result;

typedef void epact_done(void *arg, const epact_result *result);

/* --- scripts --- */

/* Starts a script: a file ("-": standard input), a text named for error messages, or a module that returns a function.
 * The arguments become `...` and, for a file, the table `arg` with the name at 0. One script runs at a time: 0, or
 * EPACT_EBUSY while one does; EPACT_EIO for what can't be read, EPACT_ESCRIPT for what has a syntax error. */
EPACT_API int epact_start_file(epact *e, const char *path, int argc, const char *const *argv);
EPACT_API int epact_start_text(
	epact *e, const char *text, size_t size, const char *name, int argc, const char *const *argv);
EPACT_API int epact_start_module(epact *e, const char *module, int argc, const char *const *argv);

/* Says who is told, once, when the script and all it spawned has ended. Call before or right after the start. */
EPACT_API void epact_on_end(epact *e, epact_done *on_end, void *arg);

/* What the script wants the process to end with: os.exit's argument, the integer it returned, 1 after a failure,
 * else 0. */
EPACT_API int epact_exit_status(const epact *e);

/* Gives scripts a module from memory, which `require(name)` then loads: a Lua text, which is copied. It comes before
 * files of that name. EPACT_EEXIST when there is such a module in epact or from the host. */
EPACT_API int epact_module(epact *e, const char *name, const char *text, size_t size);

/* --- calls --- */

/* A call of a Lua function that is under way. Life: epact_call_start .. its callback. Thread: the loop's.
 * Owner: the library. */
typedef struct epact_call epact_call;

/* Starts a call: the function runs as a task of its own, beside the script and other calls, and may wait as any task.
 * The function is a global ("greet"), one in a global table ("handlers.push") or of a module ("my.plan.run": `run` of
 * what `require "my.plan"` returns; the module is loaded when it is not yet). on_done(arg, result) is called exactly
 * once, when it and all it spawned has ended: with what it returned or why it failed; EPACT_ECLOSED when the instance was
 * closed before. out and on_done may be NULL. 0; else nothing was started, and on_done is not called. */
EPACT_API int epact_call_start(epact_call **out, epact *e, const char *function, const epact_value *args, size_t nargs,
	epact_done *on_done, void *arg);

/* Cancels the call: it meets the cancel at its next wait, cleans up, and ends with EPACT_ECANCELLED, unless it has
 * succeeded meanwhile. When the grace is over it is given up, as by epact_cancel. */
EPACT_API void epact_call_cancel(epact_call *call);

/* --- functions of the host --- */

/* The answer to a call of a host function. Life: from the function's call until it is finished, exactly once, whatever
 * happens meanwhile: a reply that is never finished is a leak. Thread: epact_reply_finish and epact_reply_fail any;
 * the rest the loop's. Owner: the host. */
typedef struct epact_reply epact_reply;

/* A host function. It finishes the reply before it returns, or keeps it and finishes it later, from any thread: then
 * the task that called waits meanwhile, and others run. It may not throw. */
typedef void epact_function(void *arg, epact_reply *reply, const epact_value *args, size_t nargs);

/* Gives scripts the function `NAME` of the module `MODULE`, for the name "MODULE.NAME": require("MODULE").NAME(...).
 * Again with the same name: replaces it; NULL takes it away. EPACT_EINVAL for a name without a dot; EPACT_EEXIST when
 * the module is another's. */
EPACT_API int epact_register(epact *e, const char *name, epact_function *function, void *arg);

/* Finishes the reply: the script's call returns the values, which are copied, or raises the failure (the script's own
 * error object, with these fields). A failure NULL is one without words. Without memory for the copy the call fails with
 * EPACT_ENOMEM. After a cancel nobody is there to be told any more, but the reply is to be finished all the same. */
EPACT_API void epact_reply_finish(epact_reply *reply, const epact_value *values, size_t count);
EPACT_API void epact_reply_fail(epact_reply *reply, const epact_failure *failure);

/* Says who is told, once, when the task that waits is cancelled or the instance is closed before the reply is finished.
 * The callback comes from inside the library: it may finish this reply and start work of the host, no more. Call inside
 * the function, before work is handed to another thread; where another thread finishes the reply, it may do so in that
 * very moment, so what arg points to outlives both. */
EPACT_API void epact_reply_on_cancel(epact_reply *reply, void (*on_cancel)(void *arg), void *arg);

/* --- running and ending --- */

/* Runs an own loop until the script and all calls have ended. 0, or the code of the script's failure; EPACT_EBUSY when
 * tasks wait for each other alone: then the script has failed, and calls are left until something is called that helps
 * them, or until the close. */
EPACT_API int epact_run(epact *e);

/* The bytes that scripts' values take now: what memory_limit limits. */
EPACT_API size_t epact_memory_used(const epact *e);

/* Instead of epact_run, for a host that polls with epoll, glib or the like, on an own loop: call epact_turn, which never
 * waits; then wait until the descriptor of epact_poll_fd is readable or the milliseconds of epact_poll_timeout are over
 * (-1: the descriptor alone; 0: at once), and again. Ask for the time behind everything else that was called, too: what a
 * call starts is seen by the next turn. 0, or as epact_run: EPACT_EBUSY when tasks wait for each other alone, EPACT_ECLOSED
 * after a close. The descriptor stays the same. */
EPACT_API int epact_turn(epact *e);
EPACT_API int epact_poll_fd(const epact *e);
EPACT_API int epact_poll_timeout(epact *e);

/* What went wrong last: in a function that returned a code, or in the script. Valid until the next call; never NULL: the
 * code is 0 when nothing did. epact_error is its text, epact_traceback its traceback; both "" when there is none. */
EPACT_API const epact_failure *epact_failure_of(const epact *e);
EPACT_API const char *epact_error(const epact *e);
EPACT_API const char *epact_traceback(const epact *e);

/* Cancels the script and all calls: their tasks meet the cancel at their waits, clean-up runs, at most for the grace; then
 * tasks that are left are given up, and their callbacks called. */
EPACT_API void epact_cancel(epact *e);

/* The same from another thread or from a signal handler, until epact_close is called: async-signal-safe. */
EPACT_API void epact_interrupt(epact *e);

/* What the tasks do, one line for each: state, what it waits for and since when, where it waits and was spawned; those
 * of its scopes below it. Secrets are masked. "" when none is left. Valid until the next call. */
EPACT_API const char *epact_tree(epact *e);

/* Has the instance's `tree` called with that text, from the loop; the run goes on. From any thread or from a signal
 * handler: async-signal-safe. */
EPACT_API void epact_request_tree(epact *e);

/* Closes the instance, whatever its state: the script and calls that have not ended fail with EPACT_ECLOSED; then
 * on_closed(arg), if not NULL, is the last that happens. On an own loop that is before the return (called from a callback:
 * before epact_run returns), on a lent one while the host runs it. A repo token that is being made is waited for, at most
 * for the grace, and deleted. */
EPACT_API void epact_close(epact *e, void (*on_closed)(void *arg), void *arg);

/* "0.1.0" */
EPACT_API const char *epact_version(void);

#ifdef __cplusplus
}
#endif

#endif
