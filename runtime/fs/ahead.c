/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/fs/ahead.h"

#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/loop/work.h"

typedef struct block {
	size_t len, at;
	int end; /* behind its bytes: 0 more follow, 1 nothing, EP_E... */
	bool full;
	char *bytes;
} block;

/* One reading of the maker, into one block. */
typedef struct fill {
	ep_work work;
	ep_ahead *ahead;
	block *block;
} fill;

struct ep_ahead {
	ep_loop *loop;
	const ep_ahead_maker *maker;
	void *ctx;
	void (*ready)(void *arg);
	void *arg;
	fill *running; /* NULL: none */
	unsigned refs; /* the owner's, and each fill's */
	unsigned now;  /* the block that is emptied */
	int end;       /* of what was read so far: as of a block */
	bool waiting, again;
	size_t room; /* of a block */
	block blocks[2];
};

static void unref(ep_ahead *a)
{
	if (--a->refs) return;
	a->maker->close(a->ctx);
	ep_free(a->blocks[0].bytes);
	ep_free(a);
}

/* --- filling --- */

static int run_fill(ep_work *work)
{
	fill *f = (fill *)work;
	block *b = f->block;
	while (b->len < f->ahead->room && !atomic_load_explicit(&work->stop, memory_order_relaxed)) {
		long n = f->ahead->maker->read(f->ahead->ctx, b->bytes + b->len, f->ahead->room - b->len);
		if (n <= 0) {
			b->end = n < 0 ? (int)n : 1;
			break;
		}
		b->len += (size_t)n;
	}
	return 0;
}

static void free_fill(ep_op *op)
{
	fill *f = (fill *)op;
	unref(f->ahead);
	ep_err_fini(&f->work.err);
	ep_free(f);
}

static void describe(const ep_op *op, ep_buf *text)
{
	(void)op;
	ep_buf_puts(text, "the content of a request");
}

static const ep_op_class fill_class = {
	.name = "read ahead", .abort = ep_work_abort, .free = free_fill, .describe = describe};

static void on_filled(ep_op *op);

/* Starts to fill the block that is empty, if there is one and more to come. */
static void start_fill(ep_ahead *a)
{
	block *b = &a->blocks[a->blocks[a->now].full ? !a->now : a->now];
	if (a->running || b->full || a->end) return;
	fill *f = ep_calloc(1, sizeof *f);
	b->len = b->at = 0;
	b->end = 0;
	if (f) {
		*f = (fill){.ahead = a, .block = b};
		a->refs++;
		if (!ep_work_start(&f->work, a->loop, &fill_class, run_fill)) {
			a->running = f;
			ep_op_wait(&f->work.op, on_filled, a);
			return;
		}
		a->refs--;
		ep_free(f);
	}
	a->end = b->end = EP_ENOMEM;
	b->full = true;
}

/* What is read again is not read before somebody asks: that may be after a wait. */
static int restart(ep_ahead *a)
{
	a->again = false;
	a->blocks[0].full = a->blocks[1].full = false;
	a->now = 0;
	a->end = a->maker->rewind(a->ctx);
	if (a->end) a->blocks[0] = (block){.bytes = a->blocks[0].bytes, .full = true, .end = a->end};
	return a->end;
}

static void on_filled(ep_op *op)
{
	ep_ahead *a = op->owner;
	block *b = a->running->block;
	int failed = op->result; /* the loop is closing; the thread may still be in the block */
	a->running = NULL;
	b->full = !failed;
	a->end = failed ? failed : b->end;
	ep_op_release(op);
	bool anew = a->again && !failed;
	if (anew) restart(a);
	if (failed || (anew && !a->waiting)) return;
	start_fill(a);
	if (!a->waiting || (a->running && !a->blocks[a->now].full)) return; /* what came was for an earlier reading */
	a->waiting = false;
	a->ready(a->arg);
}

/* --- the owner --- */

/* One more than there is, to see the end. */
static size_t room_for(int64_t length, size_t most)
{
	if (!most) most = EP_AHEAD_BLOCK;
	return length >= 0 && (uint64_t)length < most ? (size_t)length + 1 : most;
}

ep_ahead *ep_ahead_new(ep_loop *loop, const ep_ahead_maker *maker, void *ctx, int64_t length, size_t most)
{
	ep_ahead *a = ep_calloc(1, sizeof *a);
	size_t room = room_for(length, most);
	char *bytes = a ? ep_alloc(2 * room) : NULL;
	if (!bytes) {
		ep_free(a);
		maker->close(ctx);
		return NULL;
	}
	*a = (ep_ahead){.loop = loop, .maker = maker, .ctx = ctx, .room = room, .refs = 1};
	a->blocks[0].bytes = bytes;
	a->blocks[1].bytes = bytes + room;
	start_fill(a);
	return a;
}

void ep_ahead_notify(ep_ahead *a, void (*ready)(void *arg), void *arg)
{
	a->ready = ready;
	a->arg = arg;
}

/* What stands behind the bytes of a block that is empty again. */
static long pass(ep_ahead *a, block *b)
{
	if (b->end) return b->end < 0 ? b->end : 0;
	b->full = false;
	a->now = !a->now;
	start_fill(a);
	return 1;
}

long ep_ahead_read(ep_ahead *a, char *to, size_t room)
{
	for (;;) {
		block *b = &a->blocks[a->now];
		if (!a->again && !b->full) start_fill(a);
		if (a->again || !b->full) {
			a->waiting = a->running != NULL;
			return a->waiting ? EP_AHEAD_LATER : a->end < 0 ? a->end : EP_ECLOSED;
		}
		size_t n = b->len - b->at < room ? b->len - b->at : room;
		memcpy(to, b->bytes + b->at, n);
		b->at += n;
		if (n) return (long)n;
		long rc = pass(a, b);
		if (rc <= 0) return rc;
	}
}

bool ep_ahead_busy(const ep_ahead *a) { return a->running != NULL; }

int ep_ahead_rewind(ep_ahead *a)
{
	if (!a->maker->rewind) return EP_EIO;
	a->waiting = false;
	a->again = a->running != NULL;
	return a->again ? 0 : restart(a);
}

void ep_ahead_free(ep_ahead *a)
{
	if (!a) return;
	if (a->running) ep_op_release(&a->running->work.op);
	a->running = NULL;
	unref(a);
}
