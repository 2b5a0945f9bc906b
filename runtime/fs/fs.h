/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_FS_FS_H
#define EP_FS_FS_H

/* Files and folders: blocking calls on the pool of threads, each an op.
 *
 *     ep_fs *call = ep_fs_read_start(loop, "/etc/hostname", max);     NULL: no memory
 *     ep_op_wait(&call->work.op, done, me);                          then call->data, call->len
 *     ep_op_release(&call->work.op);                                 frees the results too
 *
 * Life: from start to the release of the op. Thread: the loop's. Owner: the consumer of the op; what a call was given
 * is copied. A cancelled call ends at once for its consumer, while its thread stops at the next step it can.
 * Errors: the op's: "reading /path: No such file or directory". Paths are bytes without NUL, of any encoding. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/loop/work.h"

enum { EP_FS_FILE = 1, EP_FS_DIRECTORY, EP_FS_SYMLINK, EP_FS_OTHER };

typedef struct ep_fs_info {
	int type;      /* EP_FS_... */
	unsigned mode; /* permission bits */
	uint64_t size; /* bytes; 0 for what is no file */
	int64_t mtime; /* nanoseconds since 1970 */
} ep_fs_info;

typedef struct ep_fs_entry {
	const char *name; /* exact bytes: a name of the folder, or a path below it */
	int type;         /* EP_FS_... */
	uint64_t size;    /* of a file in a walk, else 0 */
	int error;        /* of a folder in a walk that could not be read: a negated errno, else 0 */
} ep_fs_entry;

typedef struct ep_fs_list {
	ep_fs_entry *entries; /* sorted by the bytes of the name */
	size_t count;
	char *names; /* what the entries point into */
} ep_fs_list;

void ep_fs_list_fini(ep_fs_list *list);

typedef struct ep_file ep_file;

/* A call; results are valid once its op has ended with 0. */
typedef struct ep_fs {
	ep_work work;    /* first: its op is the call's */
	char *data;      /* read: the bytes; realpath and temp folder: the path. A NUL stands behind them */
	size_t len;      /* read, write of a file handle: bytes moved */
	ep_fs_info info; /* stat */
	bool missing;    /* stat: there is nothing at that path */
	ep_fs_list list; /* list and walk */
	ep_file *file;   /* open: taken by ep_fs_take_file */
	struct ep_fs_args *args;
} ep_fs;

/* Reads a whole file; more than max bytes (SIZE_MAX: no limit) are an error, EP_ETOOLARGE. A pipe or a terminal is read to
 * its end. */
ep_fs *ep_fs_read_start(ep_loop *loop, const char *path, size_t max);

typedef struct ep_fs_write_options {
	bool append; /* to what is there; else it is replaced */
	bool
		atomic; /* a reader, or the file after a crash, has the old bytes or the new ones: written beside it, synced, renamed */
	bool sync; /* on the disk before the call ends; with atomic its folder too */
	int mode; /* permission bits of a new file, before the umask; 0: 0666. atomic keeps those of the file it replaces */
} ep_fs_write_options;

/* Writes a file whole. The bytes are copied. options may be NULL. append and atomic exclude each other. */
ep_fs *ep_fs_write_start(
	ep_loop *loop, const char *path, const void *bytes, size_t len, const ep_fs_write_options *options);

/* Lists a folder, without "." and "..". */
ep_fs *ep_fs_list_start(ep_loop *loop, const char *path);

/* Lists all that is below a folder, links not followed; names are paths below it, a folder stands before its content. */
ep_fs *ep_fs_walk_start(ep_loop *loop, const char *path);

/* The walk itself, for a thread that may block, but for two things: it lists neither what wanted(name, type), called with the
 * last part of each path (NULL: all of them), refuses nor what is below that; and a folder that cannot be read is an entry with
 * its error. stop may be NULL. 0 or an error; fini the list of a success. */
int ep_fs_walk_tree(ep_fs_list *out, const char *path, bool (*wanted)(const char *name, int type),
	const atomic_bool *stop, ep_err *err);

/* Asks what is at a path; follow: behind a link. A missing one is no error: missing is set. */
ep_fs *ep_fs_stat_start(ep_loop *loop, const char *path, bool follow);

/* Makes a folder. parents: with those above it, and it may be there already. */
ep_fs *ep_fs_mkdir_start(ep_loop *loop, const char *path, bool parents);

/* Removes a file, a link or an empty folder. recursive: a folder with its content, links in it never followed, even when
 * swapped in meanwhile; folders without write permission are given it if they are ours; other file systems are not
 * entered; a path that is missing is no error. */
ep_fs *ep_fs_remove_start(ep_loop *loop, const char *path, bool recursive);

/* The recursive removal itself, for a thread that may block. 0 or an error. */
int ep_fs_remove_tree(const char *path, ep_err *err);

/* Renames from to to; a file at to is replaced. */
ep_fs *ep_fs_rename_start(ep_loop *loop, const char *from, const char *to);

/* Copies a file's bytes and permission bits; shares the blocks where the file system can. */
ep_fs *ep_fs_copy_start(ep_loop *loop, const char *from, const char *to);

/* Finds the absolute path without links: data. */
ep_fs *ep_fs_realpath_start(ep_loop *loop, const char *path);

/* Makes a folder of a new name in dir (NULL: $TMPDIR, else /tmp), of mode 0700: data. It is removed again unless
 * ep_fs_take_data took its path. */
ep_fs *ep_fs_temp_start(ep_loop *loop, const char *dir, const char *prefix);

/* Gives data away: freed with ep_free. */
char *ep_fs_take_data(ep_fs *call);

/* The word of a type: "file", "directory", "symlink", "other". */
const char *ep_fs_type_name(int type);

/* Opens a file below a folder for reading, for a thread that may block; no part of the path may be a link or lead out.
 * The descriptor, or a negated errno (-ELOOP: a link). */
int ep_fs_open_below(int folder, const char *name);

/* --- a file, piece by piece --- */

enum { EP_FILE_READ, EP_FILE_WRITE, EP_FILE_APPEND };

/* Opens a file; write empties or makes it. The consumer takes it with ep_fs_take_file. */
ep_fs *ep_file_open_start(ep_loop *loop, const char *path, int how);

/* The opened file, with one count, that ep_file_release drops. */
ep_file *ep_fs_take_file(ep_fs *call);

/* Reads at most room bytes: data, len; len 0 at the end. */
ep_fs *ep_file_read_start(ep_loop *loop, ep_file *file, size_t room);

/* Writes all of it. The bytes are copied. */
ep_fs *ep_file_write_start(ep_loop *loop, ep_file *file, const void *bytes, size_t len);

/* Closes it and tells what only the closing finds out. Calls that run still have the file until they end. */
ep_fs *ep_file_close_start(ep_loop *loop, ep_file *file);

/* Drops a count; the last one closes the file. */
void ep_file_release(ep_file *file);

#endif
