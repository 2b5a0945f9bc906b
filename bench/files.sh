#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# files.sh [BYTES [ROUNDS]]: upload and download of one file (1 GiB) beside the curl program, in alternating rounds of one run.
# The server is bench/files_server.py, which forgets what it gets. The times of curl are its own, without start and end.
set -euo pipefail
source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
bytes=${1:-$((1 << 30))} rounds=${2:-5}
program=${EPACT_BIN:-$source_dir/build/release/epact}
work=$(mktemp -d "${BENCH_WORK:-${TMPDIR:-/tmp}}/epact-files.XXXXXX")
server=
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT

mkfifo "$work/port"
python3 "$source_dir/bench/files_server.py" > "$work/port" &
server=$!
read -r port < "$work/port"
base=http://127.0.0.1:$port/v1
head -c "$bytes" /dev/zero > "$work/up"

curl_ms() { # upload|download
	local seconds
	case $1 in
	upload) seconds=$(curl -sS -o /dev/null -H 'Expect:' -T "$work/up" -w '%{time_total}' "$base/repo/x/file/big") ;;
	download) seconds=$(curl -sS -o "$work/down" -w '%{time_total}' "$base/repo/x/file/$bytes") ;;
	esac
	awk -v s="$seconds" 'BEGIN { printf "%.1f", s * 1000 }'
}

# The field of that name in the line of bench/files.lua.
field() { sed -n "s/.*\b$1=\([0-9.-]*\).*/\1/p" <<<"$2"; }

median() { sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

for what in upload download; do
	: > "$work/curl"; : > "$work/ours"; : > "$work/speed"; : > "$work/grown"
	for ((round = 0; round <= rounds; round++)); do
		rm -f "$work/down"
		theirs=$(curl_ms $what)
		target=$work/down
		[ $what = download ] || target=$work/up
		rm -f "$work/down"
		line=$("$program" run "$source_dir/bench/files.lua" $what "$base" "$target" "$bytes")
		[ $what = upload ] || cmp -n "$bytes" "$work/down" "$work/up"
		[ $round -gt 0 ] || continue # the first one is not counted
		ours=$(field ms "$line")
		echo "$theirs" >> "$work/curl"
		echo "$ours" >> "$work/ours"
		awk -v a="$theirs" -v b="$ours" 'BEGIN { print a / b }' >> "$work/speed"
		field grown_kib "$line" >> "$work/grown"
	done
	awk -v what=$what -v bytes="$bytes" -v curl="$(median < "$work/curl")" -v ours="$(median < "$work/ours")" \
		-v speed="$(sort -n "$work/speed" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')" \
		-v grown="$(sort -n "$work/grown" | tail -1)" 'BEGIN {
		printf "%s of %d MiB: curl %.0f ms, epact %.0f ms; speed / curl %.2f; memory grown by at most %.1f MiB\n",
			what, bytes / 1048576, curl, ours, speed, grown / 1024 }'
done
