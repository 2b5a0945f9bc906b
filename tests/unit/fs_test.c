/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/base/mem.h"
#include "runtime/fs/fs.h"

static ep_loop *loop;
static char top[256]; /* a fresh folder for each test */

static void on_closed(void *arg) { *(bool *)arg = true; }

static void begin(void)
{
	ep_err err = {0};
	snprintf(top, sizeof top, "%s/fs.XXXXXX", getenv("TMPDIR"));
	CHECK(mkdtemp(top));
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, &err), 0);
}

static void end(void)
{
	bool closed = false;
	ep_err err = {0};
	ep_loop_close(loop, on_closed, &closed);
	CHECK(closed);
	CHECK_INT_EQ(ep_fs_remove_tree(top, &err), 0);
	CHECK(access(top, F_OK) != 0);
}

static const char *at(const char *name)
{
	static char paths[8][1024];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", top, name);
	return path;
}

static void on_done(ep_op *op) { *(bool *)op->owner = true; }

/* Waits for the call; its result. */
static int result(ep_fs *call)
{
	bool done = false;
	CHECK(call);
	ep_op_wait(&call->work.op, on_done, &done);
	CHECK_INT_EQ(ep_loop_run(loop, &done), 0);
	return call->work.op.result;
}

static void drop(ep_fs *call) { ep_op_release(&call->work.op); }

/* Waits, checks the result and frees. */
static void check(ep_fs *call, int expected)
{
	int got = result(call);
	if (got != expected) TEST_FAIL("result %d, expected %d: %s", got, expected, ep_err_message(&call->work.err));
	drop(call);
}

static void check_error(ep_fs *call, int code, const char *message)
{
	CHECK_INT_EQ(result(call), code);
	CHECK_STR_EQ(call->work.err.message, message);
	drop(call);
}

static void put(const char *name, const char *text)
{
	check(ep_fs_write_start(loop, at(name), text, strlen(text), NULL), 0);
}

static void make(const char *name) { check(ep_fs_mkdir_start(loop, at(name), true), 0); }

static void check_content(const char *name, const char *text)
{
	ep_fs *call = ep_fs_read_start(loop, at(name), SIZE_MAX);
	CHECK_INT_EQ(result(call), 0);
	CHECK_STR_EQ(call->data, text);
	CHECK_INT_EQ(call->len, strlen(text));
	drop(call);
}

static mode_t mode_of(const char *name)
{
	struct stat st;
	CHECK(!lstat(at(name), &st));
	return st.st_mode & 07777;
}

static bool exists(const char *name)
{
	struct stat st;
	return !lstat(at(name), &st);
}

static size_t entries_of(const char *path)
{
	ep_fs *call = ep_fs_list_start(loop, path);
	CHECK_INT_EQ(result(call), 0);
	size_t count = call->list.count;
	drop(call);
	return count;
}

TEST(what_was_written_is_read)
{
	begin();
	put("a", "one");
	check_content("a", "one");
	put("a", "");
	check_content("a", "");
	check(ep_fs_write_start(loop, at("a"), "x\0y", 3, &(ep_fs_write_options){.append = true}), 0);
	check(ep_fs_write_start(loop, at("a"), "z", 1, &(ep_fs_write_options){.append = true, .sync = true}), 0);
	ep_fs *call = ep_fs_read_start(loop, at("a"), 4);
	CHECK_INT_EQ(result(call), 0);
	CHECK_INT_EQ(call->len, 4);
	CHECK_MEM_EQ(call->data, "x\0yz", 5);
	drop(call);
	end();
}

TEST(a_read_has_a_limit)
{
	char text[600];
	begin();
	put("a", "12345");
	snprintf(text, sizeof text, "reading %s: larger than 4 bytes", at("a"));
	check_error(ep_fs_read_start(loop, at("a"), 4), EP_ETOOLARGE, text);
	check(ep_fs_read_start(loop, at("a"), 5), 0);
	check(ep_fs_read_start(loop, "/dev/zero", 100000), EP_ETOOLARGE);
	ep_fs *call = ep_fs_read_start(loop, "/proc/self/stat", SIZE_MAX); /* a file that says its size is 0 */
	CHECK_INT_EQ(result(call), 0);
	CHECK(call->len > 10);
	drop(call);
	end();
}

TEST(errors_say_what_and_where)
{
	char text[600];
	begin();
	snprintf(text, sizeof text, "reading %s: No such file or directory", at("none"));
	check_error(ep_fs_read_start(loop, at("none"), SIZE_MAX), EP_ENOENT, text);
	snprintf(text, sizeof text, "reading %s: Is a directory", top);
	check_error(ep_fs_read_start(loop, top, SIZE_MAX), EP_EIO, text);
	snprintf(text, sizeof text, "renaming %s to %s: No such file or directory", at("a"), at("b"));
	check_error(ep_fs_rename_start(loop, at("a"), at("b")), EP_ENOENT, text);
	put("full", "x");
	snprintf(text, sizeof text, "making the folder %s/x: Not a directory", at("full"));
	check_error(ep_fs_mkdir_start(loop, at("full/x"), true), EP_ENOENT, text);
	check_error(
		ep_fs_write_start(loop, "/dev/full", "x", 1, NULL), EP_ENOSPACE, "writing /dev/full: No space left on device");
	check(ep_fs_write_start(loop, at("no/file"), "x", 1, NULL), EP_ENOENT);
	check(ep_fs_list_start(loop, at("full")), EP_ENOENT);
	check(ep_fs_realpath_start(loop, at("none")), EP_ENOENT);
	end();
}

TEST(an_atomic_write_replaces_and_leaves_nothing_beside)
{
	const ep_fs_write_options atomic = {.atomic = true}, synced = {.atomic = true, .sync = true, .mode = 0600};
	begin();
	check(ep_fs_write_start(loop, at("new"), "1", 1, &synced), 0);
	CHECK_INT_EQ(mode_of("new"), 0600);
	CHECK(!chmod(at("new"), 0751));
	check(ep_fs_write_start(loop, at("new"), "22", 2, &atomic), 0);
	CHECK_INT_EQ(mode_of("new"), 0751);
	check_content("new", "22");
	CHECK(!symlink("new", at("link")));
	check(ep_fs_write_start(loop, at("link"), "333", 3, &atomic), 0);
	check_content("new", "333");
	make("dir");
	check(ep_fs_write_start(loop, at("dir"), "x", 1, &atomic), EP_EIO);
	CHECK_INT_EQ(entries_of(top), 3);
	end();
}

static void *write_many(void *arg)
{
	static char big[8192];
	for (int i = 0; i < 100; i++) {
		bool done = false, closed = false;
		ep_loop *mine;
		memset(big, 'a' + i % 26, sizeof big);
		if (ep_loop_open(&mine, NULL, NULL)) abort();
		ep_fs *call = ep_fs_write_start(mine, arg, big, sizeof big, &(ep_fs_write_options){.atomic = true});
		ep_op_wait(&call->work.op, on_done, &done);
		ep_loop_run(mine, &done);
		if (call->work.op.result) abort();
		drop(call);
		ep_loop_close(mine, on_closed, &closed);
	}
	return NULL;
}

TEST(a_reader_sees_the_old_bytes_or_the_new)
{
	pthread_t writer;
	char path[1024];
	begin();
	put("f", "");
	strcpy(path, at("f"));
	CHECK(!pthread_create(&writer, NULL, write_many, path));
	for (int i = 0; i < 300; i++) {
		ep_fs *call = ep_fs_read_start(loop, path, SIZE_MAX);
		CHECK_INT_EQ(result(call), 0);
		CHECK(call->len == 0 || call->len == 8192);
		for (size_t k = 1; k < call->len; k++) CHECK(call->data[k] == call->data[0]);
		drop(call);
	}
	CHECK(!pthread_join(writer, NULL));
	end();
}

TEST(a_list_is_sorted_by_bytes)
{
	static const char *const names[] = {"B", "a", "a b", "a\nb", "\xff\xfe", "\xc3\xa9"};
	static const char *const sorted[] = {"B", "a", "a\nb", "a b", "dir", "link", "\xc3\xa9", "\xff\xfe"};
	begin();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) put(names[i], "x");
	CHECK(!mkdir(at("dir"), 0700) && !symlink("/", at("link")));
	ep_fs *call = ep_fs_list_start(loop, top);
	CHECK_INT_EQ(result(call), 0);
	CHECK_INT_EQ(call->list.count, 8);
	for (size_t i = 0; i < 8; i++) {
		int type = i == 4 ? EP_FS_DIRECTORY : i == 5 ? EP_FS_SYMLINK : EP_FS_FILE;
		CHECK_STR_EQ(call->list.entries[i].name, sorted[i]);
		CHECK_INT_EQ(call->list.entries[i].type, type);
	}
	drop(call);
	CHECK_INT_EQ(entries_of(at("dir")), 0);
	end();
}

TEST(a_walk_follows_no_link)
{
	static const char *const paths[] = {"a", "a/b", "a/b/f", "a/loop", "c", "fifo"};
	begin();
	make("a/b");
	CHECK(!symlink("..", at("a/loop")) && !mkfifo(at("fifo"), 0600));
	put("a/b/f", "12345");
	put("c", "");
	ep_fs *call = ep_fs_walk_start(loop, top);
	CHECK_INT_EQ(result(call), 0);
	CHECK_INT_EQ(call->list.count, 6);
	for (size_t i = 0; i < 6; i++) CHECK_STR_EQ(call->list.entries[i].name, paths[i]);
	CHECK_INT_EQ(call->list.entries[2].size, 5);
	CHECK_INT_EQ(call->list.entries[3].type, EP_FS_SYMLINK);
	CHECK_INT_EQ(call->list.entries[5].type, EP_FS_OTHER);
	drop(call);
	end();
}

TEST(stat_tells_a_missing_path)
{
	begin();
	put("f", "123");
	CHECK(!chmod(at("f"), 0640) && !symlink("f", at("link")));
	ep_fs *call = ep_fs_stat_start(loop, at("link"), true);
	CHECK_INT_EQ(result(call), 0);
	CHECK(!call->missing && call->info.type == EP_FS_FILE && call->info.size == 3 && call->info.mode == 0640);
	CHECK(call->info.mtime > INT64_C(1600000000) * 1000000000);
	drop(call);
	call = ep_fs_stat_start(loop, at("link"), false);
	CHECK_INT_EQ(result(call), 0);
	CHECK_INT_EQ(call->info.type, EP_FS_SYMLINK);
	drop(call);
	call = ep_fs_stat_start(loop, at("f/none"), true);
	CHECK_INT_EQ(result(call), 0);
	CHECK(call->missing);
	drop(call);
	end();
}

TEST(folders_are_made_with_those_above)
{
	begin();
	check(ep_fs_mkdir_start(loop, at("a/b/c"), false), EP_ENOENT);
	check(ep_fs_mkdir_start(loop, at("a//b/c/"), true), 0);
	check(ep_fs_mkdir_start(loop, at("a/b/c"), true), 0);
	check(ep_fs_mkdir_start(loop, at("a/b/c"), false), EP_EEXIST);
	CHECK(exists("a/b/c"));
	end();
}

TEST(a_copy_has_bytes_and_mode)
{
	begin();
	put("a", "hello");
	CHECK(!chmod(at("a"), 0755));
	check(ep_fs_copy_start(loop, at("a"), at("b")), 0);
	check_content("b", "hello");
	CHECK_INT_EQ(mode_of("b"), 0755);
	put("long", "longer than hello");
	check(ep_fs_copy_start(loop, at("a"), at("long")), 0);
	check_content("long", "hello");
	CHECK(!link(at("a"), at("same")));
	check(ep_fs_copy_start(loop, at("a"), at("same")), EP_EINVAL);
	check_content("a", "hello");
	check(ep_fs_copy_start(loop, "/proc/self/stat", at("proc")), 0);
	CHECK(exists("proc"));
	check(ep_fs_copy_start(loop, top, at("x")), EP_EIO);
	check(ep_fs_copy_start(loop, at("none"), at("x")), EP_ENOENT);
	check(ep_fs_copy_start(loop, "/dev/null", at("x")), EP_EINVAL);
	CHECK(!exists("x"));
	end();
}

TEST(remove_takes_files_links_and_empty_folders)
{
	begin();
	put("f", "");
	CHECK(!mkdir(at("d"), 0700) && !mkdir(at("full"), 0700) && !symlink("full", at("link")));
	put("full/f", "");
	check(ep_fs_remove_start(loop, at("f"), false), 0);
	check(ep_fs_remove_start(loop, at("d"), false), 0);
	check(ep_fs_remove_start(loop, at("link"), false), 0);
	check(ep_fs_remove_start(loop, at("full"), false), EP_EEXIST);
	check(ep_fs_remove_start(loop, at("f"), false), EP_ENOENT);
	check(ep_fs_remove_start(loop, at("f"), true), 0);
	CHECK(exists("full/f"));
	end();
}

TEST(a_tree_is_removed_and_nothing_behind_its_links)
{
	static const char *const refused[] = {"/", "//", ".", "..", "", "a/.."};
	begin();
	make("keep");
	put("keep/f", "x");
	make("t/a/b");
	make("t/c");
	CHECK(!symlink("../keep", at("t/link")) && !symlink("..", at("t/a/up")) && !mkfifo(at("t/a/fifo"), 0600));
	put("t/a/b/f", "x");
	CHECK(!symlink("keep", at("linked")));
	check(ep_fs_remove_start(loop, at("t/"), true), 0);
	check(ep_fs_remove_start(loop, at("linked/"), true), 0); /* the link itself */
	CHECK(!exists("t") && !exists("linked") && exists("keep/f"));
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		ep_err err = {0};
		CHECK_INT_EQ(ep_fs_remove_tree(refused[i], &err), EP_EINVAL);
		ep_err_fini(&err);
	}
	end();
}

/* As root nothing is unreadable: another user has to try. */
static int as_nobody(int (*run)(void))
{
	pid_t child = fork();
	int status;
	if (!child) {
		if (!getuid() && (setgid(65534) || setuid(65534))) _exit(99);
		_exit(run());
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int remove_read_only(void)
{
	ep_err err = {0};
	if (mkdir(at("ro"), 0700) || mkdir(at("ro/in"), 0700) || mkdir(at("ro/in/none"), 0)) return 2;
	int fd = open(at("ro/in/f"), O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
	if (fd < 0 || close(fd) || chmod(at("ro/in"), 0500) || chmod(at("ro"), 0500)) return 3;
	int code = ep_fs_remove_tree(at("ro"), &err);
	if (code) fprintf(stderr, "%s\n", ep_err_message(&err));
	ep_err_fini(&err);
	return code ? 4 : access(at("ro"), F_OK) ? 0 : 5;
}

static int remove_of_others(void)
{
	ep_err err = {0};
	char text[1100];
	int code = ep_fs_remove_tree(at("theirs"), &err);
	snprintf(text, sizeof text, "removing %s: Permission denied", at("theirs/f"));
	int bad = code == EP_EPERMISSION && !strcmp(ep_err_message(&err), text) ? 0 : 4;
	if (bad) fprintf(stderr, "%d %s\n", code, ep_err_message(&err));
	ep_err_fini(&err);
	return bad;
}

TEST(read_only_folders_of_ours_are_removed_and_those_of_others_not)
{
	begin();
	CHECK(!chmod(top, 0777) && !chmod(getenv("TMPDIR"), 0755));
	CHECK_INT_EQ(as_nobody(remove_read_only), 0);
	make("theirs");
	put("theirs/f", "x");
	if (!getuid()) CHECK_INT_EQ(as_nobody(remove_of_others), 0);
	end();
}

TEST(a_deep_and_a_wide_tree_are_removed)
{
	begin();
	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 1200; i++) { /* far deeper than a path or a table of descriptors can be long */
		CHECK(!mkdirat(fd, "deep-folder", 0700));
		int next = openat(fd, "deep-folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
	make("wide");
	for (int i = 0; i < 500; i++) {
		char name[64];
		snprintf(name, sizeof name, "wide/%d", i);
		CHECK(!(i % 2 ? mkdir(at(name), 0700) : symlink("x", at(name))));
	}
	check(ep_fs_walk_start(loop, top), EP_EINVAL); /* a path too long for the system is said, not cut */
	end();
}

struct swapper {
	char folder[1024], aside[1024], target[1024];
	atomic_bool stop;
};

static void *swap(void *arg)
{
	struct swapper *s = arg;
	while (!atomic_load(&s->stop)) {
		if (!rename(s->folder, s->aside) && symlink(s->target, s->folder)) usleep(1);
		usleep(50);
		unlink(s->folder);
		rename(s->aside, s->folder);
	}
	return NULL;
}

TEST(a_link_swapped_in_leads_nowhere)
{
	static struct swapper s;
	pthread_t thread;
	ep_err err = {0};
	begin();
	make("keep/sub");
	put("keep/f", "x");
	put("keep/sub/f", "x");
	strcpy(s.folder, at("t/folder"));
	strcpy(s.aside, at("aside"));
	strcpy(s.target, at("keep"));
	for (int round = 0; round < 10; round++) {
		make("t/folder/sub");
		for (int i = 0; i < 50; i++) {
			char name[64];
			snprintf(name, sizeof name, "t/folder/sub/%d", i);
			CHECK(!symlink("x", at(name)));
		}
		atomic_store(&s.stop, false);
		CHECK(!pthread_create(&thread, NULL, swap, &s));
		ep_fs_remove_tree(at("t"), &err); /* it may fail: the other one puts things back */
		ep_err_fini(&err);
		atomic_store(&s.stop, true);
		CHECK(!pthread_join(thread, NULL));
		CHECK(exists("keep/f") && exists("keep/sub/f"));
		CHECK_INT_EQ(ep_fs_remove_tree(at("t"), &err), 0);
		CHECK_INT_EQ(ep_fs_remove_tree(at("aside"), &err), 0);
	}
	end();
}

static void *remove_too(void *path)
{
	ep_fs_remove_tree(path, NULL);
	return NULL;
}

TEST(two_may_remove_one_tree)
{
	pthread_t other;
	char path[1024];
	begin();
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 60; i++) {
			char name[64];
			snprintf(name, sizeof name, "t/%d/%d", i % 6, i);
			make(name);
		}
		strcpy(path, at("t"));
		ep_err err = {0};
		CHECK(!pthread_create(&other, NULL, remove_too, path));
		int code = ep_fs_remove_tree(path, &err);
		if (code) TEST_FAIL("%s", ep_err_message(&err));
		CHECK(!pthread_join(other, NULL));
		CHECK(!exists("t"));
	}
	end();
}

TEST(a_temporary_folder_nobody_takes_is_removed)
{
	begin();
	ep_fs *call = ep_fs_temp_start(loop, top, "x-");
	CHECK_INT_EQ(result(call), 0);
	char *path = ep_fs_take_data(call);
	drop(call);
	CHECK(!strncmp(path, at("x-"), strlen(at("x-"))));
	CHECK(!rmdir(path));
	ep_free(path);
	check(ep_fs_temp_start(loop, top, "x-"), 0); /* released without having been taken */
	CHECK_INT_EQ(entries_of(top), 0);
	check(ep_fs_temp_start(loop, at("none"), "x-"), EP_ENOENT);
	for (int i = 0; i < 20; i++) drop(ep_fs_temp_start(loop, top, "x-")); /* cancelled, at whatever step */
	bool closed = false;
	ep_loop_close(loop, on_closed, &closed); /* all threads are out */
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
	CHECK_INT_EQ(entries_of(top), 0);
	end();
}

TEST(a_pipe_is_read_to_its_end_and_a_cancel_leaves_it)
{
	begin();
	CHECK(!mkfifo(at("fifo"), 0600));
	int keep = open(at("fifo"), O_RDWR | O_CLOEXEC);
	ep_fs *call = ep_fs_read_start(loop, at("fifo"), SIZE_MAX);
	CHECK(write(keep, "abc", 3) == 3);
	usleep(100000);
	close(keep);
	CHECK_INT_EQ(result(call), 0);
	CHECK_STR_EQ(call->data, "abc");
	drop(call);
	call = ep_fs_read_start(loop, at("fifo"), SIZE_MAX); /* nobody ever writes */
	ep_op_cancel(&call->work.op, EP_ECANCELLED);
	check(call, EP_ECANCELLED);
	end(); /* closing waits for the thread */
}

static ep_file *open_file(const char *name, int how)
{
	ep_fs *call = ep_file_open_start(loop, at(name), how);
	CHECK_INT_EQ(result(call), 0);
	ep_file *file = ep_fs_take_file(call);
	drop(call);
	return file;
}

TEST(a_file_is_read_and_written_piece_by_piece)
{
	static const char *const pieces[] = {"hello w", "orld", ""};
	begin();
	ep_file *file = open_file("f", EP_FILE_WRITE);
	check(ep_file_write_start(loop, file, "hello ", 6), 0);
	check(ep_file_write_start(loop, file, "worl", 4), 0);
	check(ep_file_close_start(loop, file), 0);
	check(ep_file_write_start(loop, file, "x", 1), EP_EINVAL);
	ep_file_release(file);
	file = open_file("f", EP_FILE_APPEND);
	check(ep_file_write_start(loop, file, "d", 1), 0);
	drop(ep_file_close_start(loop, file)); /* cancelled: closed all the same */
	ep_file_release(file);
	check_content("f", "hello world");
	file = open_file("f", EP_FILE_READ);
	for (int i = 0; i < 3; i++) {
		ep_fs *call = ep_file_read_start(loop, file, 7);
		CHECK_INT_EQ(result(call), 0);
		CHECK_STR_EQ(call->data, pieces[i]);
		drop(call);
	}
	drop(ep_file_read_start(loop, file, 7)); /* cancelled; the descriptor stays until its thread is out */
	ep_file_release(file);
	drop(ep_file_open_start(loop, at("f"), EP_FILE_READ));
	check(ep_file_open_start(loop, top, EP_FILE_READ), EP_EIO);
	check(ep_file_open_start(loop, at("none"), EP_FILE_READ), EP_ENOENT);
	end();
}

TEST(a_cancelled_call_leaves_nothing)
{
	static char big[4 << 20];
	const ep_fs_write_options atomic = {.atomic = true};
	bool closed = false;
	begin();
	put("f", "x");
	for (int i = 0; i < 10; i++) {
		ep_fs *calls[] = {ep_fs_write_start(loop, at("f"), big, sizeof big, &atomic),
			ep_fs_read_start(loop, at("f"), SIZE_MAX), ep_fs_walk_start(loop, top),
			ep_fs_copy_start(loop, at("f"), at("g")), ep_file_open_start(loop, at("f"), EP_FILE_READ)};
		for (int k = 0; k < 5; k++) {
			CHECK(calls[k]);
			if (k % 2) usleep(300);
			drop(calls[k]);
		}
	}
	ep_loop_close(loop, on_closed, &closed); /* all threads are out */
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
	unlink(at("g"));
	CHECK_INT_EQ(entries_of(top), 1);
	end();
}

static ep_fs *nth_call(int which)
{
	switch (which) {
	case 0: return ep_fs_read_start(loop, at("f"), SIZE_MAX);
	case 1: return ep_fs_write_start(loop, at("f"), "text", 4, &(ep_fs_write_options){.atomic = true});
	case 2: return ep_fs_walk_start(loop, top);
	case 3: return ep_fs_realpath_start(loop, at("f"));
	case 4: return ep_fs_temp_start(loop, top, "x");
	case 5: return ep_file_open_start(loop, at("f"), EP_FILE_READ);
	default: return ep_fs_remove_start(loop, at("t"), true);
	}
}

TEST(each_allocation_may_fail)
{
	begin();
	put("f", "text");
	for (int which = 0; which < 7; which++)
		for (long n = 1; n < 20; n++) {
			make("t/a/b");
			bool done = false;
			ep_mem_fail_after(n);
			ep_fs *call = nth_call(which);
			if (call) {
				ep_op_wait(&call->work.op, on_done, &done);
				CHECK_INT_EQ(ep_loop_run(loop, &done), 0);
				CHECK(call->work.op.result == 0 || call->work.op.result == EP_ENOMEM);
				drop(call);
			}
			ep_mem_fail_after(0);
		}
	check_content("f", "text");
	check(ep_fs_remove_start(loop, at("t"), true), 0);
	CHECK_INT_EQ(entries_of(top), 1);
	end();
}
