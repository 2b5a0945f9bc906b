#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that a library has no variable data, but for what a list allows.
# usage: globals.sh LIBRARY.a LIST; a line of LIST is: OBJECT VARIABLE REASON; # starts a comment.
# Prints each variable that is not allowed, and each line of LIST that allows nothing; exit status 1 when there is one.
set -euo pipefail
LC_ALL=C nm --format=sysv "$1" | awk -F '|' -v list="$2" '
BEGIN {
	while ((status = (getline line < list)) > 0) {
		sub(/#.*/, "", line)
		if (split(line, word, " ") == 0) continue
		if (!(3 in word)) { printf "%s: no reason is given: %s\n", list, line; bad = 1 }
		allowed[word[1] " " word[2]] = 1
	}
	if (status < 0) { printf "%s: cannot be read\n", list; bad = 1 }
}
/^Symbols from / {
	object = $0
	sub(/^Symbols from [^[]*\[?/, "", object); sub(/\]?:$/, "", object)
	objects++
}
# What the linker makes read-only after relocation is constant.
NF == 7 && $7 ~ /^\.(data|bss|tdata|tbss|lbss|ldata)/ && $7 !~ /^\.data\.rel\.ro/ && $4 ~ /OBJECT|TLS|COMMON/ {
	name = $1
	gsub(/[ \t]/, "", name)
	sub(/\.[0-9]+$/, "", name)
	if ((object " " name) in allowed) used[object " " name] = 1
	else { printf "%s: the library has no variable globals: %s\n", object, name; bad = 1 }
}
NF == 7 && $3 ~ /C/ { printf "%s: the library has no variable globals: %s\n", object, $1; bad = 1 }
END {
	if (objects == 0) { print "globals: no object was read"; bad = 1 }
	for (entry in allowed)
		if (!(entry in used)) { printf "%s: allowed, but not there: %s\n", list, entry; bad = 1 }
	exit bad
}'
