/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"
#include "runtime/git/clone_private.h"

enum { PAUSE_MS = 100, PAUSE_FACTOR = 20 };

/* Freed by whoever comes last: the stop, or the thread that measures then. */
struct ep_git_meter {
	ep_git_clone *clone;
	char *path; /* a copy: the removal of a folder writes into its path */
	ep_timer timer;
	uv_work_t work;
	atomic_bool stop;
	bool busy;
	ep_git_caps now;
	uint64_t began;
	int rc;
};

static void on_pause_over(ep_timer *timer);

static void free_meter(struct ep_git_meter *m)
{
	ep_free(m->path);
	ep_free(m);
}

static void on_uv_work(uv_work_t *work)
{
	struct ep_git_meter *m = work->data;
	m->rc = ep_git_measure(&m->now, m->path, &m->stop);
}

static void go_on(struct ep_git_meter *m)
{
	ep_git_clone *c = m->clone;
	uint64_t pause = (ep_loop_now(c->op.loop) - m->began) * PAUSE_FACTOR;
	if (!m->rc && ep_git_caps_check(&c->o.caps, &m->now, c->what, NULL)) {
		ep_git_clone_exceed(c, &m->now);
	} else if (pause < PAUSE_MS * EP_MSEC) {
		pause = PAUSE_MS * EP_MSEC;
	}
	ep_timer_start(c->op.loop, &m->timer, pause, on_pause_over); /* without memory the last measure is what counts */
}

static void on_uv_after(uv_work_t *work, int status)
{
	struct ep_git_meter *m = work->data;
	ep_git_clone *c = m->clone;
	ep_loop *loop = c->op.loop;
	(void)status; /* never cancelled */
	m->busy = false;
	if (atomic_load(&m->stop))
		free_meter(m);
	else
		go_on(m);
	ep_op_unref(&c->op);
	ep_loop_handle_closed(loop);
}

static void on_pause_over(ep_timer *timer)
{
	struct ep_git_meter *m = EP_CONTAINER(timer, struct ep_git_meter, timer);
	ep_git_clone *c = m->clone;
	m->busy = true;
	m->work.data = m;
	m->began = ep_loop_now(c->op.loop);
	ep_op_retain(&c->op);
	ep_loop_handle_opened(c->op.loop);
	uv_queue_work(ep_loop_uv(c->op.loop), &m->work, on_uv_work, on_uv_after);
}

int ep_git_meter_start(ep_git_clone *c)
{
	struct ep_git_meter *m = ep_calloc(1, sizeof *m);
	if (!m) return EP_ENOMEM;
	m->clone = c;
	m->path = ep_strdup(c->place.at);
	if (!m->path || ep_timer_start(c->op.loop, &m->timer, PAUSE_MS * EP_MSEC, on_pause_over)) {
		free_meter(m);
		return EP_ENOMEM;
	}
	c->meter = m;
	return 0;
}

void ep_git_meter_stop(ep_git_clone *c)
{
	struct ep_git_meter *m = c->meter;
	if (!m) return;
	c->meter = NULL;
	ep_timer_stop(c->op.loop, &m->timer);
	atomic_store(&m->stop, true);
	if (!m->busy) free_meter(m);
}
