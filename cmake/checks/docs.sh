#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that every public name is documented where it stands: Lua functions by a --- block, C functions by a comment.
# usage: docs.sh SOURCE-DIR; prints file:line and the name, exit status 1 when one is missing.
# A block is the comment lines directly above, the first of them with three dashes.
set -euo pipefail
cd -- "$1"

mapfile -t files < <({
	find lua/epact lua/epact/relace -maxdepth 1 -name '*.lua' || true
	find lua/epact/server -maxdepth 1 -name init.lua || true
	find include -name '*.h' || true
} 2>/dev/null | sort)
if [ ${#files[@]} -eq 0 ]; then
	echo "docs: no public file under $1" >&2
	exit 1
fi
exec awk '
function missing(name, rule) {
	printf "%s:%d: %s %s\n", FILENAME, FNR, name, rule
	bad = 1
}
FNR == 1 { block = above_ends_comment = group = 0 }
FILENAME ~ /\.lua$/ && (match($0, /^function [A-Za-z_][A-Za-z0-9_]*[.:][A-Za-z0-9_.:]+/) ||
		match($0, /^[A-Z][A-Za-z0-9]*\.[a-z][A-Za-z0-9_.]* = (function|core\.)/)) {
	name = substr($0, RSTART, RLENGTH)
	sub(/^function /, "", name); sub(/ = .*$/, "", name)
	last = name
	sub(/.*[.:]/, "", last)
	if (last !~ /^_/ && !block) missing(name, "has no --- block directly above it")
}
FILENAME ~ /\.lua$/ {
	if ($0 ~ /^---/) block = 1
	else if ($0 !~ /^--/) block = 0
}
FILENAME ~ /\.h$/ && /^EPACT_API / {
	name = $0
	sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
	# One comment may stand for a group of declarations without an empty line between them.
	if (above_ends_comment) group = 1
	if (!group) missing(name, "has no comment directly above it")
}
/^[ \t]*$/ { group = 0 }
{ above_ends_comment = $0 ~ /\*\/[ \t]*$/ || $0 ~ /^[ \t]*\/\// }
END { exit bad }
' "${files[@]}"
