#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that every public name is documented where it stands: Lua functions by a --- block, C functions by a comment.
# usage: docs.sh SOURCE-DIR; prints file:line and the name, exit status 1 when one is missing.
set -euo pipefail
cd -- "$1"

mapfile -t files < <(find lua/epact -maxdepth 1 -name '*.lua' 2>/dev/null | sort
	find lua/epact -mindepth 2 -maxdepth 2 -name init.lua 2>/dev/null | sort
	find include -name '*.h' 2>/dev/null | sort)
if [ ${#files[@]} -eq 0 ]; then
	echo "docs: no public file under $1" >&2
	exit 0
fi
exec awk '
function missing(name, rule) {
	printf "%s:%d: %s %s\n", FILENAME, FNR, name, rule
	bad = 1
}
FNR == 1 { above = "" }
FILENAME ~ /\.lua$/ && (match($0, /^function [A-Za-z_][A-Za-z0-9_]*[.:][A-Za-z0-9_.:]+/) ||
		match($0, /^[A-Z][A-Za-z0-9]*\.[a-z][A-Za-z0-9_.]* = function/)) {
	name = substr($0, RSTART, RLENGTH)
	sub(/^function /, "", name); sub(/ = function$/, "", name)
	last = name
	sub(/.*[.:]/, "", last)
	if (last !~ /^_/ && above !~ /^---/) missing(name, "has no --- block directly above it")
}
FILENAME ~ /\.h$/ && /^EPACT_API / {
	name = $0
	sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
	if (above !~ /\*\/[ \t]*$/ && above !~ /^[ \t]*\/\//) missing(name, "has no comment directly above it")
}
{ above = $0 }
END { exit bad }
' "${files[@]}"
