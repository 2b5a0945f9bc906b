/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_COMMAND_H
#define EP_GIT_COMMAND_H

/* Command: one run of git as an op: in a repository whose configuration was looked at before, with an environment of its
 * own, and with a credential that leaves this process only to git's own question.
 *
 * Life: ep_git_command_start .. ep_git_command_release. Thread: the loop's. Owner: the consumer.
 * Errors: of the start: EP_EINVAL, EP_ENOMEM. Of the op: those of repository.h and classify.c, EP_ENOGIT, EP_ETOOLARGE.
 * When it is cancelled the op ends after the death of all of git, and after its lock files are gone. */

#include "runtime/base/secret.h"
#include "runtime/git/check.h"
#include "runtime/git/credential.h"
#include "runtime/git/env.h"
#include "runtime/git/leftover.h"
#include "runtime/git/machine.h"
#include "runtime/git/progress.h"
#include "runtime/git/repository.h"
#include "runtime/git/step.h"
#include "runtime/proc/proc.h"

typedef struct ep_git_command_options {
	const char *const *argv; /* "git", the command and its arguments; NULL at the end */
	const char *what;        /* it is, for messages; NULL: "git COMMAND in 'DIRECTORY'" */
	const char *directory;   /* the top folder of a repository, or a bare one; NULL: it needs none */
	const char *cwd;         /* without a directory: where git runs, borrowed until its start; NULL: where we are */
	/* The directory is the link to an open descriptor of ours: git runs in that folder and names its parts from there, so
	 * that it is the same folder for as long as git runs, wherever it is moved. */
	bool held;
	int fence;                 /* as in ep_proc_options */
	const char *git_dir;       /* its git directory, when it is elsewhere; NULL: as directory says */
	bool trust;                /* the repository's configuration, hooks and filters count */
	bool may_enter;            /* repositories within were looked at, and may be entered */
	const char *const *config; /* pairs of key and value, over all others; NULL at the end. NULL: none */
	const char *const *env;    /* variables "NAME=value"; NULL at the end. NULL: none */
	const char *protocols;     /* transports beside https and http, such as "file"; NULL: none */
	const char *in_bytes;      /* its standard input; NULL: none */
	size_t in_len;
	size_t max_output; /* of its standard output, more is EP_ETOOLARGE; 0: EP_GIT_OUTPUT_MAX */
	uint64_t accepted; /* bit n: to end with status n is no failure; EP_GIT_ANY_STATUS */
	/* The network. A credential is used for exactly one URL: that of url, or that of remote if it is `scope`
	 * or below it; in a partial clone also for what is fetched as it is needed. */
	const char *url;           /* NULL: none */
	const char *remote;        /* its name, or a URL; NULL: none */
	bool push;                 /* to the remote, whose URL for that may be another */
	const char *scope;         /* a URL; NULL: the credential is for no remote */
	ep_secret *credential;     /* password of the user "token"; a count is taken. NULL: none */
	const ep_secrets *secrets; /* hidden in what errors quote; may be NULL */
	const char *ca_file;       /* NULL: as git finds them */
	bool allow_http;           /* http to other hosts than this machine */
	uint64_t stall;            /* nanoseconds without a byte, after which it fails; 0: a minute */
	uint64_t grace, file_max;  /* as in ep_proc_options */
	/* Told inside a callback of uv; NULL as the last, before the op ends. May be NULL. */
	void (*on_progress)(void *arg, const ep_git_progress *now);
	/* Told of each piece of the standard output, which is then not kept. May be NULL. */
	void (*on_output)(void *arg, const char *bytes, size_t len);
	void *arg;
} ep_git_command_options;

enum { EP_GIT_OUTPUT_MAX = 64 * 1024 * 1024 };
#define EP_GIT_ANY_STATUS UINT64_MAX

typedef struct ep_git_command {
	ep_op op;
	ep_err error;
	int status;               /* results: git's exit status */
	unsigned asked, answered; /* how often git asked for a credential, and was given it */
	/* the engine's own from here on */
	ep_procs *procs;
	ep_git_command_options o; /* its texts are the command's */
	ep_buf texts;
	const char **lists;
	ep_git_repository repository;
	ep_git_machine machine;
	ep_git_url url; /* what the credential is for; text NULL: none */
	char *loopback; /* its scope, when it is on this machine */
	bool withheld;  /* there was a credential, for another place */
	ep_git_env env;
	int global; /* the descriptor of the machine's settings; -1: none */
	ep_git_credential credential;
	struct timespec since;
	ep_proc *proc; /* once git runs, until the release: its output is the result */
	bool killed;
	ep_git_progress_reader reader;
	ep_git_step step;
} ep_git_command;

int ep_git_command_start(ep_git_command **out, ep_procs *procs, const ep_git_command_options *options, ep_err *err);

/* Its standard output, once the op has ended well; borrowed until the release. */
const char *ep_git_command_output(const ep_git_command *command, size_t *len);

/* What it said on its standard error. */
const char *ep_git_command_words(const ep_git_command *command, size_t *len);

/* The consumer's last word; a command that runs is cancelled. */
void ep_git_command_release(ep_git_command *command);

#endif
