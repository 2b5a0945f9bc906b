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
 * Thread: an instance belongs to the thread of its loop; epact_interrupt and epact_request_tree alone may be called
 * from anywhere.
 * Errors: functions return 0 or a negative EPACT_E code; epact_error gives the words. */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EPACT_API __attribute__((visibility("default")))
#else
#define EPACT_API
#endif

/* The codes that an embedding program meets; epact_error has the rest in words. */
enum {
	EPACT_EINVAL = -1,     /* a bad argument */
	EPACT_ENOMEM = -2,     /* not enough memory */
	EPACT_ECANCELLED = -3, /* cancelled by the host or by os.exit */
	EPACT_EIO = -7,        /* the script failed, or the system did */
	EPACT_EBUSY = -12      /* every task waits for another: nothing would ever happen */
};

enum { EPACT_LOG_OFF, EPACT_LOG_ERROR, EPACT_LOG_WARN, EPACT_LOG_INFO, EPACT_LOG_DEBUG };

/* An instance. Life: epact_open .. the callback of epact_close. Owner: the caller. */
typedef struct epact epact;

struct uv_loop_s;

typedef struct epact_options {
	size_t size;            /* sizeof(epact_options): the struct may grow */
	struct uv_loop_s *loop; /* lent by the host, which runs it and keeps it open; NULL: an own one */
	double grace_seconds;   /* how long clean-up after a cancel may take; 0: 5 seconds */
	int log_level;          /* EPACT_LOG_...: the least important one that is given to log */
	void (*log)(void *arg, int level, const char *text); /* NULL: nothing is logged. Secrets are masked */
	void *log_arg;
	double slice_seconds; /* a task that computes longer without waiting, while there are others, is warned of in
	                       * the log; 0: 0.25 seconds; negative: none is */
	void (*tree)(void *arg, const char *text); /* is given the tree of tasks after epact_request_tree */
	void *tree_arg;
	int virtual_time;        /* not 0, for tests: the clock jumps to the next timer when all tasks wait for time */
	unsigned long long seed; /* of the order in which ready tasks then run, and of math.random */
} epact_options;

/* Opens an instance; options may be NULL. 0, or EPACT_ENOMEM, EPACT_EINVAL, EPACT_EIO. */
EPACT_API int epact_open(epact **out, const epact_options *options);

/* Starts a script as the root task: a file ("-": standard input), a text named for error messages, or a module
 * that returns a function. The arguments become `...` and, for a file, the table `arg` with the name at 0.
 * An instance runs one root in its life. 0, or EPACT_EIO for what can't be read or has a syntax error,
 * EPACT_EBUSY when it was started already. */
EPACT_API int epact_start_file(epact *e, const char *path, int argc, const char *const *argv);
EPACT_API int epact_start_text(
	epact *e, const char *text, size_t size, const char *name, int argc, const char *const *argv);
EPACT_API int epact_start_module(epact *e, const char *module, int argc, const char *const *argv);

/* Is told when the root and all it spawned has ended. Call before or right after the start. */
EPACT_API void epact_on_end(epact *e, void (*on_end)(void *arg), void *arg);

/* Runs an own loop until the root has ended. 0, or the code of the failure: EPACT_ECANCELLED after a cancel,
 * EPACT_EIO for an uncaught error, EPACT_EBUSY when its tasks wait for each other alone. */
EPACT_API int epact_run(epact *e);

/* The text of what went wrong last, with secrets masked; the traceback through the tasks. Valid until the next
 * call; "" when there is none. */
EPACT_API const char *epact_error(const epact *e);
EPACT_API const char *epact_traceback(const epact *e);

/* What the script wants the process to end with: os.exit's argument, the integer it returned, 1 after a failure,
 * else 0. */
EPACT_API int epact_exit_status(const epact *e);

/* Cancels the root: its tasks meet the cancel at their waits, clean-up runs, at most for the grace; then tasks
 * that are left are given up. No effect when it has ended. */
EPACT_API void epact_cancel(epact *e);

/* The same from another thread or from a signal handler: async-signal-safe. */
EPACT_API void epact_interrupt(epact *e);

/* What the tasks do, one line for each: state, what it waits for and since when, where it waits and was spawned; those
 * of its scopes below it. Secrets are masked. "" when none is left. Valid until the next call. */
EPACT_API const char *epact_tree(epact *e);

/* Has the instance's `tree` called with that text, from the loop; the run goes on. From any thread or from a signal
 * handler: async-signal-safe. */
EPACT_API void epact_request_tree(epact *e);

/* Closes the instance, whatever its state; on_closed(arg), if not NULL, is the last that happens. On an own loop
 * that is before the return, on a lent one while the host runs it. */
EPACT_API void epact_close(epact *e, void (*on_closed)(void *arg), void *arg);

/* "0.1.0" */
EPACT_API const char *epact_version(void);

#ifdef __cplusplus
}
#endif

#endif
