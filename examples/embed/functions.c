/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the host that scripts call: one that answers at once, one that is answered by another thread, and what
 * happens when the script does not want to wait any longer.
 *
 *     cc functions.c -o functions $(pkg-config --cflags --libs epact) -pthread && ./functions */
#include <epact.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char script[] = "local app, task = require 'app', require 'epact.task'\n"
							 "print('version', app.version())\n"
							 "local results = task.map({ 'a', 'b', 'c' }, function(word) return app.shout(word) end)\n"
							 "print('threads', table.concat(results, ' '))\n"
							 "print('failure', select(2, pcall(app.shout, '')))\n"
							 "print('too slow', select(2, pcall(task.timeout, 0.01, app.never)))\n";

/* app.version() */
static void version(void *arg, epact_reply *reply, const epact_value *args, size_t nargs)
{
	const epact_value value = epact_text(arg);
	(void)args, (void)nargs;
	epact_reply_finish(reply, &value, 1);
}

typedef struct job {
	epact_reply *reply;
	epact_value *word; /* a copy: the arguments are gone when the function returns */
} job;

static atomic_int threads;

static void *shout_in_thread(void *arg)
{
	job *j = arg;
	char text[64];
	usleep(10000); /* hard work */
	snprintf(text, sizeof text, "%.*s!", (int)j->word->size, j->word->as.string);
	const epact_value value = epact_text(text);
	epact_reply_finish(j->reply, &value, 1);
	epact_value_free(j->word);
	free(j);
	atomic_fetch_sub(&threads, 1);
	return NULL;
}

/* app.shout(word): the task waits, others run; the thread answers. */
static void shout(void *arg, epact_reply *reply, const epact_value *args, size_t nargs)
{
	const epact_failure failure = {.size = sizeof failure, .code = EPACT_EINVAL, .message = "a word is expected"};
	pthread_t thread;
	job *j = nargs == 1 && args[0].type == EPACT_STRING && args[0].size ? calloc(1, sizeof *j) : NULL;
	(void)arg;
	if (!j) {
		epact_reply_fail(reply, &failure);
		return;
	}
	*j = (job){reply, epact_value_copy(&args[0])};
	atomic_fetch_add(&threads, 1);
	if (pthread_create(&thread, NULL, shout_in_thread, j) == 0) {
		pthread_detach(thread);
		return;
	}
	atomic_fetch_sub(&threads, 1);
	epact_reply_fail(reply, NULL);
	epact_value_free(j->word);
	free(j);
}

/* A reply is finished once, whatever happens: here when nobody waits any more. */
static void on_cancel(void *arg)
{
	printf("app.never was cancelled\n");
	epact_reply_fail(arg, NULL);
}

/* app.never() */
static void never(void *arg, epact_reply *reply, const epact_value *args, size_t nargs)
{
	(void)arg, (void)args, (void)nargs;
	epact_reply_on_cancel(reply, on_cancel, reply);
}

int main(void)
{
	epact *e;
	setvbuf(stdout, NULL, _IONBF, 0);
	if (epact_open(&e, NULL)) return 1;
	epact_register(e, "app.version", version, "7.1");
	epact_register(e, "app.shout", shout, NULL);
	epact_register(e, "app.never", never, NULL);
	if (epact_start_text(e, script, strlen(script), "script", 0, NULL) || epact_run(e))
		fprintf(stderr, "%s\n", epact_error(e));
	int status = epact_exit_status(e);
	epact_close(e, NULL, NULL);
	while (atomic_load(&threads)) usleep(1000);
	return status;
}
