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

static void check_both(const char *words, const char *output, int code, int status)
{
	ep_err err = {0};
	ep_git_said said = {.words = words, .output = output, .words_len = strlen(words), .output_len = strlen(output)};
	int got = ep_git_classify(&err, NULL, "cloning x", 128, &said);
	if (got != code || err.status != status)
		TEST_FAIL("'%s' is %s %d, expected %s %d", *words ? words : output, ep_err_slug(got), err.status,
			ep_err_slug(code), status);
	CHECK(!strncmp(ep_err_message(&err), "cloning x: ", 11));
	ep_err_fini(&err);
}

static void check_words(const char *words, int code, int status) { check_both(words, "", code, status); }

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
	check_words("fatal: sha1 file '/a/.git/index.lock' write error. Out of diskspace\n", EP_ENOSPACE, 128);
	check_words("fatal: cannot update ref 'refs/heads/x': couldn't write '/a/.git/refs/heads/x.lock'\n", EP_EIO, 128);
	check_words("Aborting commit due to empty commit message.\n", EP_EIO, 128);
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

TEST(meaning_of_what_is_refused)
{
	check_words("fatal: invalid object name 'nosuch'.\n", EP_ENOBRANCH, 128);
	check_words("fatal: bad object 1111111111111111111111111111111111111111\n", EP_ENOBRANCH, 128);
	check_words("fatal: Could not parse object '1111111111111111111111111111111111111111'.\n", EP_ENOBRANCH, 128);
	check_words("fatal: reference is not a tree: 1111111111111111111111111111111111111111\n", EP_ENOBRANCH, 128);
	check_words("fatal: not a valid branch point: '1111111111111111111111111111111111111111'\n", EP_ENOBRANCH, 128);
	check_words("fatal: a branch is expected, got tag 'v1'\nhint: If you want to detach HEAD\n", EP_ENOBRANCH, 128);
	check_words("fatal: cannot switch branch while merging\n", EP_ECONFLICT, 128);
	check_words("fatal: You have not concluded your merge (MERGE_HEAD exists).\n", EP_ECONFLICT, 128);
	check_words("fatal: You are in the middle of a merge -- cannot amend.\n", EP_ECONFLICT, 128);
	check_words("fatal: cannot do a partial commit during a merge.\n", EP_ECONFLICT, 128);
	check_words("fatal: refusing to merge unrelated histories\n", EP_ENONFF, 128);
	check_words("fatal: ../x: '../x' is outside repository at '/r'\n", EP_EINVAL, 128);
	check_words("fatal: pathspec 'link/x' is beyond a symbolic link\n", EP_EINVAL, 128);
	check_words("fatal: this operation must be run in a work tree\n", EP_EINVAL, 128);
	check_words("fatal: path 'x' does not exist (neither on disk nor in the index)\n", EP_ENOENT, 128);
	check_words("fatal: path 'x' exists on disk, but not in the index\n", EP_ENOENT, 128);
	check_words("fatal: .git/index: index file smaller than expected\n", EP_ECORRUPT, 128);
	check_words("error: bad signature 0x9dc20126\nfatal: index file corrupt\n", EP_ECORRUPT, 128);
	check_words("fatal: bad object 91b1\nfatal: remote did not send all necessary objects\n", EP_ECORRUPT, 128);
	check_words("fatal: bad object HEAD\n", EP_ECORRUPT, 128);
	check_words("fatal: Could not parse object 'HEAD'.\n", EP_ECORRUPT, 128);
	check_words("fatal: You have nothing to amend.\n", EP_ENOBRANCH, 128);
	check_words("You do not have the initial commit yet\n", EP_ENOBRANCH, 128);
	check_both("You asked to amend the most recent commit, but doing so would make\nit empty. You can repeat\n",
		"On branch main\nNo changes\n", EP_ENOTHING, 128);
	check_words("Cannot save the current status\n", EP_ELOCKED, 128);
	check_words("error: could not lock config file .git/config: File exists\n"
				"fatal: could not set 'remote.x.url' to 'https://h/x'\n",
		EP_ELOCKED, 128);
	check_words("error: could not lock config file .git/config: Permission denied\n", EP_EPERMISSION, 128);
}

/* What libcurl says with GnuTLS, and with OpenSSL. */
TEST(meaning_of_connections)
{
	check_words("fatal: unable to access 'https://h/x/': SSL: certificate subject name (a) does not match target host "
				"name 'h'\n",
		EP_ETLS, 128);
	check_words(
		"fatal: unable to access 'https://h/x/': SSL: public key does not match pinned public key\n", EP_ETLS, 128);
	check_words("fatal: unable to access 'https://h/x/': gnutls_handshake() failed: Handshake failed\n", EP_ETLS, 128);
	check_words(
		"fatal: unable to access 'https://h/x/': SSL certificate problem: certificate has expired\n", EP_ETLS, 128);
	check_words(
		"fatal: unable to access 'https://h/x/': error:0A00010B:SSL routines::wrong version number\n", EP_ETLS, 128);
	check_words("fatal: unable to access 'https://h/x/': error reading ca cert file /x (Error while reading file.)\n",
		EP_ETLS, 128);
	check_words("error: RPC failed; curl 60 SSL: no alternative\nfatal: early EOF\n", EP_ETLS, 128);
	check_words("error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.\nfatal: early EOF\n",
		EP_ENETWORK, 128);
	check_words("fatal: unable to access 'https://h/x/': gnutls_handshake() failed: Error in the pull function.\n",
		EP_ENETWORK, 128);
	check_words(
		"fatal: unable to access 'https://h/x/': OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to h:443\n",
		EP_ENETWORK, 128);
	check_words("fatal: unable to access 'https://h/x/': SSL connection timeout\n", EP_ETIMEOUT, 128);
}

/* Names and the server's words hold anything. */
TEST(only_words_of_git_have_a_meaning)
{
	check_words("fatal: unable to access 'http://127.0.0.1:1/OpenSSL/x.git/': Failed to connect to 127.0.0.1 port 1\n",
		EP_ENETWORK, 128);
	check_words("fatal: cannot open 'SSL certificate problem'\n", EP_EEXIT, 128);
	check_words("fatal: cannot open 'x.lock': Is a directory\n", EP_EEXIT, 128);
	check_words("fatal: cannot open 'it's timed out'\n", EP_EEXIT, 128);
	check_words("fatal: pathspec 'x.lock': File exists' did not match any files\n", EP_ENOENT, 128);
	check_words("fatal: path 'a' timed out' exists on disk, but not in 'b'\n", EP_ENOENT, 128);
	check_words("fatal: 'a' or b' and 'Connection refused'\n", EP_EEXIT, 128);
	check_words("fatal: couldn't read the certificate\n", EP_EEXIT, 128);
	check_words("error: some files:\n\tConnection refused\nfatal: aborted\n", EP_EEXIT, 128);
	check_words("error: could not apply 1234567... Connection refused\n", EP_ECONFLICT, 128);
	check_words("remote: (fetch first)\nremote: fatal: Unable to create '/x.lock': File exists.\n"
				"remote: The requested URL returned error: 500\n ! [remote rejected] main -> main (hook declined)\n",
		EP_EPERMISSION, 128);
	check_both(
		"remote: (fetch first)\nremote: x.lock': File exists\nerror: failed to push some refs to 'https://h/x'\n",
		"To https://h/x\n!\trefs/heads/a:refs/heads/a\t[remote rejected] (pre-receive hook declined)\nDone\n",
		EP_EPERMISSION, 128);
	check_words(" ! [remote rejected] main -> main (non-fast-forward)\n", EP_EPERMISSION, 128);
	check_words(" ! [remote rejected] main -> main (Connection reset)\n", EP_EPERMISSION, 128);
	check_words("remote: error: cannot lock ref 'refs/heads/a'\n ! [remote rejected] a -> a (failed to update ref)\n",
		EP_ELOCKED, 128);
	check_words("fatal: remote error: Connection reset\n", EP_EEXIT, 128);
	check_words("remote: aborting due to possible repository corruption on the remote side.\nfatal: early EOF\n",
		EP_ECORRUPT, 128);
}

TEST(a_nul_hides_nothing)
{
	static const char words[] = "warning: \0\nremote: \0 (fetch first)\nfatal: bad revision 'x'\n";
	ep_err err = {0};
	CHECK_INT_EQ(ep_git_classify(&err, NULL, "x", 1, &(ep_git_said){.words = words, .words_len = sizeof words - 1}),
		EP_ENOBRANCH);
	ep_err_fini(&err);
}

TEST(the_rest_of_a_line_means_nothing)
{
	static const char words[] = "(fetch first)\nfatal: bad revision 'x'\n";
	ep_git_said said = {.words = words, .words_len = sizeof words - 1, .is_cut = true};
	ep_err err = {0};
	CHECK_INT_EQ(ep_git_classify(&err, NULL, "x", 1, &said), EP_ENOBRANCH);
	CHECK_STR_EQ(err.detail, "fatal: bad revision 'x'\n");
	ep_err_fini(&err);
	said.words_len = 10;
	CHECK_INT_EQ(ep_git_classify(&err, NULL, "x", 1, &said), EP_EEXIT);
	ep_err_fini(&err);
}

/* Of a standard output few lines are reasons: the rest is what was asked for. */
TEST(meaning_of_an_output)
{
	check_both("", "Auto-merging a\nCONFLICT (content): Merge conflict in x.lock': File exists\n", EP_ECONFLICT, 128);
	check_both("", "SSL certificate problem: needs merge\n", EP_ECONFLICT, 128);
	check_both("error: failed to push some refs\n", "To https://h/x\n!\ta:a\t[rejected] (fetch first)\nDone\n",
		EP_ENONFF, 128);
	check_both("", "a text about Connection refused\nand nothing to commit\n", EP_EEXIT, 128);
	ep_buf many = {0};
	for (int i = 0; i < 1000; i++) ep_buf_puts(&many, "\tsome/untracked/file\n");
	ep_buf_puts(&many, "\nnothing added to commit but untracked files present\n");
	check_both("", many.data, EP_ENOTHING, 128);
	ep_buf_fini(&many);
}

/* A part of a secret would not be known for one. */
TEST(no_line_is_shown_in_part)
{
	ep_secrets all;
	ep_secrets_init(&all);
	ep_secret *secret = ep_secret_new(&all, "hunter22222", 11);
	ep_err err = {0};
	ep_buf output = {0};
	for (int i = 0; i < 409; i++) ep_buf_puts(&output, "0123456789"); /* the cut, at 4096, is within the secret */
	output.data[100] = '\n';
	ep_buf_puts(&output, "hunter22222\n");
	const char *words = "22222\nfatal: x\n";
	ep_git_said said = {.words = words, .words_len = strlen(words), .is_cut = true, .output = output.data};
	said.output_len = output.len;
	ep_git_classify(&err, &all, "x", 1, &said);
	CHECK(!strstr(err.detail, "hunter") && !strstr(err.detail, "22222"));
	CHECK(strstr(err.detail, "fatal: x\n0123456789"));
	ep_err_fini(&err);
	ep_buf_fini(&output);
	ep_secret_release(secret);
	ep_secrets_fini(&all);
}

TEST(detail_is_masked_and_without_progress)
{
	ep_secrets all;
	ep_secrets_init(&all);
	ep_secret *secret = ep_secret_new(&all, "hunter22222", 11);
	ep_err err = {0};
	const char *words = "Cloning into 'x'...\nReceiving objects:  45% (1/2)\rremote: hunter22222\nfatal: "
						"https://token:abc@h\n\ta\033b\n";
	ep_git_classify(&err, &all, "cloning x", 128, &(ep_git_said){.words = words, .words_len = strlen(words)});
	CHECK_STR_EQ(err.detail, "remote: ****\nfatal: https://****@h\n\ta?b\n");
	ep_err_fini(&err);
	ep_secret_release(secret);
	ep_secrets_fini(&all);
}
