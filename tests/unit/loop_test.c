/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/mem.h"
#include "runtime/loop/mailbox.h"
#include "runtime/loop/work.h"
#include "test.h"

static ep_loop *loop;
static bool stop;
static int ended, last_result, order[8];

static void reset(void)
{
	stop = false;
	ended = last_result = 0;
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
}

static void on_done(ep_op *op)
{
	order[ended & 7] = (int)(intptr_t)op->owner;
	last_result = op->result;
	ended++;
}

static void on_last(ep_op *op)
{
	on_done(op);
	stop = true;
}

static void close_loop(void) { ep_loop_close(loop, NULL, NULL); }

TEST(sleeps_end_in_order_of_time_and_never_early)
{
	reset();
	uint64_t start = ep_loop_now(loop);
	ep_op *late = ep_sleep_start(loop, 12 * EP_MSEC), *early = ep_sleep_start(loop, 3 * EP_MSEC);
	ep_op_wait(late, on_last, (void *)1);
	ep_op_wait(early, on_done, (void *)2);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK(ep_loop_now(loop) - start >= 12 * EP_MSEC);
	CHECK_INT_EQ(order[0], 2);
	CHECK_INT_EQ(order[1], 1);
	CHECK_INT_EQ(ep_loop_open_ops(loop), 0);
	ep_op_release(late);
	ep_op_release(early);
	close_loop();
}

TEST(the_first_result_wins)
{
	reset();
	ep_node waiters;
	ep_node_init(&waiters);
	ep_signal *s = ep_signal_start(loop, &waiters);
	ep_op_wait(&s->op, on_last, NULL);
	CHECK(ep_signal_one(&waiters, EP_EIO));
	CHECK(!ep_signal_one(&waiters, 0));
	ep_op_finish(&s->op, 0);
	ep_op_cancel(&s->op, EP_ECANCELLED);
	CHECK_INT_EQ(ended, 0); /* only a turn delivers */
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(last_result, EP_EIO);
	CHECK_INT_EQ(ended, 1);
	ep_op_release(&s->op);
	close_loop();
}

TEST(a_deadline_and_a_cancel_end_with_their_reasons)
{
	reset();
	ep_op *op = ep_sleep_start(loop, 60 * EP_SECOND);
	ep_op_wait(op, on_last, NULL);
	ep_op_cancel(op, EP_ETIMEOUT);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(last_result, EP_ETIMEOUT);
	ep_op_release(op);
	close_loop();
}

TEST(one_who_comes_late_is_told_too_and_one_who_left_is_not)
{
	reset();
	ep_op *op = ep_sleep_start(loop, 0), *other = ep_sleep_start(loop, EP_MSEC);
	ep_op_wait(op, on_done, NULL);
	ep_op_forget(op);
	ep_op_wait(other, on_last, NULL);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(ended, 1);
	stop = false;
	ep_op_wait(op, on_last, NULL);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(ended, 2);
	ep_op_release(op);
	ep_op_release(other);
	close_loop();
}

TEST(waiting_for_each_other_alone_is_noticed)
{
	reset();
	ep_node waiters;
	ep_node_init(&waiters);
	ep_signal *s = ep_signal_start(loop, &waiters);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), EP_EBUSY);
	ep_op_release(&s->op);
	close_loop();
}

static int work_result(ep_work *work)
{
	(void)work;
	return EP_ENOSPACE;
}

static int work_until_stopped(ep_work *work)
{
	while (!atomic_load(&work->stop)) uv_sleep(1);
	return EP_ECANCELLED;
}

static void free_work(ep_op *op) { ep_free(op); }

static const ep_op_class work_class = {.name = "work", .abort = ep_work_abort, .free = free_work};

static ep_work *start_work(int (*run)(ep_work *))
{
	ep_work *work = ep_calloc(1, sizeof *work);
	CHECK(work != NULL);
	CHECK_INT_EQ(ep_work_start(work, loop, &work_class, run), 0);
	ep_op_wait(&work->op, on_last, NULL);
	return work;
}

TEST(work_runs_on_a_thread_and_gives_its_result)
{
	reset();
	ep_work *work = start_work(work_result);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(last_result, EP_ENOSPACE);
	ep_op_release(&work->op);
	close_loop();
}

TEST(a_cancel_of_work_does_not_wait_for_the_thread)
{
	reset();
	ep_work *work = start_work(work_until_stopped);
	ep_op_cancel(&work->op, EP_ECANCELLED);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(last_result, EP_ECANCELLED);
	ep_op_release(&work->op);
	close_loop(); /* waits for the thread: nothing leaks */
}

static int letters;

static void on_letter(ep_letter *letter)
{
	free(letter);
	if (++letters == 4000) stop = true;
}

static void send_thousand(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		ep_letter *letter = malloc(sizeof *letter);
		letter->read = on_letter;
		CHECK_INT_EQ(ep_mailbox_send(arg, letter), 0);
	}
}

TEST(the_mailbox_loses_nothing_from_four_threads)
{
	uv_thread_t threads[4];
	reset();
	letters = 0;
	ep_loop_hold(loop);
	for (int i = 0; i < 4; i++) CHECK_INT_EQ(uv_thread_create(&threads[i], send_thousand, ep_loop_mailbox(loop)), 0);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	for (int i = 0; i < 4; i++) uv_thread_join(&threads[i]);
	CHECK_INT_EQ(letters, 4000);
	ep_loop_unhold(loop);
	close_loop();
}

TEST(a_mailbox_outlives_its_loop_and_then_refuses)
{
	reset();
	ep_mailbox *box = ep_mailbox_retain(ep_loop_mailbox(loop));
	ep_letter *early = malloc(sizeof *early), late = {.read = on_letter};
	early->read = on_letter;
	letters = 0;
	CHECK_INT_EQ(ep_mailbox_send(box, early), 0);
	close_loop();
	CHECK_INT_EQ(letters, 1);
	CHECK_INT_EQ(ep_mailbox_send(box, &late), EP_ECLOSED);
	ep_mailbox_release(box);
}

TEST(closing_cancels_what_is_open)
{
	reset();
	ep_op *op = ep_sleep_start(loop, 60 * EP_SECOND);
	ep_op_wait(op, on_done, NULL);
	close_loop();
	CHECK_INT_EQ(last_result, EP_ECLOSED);
	ep_op_release(op);
}

static void on_loop_closed(void *arg) { *(bool *)arg = true; }

TEST(a_lent_loop_runs_as_long_as_there_is_work_and_closes_with_the_host)
{
	uv_loop_t host;
	bool closed = false;
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	CHECK_INT_EQ(ep_loop_open(&loop, &host, NULL), 0);
	CHECK_INT_EQ(uv_run(&host, UV_RUN_DEFAULT), 0); /* nothing is open: it ends at once */
	ended = 0;
	ep_op *op = ep_sleep_start(loop, 2 * EP_MSEC);
	ep_op_wait(op, on_done, NULL);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(ended, 1);
	ep_op_release(op);
	ep_loop_close(loop, on_loop_closed, &closed);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK(closed);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
}

TEST(memory_that_runs_out_is_an_error)
{
	reset();
	ep_mem_fail_after(1);
	CHECK(ep_sleep_start(loop, EP_SECOND) == NULL);
	ep_mem_fail_after(0);
	close_loop();
	for (long n = 1; n < 4; n++) {
		ep_loop *other = NULL;
		ep_mem_fail_after(n);
		int rc = ep_loop_open(&other, NULL, NULL);
		ep_mem_fail_after(0);
		if (rc == 0) ep_loop_close(other, NULL, NULL);
	}
}

TEST(virtual_time_jumps_over_sleeps)
{
	reset();
	ep_loop_virtual(loop, 1);
	uint64_t start = ep_loop_now(loop), real = uv_hrtime();
	ep_op *late = ep_sleep_start(loop, 3600 * EP_SECOND), *early = ep_sleep_start(loop, 60 * EP_SECOND);
	ep_op_wait(late, on_last, (void *)1);
	ep_op_wait(early, on_done, (void *)2);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(ep_loop_now(loop) - start, 3600 * EP_SECOND);
	CHECK_INT_EQ(order[0], 2);
	CHECK_INT_EQ(ep_loop_coarse(loop), ep_loop_now(loop));
	CHECK(uv_hrtime() - real < 5 * EP_SECOND);
	ep_op_release(late);
	ep_op_release(early);
	close_loop();
}

static int nap(ep_work *work)
{
	(void)work;
	uv_sleep(40);
	return 0;
}

TEST(virtual_time_is_real_beside_a_real_op)
{
	static const ep_op_class class = {.name = "nap", .abort = ep_work_abort, .free = free_work};
	ep_work *work = ep_calloc(1, sizeof *work);
	reset();
	ep_loop_virtual(loop, 1);
	uint64_t start = ep_loop_now(loop);
	CHECK_INT_EQ(ep_work_start(work, loop, &class, nap), 0);
	ep_op *sleep = ep_sleep_start(loop, 10 * EP_MSEC), *hour = ep_sleep_start(loop, 3600 * EP_SECOND);
	ep_op_wait(sleep, on_done, (void *)1);
	ep_op_wait(&work->op, on_done, (void *)2);
	ep_op_wait(hour, on_last, (void *)3);
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	CHECK_INT_EQ(order[0], 1);
	CHECK_INT_EQ(order[1], 2);
	CHECK_INT_EQ(order[2], 3);
	CHECK_INT_EQ(ep_loop_now(loop) - start, 3600 * EP_SECOND);
	ep_op_release(sleep);
	ep_op_release(hour);
	ep_op_release(&work->op);
	close_loop();
}

static int jobs_run, job_order[40];
static ep_job jobs[40];

static void note_job(ep_job *job)
{
	job_order[jobs_run++] = (int)(job - jobs);
	stop = jobs_run == 40;
}

static void run_jobs(uint64_t seed, int out[40])
{
	reset();
	jobs_run = 0;
	ep_loop_virtual(loop, seed);
	for (int i = 0; i < 40; i++) {
		ep_job_init(&jobs[i], note_job);
		ep_loop_ready(loop, &jobs[i]);
	}
	CHECK_INT_EQ(ep_loop_run(loop, &stop), 0);
	memcpy(out, job_order, sizeof job_order);
	close_loop();
}

TEST(the_seed_decides_the_order_of_ready_jobs)
{
	int a[40], b[40], c[40], seen = 0;
	run_jobs(1, a);
	run_jobs(1, b);
	run_jobs(2, c);
	CHECK_MEM_EQ(a, b, sizeof a);
	CHECK(memcmp(a, c, sizeof a) != 0);
	for (int i = 0; i < 40; i++) seen += a[i];
	CHECK_INT_EQ(seen, 39 * 40 / 2);
}
