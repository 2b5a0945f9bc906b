/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/loop/loop.h"

#include <math.h>
#include <time.h>

#include "runtime/base/mem.h"
#include "runtime/loop/op.h"
#include "runtime/loop/private.h"

enum { TURN_LIMIT = 256, TURN_MSEC = 2 }; /* jobs, or time, between two looks at the sockets and timers */

uv_loop_t *ep_loop_uv(ep_loop *loop) { return loop->uv; }

uint64_t ep_loop_now(const ep_loop *loop) { return loop->virtual.on ? loop->virtual.now : uv_hrtime(); }

uint64_t ep_loop_coarse(const ep_loop *loop)
{
#ifdef CLOCK_MONOTONIC_COARSE
	struct timespec t;
	if (!loop->virtual.on && !clock_gettime(CLOCK_MONOTONIC_COARSE, &t))
		return (uint64_t)t.tv_sec * EP_SECOND + (uint64_t)t.tv_nsec;
#endif
	return ep_loop_now(loop);
}

bool ep_loop_closing(const ep_loop *loop) { return loop->closing; }

unsigned long ep_loop_open_ops(const ep_loop *loop) { return loop->open_ops; }

/* Our handles are all unref'd but this one, referenced while anything is open: so a host's uv_run stays as
 * long as there is work, and no longer. */
static void update_alive(ep_loop *loop)
{
	bool alive = loop->open_ops || loop->holds || loop->timers.count || (loop->closing && loop->handles) ||
		!ep_list_empty(&loop->ready);
	if (alive == loop->alive) return;
	loop->alive = alive;
	if (alive)
		uv_ref((uv_handle_t *)&loop->mail_signal);
	else
		uv_unref((uv_handle_t *)&loop->mail_signal);
}

void ep_loop_count_op(ep_loop *loop, int change)
{
	loop->open_ops += (unsigned long)(long)change;
	update_alive(loop);
}

void ep_loop_hold(ep_loop *loop)
{
	loop->holds++;
	update_alive(loop);
}

void ep_loop_unhold(ep_loop *loop)
{
	loop->holds--;
	update_alive(loop);
}

void ep_loop_handle_opened(ep_loop *loop) { loop->handles++; }

void ep_loop_handle_closed(ep_loop *loop)
{
	loop->handles--;
	ep_loop_try_close(loop);
}

/* --- the ready queue --- */

static void on_idle(uv_idle_t *idle) { (void)idle; } /* its being active is what keeps the poll from waiting */

void ep_loop_ready(ep_loop *loop, ep_job *job)
{
	if (ep_node_linked(&job->link)) return;
	if (ep_list_empty(&loop->ready)) uv_idle_start(&loop->busy, on_idle);
	ep_list_push(&loop->ready, &job->link);
	update_alive(loop);
}

static ep_node *next_job(ep_loop *loop)
{
	return loop->virtual.on ? ep_virtual_shift(loop) : ep_list_shift(&loop->ready);
}

static void turn(ep_loop *loop)
{
	if (loop->turning) return; /* a job may run the host's loop; the queue is not entered twice */
	loop->turning = true;
	ep_node *n;
	uint64_t end = ep_loop_now(loop) + TURN_MSEC * EP_MSEC;
	for (int i = 0; i < TURN_LIMIT && (n = next_job(loop)); i++) {
		ep_job *job = EP_CONTAINER(n, ep_job, link);
		job->run(job);
		if (ep_loop_now(loop) >= end) break;
	}
	loop->turning = false;
	if (ep_list_empty(&loop->ready)) uv_idle_stop(&loop->busy);
	update_alive(loop);
	ep_loop_try_close(loop);
}

static void on_prepare(uv_prepare_t *p)
{
	ep_loop *loop = p->data;
	turn(loop);
	if (loop->virtual.on) ep_virtual_before_poll(loop);
}

static void on_check(uv_check_t *c)
{
	ep_loop *loop = c->data;
	if (loop->virtual.on) ep_virtual_after_poll(loop);
	turn(loop);
}

/* One turn of uv; EP_EBUSY when no other could ever make *until true. */
static int step(ep_loop *loop, const bool *until, uv_run_mode mode)
{
	return !uv_run(loop->uv, mode) && !*until && ep_list_empty(&loop->ready) ? EP_EBUSY : 0;
}

int ep_loop_run(ep_loop *loop, const bool *until)
{
	int rc = 0;
	while (!rc && !*until) rc = step(loop, until, UV_RUN_ONCE);
	return rc;
}

int ep_loop_poll(ep_loop *loop, const bool *until) { return step(loop, until, UV_RUN_NOWAIT); }

int ep_loop_poll_fd(const ep_loop *loop) { return uv_backend_fd(loop->uv); }

int ep_loop_poll_timeout(ep_loop *loop)
{
	/* uv tells its descriptor of new sockets when it polls the next time, and not before. */
	if (loop->uv->watcher_queue[0] != &loop->uv->watcher_queue) return 0;
	uv_update_time(loop->uv);
	return uv_backend_timeout(loop->uv);
}

/* --- timers --- */

uint64_t ep_seconds(double seconds)
{
	if (!(seconds > 0)) return 0;
	return seconds > 9e9 ? UINT64_MAX / 2 : (uint64_t)ceil(seconds * 1e9);
}

static uint64_t ms_up(uint64_t ns) { return ns / EP_MSEC + (ns % EP_MSEC != 0); }

static void on_uv_timer(uv_timer_t *t);

/* uv counts milliseconds of the same clock, rounded down: a due time rounded up is never early. In virtual time the
 * timer is armed anew before each poll. */
void ep_loop_arm(ep_loop *loop)
{
	const ep_heap_entry *first = ep_heap_first(&loop->timers);
	update_alive(loop);
	if (!first) {
		loop->armed = 0;
		uv_timer_stop(&loop->timer);
		return;
	}
	uint64_t now = uv_now(loop->uv), due = ms_up(first->key);
	if (loop->virtual.on) due = now + (first->key > loop->virtual.now ? ms_up(first->key - loop->virtual.now) : 0);
	if (due == loop->armed && !loop->virtual.on) return;
	loop->armed = due;
	uv_timer_start(&loop->timer, on_uv_timer, due > now ? due - now : 0, 0);
}

static void on_uv_timer(uv_timer_t *t)
{
	ep_loop *loop = t->data;
	uint64_t now = ep_loop_now(loop);
	ep_heap_entry *e;
	loop->armed = 0;
	while ((e = ep_heap_first(&loop->timers)) && e->key <= now) {
		ep_heap_remove(&loop->timers, e);
		ep_timer *timer = EP_CONTAINER(e, ep_timer, entry);
		timer->fire(timer);
	}
	ep_loop_arm(loop);
}

int ep_timer_start(ep_loop *loop, ep_timer *timer, uint64_t delay, void (*fire)(ep_timer *))
{
	uint64_t now = ep_loop_now(loop);
	ep_heap_remove(&loop->timers, &timer->entry);
	timer->fire = fire;
	int rc = ep_heap_insert(&loop->timers, &timer->entry, delay > UINT64_MAX / 2 - now ? UINT64_MAX / 2 : now + delay);
	ep_loop_arm(loop);
	return rc;
}

void ep_timer_stop(ep_loop *loop, ep_timer *timer)
{
	if (!timer->entry.place) return;
	ep_heap_remove(&loop->timers, &timer->entry);
	ep_loop_arm(loop);
}

/* --- mailbox --- */

ep_mailbox *ep_loop_mailbox(const ep_loop *loop) { return loop->mailbox; }

static void read_mail(ep_job *job) { ep_mailbox_read(EP_CONTAINER(job, ep_loop, mail_job)->mailbox); }

static void on_mail(uv_async_t *a)
{
	ep_loop *loop = a->data;
	ep_loop_ready(loop, &loop->mail_job);
}

/* --- open and close --- */

static void own_handle(ep_loop *loop, void *handle)
{
	uv_handle_t *h = handle;
	h->data = loop;
	uv_unref(h);
	loop->own_handles++;
}

static int init_handles(ep_loop *loop)
{
	int rc = uv_async_init(loop->uv, &loop->mail_signal, on_mail);
	if (rc) return rc;
	own_handle(loop, &loop->mail_signal);
	uv_prepare_init(loop->uv, &loop->before);
	uv_check_init(loop->uv, &loop->after);
	uv_idle_init(loop->uv, &loop->busy);
	uv_timer_init(loop->uv, &loop->timer);
	own_handle(loop, &loop->before);
	own_handle(loop, &loop->after);
	own_handle(loop, &loop->busy);
	own_handle(loop, &loop->timer);
	uv_prepare_start(&loop->before, on_prepare);
	uv_check_start(&loop->after, on_check);
	return 0;
}

int ep_loop_open(ep_loop **out, uv_loop_t *lent, ep_err *err)
{
	int rc = 0;
	ep_loop *loop = ep_calloc(1, sizeof *loop);
	if (!loop) return ep_err_set(err, EP_ENOMEM, "no memory for an event loop");
	ep_node_init(&loop->ready);
	ep_node_init(&loop->open);
	ep_job_init(&loop->mail_job, read_mail);
	ep_loop_settle_init(loop);
	loop->uv = lent;
	if (!(loop->mailbox = ep_mailbox_new(&loop->mail_signal))) goto fail;
	if (!lent) {
		loop->uv = &loop->own;
		if ((rc = uv_loop_init(&loop->own))) goto fail_mailbox;
	}
	if ((rc = init_handles(loop))) goto fail_uv;
	*out = loop;
	return 0;
fail_uv:
	if (!lent) uv_loop_close(&loop->own);
fail_mailbox:
	ep_mailbox_release(loop->mailbox);
fail:
	ep_free(loop);
	return ep_err_set_errno(err, rc ? rc : UV_ENOMEM, "opening an event loop");
}

static void free_loop(ep_loop *loop)
{
	void (*on_closed)(void *) = loop->on_closed;
	void *arg = loop->closed_arg;
	ep_heap_fini(&loop->timers);
	bool own = loop->uv == &loop->own;
	if (own) {
		loop->closed = true; /* ep_loop_close is still running the uv loop: it frees */
		return;
	}
	ep_free(loop);
	if (on_closed) on_closed(arg);
}

static void on_own_closed(uv_handle_t *h)
{
	ep_loop *loop = h->data;
	if (--loop->own_handles == 0) free_loop(loop);
}

/* Called whenever something has ended: the last of them closes the loop's own handles. */
void ep_loop_try_close(ep_loop *loop)
{
	if (!loop->closing || loop->own_closing || loop->turning) return;
	if (loop->open_ops || loop->handles || loop->holds || !ep_list_empty(&loop->ready)) return;
	loop->own_closing = true;
	ep_mailbox_close(loop->mailbox); /* letters that came in time are read, none is lost */
	uv_close((uv_handle_t *)&loop->mail_signal, on_own_closed);
	uv_close((uv_handle_t *)&loop->before, on_own_closed);
	uv_close((uv_handle_t *)&loop->after, on_own_closed);
	uv_close((uv_handle_t *)&loop->busy, on_own_closed);
	uv_close((uv_handle_t *)&loop->timer, on_own_closed);
}

static void run_to_end(ep_loop *loop)
{
	void (*on_closed)(void *) = loop->on_closed;
	void *arg = loop->closed_arg;
	while (!loop->closed) uv_run(&loop->own, UV_RUN_ONCE);
	uv_run(&loop->own, UV_RUN_DEFAULT); /* whatever else was on our own loop ends too */
	uv_loop_close(&loop->own);
	ep_free(loop);
	if (on_closed) on_closed(arg);
}

void ep_loop_close(ep_loop *loop, void (*on_closed)(void *arg), void *arg)
{
	loop->closing = true;
	loop->on_closed = on_closed;
	loop->closed_arg = arg;
	ep_loop_cancel_all(loop);
	update_alive(loop);
	ep_loop_try_close(loop);
	if (loop->uv == &loop->own) run_to_end(loop);
}
