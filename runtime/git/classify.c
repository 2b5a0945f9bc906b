/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/classify.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/git/words.h"

enum { DETAIL_MAX = 4096, SHOWN_OUTPUT_MAX = 4096 };

typedef struct meaning {
	const char *words;
	int code;
	const char *sentence;
} meaning;

/* The first that occurs decides: the cause stands before what follows from it. */
static const meaning meanings[] = {
	{"(failed to update ref)", EP_ELOCKED, "the branch was changed on the server meanwhile, or is locked there"},
	{"[remote rejected]", EP_EPERMISSION, "the server refused the change"},
	{"is outside repository", EP_EINVAL, "the path leads out of the repository"},
	{"is beyond a symbolic link", EP_EINVAL, "the path leads through a symbolic link"},
	{"is not a valid branch name", EP_EINVAL, "no branch may have that name"},
	{"outside of your sparse-checkout definition", EP_EINVAL,
		"files are outside of the folders that are checked out; force adds them"},
	{"must be run in a work tree", EP_EINVAL, "it needs a work tree, and the repository is bare"},
	{"error: stash@{", EP_ENOENT, "there is nothing stashed there"},
	{"log for 'stash'", EP_ENOENT, "there is nothing stashed there"},
	{"No stash entries found", EP_ENOENT, "there is nothing stashed"},
	{"is not a stash reference", EP_ENOENT, "there is nothing stashed there"},
	{"status.showuntrackedfiles", EP_EUNSAFE,
		"it would enter a repository within this one, whose configuration could run programs; open it with trust = "
		"true"},
	{"Invalid untracked files mode", EP_EUNSAFE,
		"it would enter a repository within this one, whose configuration could run programs; open it with trust = "
		"true"},
	{"/commondir: ", EP_ELOCKED, "another git is making a work tree"},
	{"ot a git repository", EP_ECORRUPT, "the git directory is damaged"},
	{"unexpected line in ", EP_ECORRUPT, "the list of branches and tags is damaged"},
	{"bad shallow line", EP_ECORRUPT, "the list of where the history ends is damaged"},
	{"reference broken", EP_ECORRUPT, "the branch is damaged"},
	{"appears to be broken", EP_ECORRUPT, "the branch is damaged"},
	{"No such ref: HEAD", EP_ECORRUPT, "the branch is damaged"},
	{".lock': File exists", EP_ELOCKED, "another git holds a lock of the repository"},
	{"exists; cannot create", EP_EEXIST, "a branch or tag of that name, or below it, exists"},
	{"Cannot save the current status", EP_ELOCKED, "another git changes the stash"},
	{"cannot lock ref", EP_ELOCKED, "the branch or tag was changed meanwhile, or is locked"},
	{"would clobber existing tag", EP_EEXIST, "the tag exists with another commit"},
	{"(stale info)", EP_ENONFF, "the remote branch is no longer where it was"},
	{"(fetch first)", EP_ENONFF, "the remote branch has commits that are not here: fetch, then merge or rebase"},
	{"(non-fast-forward)", EP_ENONFF, "the remote branch has commits that are not in what is pushed"},
	{"(needs force)", EP_ENONFF, "the remote branch or tag would be replaced"},
	{"Not possible to fast-forward", EP_ENONFF, "the branches have diverged"},
	{"refusing to merge unrelated histories", EP_ENONFF,
		"the histories have no common commit; merge with the option unrelated joins them all the same"},
	{"no merge base", EP_ENONFF, "the histories have no common commit"},
	{"Need to specify how to reconcile", EP_ENONFF, "the branches have diverged"},
	{"Committing is not possible because", EP_ECONFLICT, "there are unresolved conflicts"},
	{"you have unmerged files", EP_ECONFLICT, "there are unresolved conflicts"},
	{"need to resolve your current index", EP_ECONFLICT, "there are unresolved conflicts"},
	{"needs merge", EP_ECONFLICT, "there are unresolved conflicts"},
	{"is unmerged", EP_ECONFLICT, "there are unresolved conflicts"},
	{"cannot switch branch ", EP_ECONFLICT, "a merge or the like is under way: end it or abort it first"},
	{"have not concluded your ", EP_ECONFLICT, "a merge or the like is under way: end it or abort it first"},
	{"in the middle of a ", EP_ECONFLICT, "a merge or the like is under way: end it or abort it first"},
	{"cannot do a partial commit during a", EP_ECONFLICT,
		"a merge or the like is under way, which is committed as a whole"},
	{"would be overwritten by", EP_ECHANGES, "changes that are not committed would be lost"},
	{"not uptodate. Cannot merge", EP_ECHANGES, "changes that are not committed would be lost"},
	{"contains modified or untracked files", EP_ECHANGES, "changes that are not committed would be lost"},
	{"You have unstaged changes", EP_ECHANGES, "there are changes that are not committed"},
	{"index contains uncommitted changes", EP_ECHANGES, "there are changes that are not committed"},
	{"already exists, no checkout", EP_ECHANGES, "files that are not committed would be lost"},
	{"local modifications", EP_ECHANGES, "changes that are not committed would be lost"},
	{"changes staged in the index", EP_ECHANGES, "changes that are not committed would be lost"},
	{"CONFLICT (", EP_ECONFLICT, "the changes conflict"},
	{"Merge conflict in ", EP_ECONFLICT, "the changes conflict"},
	{"could not apply", EP_ECONFLICT, "the changes conflict"},
	{"with conflicts", EP_ECONFLICT, "the changes conflict"},
	{"nothing to commit", EP_ENOTHING, "there is nothing to commit"},
	{"so would make\nit empty", EP_ENOTHING, "the commit would be without a change"},
	{"You have nothing to amend", EP_ENOBRANCH, "the branch has no commit yet"},
	{"nothing added to commit", EP_ENOTHING, "there is nothing to commit: no file was added"},
	{"no changes added to commit", EP_ENOTHING, "there is nothing to commit: no change was added"},
	{"not currently on a branch", EP_EDETACHED, "no branch is checked out"},
	{"ouldn't find remote ref", EP_ENOBRANCH, "the remote has no such branch or tag"},
	{"src refspec", EP_ENOBRANCH, "there is no such branch or tag to push"},
	{"a branch is expected, got", EP_ENOBRANCH,
		"there is no branch of that name, but a tag or a commit: the option detach checks that out"},
	{"is not fully merged", EP_ECONFLICT, "the branch has commits that are on no other; force deletes it all the same"},
	{"checked out at", EP_EBUSY, "the branch is checked out"},
	{"is already used by worktree", EP_EBUSY, "the branch is checked out in another work tree"},
	{"not something we can merge", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"unknown revision", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"bad revision", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"Needed a single revision", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"ot a valid object name", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"ot a valid ref", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"invalid object name", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"reference is not a tree", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"not a valid branch point", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"Could not parse object ''", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"to a non-commit", EP_ENOBRANCH, "it is no branch, tag or commit"},
	{"no upstream configured", EP_ENOBRANCH, "the branch follows none of a remote"},
	{"not stored as a remote-tracking branch", EP_ENOBRANCH, "the branch that it follows was not fetched"},
	{"HEAD does not point to a branch", EP_ENOBRANCH, "no branch is checked out, which could follow another"},
	{"no such branch: ''", EP_ENOBRANCH, "there is no such branch"},
	{"log for '' only has", EP_ENOBRANCH, "the branch was at fewer commits"},
	{"log for '' is empty", EP_ENOBRANCH, "it is not known where the branch was"},
	{"invalid reference", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"o branch named", EP_ENOBRANCH, "there is no such branch"},
	{"as a valid ", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"error: branch '", EP_ENOBRANCH, "there is no such branch"},
	{"error: tag '", EP_ENOBRANCH, "there is no such tag"},
	{"does not have any commits yet", EP_ENOBRANCH, "the branch has no commit yet"},
	{"yet to be born", EP_ENOBRANCH, "the branch has no commit yet"},
	{"do not have the initial commit yet", EP_ENOBRANCH, "the branch has no commit yet"},
	{"ambiguous argument", EP_ENOBRANCH, "there is no such branch, tag or commit"},
	{"did not match any file", EP_ENOENT, "there is no such file, branch or tag"},
	{": bad file", EP_EINVAL, "it is no file"},
	{"fatal: header, ''", EP_EINVAL, "the pattern of an author is not understood"},
	{"fatal: command line, ''", EP_EINVAL, "the pattern is not understood"},
	{"File name too long", EP_EINVAL, "a path is too long"},
	{"does not exist in", EP_ENOENT, "there is no such file"},
	{"neither on disk nor in the index", EP_ENOENT, "there is no such file"},
	{"exists on disk, but not in", EP_ENOENT, "there is no such file"},
	{"are ignored by one of your .gitignore", EP_EINVAL, "the files are ignored by .gitignore; force adds them"},
	{"No such remote", EP_ENOENT, "there is no such remote"},
	{"is not a working tree", EP_ENOENT, "there is no such work tree"},
	{"is not a git command", EP_ENOENT, "git has no such command"},
	{"no merge to abort", EP_ENOENT, "no merge is under way"},
	{"transport '", EP_EPERMISSION, "the transport is not allowed"},
	{"does not appear to be a git repository", EP_ENOENT, "there is no such repository"},
	{"File too large", EP_ETOOLARGE, "a file would be larger than it may"},
	{"No space left on device", EP_ENOSPACE, "the disk is full"},
	{"Out of diskspace", EP_ENOSPACE, "the disk is full"},
	{"Disk quota exceeded", EP_ENOSPACE, "the disk quota is used up"},
	{"corruption on the remote side", EP_ECORRUPT, "the server's repository is damaged"},
	{"already exists and is not an empty directory", EP_EDESTINATION, "the folder exists and is not empty"},
	{"Remote branch ", EP_ENOBRANCH, "the repository has no such branch or tag"},
	{"already exists", EP_EEXIST, "one of that name exists"},
	{"unable to update url base from redirection", EP_EREDIRECT, "the server redirects, which is not followed"},
	{"Authentication failed", EP_EAUTH, "the server refused the credential"},
	{"could not read Username", EP_EAUTH, "the server asks for a credential"},
	{"could not read Password", EP_EAUTH, "the server asks for a credential"},
	{"Could not resolve", EP_ENETWORK, "the name of the host is not known"},
	{"Operation too slow", EP_ETIMEOUT, "the server stopped sending"},
	{"timed out", EP_ETIMEOUT, "the server did not answer"},
	{"SSL connection timeout", EP_ETIMEOUT, "the server did not answer"},
	{"Failed to connect", EP_ENETWORK, "no connection to the server"},
	{"Connection refused", EP_ENETWORK, "no connection to the server"},
	{"Connection reset", EP_ENETWORK, "the connection broke"},
	{"Recv failure", EP_ENETWORK, "the connection broke"},
	{"Send failure", EP_ENETWORK, "the connection broke"},
	{"GnuTLS recv error", EP_ENETWORK, "the connection broke"},
	{"Error in the pull function", EP_ENETWORK, "the connection broke"},
	{"Error in the push function", EP_ENETWORK, "the connection broke"},
	{"SSL_ERROR_SYSCALL", EP_ENETWORK, "the connection broke"},
	{"unexpected eof while reading", EP_ENETWORK, "the connection broke"},
	{"was not closed cleanly", EP_ENETWORK, "the connection broke"},
	{"Empty reply from server", EP_ENETWORK, "the server closed the connection"},
	{"transfer closed with", EP_ENETWORK, "the connection broke"},
	{"server certificate verification failed", EP_ETLS, "the server's certificate is not trusted"},
	{"SSL certificate problem", EP_ETLS, "the server's certificate is not trusted"},
	{"SSL peer certificate", EP_ETLS, "the server's certificate is not trusted"},
	{"server certificate issuer check failed", EP_ETLS, "the server's certificate is not trusted"},
	{"Server certificate was revoked", EP_ETLS, "the server's certificate was revoked"},
	{"server certificate expiration date", EP_ETLS, "the server's certificate has expired"},
	{"server certificate not activated", EP_ETLS, "the server's certificate is not valid yet"},
	{"no alternative certificate subject name matches", EP_ETLS, "the server's certificate is for another host"},
	{"does not match target host name", EP_ETLS, "the server's certificate is for another host"},
	{"Problem with the SSL CA cert", EP_ETLS, "the certificates could not be used"},
	{"Problem with the local SSL certificate", EP_ETLS, "the certificates could not be used"},
	{"error reading ca cert file", EP_ETLS, "the certificates could not be used"},
	{"error setting certificate", EP_ETLS, "the certificates could not be used"},
	{"error reading X.509", EP_ETLS, "the certificates could not be used"},
	{"could not load PEM client certificate", EP_ETLS, "the certificates could not be used"},
	{"SSL connect error", EP_ETLS, "TLS failed"},
	{"gnutls_handshake() failed", EP_ETLS, "TLS failed"},
	{"SSL routines", EP_ETLS, "TLS failed"},
	{"'': SSL: ", EP_ETLS, "TLS failed"},
	{"RPC failed; curl 35 ", EP_ETLS, "TLS failed"},
	{"RPC failed; curl 60 ", EP_ETLS, "the server's certificate is not trusted"},
	{"unexpected disconnect", EP_ENETWORK, "the connection broke"},
	{"the remote end hung up", EP_ENETWORK, "the connection broke"},
	{"early EOF", EP_ENETWORK, "the connection broke"},
	{"not valid: is this a git repository", EP_ECORRUPT, "the server's answer is not that of a git repository"},
	{"pack is corrupted", EP_ECORRUPT, "the objects that came are damaged"},
	{"pack has bad object", EP_ECORRUPT, "the objects that came are damaged"},
	{"index-pack", EP_ECORRUPT, "the objects that came are damaged"},
	{"fsck error", EP_ECORRUPT, "the objects that came are damaged"},
	{"inflate", EP_ECORRUPT, "the objects that came are damaged"},
	{"bad line length", EP_ECORRUPT, "the server's answer is damaged"},
	{"protocol error", EP_ECORRUPT, "the server's answer is damaged"},
	{"index file smaller than expected", EP_ECORRUPT, "the index is damaged"},
	{"index file corrupt", EP_ECORRUPT, "the index is damaged"},
	{"fatal: loose object ", EP_ECORRUPT, "an object is damaged"},
	{"bad object HEAD", EP_ECORRUPT, "objects are missing"},
	{"bad object refs/", EP_ECORRUPT, "objects are missing"},
	{"could not parse HEAD", EP_ECORRUPT, "objects are missing"},
	{"Could not parse object 'HEAD'", EP_ECORRUPT, "objects are missing"},
	{"did not send all necessary objects", EP_ECORRUPT, "the objects that came are not all of them"},
	{"fatal: bad object ", EP_ENOBRANCH, "there is no such commit"},
	{"fatal: unable to read ", EP_ECORRUPT, "objects are missing"},
	{"unable to read tree", EP_ECORRUPT, "objects are missing"},
	{"missing blob", EP_ECORRUPT, "objects are missing"},
	{"invalid object", EP_ECORRUPT, "objects are missing"},
	{"unable to write", EP_EIO, "a file could not be written"},
	{"failed to write", EP_EIO, "a file could not be written"},
	{"could not write", EP_EIO, "a file could not be written"},
	{"couldn't write", EP_EIO, "a file could not be written"},
	{"due to empty commit message", EP_EIO, "the message is empty, or could not be written"},
	{"Permission denied", EP_EPERMISSION, "the folder may not be written"},
	{"Read-only file system", EP_EPERMISSION, "the folder may not be written"},
	{"could not lock config file", EP_ELOCKED, "another git changes the configuration"},
};

static const meaning by_status[] = {
	{"401", EP_EAUTH, "the server refused the credential"},
	{"403", EP_EPERMISSION, "the credential gives no access to it"},
	{"404", EP_ENOENT, "there is no such repository, or the credential does not cover it"},
	{"409", EP_ECONFLICT, "the server reports a conflict"},
	{"423", EP_ELOCKED, "the repository is locked"},
	{"429", EP_ERATELIMIT, "the server limits the rate of calls"},
	{"5", EP_ESERVER, "the server failed"},
	{"3", EP_EREDIRECT, "the server redirects, which is not followed"},
	{"", EP_ESTATUS, "the server refused"},
};

/* What git says of an HTTP status: "error: 403", "HTTP 500"; and of 404 in its own words. */
static int http_status(const char *words)
{
	static const char *const before[] = {"The requested URL returned error: ", "RPC failed; HTTP "};
	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		const char *at = strstr(words, before[i]);
		long status = at ? strtol(at + strlen(before[i]), NULL, 10) : 0;
		if (status >= 100 && status < 600) return (int)status;
	}
	return strstr(words, "fatal: repository '' not found") ? 404 : 0;
}

/* Its exit status where it prints its usage. */
enum { USAGE = 129 };
static const meaning usage = {"", EP_EINVAL, "git does not take such arguments"};

static const meaning *find(const char *words, int status, int exit_status)
{
	char text[16] = "";
	for (int i = 0; status && i < 3; i++) text[2 - i] = (char)('0' + (status / (i == 0 ? 1 : i == 1 ? 10 : 100)) % 10);
	for (const meaning *m = by_status; status; m++)
		if (!strncmp(m->words, text, strlen(m->words))) return m;
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (strstr(words, meanings[i].words)) return &meanings[i];
	return exit_status == USAGE ? &usage : NULL;
}

static bool passes_by_itself(int code)
{
	return code == EP_ENETWORK || code == EP_ETIMEOUT || code == EP_ESERVER || code == EP_ELOCKED ||
		code == EP_ERATELIMIT;
}

static void set(ep_err *err, const meaning *m, const char *what, int status, int exit_status)
{
	int code = m ? m->code : EP_EEXIT;
	if (m && status)
		ep_err_set(err, code, "%s: %s (HTTP status %d)", what, m->sentence, status);
	else if (m)
		ep_err_set(err, code, "%s: %s", what, m->sentence);
	else
		ep_err_set(err, code, "%s: git ended with status %d", what, exit_status);
	err->status = status ? status : exit_status;
	err->retryable = passes_by_itself(code);
}

/* Whole lines only: in a part of one could be a part of a secret, which nothing would hide. */
static size_t shown_output(const ep_git_said *said)
{
	if (said->output_len <= SHOWN_OUTPUT_MAX) return said->output_len;
	const char *end = memrchr(said->output, '\n', SHOWN_OUTPUT_MAX);
	return end ? (size_t)(end - said->output) : 0;
}

static void set_detail(ep_err *err, const ep_secrets *secrets, const ep_git_said *said)
{
	ep_buf text = {0};
	ep_git_words_show(&text, secrets, said->words, said->words_len);
	ep_git_words_show(&text, secrets, said->output, shown_output(said));
	size_t skip = text.len > DETAIL_MAX ? text.len - DETAIL_MAX : 0;
	if (text.len) ep_err_text(&err->detail, ep_buf_text(&text) + skip, text.len - skip);
	ep_buf_fini(&text);
}

static void skip(ep_git_said *said, size_t bytes)
{
	if (bytes > said->words_len) bytes = said->words_len;
	said->words += bytes;
	said->words_len -= bytes;
}

/* Leaves out what is there of a line whose begin is not. */
static void skip_part(ep_git_said *said)
{
	const char *line = memchr(said->words, '\n', said->words_len);
	skip(said, line ? (size_t)(line - said->words) + 1 : said->words_len);
}

int ep_git_classify(ep_err *err, const ep_secrets *secrets, const char *what, int exit_status, const ep_git_said *said)
{
	ep_buf own = {0};
	ep_git_said whole = *said, shown;
	if (whole.is_cut) skip_part(&whole);
	shown = whole;
	if (!whole.words_len) { /* that was all; no secret is as long as what is left out */
		shown = *said;
		if (said->is_cut) skip(&shown, DETAIL_MAX);
	}
	ep_git_words_own(&own, whole.words, whole.words_len);
	ep_git_words_reasons(&own, whole.output, whole.output_len);
	int status = http_status(ep_buf_text(&own));
	set(err, find(ep_buf_text(&own), status, exit_status), what, status, exit_status);
	set_detail(err, secrets, &shown);
	ep_buf_fini(&own);
	return err->code;
}
