/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a script once, and calls its functions again and again: values there and back, many at once, failures, cancel.
 *
 *     cc calls.c -o calls $(pkg-config --cflags --libs epact) && ./calls */
#include <epact.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char module[] = "local task = require 'epact.task'\n"
							 "local errors = require 'epact.error'\n"
							 "local M = {}\n"
							 "function M.sum(order)\n"
							 "	local sum = 0\n"
							 "	for _, item in ipairs(order.items) do sum = sum + item.price * item.count end\n"
							 "	return { customer = order.customer, sum = sum }\n"
							 "end\n"
							 "function M.slow(seconds) task.sleep(seconds) return seconds end\n"
							 "function M.find(name)\n"
							 "	error(errors.new('not_found', ('there is no %s'):format(name), { status = 404 }))\n"
							 "end\n"
							 "return M\n";

static int failures;

static void on_sum(void *arg, const epact_result *result)
{
	(void)arg;
	if (result->failure) {
		printf("sum failed: %s\n", result->failure->text);
		failures++;
		return;
	}
	const epact_value *customer = epact_get(&result->values[0], "customer"),
					  *sum = epact_get(&result->values[0], "sum");
	printf("%.*s owes %" PRId64 "\n", (int)customer->size, customer->as.string, sum->as.integer);
}

static void on_slow(void *arg, const epact_result *result)
{
	if (result->failure) failures++;
	++*(int *)arg;
}

static void on_find(void *arg, const epact_result *result)
{
	const epact_failure *f = result->failure;
	(void)arg;
	printf("%s (code %d, status %d): %s\n", f->slug, f->code, f->status, f->message);
}

static void on_cancelled(void *arg, const epact_result *result)
{
	(void)arg;
	printf("cancelled: %d\n", result->failure && result->failure->code == EPACT_ECANCELLED);
}

static void call_sum(epact *e)
{
	const epact_pair item[] = {{epact_text("price"), epact_integer(21)}, {epact_text("count"), epact_integer(2)}};
	const epact_value items[] = {epact_map(item, 2), epact_map(item, 2)};
	const epact_pair order[] = {
		{epact_text("customer"), epact_text("ada")}, {epact_text("items"), epact_list(items, 2)}};
	const epact_value argument = epact_map(order, 2);
	epact_call_start(NULL, e, "shop.sum", &argument, 1, on_sum, NULL);
}

int main(void)
{
	epact *e;
	epact_call *call;
	int slow = 0;
	if (epact_open(&e, NULL)) return 1;
	if (epact_module(e, "shop", module, strlen(module))) {
		fprintf(stderr, "%s\n", epact_error(e));
		return 1;
	}
	call_sum(e);
	epact_run(e); /* until no call is under way */

	const epact_value soon = epact_number(0.05), hour = epact_integer(3600), name = epact_text("unicorn");
	for (int i = 0; i < 100; i++) epact_call_start(NULL, e, "shop.slow", &soon, 1, on_slow, &slow);
	epact_call_start(NULL, e, "shop.find", &name, 1, on_find, NULL);
	epact_call_start(&call, e, "shop.slow", &hour, 1, on_cancelled, NULL);
	epact_call_cancel(call);
	epact_run(e);
	printf("%d slow calls, side by side\n", slow);
	epact_close(e, NULL, NULL);
	return failures || slow != 100;
}
