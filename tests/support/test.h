/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_H
#define TEST_H

/*
 * The harness of the C tests: include it in one file, and write
 *
 *     TEST(append_grows)
 *     {
 *         CHECK_INT_EQ(ep_buf_append(&buf, "x", 1), 0);
 *     }
 *
 * Tests run in the order of the file; the first failed check prints file:line and ends the program with status 1.
 * An argument runs only the test of that name. After each test no descriptor may be open that was not open before it.
 * This header brings main(). TMPDIR is a fresh folder that must be left empty.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum { TEST_MAX = 256, TEST_MAX_FD = 1024 };

struct test_case {
	const char *name;
	void (*run)(void);
};

static struct test_case test_cases[TEST_MAX];
static size_t test_count;

static inline void test_add(const char *name, void (*run)(void))
{
	if (test_count == TEST_MAX) abort();
	test_cases[test_count++] = (struct test_case){name, run};
}

#define TEST(name)                                                                                                     \
	static void test_##name(void);                                                                                     \
	__attribute__((constructor)) static void test_add_##name(void) { test_add(#name, test_##name); }                   \
	static void test_##name(void)

#define TEST_FAIL(...)                                                                                                 \
	do {                                                                                                               \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                \
		fprintf(stderr, __VA_ARGS__);                                                                                  \
		fputc('\n', stderr);                                                                                           \
		exit(1);                                                                                                       \
	} while (0)

#define CHECK(condition)                                                                                               \
	do {                                                                                                               \
		if (!(condition)) TEST_FAIL("not true: %s", #condition);                                                       \
	} while (0)

/* Any integer, also sizes and enums: got first, then what it should be. */
#define CHECK_INT_EQ(got, expected)                                                                                    \
	do {                                                                                                               \
		intmax_t test_got = (intmax_t)(got), test_expected = (intmax_t)(expected);                                     \
		if (test_got != test_expected)                                                                                 \
			TEST_FAIL("%s is %" PRIdMAX ", expected %" PRIdMAX, #got, test_got, test_expected);                        \
	} while (0)

/* NULL equals NULL only. */
#define CHECK_STR_EQ(got, expected)                                                                                    \
	do {                                                                                                               \
		const char *test_got = (got), *test_expected = (expected);                                                     \
		if (!test_str_eq(test_got, test_expected))                                                                     \
			TEST_FAIL("%s is \"%s\", expected \"%s\"", #got, test_got ? test_got : "(null)",                           \
				test_expected ? test_expected : "(null)");                                                             \
	} while (0)

#define CHECK_MEM_EQ(got, expected, size)                                                                              \
	do {                                                                                                               \
		if (memcmp((got), (expected), (size)) != 0)                                                                    \
			TEST_FAIL("the %zu bytes of %s differ from %s", (size_t)(size), #got, #expected);                          \
	} while (0)

static inline bool test_str_eq(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Marks the open descriptors in open[]. */
static inline void test_list_fds(bool open[TEST_MAX_FD])
{
	memset(open, 0, TEST_MAX_FD * sizeof open[0]);
	for (int fd = 0; fd < TEST_MAX_FD; fd++) open[fd] = fcntl(fd, F_GETFD) != -1;
}

static inline void test_check_fds(const bool before[TEST_MAX_FD], const char *name)
{
	bool after[TEST_MAX_FD];
	bool leaked = false;
	test_list_fds(after);
	for (int fd = 0; fd < TEST_MAX_FD; fd++) {
		char path[64], target[256];
		if (before[fd] || !after[fd]) continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t size = readlink(path, target, sizeof target - 1);
		target[size < 0 ? 0 : size] = '\0';
		fprintf(stderr, "%s: descriptor %d was left open: %s\n", name, fd, target);
		leaked = true;
	}
	if (leaked) exit(1);
}

/* libuv opens a pipe for signals with the first loop of a process and keeps it: that one is no leak of a test. */
static inline void test_open_lasting_fds(void)
{
	uv_loop_t loop;
	if (uv_loop_init(&loop) != 0 || uv_loop_close(&loop) != 0) abort();
}

int main(int argc, char **argv)
{
	bool before[TEST_MAX_FD];
	size_t ran = 0;
	test_open_lasting_fds();
	for (size_t i = 0; i < test_count; i++) {
		if (argc > 1 && strcmp(argv[1], test_cases[i].name) != 0) continue;
		printf("%s\n", test_cases[i].name);
		fflush(stdout);
		test_list_fds(before);
		test_cases[i].run();
		test_check_fds(before, test_cases[i].name);
		ran++;
	}
	if (ran == 0) {
		fprintf(stderr, "no test ran\n");
		return 1;
	}
	printf("%zu passed\n", ran);
	return 0;
}

#endif
