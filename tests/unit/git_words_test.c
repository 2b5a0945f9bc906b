/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/classify.h"
#include "runtime/git/progress.h"
#include "tests/support/test.h"

typedef struct heard {
	ep_git_progress_reader reader;
	ep_git_progress last;
	int count;
} heard;

static void on_progress(void *arg, const ep_git_progress *now)
{
	heard *h = arg;
	h->last = *now;
	h->count++;
}

/* The number of lines of progress in text. */
static int hear(heard *h, const char *text, size_t len)
{
	h->count = 0;
	ep_git_progress_read(&h->reader, text, len, on_progress, h);
	return h->count;
}

TEST(progress_of_a_clone)
{
	static const char words[] =
		"Cloning into 'x'...\nremote: Enumerating objects: 1000, done.        \nremote: Counting objects:  "
		"50% (500/1000)        \rReceiving objects:  45% (450/1000), 1.50 MiB | 2.00 MiB/s";
	heard h = {0};
	CHECK_INT_EQ(hear(&h, words, strlen(words)), 2);
	memset(&h, 0, sizeof h);
	for (const char *c = words; *c; c++) hear(&h, c, 1);
	CHECK_STR_EQ(ep_git_phase_name(h.last.phase), "counting");
	CHECK_INT_EQ(h.last.percent, 50);
	CHECK_INT_EQ(h.last.done, 500);
	CHECK_INT_EQ(h.last.total, 1000);
	CHECK_INT_EQ(hear(&h, "\r", 1), 1);
	CHECK_INT_EQ(h.last.phase, EP_GIT_RECEIVING);
	CHECK_INT_EQ(h.last.percent, 45);
	CHECK_INT_EQ(h.last.bytes, 1536 * 1024);
	CHECK_INT_EQ(hear(&h, "remote: Enumerating objects: 17, done.\n", 39), 1);
	CHECK_INT_EQ(h.last.percent, -1);
	CHECK_INT_EQ(h.last.done, 17);
	CHECK_INT_EQ(hear(&h, "fatal: no\n", 10), 0);
}

TEST(progress_of_a_push)
{
	heard h = {0};
	const char *words =
		"Enumerating objects: 5, done.\nCounting objects: 100% (5/5), done.\nDelta compression using up to 2 threads\n"
		"Writing objects:  50% (1/2), 1.00 KiB | 3.00 KiB/s\rremote: Resolving deltas: 100% (1/1)\n";
	size_t len = (size_t)(strstr(words, "remote:") - words);
	CHECK_INT_EQ(hear(&h, words, len), 3);
	CHECK_STR_EQ(ep_git_phase_name(h.last.phase), "writing");
	CHECK_INT_EQ(h.last.percent, 50);
	CHECK_INT_EQ(h.last.bytes, 1024);
	CHECK_INT_EQ(h.last.rate, 3 * 1024);
	CHECK_INT_EQ(hear(&h, words + len, strlen(words + len)), 1);
	CHECK_INT_EQ(h.last.phase, EP_GIT_RESOLVING);
}

TEST(progress_survives_anything)
{
	static const char *const lines[] = {"Receiving objects: %(/\n", "Receiving objects: 999% (1/0), x | \r",
		"Receiving objects: 1% (99999999999999999999/1), -5 MiB\n", "Updating files: -3% ()\n", "Resolving deltas: \n"};
	heard h = {0};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		CHECK_INT_EQ(hear(&h, lines[i], strlen(lines[i])), 1);
		CHECK(h.last.percent >= -1 && h.last.percent <= 100);
	}
	for (int i = 0; i < 10000; i++) CHECK_INT_EQ(hear(&h, "Receiving", 9), 0);
	CHECK_INT_EQ(hear(&h, "\n", 1), 0);
}

static void check_words(const char *words, int code, int status)
{
	ep_err err = {0};
	int got = ep_git_classify(&err, NULL, "cloning x", 128, words, strlen(words));
	if (got != code || err.status != status)
		TEST_FAIL("'%s' is %s %d, expected %s %d", words, ep_err_slug(got), err.status, ep_err_slug(code), status);
	CHECK(!strncmp(ep_err_message(&err), "cloning x: ", 11));
	ep_err_fini(&err);
}

/* The words are those of git 2.39.5. */
TEST(meaning_of_words)
{
	check_words("fatal: Authentication failed for 'https://h/x/'\n", EP_EAUTH, 128);
	check_words("fatal: could not read Username for 'https://h': terminal prompts disabled\n", EP_EAUTH, 128);
	check_words("fatal: unable to access 'https://h/x/': The requested URL returned error: 403\n", EP_EPERMISSION, 403);
	check_words("fatal: repository 'https://h/x/' not found\n", EP_ENOENT, 404);
	check_words("fatal: unable to access 'https://h/x/': The requested URL returned error: 423\n", EP_ELOCKED, 423);
	check_words("fatal: unable to access 'https://h/x/': The requested URL returned error: 429\n", EP_ERATELIMIT, 429);
	check_words("fatal: unable to access 'https://h/x/': The requested URL returned error: 410\n", EP_ESTATUS, 410);
	check_words("error: RPC failed; HTTP 500 curl 22 The requested URL returned error: 500\nfatal: early EOF\n",
		EP_ESERVER, 500);
	check_words(
		"warning: Could not find remote branch x to clone.\nfatal: Remote branch x not found in upstream origin\n",
		EP_ENOBRANCH, 128);
	check_words("fatal: destination path 'd' already exists and is not an empty directory.\n", EP_EDESTINATION, 128);
	check_words("fatal: unable to access 'https://h/x/': Could not resolve host: h\n", EP_ENETWORK, 128);
	check_words(
		"fatal: unable to access 'http://h/': Failed to connect to h port 1 after 0 ms: Couldn't connect to server\n",
		EP_ENETWORK, 128);
	check_words("error: RPC failed; curl 18 transfer closed with 2 bytes remaining to read\nfatal: early EOF\n",
		EP_ENETWORK, 128);
	check_words(
		"error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec\nfatal: early EOF\n", EP_ETIMEOUT, 128);
	check_words(
		"fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none\n",
		EP_ETLS, 128);
	check_words("fatal: cannot pread pack file: No space left on device\nfatal: index-pack failed\n", EP_ENOSPACE, 128);
	check_words(
		"fatal: pack has bad object at offset 12: inflate returned -3\nfatal: index-pack failed\n", EP_ECORRUPT, 128);
	check_words(
		"fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git process seems\n", EP_ELOCKED, 128);
	check_words("error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'\n",
		EP_EEXIST, 128);
	check_words("fatal: a branch named 'x' already exists\n", EP_EEXIST, 128);
	check_words(" ! [rejected]        main -> main (fetch first)\nerror: failed to push some refs\n", EP_ENONFF, 128);
	check_words("!\trefs/heads/a:refs/heads/a\t[rejected] (stale info)\n", EP_ENONFF, 128);
	check_words(" ! [remote rejected] main -> main (pre-receive hook declined)\n", EP_EPERMISSION, 128);
	check_words("fatal: couldn't find remote ref refs/heads/x\n", EP_ENOBRANCH, 128);
	check_words("error: src refspec refs/heads/x does not match any\n", EP_ENOBRANCH, 128);
	check_words("Auto-merging a\nCONFLICT (content): Merge conflict in a\nAutomatic merge failed\n", EP_ECONFLICT, 128);
	check_words(
		"error: Your local changes to the following files would be overwritten by merge:\n\ta\n", EP_ECHANGES, 128);
	check_words("On branch main\nnothing to commit, working tree clean\n", EP_ENOTHING, 128);
	check_words("fatal: Not possible to fast-forward, aborting.\n", EP_ENONFF, 128);
	check_words("fatal: unable to parse 'status.showuntrackedfiles' from command-line config\n", EP_EUNSAFE, 128);
	check_words("error: pathspec 'x' did not match any file(s) known to git\n", EP_ENOENT, 128);
	check_words("fatal: transport 'ext' not allowed\n", EP_EPERMISSION, 128);
	check_words("fatal: something else\n", EP_EEXIT, 128);
	check_words("", EP_EEXIT, 128);
}

TEST(detail_is_masked_and_without_progress)
{
	ep_secrets all;
	ep_secrets_init(&all);
	ep_secret *secret = ep_secret_new(&all, "hunter22222", 11);
	ep_err err = {0};
	const char *words =
		"Cloning into 'x'...\nReceiving objects:  45% (1/2)\rremote: hunter22222\nfatal: https://token:abc@h\n";
	ep_git_classify(&err, &all, "cloning x", 128, words, strlen(words));
	CHECK_STR_EQ(err.detail, "remote: ****\nfatal: https://****@h\n");
	ep_err_fini(&err);
	ep_secret_release(secret);
	ep_secrets_fini(&all);
}
