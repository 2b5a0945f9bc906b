#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes the reference of the C headers: one Markdown file for each, made of its comments and declarations.
# usage: reference.sh SOURCE-DIR [OUT-DIR]; OUT-DIR is SOURCE-DIR/docs/reference when it is not given.
set -euo pipefail
source=$(cd -- "$1" && pwd)
out=${2:-$source/docs/reference}
mkdir -p -- "$out"
for header in "$source"/include/*.h; do
	name=$(basename "$header" .h)
	awk -v header="$(basename "$header")" '
# The text of the comment lines gathered in `said`; Life, Thread, Owner and Errors begin lines of their own.
function print_text(   i, line, fenced) {
	for (i = 1; i <= lines; i++) {
		line = said[i]
		if (line ~ /^    / && !fenced) { print "```c"; fenced = 1 }
		else if (line !~ /^    / && fenced) { print "```"; fenced = 0 }
		if (fenced) sub(/^    /, "", line)
		else if (i > 1 && said[i - 1] != "" && line ~ /^(Life|Thread|Owner|Errors|Callbacks):/) print ""
		if (!fenced) {
			while (match(line, /(^|[ .])(Life|Thread|Owner|Errors|Callbacks|Rule):/)) {
				word = substr(line, RSTART, RLENGTH)
				lead = word ~ /^[ .]/ ? substr(word, 1, 1) : ""
				gsub(/^[ .]|:$/, "", word)
				line = substr(line, 1, RSTART - 1) lead "**" word "**\001" substr(line, RSTART + RLENGTH)
			}
			gsub(/\001/, ":", line)
			gsub(/</, "\\&lt;", line)
		}
		print line
	}
	if (fenced) print "```"
	print ""
}
function clean(line) {
	sub(/^\/\* ?/, "", line); sub(/^ \* ?/, "", line); sub(/ *\*\/$/, "", line)
	return line
}
# What the declarations in `code` declare, as a heading.
function heading(   i, text, name, all) {
	for (i = 1; i <= rows; i++) {
		text = code[i]
		if (text ~ /^EPACT_API/) { name = text; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
		else if (text ~ /^} [a-z_]+;/) { name = text; gsub(/[};  ]/, "", name) }
		else if (text ~ /^typedef .*\(/) { name = text; sub(/\(.*/, "", name); sub(/.* /, "", name) }
		else if (text ~ /^typedef .*;/) { name = text; sub(/;.*/, "", name); sub(/.* /, "", name) }
		else if (text ~ /^struct [a-z_]+ {/) { name = text; gsub(/^struct | {.*/, "", name) }
		else continue
		if (index(" " all " ", " " name " ")) continue
		all = all == "" ? name : all " " name
	}
	gsub(/ /, ", ", all)
	return all
}
function flush(   i, name) {
	if (!rows && !lines) return
	name = rows ? heading() : ""
	if (name != "") printf "### %s\n\n", name
	if (lines) print_text()
	if (rows) {
		print "```c"
		for (i = 1; i <= rows; i++) { sub(/^EPACT_API /, "", code[i]); print code[i] }
		print "```\n"
	}
	lines = rows = 0
}
BEGIN { printf "# %s\n\nMade of the header by `./dev reference`; edit `include/%s`.\n\n", header, header }
/^#(if|ifdef) .*(__cplusplus|__GNUC__)/ { skipped = 1 }
skipped { if (/^#endif/) skipped = 0; next }
/^#/ || /SPDX-License/ || /^struct [a-z_]+;$/ { next }
/^\/\* --- .* --- \*\/$/ {
	flush()
	title = $0
	gsub(/^\/\* --- | --- \*\/$/, "", title)
	printf "## %s\n\n", toupper(substr(title, 1, 1)) substr(title, 2)
	next
}
!rows && (/^\/\*/ || in_comment) {
	if (/^\/\*/ && lines) flush()
	said[++lines] = clean($0)
	in_comment = $0 !~ /\*\/$/
	next
}
/^$/ { if (!depth) flush(); else code[++rows] = ""; next }
{
	code[++rows] = $0
	depth += gsub(/{/, "{") - gsub(/}/, "}")
}
END { flush() }
' "$header" >"$out/$name.md"
done
