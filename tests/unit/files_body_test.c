/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "runtime/base/json.h"
#include "runtime/relace/files_body.h"
#include "tests/support/tree_world.h"

static const char prefix[] = "{\"source\":{\"type\":\"files\",\"files\":", suffix[] = "},\"metadata\":{\"a\":\"b\"}}";

static uint64_t seed = 1;

static unsigned chance(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

/* A text of about so many bytes, with all kinds of characters. */
static size_t random_text(char *to, size_t len)
{
	static const char *const parts[] = {"a", "plain text ", "\n", "\t", "\"", "\\", "\x01", "\x1f", "\x7f", "\xc3\xa9",
		"\xe2\x82\xac", "\xf0\x9f\x98\x80", "/", "\r\n"};
	size_t n = 0;
	while (n < len) {
		const char *part = parts[chance(14)];
		memcpy(to + n, part, strlen(part));
		n += strlen(part);
	}
	return n;
}

/* Reads the body by rooms of this size; checks that no read gives more, and that the length is what was announced. */
static char *read_all(ep_files_body *body, size_t room)
{
	size_t length = (size_t)ep_files_body_length(body), n = 0;
	char *text = malloc(length + room + 1);
	for (long got = 1; got; n += (size_t)got) {
		CHECK(n <= length);
		got = ep_files_body_source.read(body, text + n, room);
		if (got < 0) TEST_FAIL("read: %s", ep_err_message(ep_files_body_error(body)));
		CHECK((size_t)got <= room);
	}
	CHECK_INT_EQ(n, length);
	text[n] = '\0';
	return text;
}

static void rewind_body(ep_files_body *body) { CHECK_INT_EQ(ep_files_body_source.rewind(body), 0); }

/* Every room gives the same bytes, also when a run was broken off before. Returns them. */
static char *check_rooms(ep_files_body *body)
{
	static const size_t large[] = {255, 256, 257, 1000, 4096, 16384, 65536, 65537, 1 << 20};
	size_t length = (size_t)ep_files_body_length(body);
	char *first = read_all(body, 1 << 16), piece[100];
	for (size_t room = 64; room <= 220; room++) {
		rewind_body(body);
		if (room % 8 == 0) {
			for (unsigned i = chance(20); i; i--) ep_files_body_source.read(body, piece, 1 + chance(100));
			rewind_body(body);
		}
		char *text = read_all(body, room);
		CHECK_MEM_EQ(text, first, length);
		free(text);
	}
	for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
		rewind_body(body);
		char *text = read_all(body, large[i]);
		CHECK_MEM_EQ(text, first, length);
		free(text);
	}
	return first;
}

static void check_string(const ep_json_value *v, const char *expected, size_t len)
{
	size_t got_len;
	const char *got = ep_json_get_string(v, &got_len);
	CHECK(got);
	CHECK_INT_EQ(got_len, len);
	CHECK_MEM_EQ(got, expected, len);
}

/* The text is what was to be sent. */
static void check_text(const char *text, const ep_files_item *items, size_t count)
{
	ep_json *doc;
	ep_err err = {0};
	size_t i = 0;
	if (ep_json_parse(&doc, text, strlen(text), NULL, &err)) TEST_FAIL("%s", err.message);
	const ep_json_value *root = ep_json_root(doc), *source = ep_json_object_get(root, "source");
	check_string(ep_json_object_get(source, "type"), "files", 5);
	check_string(ep_json_object_get(ep_json_object_get(root, "metadata"), "a"), "b", 1);
	const ep_json_value *files = ep_json_object_get(source, "files");
	CHECK_INT_EQ(ep_json_type(files), EP_JSON_ARRAY);
	CHECK_INT_EQ(ep_json_count(files), count);
	for (const ep_json_value *v = ep_json_first(files); v; v = ep_json_next(v), i++) {
		CHECK_INT_EQ(ep_json_count(v), 2);
		check_string(ep_json_object_get(v, "filename"), items[i].name, items[i].name_len);
		check_string(ep_json_object_get(v, "content"), items[i].content, items[i].content_len);
	}
	ep_json_free(doc);
}

static ep_files_body *of_list(const ep_files_item *items, size_t count)
{
	ep_files_body *body;
	ep_err err = {0};
	if (ep_files_body_of_list(&body, items, count, prefix, suffix, &err)) TEST_FAIL("%s", err.message);
	return body;
}

static ep_files_body *of_tree(ep_tree *tree)
{
	ep_files_body *body;
	ep_err err = {0};
	if (ep_files_body_of_tree(&body, tree, prefix, suffix, &err)) TEST_FAIL("%s", err.message);
	return body;
}

TEST(no_files)
{
	ep_files_body *body = of_list(NULL, 0);
	char *text = check_rooms(body);
	CHECK_STR_EQ(text, "{\"source\":{\"type\":\"files\",\"files\":[]},\"metadata\":{\"a\":\"b\"}}");
	free(text);
	ep_files_body_free(body);
	ep_files_body_free(NULL);
	begin();
	ep_tree *tree = list(NULL, false);
	body = of_tree(tree);
	text = read_all(body, 64);
	CHECK(strstr(text, "\"files\":[]"));
	free(text);
	ep_files_body_free(body);
	drop(tree);
	end();
}

TEST(random_lists)
{
	enum { FILES = 12, SIZE = 700 };
	static char contents[FILES][SIZE + 32], names[FILES][64];
	ep_files_item items[FILES];
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < FILES; i++) {
			size_t len = chance(5) ? random_text(contents[i], chance(SIZE)) : 0;
			int name_len = snprintf(names[i], sizeof names[i], "d\"%d/\xc3\xa9 %u", i, chance(1000000));
			items[i] = (ep_files_item){names[i], (size_t)name_len, contents[i], len};
		}
		ep_files_body *body = of_list(items, FILES);
		char *text = check_rooms(body);
		check_text(text, items, FILES);
		free(text);
		ep_files_body_free(body);
	}
}

/* Contents about the size of the chunks that files are read by, with characters across their ends. */
TEST(random_folders)
{
	enum { FILES = 6, CHUNK = 64 * 1024 };
	static const size_t sizes[FILES] = {0, 1, 300, CHUNK - 2, CHUNK, 3 * CHUNK + 5};
	char *contents[FILES];
	char names[FILES][16];
	ep_files_item items[FILES];
	begin();
	for (int i = 0; i < FILES; i++) {
		contents[i] = malloc(sizes[i] + 32);
		size_t len = sizes[i] ? random_text(contents[i], sizes[i]) : 0;
		int name_len = snprintf(names[i], sizeof names[i], "f%d \"q\"", i);
		items[i] = (ep_files_item){names[i], (size_t)name_len, contents[i], len};
		put(names[i], contents[i], len);
	}
	ep_tree *tree = list(NULL, false);
	ep_files_body *body = of_tree(tree);
	drop(tree); /* the body keeps it */
	char *text = check_rooms(body);
	check_text(text, items, FILES);
	free(text);
	ep_files_body_free(body);
	for (int i = 0; i < FILES; i++) free(contents[i]);
	end();
}

/* The body of the folder after the script was run in it: EP_ECONFLICT that names the file, before its last byte. */
static void check_changed(const char *script)
{
	char room[512];
	long got = 1;
	int64_t n = 0;
	begin();
	sh("printf 'some text' >a; seq 1000 >b; printf x >c; : >d");
	ep_tree *tree = list(NULL, false);
	ep_files_body *body = of_tree(tree);
	drop(tree);
	free(read_all(body, sizeof room));
	rewind_body(body);
	sh(script);
	for (; got > 0; n += got) got = ep_files_body_source.read(body, room, sizeof room);
	if (got != EP_ECONFLICT) TEST_FAIL("read gave %ld after: %s", got, script);
	CHECK(n < ep_files_body_length(body));
	CHECK_INT_EQ(ep_files_body_error(body)->code, EP_ECONFLICT);
	CHECK(strstr(ep_err_message(ep_files_body_error(body)), "changed"));
	CHECK_INT_EQ(ep_files_body_source.read(body, room, sizeof room), EP_ECONFLICT); /* it stays so */
	rewind_body(body);
	CHECK_INT_EQ(ep_files_body_error(body)->code, 0);
	ep_files_body_free(body);
	end();
}

TEST(changed_files)
{
	check_changed("echo x >>b");
	check_changed("echo x >>c");
	check_changed("echo x >d");
	check_changed("truncate -s 10 b");
	check_changed(": >b");
	check_changed("rm b");
	check_changed("rm d");
	check_changed("rm b; mkdir b");
	check_changed("rm b; ln -s a b");
	check_changed("rm b; mkfifo b");
	check_changed("cp b e; rm b; mv e b");
	check_changed("tr 1 2 <b >e; touch -r b e; cat e >b");
	check_changed("printf '\"' >c");
	check_changed("printf '\"\"\"\"\"\"\"\"\"' >a");
	check_changed("printf '\\001' >c");
}

static void check_refused(ep_files_item item, const char *words)
{
	ep_files_body *body;
	ep_err err = {0};
	ep_files_item items[] = {{"fine", 4, "x", 1}, item};
	CHECK_INT_EQ(ep_files_body_of_list(&body, items, 2, prefix, suffix, &err), EP_EINVAL);
	if (!strstr(err.message, words)) TEST_FAIL("\"%s\" has no \"%s\"", err.message, words);
	ep_err_fini(&err);
}

TEST(refused)
{
	check_refused((ep_files_item){"a", 1, "x\0y", 3}, "'a' holds a NUL");
	check_refused((ep_files_item){"a", 1, "x\xffy", 3}, "byte 2");
	check_refused((ep_files_item){"a", 1, "\xe2\x82", 2}, "'a' is not UTF-8");
	check_refused((ep_files_item){"../a", 4, "", 0}, "'../a'");
	check_refused((ep_files_item){"", 0, "", 0}, "empty");
	check_refused((ep_files_item){"a\0b", 3, "", 0}, "control");
}
