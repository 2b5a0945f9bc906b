/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a configuration of git: what is accepted, written anew by our own hand, is read as the same settings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/git/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition) abort();
}

typedef struct both {
	ep_buf list, written;
} both;

static int on_setting(void *arg, const char *key, const char *value)
{
	both *b = arg;
	require(strchr(key, '.') != NULL);
	ep_buf_printf(&b->list, "%s%s%s\n", key, value ? "=" : "", value ? value : "");
	ep_git_config_write(&b->written, key, value);
	(void)ep_git_config_judge(key, "status");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	both first = {0}, second = {0};
	char *text = malloc(size + 1); /* of just its size */
	memcpy(text, data, size);
	if (!ep_git_config_parse(text, size, on_setting, &first, NULL) && first.written.len) {
		require(!ep_git_config_parse(first.written.data, first.written.len, on_setting, &second, NULL));
		require(first.list.len == second.list.len && !memcmp(first.list.data, second.list.data, first.list.len));
	}
	free(text);
	ep_buf_fini(&first.list);
	ep_buf_fini(&first.written);
	ep_buf_fini(&second.list);
	ep_buf_fini(&second.written);
	return 0;
}
