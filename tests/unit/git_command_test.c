/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/command.h"

#include "runtime/base/mem.h"
#include "tests/support/test.h"

#define ARGV(...) ((const char *const[]){"git", __VA_ARGS__, NULL})

typedef struct world {
	ep_loop *loop;
	ep_procs *procs;
	char folder[256];
} world;

static world open_world(void)
{
	world w;
	char command[1200];
	CHECK_INT_EQ(ep_loop_open(&w.loop, NULL, NULL), 0);
	w.procs = ep_procs_open(w.loop);
	snprintf(w.folder, sizeof w.folder, "%s/r", getenv("TMPDIR"));
	snprintf(command, sizeof command,
		"git init -q '%s' && git -C '%s' config remote.origin.url https://h.invalid/v1/x.git && "
		"git -C '%s' config filter.a.clean x",
		w.folder, w.folder, w.folder);
	CHECK_INT_EQ(system(command), 0);
	return w;
}

static void close_world(world *w)
{
	char command[512];
	ep_procs_close(w->procs);
	ep_loop_close(w->loop, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf '%s'", w->folder);
	CHECK_INT_EQ(system(command), 0);
}

static void on_done(ep_op *op) { *(bool *)op->owner = true; }

static int await(ep_op *op)
{
	bool done = false;
	ep_op_wait(op, on_done, &done);
	CHECK_INT_EQ(ep_loop_run(op->loop, &done), 0);
	return op->result;
}

TEST(output_and_status)
{
	world w = open_world();
	ep_git_command *c;
	size_t len;
	ep_git_command_options o = {.argv = ARGV("config", "--get", "remote.origin.url"), .directory = w.folder};
	CHECK_INT_EQ(ep_git_command_start(&c, w.procs, &o, NULL), 0);
	CHECK_INT_EQ(await(&c->op), 0);
	CHECK_STR_EQ(ep_git_command_output(c, &len), "https://h.invalid/v1/x.git\n");
	ep_git_command_release(c);
	o.argv = ARGV("config", "--get", "none.none");
	CHECK_INT_EQ(ep_git_command_start(&c, w.procs, &o, NULL), 0);
	CHECK_INT_EQ(await(&c->op), EP_EEXIT);
	CHECK_INT_EQ(c->status, 1);
	CHECK_STR_EQ(c->error.operation, "git config --get none.none");
	ep_git_command_release(c);
	o.accepted = 1 << 1;
	CHECK_INT_EQ(ep_git_command_start(&c, w.procs, &o, NULL), 0);
	CHECK_INT_EQ(await(&c->op), 0);
	CHECK_INT_EQ(c->status, 1);
	ep_git_command_release(c);
	close_world(&w);
}

/* What git is told of the configuration: the user of the machine has no part in it. */
TEST(settings_of_ours)
{
	world w = open_world();
	ep_git_command *c;
	size_t len;
	ep_git_command_options o = {
		.argv = ARGV("config", "--get-regexp", "^(user|filter|mine)\\."), .directory = w.folder};
	o.config = (const char *const[]){"mine.key", "a=b\nc", NULL};
	CHECK_INT_EQ(ep_git_command_start(&c, w.procs, &o, NULL), 0);
	CHECK_INT_EQ(await(&c->op), 0);
	CHECK_STR_EQ(ep_git_command_output(c, &len),
		"user.name Relace\nuser.email noreply@relace.ai\nfilter.a.clean x\nfilter.a.clean \nfilter.a.smudge \n"
		"filter.a.process \nfilter.a.required false\nmine.key a=b\nc\n");
	ep_git_command_release(c);
	close_world(&w);
}

TEST(secrets_are_masked_in_the_command)
{
	world w = open_world();
	ep_git_command *c;
	ep_git_command_options o = {
		.argv = ARGV("show", "rlcr-0123456789abcdef0123456789abcdef01234567", "a b"), .directory = w.folder};
	CHECK_INT_EQ(ep_git_command_start(&c, w.procs, &o, NULL), 0);
	CHECK(await(&c->op) != 0);
	CHECK(!strstr(c->error.operation, "89abcdef"));
	CHECK(!c->error.detail || !strstr(c->error.detail, "89abcdef"));
	CHECK(strstr(c->error.operation, "'a b'"));
	ep_git_command_release(c);
	close_world(&w);
}

/* Closed at any time, with or without its end. */
TEST(released_while_it_runs)
{
	world w = open_world();
	for (int i = 0; i < 20; i++) {
		ep_git_command *c;
		ep_git_command_options o = {.argv = ARGV("status"), .directory = w.folder};
		CHECK_INT_EQ(ep_git_command_start(&c, w.procs, &o, NULL), 0);
		ep_op *pause = ep_sleep_start(w.loop, (uint64_t)i * 200000);
		await(pause);
		ep_op_release(pause);
		ep_git_command_release(c);
	}
	close_world(&w);
}

/* Whichever allocation fails: an error, and nothing lost. */
TEST(no_memory)
{
	world w = open_world();
	ep_secret *secret = ep_secret_new(NULL, "hunter22", 8);
	bool done = false;
	for (long n = 1; !done; n++) {
		ep_git_command *c = NULL;
		ep_err err = {0};
		ep_git_command_options o = {.argv = ARGV("rev-parse", "--git-dir"), .directory = w.folder, .remote = "origin"};
		o.credential = secret;
		o.scope = "https://h.invalid/v1";
		ep_mem_fail_after(n);
		int rc = ep_git_command_start(&c, w.procs, &o, &err);
		if (!rc) {
			bool ended = false;
			ep_op_wait(&c->op, on_done, &ended);
			while (!ended && ep_loop_run(w.loop, &ended) == 0) continue;
			rc = c->op.result;
			done = rc == 0;
		}
		ep_mem_fail_after(0);
		if (c) ep_git_command_release(c);
		ep_err_fini(&err);
		CHECK(n < 2000);
	}
	ep_secret_release(secret);
	close_world(&w);
}
