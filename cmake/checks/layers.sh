#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that an include points down, that each foreign header has one door, and the library's other border rules.
# usage: layers.sh SOURCE-DIR; prints file:line and the rule that is broken, exit status 1 when there is one.
set -euo pipefail
cd -- "$1"

mapfile -t files < <(find include runtime bindings cli -name '*.[ch]' 2>/dev/null | sort)
if [ ${#files[@]} -eq 0 ]; then
	echo "layers: no source file under $1" >&2
	exit 1
fi
exec awk '
function init() {
	# The floors. Folders of one floor do not see each other.
	floor["runtime/base"] = 1
	floor["runtime/loop"] = 2
	floor["runtime/http"] = floor["runtime/proc"] = floor["runtime/fs"] = floor["runtime/serve"] = floor["runtime/sqlite"] = 3
	floor["runtime/crypto"] = 3
	floor["runtime/relace"] = floor["runtime/git"] = 4
	floor["bindings"] = 5
	floor["cli"] = 6
	# The door of each foreign header: header pattern, path pattern.
	door("^curl/", "^runtime/http/", "libcurl is seen only in runtime/http/")
	door("^(cjson/)?cJSON", "^runtime/base/json[^/]*\\.c$", "cJSON is seen only in runtime/base/json*.c")
	door("^(lua5\\.4/)?(lua|lauxlib|lualib|luaconf)\\.h(pp)?$", "^(bindings/|include/epact_lua\\.h$)", \
		"Lua is seen only in bindings/ and include/epact_lua.h")
	door("^microhttpd\\.h$", "^runtime/serve/", "libmicrohttpd is seen only in runtime/serve/")
	door("^sqlite3(ext)?\\.h$", "^runtime/sqlite/", "SQLite is seen only in runtime/sqlite/")
	door("^nettle/", "^runtime/crypto/", "nettle is seen only in runtime/crypto/")
	door("^uv(/.*)?\\.h$", "^(runtime/(loop|http|proc|fs|serve|sqlite|crypto|relace|git)/|bindings/(host|stock)\\.c$)", \
		"libuv is seen only in runtime/ above base, and in bindings/host.c and stock.c")
}
function door(header, path, rule) {
	doors++
	door_header[doors] = header; door_path[doors] = path; door_rule[doors] = rule
}
function broken(line, rule) {
	printf "%s:%d: %s\n", FILENAME, line, rule
	bad = 1
}
function folder_of(path) {
	if (match(path, /^runtime\/[^\/]+\//)) return substr(path, 1, RLENGTH - 1)
	if (match(path, /^[^\/]+\//)) return substr(path, 1, RLENGTH - 1)
	return ""
}
function exists(path,   line, found) {
	if (!(path in known)) {
		found = (getline line < path) >= 0
		close(path)
		known[path] = found
	}
	return known[path]
}
# The path without "folder/..".
function plain(path) {
	while (sub(/[^\/.]+\/\.\.\//, "", path)) continue
	return path
}
function check_own(name, quoted,   path, here, there) {
	here = folder_of(FILENAME)
	path = FILENAME
	sub(/[^\/]*$/, "", path)
	if (quoted && exists(path name)) path = plain(path name)
	else if (exists(name)) path = name
	else if (exists("include/" name)) path = "include/" name
	else {
		if (quoted) broken(FNR, "no such header: " name)
		return
	}
	there = folder_of(path)
	if (there == "include") {
		if (here == "cli" && path != "include/epact.h") broken(FNR, "cli/ sees only <epact.h>")
		else if (here ~ /^runtime\//) broken(FNR, "runtime/ does not see the public headers")
		return
	}
	if (here == "include") broken(FNR, "a public header includes no header of the inside: " name)
	else if (here == "cli" && there != "cli") broken(FNR, "cli/ sees only <epact.h>")
	else if (there != here && !(there in floor)) broken(FNR, "not a folder of the floors: " there)
	else if (floor[there] > floor[here]) broken(FNR, "an include points down: " there " lies above " here)
	else if (floor[there] == floor[here] && there != here) broken(FNR, "siblings do not see each other: " here " and " there)
	uses++
	use_from[uses] = here; use_path[uses] = path; use_at[uses] = FILENAME ":" FNR
}
function check_include(text,   name, quoted, i, found) {
	quoted = text ~ /^[ \t]*#[ \t]*include[ \t]*"/
	name = text
	if (!sub(/^[ \t]*#[ \t]*include[ \t]*["<]/, "", name)) {
		broken(FNR, "an include names its header plainly")
		return
	}
	sub(/[">].*/, "", name)
	for (i = 1; i <= doors; i++)
		if (name ~ door_header[i]) {
			if (FILENAME !~ door_path[i]) broken(FNR, door_rule[i])
			if (i < doors && FILENAME ~ /\.h$/) foreign_in[FILENAME] = name
			return
		}
	check_own(name, quoted)
}
# The line without comments, strings and characters.
function code_of(line,   out, i, c, two) {
	out = ""
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1); two = substr(line, i, 2)
		if (in_comment) {
			if (two == "*/") { in_comment = 0; i++ }
		} else if (two == "/*") {
			in_comment = 1; i++
		} else if (two == "//") {
			break
		} else if (c == "\"" || c == "\047") {
			for (i++; i <= length(line) && substr(line, i, 1) != c; i++)
				if (substr(line, i, 1) == "\\") i++
			out = out c c
		} else
			out = out c
	}
	return out
}
BEGIN { init() }
FNR == 1 {
	in_comment = 0
	here = folder_of(FILENAME)
	if (here != "include" && !(here in floor)) broken(1, "not a folder of the floors: " here)
}
{
	commented = in_comment
	code = code_of($0)
}
!commented && /^[ \t]*#[ \t]*include/ { check_include($0); next }
code ~ /(^|[^A-Za-z0-9_])lua_(resume|yield|yieldk)[ \t]*\(/ && FILENAME != "bindings/co.c" {
	broken(FNR, "tasks are resumed and yield only in bindings/co.c")
}
FILENAME ~ /^(runtime|bindings|include)\// && code ~ /(^|[^A-Za-z0-9_.>])(v?printf|puts|putchar|perror|exit|_exit|abort|signal)[ \t]*\(/ {
	broken(FNR, "the library does not print, exit, abort or set signals")
}
FILENAME ~ /^(runtime|bindings|include)\// && code ~ /(^|[^A-Za-z0-9_])v?fprintf[ \t]*\([ \t]*(stdout|stderr)/ {
	broken(FNR, "the library does not print, exit, abort or set signals")
}
END {
	# A header that shows a foreign library is for its own folder.
	for (i = 1; i <= uses; i++)
		if (use_path[i] in foreign_in && folder_of(use_path[i]) != use_from[i] && use_from[i] != "cli") {
			printf "%s: %s shows <%s> to another folder\n", use_at[i], use_path[i], foreign_in[use_path[i]]
			bad = 1
		}
	exit bad
}
' "${files[@]}"
