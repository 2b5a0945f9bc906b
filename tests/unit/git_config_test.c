/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/config.h"

#include "tests/support/test.h"

static int collect(void *arg, const char *key, const char *value)
{
	ep_buf_printf(arg, "%s%s%s", key, value ? "\n" : "", value ? value : "");
	ep_buf_putc(arg, '\0');
	return 0;
}

static int parse(ep_buf *out, const char *text)
{
	ep_buf_reset(out);
	return ep_git_config_parse(text, strlen(text), collect, out, NULL);
}

#define CHECK_READS(text, expected)                                                                                    \
	do {                                                                                                               \
		CHECK_INT_EQ(parse(&out, text), 0);                                                                            \
		if (out.len != sizeof(expected) - 1 || memcmp(out.data, expected, out.len) != 0) TEST_FAIL("%s", text);        \
	} while (0)

TEST(what_git_writes)
{
	ep_buf out = {0};
	CHECK_READS("[core]\n\tbare = false\n\tfileMode\n", "core.bare\nfalse\0core.filemode\0");
	CHECK_READS("[remote \"Origin x\"]\n\turl = \"a\\\"b\\\\c\"\n", "remote.Origin x.url\na\"b\\c\0");
	CHECK_READS("[Branch \"a.\\\"b\"] Merge = x ; why\n# no\n", "branch.a.\"b.merge\nx\0");
	CHECK_READS("[a.B]\nx=1\\\n2\n", "a.b.x\n12\0");
	CHECK_READS("[a]\r\n\tx = 1\r\n", "a.x\n1\0");
	CHECK_READS("[a]x=\" 1 \" # c\n", "a.x\n 1 \0");
	CHECK_READS("[a]\nx = a \"b;c\" d\n", "a.x\na b;c d\0");
	CHECK_READS("[a]\nx =\n", "a.x\n\0");
	CHECK_READS("[a]\nx = a\tb\\tc \t d\t\n", "a.x\na b\tc   d\0");
	CHECK_READS("[a]\nx = \"\" \ta\n", "a.x\na\0");
	ep_buf_fini(&out);
}

TEST(what_is_no_configuration)
{
	static const char *const bad[] = {"x = 1\n", "[a\nx = 1\n", "[a \"b]\nx\n", "[a]\n1x = 1\n", "[a]\nx = \"1\n",
		"[a]\nx = \\q\n", "[]\nx\n", "[a]\nx y\n", "\xef\xbb\xbf[a]\nx\n", "[a \"b\"c]\nx\n", "[a]\nx_y = 1\n"};
	ep_buf out = {0};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse(&out, bad[i]) != EP_ECORRUPT) TEST_FAIL("accepted: %s", bad[i]);
	CHECK_INT_EQ(ep_git_config_parse("[a]\n\0x\n", 7, collect, &out, NULL), EP_ECORRUPT);
	ep_buf_fini(&out);
}

/* Texts made up of pieces: what is accepted has the same settings for git. What is written is read again. */
TEST(as_git)
{
	static const char *const pieces[] = {"[a]", "[b \"c\"]", "[B.c]", "[b \"\\\"\"]", "x", "Y-1", "=", " ", "\t", "\n",
		"\n", "\n", "\"", "\\\n", "\\t", "\\\\", "#", ";", "v", "\r\n", "]", "[", "\\\"", "1"};
	char path[256], command[512];
	ep_buf mine = {0}, text = {0}, again = {0};
	unsigned accepted = 0, entries = 0;
	snprintf(path, sizeof path, "%s/config", getenv("TMPDIR"));
	snprintf(command, sizeof command, "git config --file %s --list -z 2>/dev/null", path);
	srand(7);
	for (int round = 0; round < 3000; round++) {
		ep_buf_reset(&text);
		ep_buf_puts(&text, rand() % 4 ? "[a]\n" : "");
		for (int i = rand() % 14; i >= 0; i--)
			ep_buf_puts(&text, pieces[rand() % (int)(sizeof pieces / sizeof *pieces)]);
		if (parse(&mine, ep_buf_text(&text))) continue;
		accepted++;
		entries += mine.len > 0;
		if (!mine.len && round % 10) continue; /* git is slow to start */
		FILE *file = fopen(path, "w");
		fwrite(text.data, 1, text.len, file);
		fclose(file);
		char theirs[4096];
		FILE *git = popen(command, "r");
		size_t len = fread(theirs, 1, sizeof theirs, git);
		CHECK_INT_EQ(pclose(git), 0);
		/* A tab within a value is a space for a git before 2.45. */
		for (size_t i = 0; i < mine.len; i++)
			if (mine.data[i] == '\t') mine.data[i] = ' ';
		for (size_t i = 0; i < len; i++)
			if (theirs[i] == '\t') theirs[i] = ' ';
		if (len != mine.len || memcmp(theirs, ep_buf_text(&mine), len) != 0)
			TEST_FAIL("of '%s' git reads '%.*s', we '%s'", text.data, (int)len, theirs, ep_buf_text(&mine));
	}
	unlink(path);
	CHECK(accepted > 200 && entries > 50);
	ep_git_config_write(&again, "a.b\"c.x", "1\n\"2\\ ");
	CHECK_INT_EQ(parse(&mine, again.data), 0);
	CHECK_STR_EQ(mine.data, "a.b\"c.x\n1\n\"2\\ ");
	ep_buf_fini(&mine);
	ep_buf_fini(&text);
	ep_buf_fini(&again);
}

TEST(what_could_run_a_program)
{
	static const char *const safe[] = {"core.filemode", "core.hookspath", "remote.origin.url", "remote.a.b.fetch",
		"branch.x.merge", "user.name", "merge.ff", "diff.renames", "submodule.x.url", "extensions.partialclone",
		"alias.st", "merge.x.name", "add.ignoreerrors", "remote.o.followremotehead", "rebase.missingcommitscheck"};
	static const char *const unsafe[] = {"include.path", "includeif.gitdir:/x.path", "remote.o.uploadpack",
		"remote.o.vcs", "diff.x.textconv", "diff.x.command", "diff.external", "merge.x.driver", "url.x.insteadof",
		"http.proxy", "http.sslverify", "http.https://h.curloptresolve", "gpg.program", "trailer.x.command",
		"core.alternaterefscommand", "branch.x.mergeoptions", "difftool.x.cmd", "tar.x.command", "submodule.x.update",
		"alias.log", "alias.LOG", "gc.recentobjectshook", "interactive.difffilter", "sendemail.smtpserver",
		"fetch.bundleuri"};
	for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
		if (ep_git_config_judge(safe[i], "log") != EP_GIT_SAFE) TEST_FAIL("refused: %s", safe[i]);
	for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
		if (ep_git_config_judge(unsafe[i], "log") != EP_GIT_UNSAFE) TEST_FAIL("accepted: %s", unsafe[i]);
	CHECK_INT_EQ(ep_git_config_judge("filter.x.y.clean", "log"), EP_GIT_FILTER);
	CHECK_INT_EQ(ep_git_config_judge("new.thing", "log"), EP_GIT_UNKNOWN);
}
