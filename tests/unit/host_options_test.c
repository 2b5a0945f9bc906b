/* SPDX-License-Identifier: Apache-2.0 */
/* What a host sets: memory, its limit and where it comes from, the environment, the account. */
#include <epact.h>

#include "test.h"

static int run_with(const epact_options *options, const char *text, char *error, size_t room)
{
	epact *e;
	CHECK_INT_EQ(epact_open(&e, options), 0);
	CHECK_INT_EQ(epact_start_text(e, text, strlen(text), "=test", 0, NULL), 0);
	int rc = epact_run(e);
	snprintf(error, room, "%s", epact_error(e));
	epact_close(e, NULL, NULL);
	return rc;
}

static void succeeds(const epact_options *options, const char *text)
{
	char error[512];
	int rc = run_with(options, text, error, sizeof error);
	if (rc) TEST_FAIL("%d: %s", rc, error);
}

/* --- memory: first of all, since it is chosen once --- */

static size_t taken;

static void *count_alloc(size_t size)
{
	taken++;
	return malloc(size);
}

static void *count_calloc(size_t count, size_t size)
{
	taken++;
	return calloc(count, size);
}

static void *count_realloc(void *p, size_t size)
{
	if (!p) taken++;
	return realloc(p, size);
}

static void count_free(void *p)
{
	taken--;
	free(p);
}

TEST(the_process_has_one_allocator)
{
	static const epact_allocator functions = {count_alloc, count_calloc, count_realloc, count_free};
	CHECK_INT_EQ(epact_use_allocator(&functions), 0);
	succeeds(NULL, "require('epact.task').sleep(0.001) require('epact.json').encode { 1, 2 }");
	epact_value *kept = epact_value_copy(&(epact_value){.type = EPACT_LIST});
	CHECK_INT_EQ(taken, 2);
	epact_value_free(kept);
	CHECK_INT_EQ(taken, 0); /* all that was taken was given back */
	CHECK_INT_EQ(epact_use_allocator(&functions), EPACT_EBUSY);
}

typedef struct pool {
	size_t used, peak, calls;
} pool;

static void *from_pool(void *arg, void *p, size_t old, size_t size)
{
	pool *own = arg;
	own->calls++;
	own->used += size - (p ? old : 0);
	if (own->used > own->peak) own->peak = own->used;
	if (size) return realloc(p, size);
	free(p);
	return NULL;
}

TEST(an_instance_takes_the_memory_of_its_values_from_the_host)
{
	pool own = {0};
	epact_options options = {.size = sizeof options, .allocate = from_pool, .allocate_arg = &own};
	epact *e;
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	CHECK_INT_EQ(own.used, epact_memory_used(e));
	epact_close(e, NULL, NULL);
	CHECK_INT_EQ(own.used, 0);
	succeeds(&options, "local t = {} for i = 1, 2e4 do t[i] = { i } end");
	CHECK(own.peak > 1000000 && own.calls > 20000);
	CHECK_INT_EQ(own.used, 0);
}

TEST(a_limit_of_memory_is_an_error_of_the_script)
{
	char error[512];
	epact_options options = {.size = sizeof options, .memory_limit = 3 << 20};
	CHECK_INT_EQ(run_with(&options, "local t = {} while true do t[#t + 1] = ('x'):rep(1000) end", error, sizeof error),
		EPACT_ENOMEM);
	CHECK_STR_EQ(error, "not enough memory");
	CHECK_INT_EQ(run_with(&options, "local s = ('x'):rep(1 << 30)", error, sizeof error), EPACT_ENOMEM);
	succeeds(&options,
		"local ok, err = pcall(string.rep, 'x', 1 << 23)\n"
		"assert(not ok and err == 'not enough memory', err)\n"
		"for i = 1, 100 do local s = ('x'):rep(1 << 20) end\n" /* what is garbage does not count */
		"local task = require 'epact.task'\n"
		"local ok, err = pcall(task.scope, function(s)\n"
		"	s:spawn(function() local t = {} while true do t[#t + 1] = #t .. '' end end)\n"
		"	task.sleep(60)\n"
		"end)\n"
		"assert(not ok and err == 'not enough memory', err)");
	options.memory_limit = 10000;
	epact *e;
	CHECK_INT_EQ(epact_open(&e, &options), EPACT_ENOMEM);
}

/* --- environment and account --- */

TEST(scripts_and_their_children_see_the_environment_of_the_host)
{
	const char *const environment[] = {
		"PATH=/usr/bin:/bin", "NAME= x=y ", "EMPTY=", "RELACE_API_KEY=rlc-of-environment", NULL};
	epact_options options = {.size = sizeof options, .environment = environment};
	setenv("EPACT_TEST_OUTSIDE", "1", 1);
	succeeds(NULL, "assert(os.getenv 'EPACT_TEST_OUTSIDE' == '1')");
	succeeds(&options,
		"assert(os.getenv 'NAME' == ' x=y ' and os.getenv 'EMPTY' == '' and os.getenv 'HOME' == nil)\n"
		"assert(os.getenv 'NAM' == nil and os.getenv 'EPACT_TEST_OUTSIDE' == nil)\n"
		"assert(require('epact.env').get 'NAME' == 'x=y')\n"
		"local out = require('epact.process').run({ 'env' }).stdout\n"
		"assert(out == 'PATH=/usr/bin:/bin\\nNAME= x=y \\nEMPTY=\\nRELACE_API_KEY=rlc-of-environment\\n', out)\n"
		"local out = require('epact.process').run({ 'env' }, { env = { NAME = false, NEW = '1' } }).stdout\n"
		"assert(out:find 'NEW=1' and not out:find 'NAME' and out:find 'PATH=', out)\n"
		"local client = require('epact.relace').client()\n"
		"assert(client.core:credential():reveal() == 'rlc-of-environment')");
	unsetenv("EPACT_TEST_OUTSIDE");
}

TEST(two_instances_with_accounts_of_their_own)
{
	static const char text[] = "local client = require('epact.relace').client()\n"
							   "assert(client.core:url() == 'http://127.0.0.1:1/v1', client.core:url())\n"
							   "assert(client.core:credential():reveal() == 'rlc-key-of-the-host')\n"
							   "assert(os.getenv 'RELACE_API_KEY' == 'rlc-of-the-process')\n"
							   "error('rlc-key-of-the-host is hidden')";
	char error[512];
	epact_options options = {
		.size = sizeof options, .base_url = "http://127.0.0.1:1/v1", .api_key = "rlc-key-of-the-host"};
	setenv("RELACE_API_KEY", "rlc-of-the-process", 1);
	CHECK_INT_EQ(run_with(&options, text, error, sizeof error), EPACT_ESCRIPT);
	CHECK_STR_EQ(error, "test:5: rlc-**** is hidden");
	options.api_key = "another-key";
	options.base_url = NULL;
	succeeds(&options,
		"local client = require('epact.relace').client()\n"
		"assert(client.core:url() == 'https://api.relace.run/v1')\n"
		"assert(client.core:credential():reveal() == 'another-key')");
	unsetenv("RELACE_API_KEY");
}
