/* SPDX-License-Identifier: Apache-2.0 */
/* timeout: 90 */
/* The round of an agent from C, without Lua, against the local server: create, token, clone, change, overwrite, token
 * delete, with their options. Only the server is a program that runs scripts. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/test.h"

#include "runtime/base/mem.h"
#include "runtime/fs/fs.h"
#include "runtime/git/clone.h"
#include "runtime/relace/info.h"
#include "runtime/relace/repo.h"
#include "runtime/relace/token.h"
#include "runtime/relace/upload.h"

#define KEY "rlc-key-of-the-test-from-c-0123456789"

typedef struct world {
	char top[256];
	ep_loop *loop;
	ep_http *http;
	ep_procs *procs;
	ep_secrets secrets;
	ep_proc *server;
	char ready[256]; /* what the server has said */
	bool is_ready;
	ep_relace_client *client;
} world;

static ep_relace_text text_of(const char *text) { return (ep_relace_text){text, strlen(text)}; }

static const char *in(const world *w, const char *name)
{
	static char path[4][512];
	static int next;
	char *p = path[next++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", w->top, name);
	return p;
}

/* --- the server --- */

static void on_server_words(void *arg, const char *bytes, size_t len)
{
	world *w = arg;
	size_t have = strlen(w->ready);
	snprintf(w->ready + have, sizeof w->ready - have, "%.*s", (int)len, bytes);
	w->is_ready = strchr(w->ready, '\n') != NULL;
}

/* Returns its base URL, without the line's end. */
static const char *start_server(world *w)
{
	const char *data = in(w, "data"), *program = getenv("EPACT_BIN");
	CHECK(program && !setenv("RELACE_API_KEY", KEY, 1));
	const char *const argv[] = {program, "serve", "--data", data, NULL};
	ep_proc_options o = {.argv = argv, .out = {.mode = EP_OUT_TAIL, .on_bytes = on_server_words, .arg = w}};
	o.err.mode = EP_OUT_INHERIT;
	CHECK_INT_EQ(ep_proc_start(&w->server, w->procs, &o, NULL), 0);
	CHECK_INT_EQ(ep_loop_run(w->loop, &w->is_ready), 0);
	CHECK(!strncmp(w->ready, "ready http://", 13));
	w->ready[strcspn(w->ready, "\n")] = '\0';
	return w->ready + 6;
}

static void open_client(world *w, const char *url)
{
	ep_secret *key = ep_secret_new(&w->secrets, KEY, sizeof KEY - 1);
	ep_relace_settings settings = {
		.base_url = url, .base_url_len = strlen(url), .credential = key, .max_retries = -1, .max_retry_wait = -1};
	CHECK_INT_EQ(ep_relace_client_new(&w->client, w->loop, w->http, &w->secrets, &settings, NULL), 0);
	ep_secret_release(key);
}

static void begin(world *w)
{
	*w = (world){0};
	snprintf(w->top, sizeof w->top, "%s/from-c.XXXXXX", getenv("TMPDIR"));
	CHECK(mkdtemp(w->top));
	ep_secrets_init(&w->secrets);
	CHECK_INT_EQ(ep_loop_open(&w->loop, NULL, NULL), 0);
	w->http = ep_http_open(w->loop, &w->secrets);
	w->procs = ep_procs_open(w->loop);
	CHECK(w->http && w->procs);
	open_client(w, start_server(w));
}

static void on_done(ep_op *op) { *(bool *)op->owner = true; }

static int await(ep_op *op)
{
	bool done = false;
	ep_op_wait(op, on_done, &done);
	CHECK_INT_EQ(ep_loop_run(op->loop, &done), 0);
	return op->result;
}

static void end(world *w)
{
	ep_err err = {0};
	ep_op_cancel(&w->server->op, EP_ECANCELLED);
	await(&w->server->op);
	ep_proc_release(w->server);
	ep_relace_client_release(w->client);
	ep_http_close(w->http);
	ep_procs_close(w->procs);
	ep_loop_close(w->loop, NULL, NULL);
	ep_secrets_fini(&w->secrets);
	CHECK_INT_EQ(ep_fs_remove_tree(w->top, &err), 0);
}

/* --- the calls, awaited --- */

#define CHECK_OP(op, problem)                                                                                          \
	do {                                                                                                               \
		if (await(op)) TEST_FAIL("%s", ep_err_message(problem));                                                       \
	} while (0)

/* The body's words are what the server says of the repo. */
static void check_said(const ep_relace_call *call, const char *words)
{
	if (!strstr(call->body.data, words)) TEST_FAIL("no %s in %s", words, call->body.data);
}

static ep_relace_info create(world *w, const ep_files_item *list, size_t count)
{
	ep_relace_upload *up;
	ep_relace_info info;
	ep_relace_files files = {.list = list, .count = count, .auto_index = 1};
	CHECK_INT_EQ(ep_relace_create_of_files(&up, w->client, w->procs, &files, NULL, NULL), 0);
	CHECK_OP(&up->op, &up->err);
	CHECK_INT_EQ(ep_relace_info_read(&info, up->call, NULL), 0);
	CHECK_INT_EQ(strlen(info.repo_head), 40);
	ep_op_release(&up->op);
	return info;
}

static ep_relace_info create_two_files(world *w)
{
	const ep_files_item list[] = {{"a.txt", 5, "one\n", 4}, {"src/b.c", 7, "int b;\n", 7}};
	return create(w, list, 2);
}

static void make_token(world *w, ep_relace_token *token, const char *id)
{
	ep_relace_call *call;
	const ep_relace_text ids = text_of(id);
	CHECK_INT_EQ(ep_relace_token_create(&call, w->client, text_of("agent"), &ids, 1, 900, NULL, NULL), 0);
	CHECK_OP(&call->op, &call->err);
	CHECK_INT_EQ(ep_relace_token_read(token, call, true, &w->secrets, NULL), 0);
	ep_op_release(&call->op);
	CHECK(token->expires_at && strlen(token->expires_at) == 20);
	CHECK_INT_EQ(token->repo_count, 1);
	CHECK_STR_EQ(token->repo_ids[0], id);
}

static ep_relace_client *client_with(world *w, ep_secret *credential)
{
	ep_relace_client *agent;
	ep_relace_override own = {
		.credential = credential, .timeout = 20 * EP_SECOND, .max_retries = 1, .max_retry_wait = 5};
	CHECK_INT_EQ(ep_relace_client_derive(&agent, w->client, &own, NULL), 0);
	return agent;
}

typedef struct progress {
	int calls, last_percent;
} progress;

static void on_progress(void *arg, const ep_git_progress *now)
{
	progress *p = arg;
	if (!now) return;
	p->calls++;
	p->last_percent = now->percent;
}

/* Starts a clone by a client into a folder of the world; the options may say more. */
static ep_git_clone *start_clone(
	world *w, ep_relace_client *client, const char *id, const char *name, ep_git_clone_options o)
{
	ep_git_clone *clone;
	ep_buf url = {0};
	CHECK_INT_EQ(ep_relace_git_url(client, &url, id, strlen(id), NULL), 0);
	o.url = ep_buf_text(&url);
	o.directory = in(w, name);
	o.credential = ep_relace_client_credential(client);
	o.secrets = &w->secrets;
	CHECK_INT_EQ(ep_git_clone_start(&clone, w->procs, &o, NULL), 0);
	ep_buf_fini(&url);
	return clone;
}

static void check_file(const char *path, const char *expected)
{
	char text[256] = "";
	FILE *file = fopen(path, "r");
	if (!file) TEST_FAIL("no file %s", path);
	CHECK(fread(text, 1, sizeof text - 1, file) || feof(file));
	fclose(file);
	CHECK_STR_EQ(text, expected);
}

static void put(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");
	CHECK(file && fwrite(bytes, 1, len, file) == len && !fclose(file));
}

static void delete_token(world *w, const ep_relace_token *token)
{
	ep_relace_call *call;
	for (int i = 0; i < 2; i++) { /* the second time it is gone already, which is fine */
		CHECK_INT_EQ(ep_relace_token_delete(&call, w->client, token->secret, NULL, NULL), 0);
		CHECK_OP(&call->op, &call->err);
		ep_op_release(&call->op);
	}
}

/* --- the tests --- */

/* Overwrites the repo with a folder: every option that the call has. */
static void overwrite_with_options(world *w, ep_relace_client *agent, const ep_relace_info *repo, const char *folder)
{
	ep_relace_upload *up;
	ep_relace_info info;
	ep_buf metadata = {0};
	ep_http_header header = {.name = "X-Relace-Run", .name_len = 12, .value = "7", .value_len = 1};
	ep_relace_options options = EP_RELACE_NO_OPTIONS;
	options.timeout = 10 * EP_SECOND;
	options.deadline = 60 * EP_SECOND;
	options.max_retries = 0;
	options.headers = &header;
	options.header_count = 1;
	options.idempotency_key = text_of("from-c-1");
	CHECK_INT_EQ(ep_relace_add_pair(&metadata, text_of("by"), text_of("agent"), NULL), 0);
	ep_relace_files files = {.folder = folder, .skip_binary = true, .metadata = &metadata, .auto_index = -1};
	CHECK_INT_EQ(ep_relace_overwrite(&up, agent, w->procs, text_of(repo->repo_id), &files, &options, NULL), 0);
	CHECK_OP(&up->op, &up->err);
	CHECK_INT_EQ(up->tree->left_count, 1);
	CHECK_STR_EQ(up->tree->left[0].name, "bin");
	CHECK_INT_EQ(up->tree->left[0].reason, EP_LEFT_BINARY);
	CHECK_INT_EQ(ep_relace_info_read(&info, up->call, NULL), 0);
	CHECK(strcmp(info.repo_head, repo->repo_head) != 0);
	check_said(up->call, "\"changed_files\":[\"a.txt\",\"new.txt\"]");
	ep_op_release(&up->op);
	ep_buf_fini(&metadata);
}

static void check_metadata(ep_relace_client *client, const char *id)
{
	ep_relace_call *call;
	CHECK_INT_EQ(ep_relace_repo_get(&call, client, text_of(id), NULL, NULL), 0);
	CHECK_OP(&call->op, &call->err);
	check_said(call, "\"by\":\"agent\"");
	check_said(call, "\"auto_index\":true");
	ep_op_release(&call->op);
}

TEST(token_clone_overwrite_delete)
{
	world w;
	progress seen = {0};
	ep_relace_token token;
	begin(&w);
	ep_relace_info repo = create_two_files(&w);
	make_token(&w, &token, repo.repo_id);
	ep_relace_client *agent = client_with(&w, token.secret);

	ep_git_clone *clone = start_clone(&w, agent, repo.repo_id, "work",
		(ep_git_clone_options){.branch = "main",
			.depth = 1,
			.single_branch = EP_GIT_YES,
			.on_progress = on_progress,
			.arg = &seen,
			.stall = 30 * EP_SECOND});
	CHECK_INT_EQ(ep_op_deadline(&clone->op, 60 * EP_SECOND), 0);
	CHECK_OP(&clone->op, &clone->error);
	CHECK_STR_EQ(clone->head, repo.repo_head);
	CHECK_STR_EQ(clone->branch, "main");
	CHECK(clone->answered > 0 && seen.calls > 0);
	ep_op_release(&clone->op);
	check_file(in(&w, "work/src/b.c"), "int b;\n");

	put(in(&w, "work/a.txt"), "two\n", 4);
	put(in(&w, "work/new.txt"), "new\n", 4);
	put(in(&w, "work/bin"), "\0\1\2", 3);
	overwrite_with_options(&w, agent, &repo, in(&w, "work"));
	check_metadata(agent, repo.repo_id);

	clone = start_clone(&w, agent, repo.repo_id, "again", (ep_git_clone_options){0});
	CHECK_OP(&clone->op, &clone->error);
	ep_op_release(&clone->op);
	check_file(in(&w, "again/a.txt"), "two\n");
	check_file(in(&w, "again/new.txt"), "new\n");
	CHECK(access(in(&w, "again/bin"), F_OK));

	delete_token(&w, &token);
	clone = start_clone(&w, agent, repo.repo_id, "late", (ep_git_clone_options){.depth = 1});
	CHECK_INT_EQ(await(&clone->op), EP_EAUTH);
	CHECK(!strstr(ep_err_message(&clone->error), ep_secret_reveal(token.secret, NULL)));
	ep_op_release(&clone->op);
	CHECK(access(in(&w, "late"), F_OK));

	ep_relace_client_release(agent);
	ep_relace_token_fini(&token);
	end(&w);
}

TEST(side_by_side)
{
	enum { COUNT = 8 };
	world w;
	char name[32];
	ep_git_clone *clones[COUNT];
	begin(&w);
	ep_relace_info repo = create_two_files(&w);
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "clone%d", i);
		clones[i] = start_clone(&w, w.client, repo.repo_id, name, (ep_git_clone_options){.depth = 1});
	}
	for (int i = 0; i < COUNT; i++) {
		CHECK_OP(&clones[i]->op, &clones[i]->error);
		CHECK_STR_EQ(clones[i]->head, repo.repo_head);
		ep_op_release(&clones[i]->op);
	}
	end(&w);
}

TEST(what_is_cancelled_leaves_nothing)
{
	world w;
	ep_relace_upload *up;
	begin(&w);
	ep_relace_info repo = create_two_files(&w);
	ep_git_clone *clone = start_clone(&w, w.client, repo.repo_id, "cut", (ep_git_clone_options){0});
	ep_op_cancel(&clone->op, EP_ECANCELLED);
	CHECK_INT_EQ(await(&clone->op), EP_ECANCELLED);
	ep_op_release(&clone->op);
	CHECK(access(in(&w, "cut"), F_OK));

	ep_relace_files files = {.folder = w.top, .skip_binary = true, .auto_index = -1};
	CHECK_INT_EQ(ep_relace_overwrite(&up, w.client, w.procs, text_of(repo.repo_id), &files, NULL, NULL), 0);
	ep_op_cancel(&up->op, EP_ETIMEOUT);
	CHECK_INT_EQ(await(&up->op), EP_ETIMEOUT);
	ep_op_release(&up->op);

	ep_relace_call *call;
	CHECK_INT_EQ(ep_relace_repo_delete(&call, w.client, text_of(repo.repo_id), NULL, NULL), 0);
	CHECK_OP(&call->op, &call->err);
	ep_op_release(&call->op);
	CHECK_INT_EQ(ep_relace_repo_get(&call, w.client, text_of(repo.repo_id), NULL, NULL), 0);
	CHECK_INT_EQ(await(&call->op), EP_ENOENT);
	CHECK_STR_EQ(ep_err_message(&call->err), "HTTP 404: no such repo");
	ep_op_release(&call->op);
	end(&w);
}

TEST(wrong_arguments_send_nothing)
{
	world w;
	ep_err err = {0};
	ep_relace_call *call;
	ep_git_clone *clone;
	begin(&w);
	const ep_relace_text bad = text_of("../x"), none = text_of("");
	CHECK_INT_EQ(ep_relace_token_create(&call, w.client, text_of("x"), &bad, 1, 0, NULL, &err), EP_EINVAL);
	CHECK_INT_EQ(ep_relace_token_create(&call, w.client, none, &bad, 0, 0, NULL, &err), EP_EINVAL);
	CHECK_INT_EQ(ep_relace_repo_get(&call, w.client, none, NULL, &err), EP_EINVAL);
	const ep_git_clone_options o = {.url = "https://x.example/r.git", .directory = in(&w, "x"), .branch = "-b"};
	CHECK_INT_EQ(ep_git_clone_start(&clone, w.procs, &o, &err), EP_EINVAL);
	ep_err_fini(&err);
	end(&w);
}
