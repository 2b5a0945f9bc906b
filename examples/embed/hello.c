/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest host: runs a script.
 *
 *     cc hello.c -o hello $(pkg-config --cflags --libs epact) && ./hello */
#include <epact.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	static const char script[] = "require('epact.task').sleep(0.01) print('hello from Lua') return 0";
	epact *e;
	if (epact_open(&e, NULL)) return 1;
	if (epact_start_text(e, script, strlen(script), "hello", 0, NULL) || epact_run(e))
		fprintf(stderr, "%s\n%s\n", epact_error(e), epact_traceback(e));
	int status = epact_exit_status(e);
	epact_close(e, NULL, NULL);
	return status;
}
