/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
/* timeout: 120 */
#include "test.h"

#include "runtime/relace/files_body.h"
#include "tests/support/tree_world.h"

/* Pages of this process that are in memory and its own, in KiB. */
static long resident(void)
{
	long kib = -1;
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");
	CHECK(file);
	while (fgets(line, sizeof line, file)) sscanf(line, "RssAnon: %ld", &kib);
	fclose(file);
	CHECK(kib > 0);
	return kib;
}

/* 200 MB in 2000 files: memory does not grow with it. */
TEST(memory_does_not_grow_with_the_folder)
{
	enum { FILES = 2000, SIZE = 100000, ROOM = 64 * 1024 };
	static char text[SIZE], room[ROOM];
	char name[32];
	for (size_t i = 0; i < SIZE; i++) text[i] = i % 80 ? (char)('a' + i % 26) : '\n';
	begin();
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "%04d.txt", i);
		put(name, text, SIZE);
	}
	long before = resident(), most = before;
	ep_tree *tree = list(NULL, false);
	ep_files_body *body;
	ep_err err = {0};
	CHECK_INT_EQ(tree->count, FILES);
	CHECK_INT_EQ(ep_files_body_of_tree(&body, tree, "", "", &err), 0);
	drop(tree);
	int64_t sent = 0;
	for (long got = 1, turn = 0; got; sent += got, turn++) {
		got = ep_files_body_source.read(body, room, ROOM);
		CHECK(got >= 0);
		if (turn % 64 == 0 && resident() > most) most = resident();
	}
	CHECK_INT_EQ(sent, ep_files_body_length(body));
	CHECK(sent > 200 * 1000 * 1000);
	printf("grew by %ld KiB\n", most - before);
	CHECK(most - before <= 16 * 1024);
	ep_files_body_free(body);
	end();
}
