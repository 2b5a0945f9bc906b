/* SPDX-License-Identifier: Apache-2.0 */
/* The round of an agent without Lua: a repo, a token, a clone with the token, an overwrite, the token is deleted; all on one
 * libuv loop. Without RELACE_API_KEY it starts a local server, an instance of epact on the same loop.
 *
 *     cc relace.c -o relace $(pkg-config --cflags --libs epact libuv) && ./relace */
#include <epact_relace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static uv_loop_t loop;
static epact *local;
static epact_relace *account, *agent;
static char base_url[128], key[128], token[128], repo_id[64], folder[256];
static int status = 1;

static void end(void)
{
	char command[300];
	if (agent) epact_relace_close(agent, NULL, NULL);
	if (account) epact_relace_close(account, NULL, NULL);
	if (local) epact_close(local, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf -- '%s'", folder);
	if (system(command)) status = 1;
}

/* The result's value, or NULL behind the end of it all. */
static const epact_value *succeeded(const char *what, const epact_result *result)
{
	static const epact_value none;
	printf("%s: %s\n", what, result->failure ? result->failure->text : "done");
	if (!result->failure) return result->count ? &result->values[0] : &none;
	if (result->failure->code != EPACT_ECLOSED) end();
	return NULL;
}

static epact_relace *open_client(const char *credential)
{
	char why[200] = "";
	epact_relace *client = NULL;
	const epact_relace_options options = {.size = sizeof options,
		.loop = &loop,
		.api_key = credential,
		.base_url = *base_url ? base_url : NULL,
		.why = why,
		.why_size = sizeof why};
	if (epact_relace_open(&client, &options)) fprintf(stderr, "%s\n", why);
	return client;
}

static void on_repo_deleted(void *arg, const epact_result *result)
{
	(void)arg;
	if (!succeeded("the repo is deleted", result)) return;
	status = 0;
	end();
}

static void on_token_deleted(void *arg, const epact_result *result)
{
	(void)arg;
	if (succeeded("the token is deleted", result))
		epact_relace_repo_delete(NULL, account, repo_id, on_repo_deleted, NULL);
}

static void on_overwritten(void *arg, const epact_result *result)
{
	(void)arg;
	if (succeeded("overwrite", result)) epact_relace_token_delete(NULL, account, token, on_token_deleted, NULL);
}

static void on_cloned(void *arg, const epact_result *result)
{
	char path[300];
	(void)arg;
	if (!succeeded("clone", result)) return;
	snprintf(path, sizeof path, "%s/clone/NOTES.md", folder);
	FILE *file = fopen(path, "w");
	if (file) {
		fputs("Written by an agent.\n", file);
		fclose(file);
	}
	snprintf(path, sizeof path, "%s/clone", folder);
	epact_relace_overwrite(NULL, agent, repo_id, path, 0, on_overwritten, NULL);
}

static void on_token(void *arg, const epact_result *result)
{
	char path[300];
	const epact_value *value = succeeded("a token for the repo", result);
	(void)arg;
	if (!value) return;
	snprintf(token, sizeof token, "%s", epact_get(value, "token")->as.string);
	if (!(agent = open_client(token))) return;
	snprintf(path, sizeof path, "%s/clone", folder);
	epact_relace_clone(NULL, agent, repo_id, path, NULL, 1, on_cloned, NULL);
}

static void on_repo(void *arg, const epact_result *result)
{
	const char *const ids[] = {repo_id};
	const epact_value *value = succeeded("a repo", result);
	(void)arg;
	if (!value) return;
	snprintf(repo_id, sizeof repo_id, "%s", epact_get(value, "repo_id")->as.string);
	epact_relace_token_create(NULL, account, "agent", ids, 1, 3600, on_token, NULL);
}

static void begin(void)
{
	char path[300];
	snprintf(path, sizeof path, "%s/README.md", folder);
	FILE *file = fopen(path, "w");
	if (file) {
		fputs("# Hello\n", file);
		fclose(file);
	}
	if ((account = open_client(key))) epact_relace_repo_create(NULL, account, folder, on_repo, NULL);
}

/* --- the local server --- */

/* app.ready(url, key) */
static void on_ready(void *arg, epact_reply *reply, const epact_value *args, size_t nargs)
{
	(void)arg, (void)nargs;
	snprintf(base_url, sizeof base_url, "%s", args[0].as.string);
	snprintf(key, sizeof key, "%s", args[1].as.string);
	epact_reply_finish(reply, NULL, 0);
	begin();
}

static int start_local(void)
{
	static const char script[] = "local data <close> = require('epact.fs').temp_dir { prefix = 'server-' }\n"
								 "local server <close> = require('epact.server').start { data = data.path }\n"
								 "require('app').ready(server.url, server.api_key:reveal())\n"
								 "server:run()";
	const epact_options options = {.size = sizeof options, .loop = &loop};
	if (epact_open(&local, &options)) return 1;
	epact_register(local, "app.ready", on_ready, NULL);
	return epact_start_text(local, script, strlen(script), "server", 0, NULL);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR"), *url = getenv("RELACE_BASE_URL"), *given = getenv("RELACE_API_KEY");
	setvbuf(stdout, NULL, _IONBF, 0);
	snprintf(folder, sizeof folder, "%s/relace-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(folder) || uv_loop_init(&loop)) return 1;
	if (given) {
		snprintf(base_url, sizeof base_url, "%s", url ? url : "");
		snprintf(key, sizeof key, "%s", given);
		begin();
	} else if (start_local()) {
		fprintf(stderr, "%s\n", epact_error(local));
		return 1;
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) || status;
}
