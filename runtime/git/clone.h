/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CLONE_H
#define EP_GIT_CLONE_H

/* Clone: git clone as one op, with a credential that leaves this process only to git's own question.
 *
 * Life: ep_git_clone_start .. ep_op_release(&clone->op). Thread: the loop's. Owner: the consumer.
 * Errors: of the start: EP_EINVAL, EP_ENOMEM. Of the op: those of classify.c, EP_ENOGIT, EP_EDESTINATION. A clone that
 * fails or is cancelled removes what it made before its op ends. */

#include "runtime/base/secret.h"
#include "runtime/git/caps.h"
#include "runtime/git/command.h"
#include "runtime/git/place.h"

enum { EP_GIT_DEFAULT, EP_GIT_NO, EP_GIT_YES };

typedef struct ep_git_clone_options {
	const char *url;       /* clean: a credential in it is refused */
	const char *directory; /* must not exist, or be empty */
	const char *branch;    /* a branch or tag; NULL: the remote's HEAD */
	unsigned depth;        /* commits; 0: all */
	int single_branch;     /* EP_GIT_DEFAULT: as git decides, which is yes with a depth */
	const char *filter;    /* such as "blob:none"; NULL: none */
	/* Folders, NULL at the end: all below them is checked out, and the files beside the way to them (git's cone mode); with
	 * none those of the top alone. NULL: everything. */
	const char *const *sparse;
	const char *reference;     /* a repository on this machine that lends objects, which are copied; NULL: none */
	ep_git_caps caps;          /* of all that is in the folder at the end; over them it fails with EP_ETOOLARGE */
	ep_secret *credential;     /* password of the user "token"; a count is taken. NULL: none */
	const ep_secrets *secrets; /* hidden in what errors quote; may be NULL */
	const char *ca_file;       /* NULL: as git finds them */
	bool allow_http;           /* http to other hosts than this machine */
	uint64_t stall;            /* nanoseconds without a byte, after which it fails; 0: a minute */
	uint64_t grace;            /* as in ep_proc_options */
	/* Told inside a callback of uv; NULL as the last, before the op ends. NULL: git is quiet. */
	void (*on_progress)(void *arg, const ep_git_progress *now);
	void *arg;
} ep_git_clone_options;

typedef struct ep_git_clone {
	ep_op op;
	ep_err error;
	char head[65];            /* results: the commit that is checked out, "" in an empty repository */
	char *branch;             /* its branch, NULL when none is checked out */
	unsigned asked, answered; /* how often git asked for a credential, and was given it */
	/* the engine's own from here on */
	ep_procs *procs;
	ep_git_clone_options o; /* its texts are the clone's */
	char *what;
	char **sparse;
	ep_git_url url;
	ep_git_place place;
	int fence;           /* around the place; 0: none */
	ep_git_command *git; /* while it runs */
	int stage;
	ep_git_caps seen;
	bool over; /* seen is more than the caps allow */
	ep_git_listing listing;
	struct ep_git_meter *meter; /* NULL: there is nothing to measure */
	ep_git_step step;
	ep_err undo_error;
	bool disk_full, moved; /* found before the undo */
} ep_git_clone;

/* What the start checks, before anything is done: 0 or EP_EINVAL. */
int ep_git_clone_check(const ep_git_clone_options *options, ep_err *err);

int ep_git_clone_start(ep_git_clone **out, ep_procs *procs, const ep_git_clone_options *options, ep_err *err);

#endif
