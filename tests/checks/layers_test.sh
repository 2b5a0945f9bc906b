#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The layer checker accepts the tree as it is, and finds each kind of broken border in a bad one.
set -euo pipefail
check="$EPACT_SOURCE/cmake/checks/layers.sh"
bash "$check" "$EPACT_SOURCE"

tree="$TMPDIR/tree"
trap 'rm -rf -- "$tree"' EXIT

plant() { # FILE: its text is read from standard input
	mkdir -p "$tree/$(dirname "$1")"
	cat >"$tree/$1"
}

reset_tree() {
	rm -rf -- "$tree"
	plant runtime/base/buf.h <<<'/* bytes; lua_resume(L) in a comment is nothing */'
	plant runtime/loop/loop.h <<<'#include <uv.h>'
	plant runtime/http/http.h <<<'#include "runtime/loop/loop.h"'
	plant runtime/http/http.c <<<$'#include <curl/curl.h>\n#include "runtime/http/http.h"\n#include <stdio.h>'
	plant runtime/proc/proc.h <<<'#include "runtime/base/buf.h"'
	plant runtime/relace/client.c <<<'#include "runtime/http/http.h"'
	plant runtime/git/git.h <<<'#include "runtime/proc/proc.h"'
	plant include/epact.h <<<'typedef struct epact epact;'
	plant include/epact_lua.h <<<$'#include <lua.h>\n#include "epact.h"'
	plant bindings/co.c <<<$'#include <lua.h>\n#include "epact.h"\nint f(void *L) { return lua_yieldk(L); }'
	plant bindings/http.c <<<$'#include "runtime/http/http.h"\n/* lua_yield(L)\n lua_resume(L) */\nchar s[] = "exit(1)";'
	plant cli/main.c <<<$'#include <epact.h>\n#include "cmd.h"\nint f(void) { exit(1); }'
	plant cli/cmd.h <<<''
}

expect_broken() { # PLACE RULE: the checker fails, and says so; then the tree is good again
	local output
	if output=$(bash "$check" "$tree" 2>&1); then
		echo "not found: $1: $2" >&2
		exit 1
	fi
	if [[ $output != *"$1: "*"$2"* ]]; then
		printf 'expected: %s: %s\nprinted: %s\n' "$1" "$2" "$output" >&2
		exit 1
	fi
	reset_tree
}

reset_tree
bash "$check" "$tree"

plant runtime/base/bad.c <<<$'\n#include "runtime/loop/loop.h"'
expect_broken runtime/base/bad.c:2 'points down'
plant runtime/http/bad.c <<<'#include "../proc/proc.h"'
expect_broken runtime/http/bad.c:1 'siblings'
plant runtime/relace/bad.c <<<'#include "runtime/git/git.h"'
expect_broken runtime/relace/bad.c:1 'siblings'
plant runtime/loop/bad.c <<<'#include "bindings/co.h"'
plant bindings/co.h <<<''
expect_broken runtime/loop/bad.c:1 'points down'
plant runtime/loop/bad.c <<<'#include <epact.h>'
expect_broken runtime/loop/bad.c:1 'public headers'
plant runtime/loop/bad.c <<<'#include "gone.h"'
expect_broken runtime/loop/bad.c:1 'no such header'
plant runtime/mail/bad.c <<<''
expect_broken runtime/mail/bad.c:1 'not a folder'
plant include/epact.h <<<'#include "runtime/loop/loop.h"'
expect_broken include/epact.h:1 'public header'
plant cli/bad.c <<<'#include "runtime/base/buf.h"'
expect_broken cli/bad.c:1 'only <epact.h>'
plant cli/bad.c <<<'#include <epact_lua.h>'
expect_broken cli/bad.c:1 'only <epact.h>'

plant runtime/proc/bad.c <<<'#include <curl/curl.h>'
expect_broken runtime/proc/bad.c:1 'libcurl'
plant runtime/base/text.c <<<'#include <cjson/cJSON.h>'
expect_broken runtime/base/text.c:1 'cJSON'
plant runtime/loop/bad.c <<<'#  include <lauxlib.h>'
expect_broken runtime/loop/bad.c:1 'Lua'
plant include/epact.h <<<'#include <lua.h>'
expect_broken include/epact.h:1 'Lua'
plant runtime/http/bad.c <<<'#include <microhttpd.h>'
expect_broken runtime/http/bad.c:1 'libmicrohttpd'
plant bindings/bad.c <<<'#include <sqlite3.h>'
expect_broken bindings/bad.c:1 'SQLite'
plant runtime/base/bad.c <<<'#include <uv.h>'
expect_broken runtime/base/bad.c:1 'libuv'
plant bindings/http.c <<<'#include <uv.h>'
expect_broken bindings/http.c:1 'libuv'
plant runtime/http/http.h <<<'#include <curl/curl.h>'
expect_broken runtime/relace/client.c:1 'shows <curl/curl.h>'

plant bindings/bad.c <<<$'int f(void *L)\n{\n\treturn lua_resume (L);\n}'
expect_broken bindings/bad.c:3 'only in bindings/co.c'
plant runtime/base/bad.c <<<'int f(void) { printf("x"); }'
expect_broken runtime/base/bad.c:1 'does not print'
plant runtime/base/bad.c <<<'int f(void) { fprintf(stderr, "x"); }'
expect_broken runtime/base/bad.c:1 'does not print'
plant bindings/bad.c <<<'int f(void) { exit(1); }'
expect_broken bindings/bad.c:1 'does not print'

rm -rf -- "$tree"
mkdir -p "$tree"
if bash "$check" "$tree" 2>/dev/null; then
	echo "an empty tree passed" >&2
	exit 1
fi
