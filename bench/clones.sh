#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clones.sh [ROUNDS]: epact beside plain git, in alternating rounds of one run: one clone with depth 1, 32 side by side (git by
# xargs), and clones by a mirror. Prints medians and their ratios, and the longest stall of the loop meanwhile, beside that of
# a program that does nothing but tick at the same time: what the machine itself takes.
set -euo pipefail
source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
epact=${EPACT_BIN:-$source_dir/build/release/epact}
rounds=${1:-7} count=${COUNT:-32} parallel=${PARALLEL:-8}
work=$(mktemp -d "${TMPDIR:-/dev/shm}/epact-clones.XXXXXX") # in memory: ext4 is slow for seconds after many files were removed
export LUA_PATH="$source_dir/tests/support/?.lua;;" GIT_CONFIG_GLOBAL=$source_dir/tests/support/gitconfig GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

# 2,000 files of 6 KB, of bytes that do not compress to nothing, and 100 commits.
git init -q --bare "$work/repo.git"
python3 - <<'END' | git -C "$work/repo.git" fast-import --quiet
import base64, random, sys
random.seed(1)
out = sys.stdout.buffer
for commit in range(100):
    out.write(b"commit refs/heads/main\ncommitter a <a> %d +0000\ndata 1\nx\n" % (1700000000 + commit))
    for file in range(2000) if commit == 0 else random.sample(range(2000), 10):
        data = base64.encodebytes(random.randbytes(4500))
        out.write(b"M 100644 inline dir%d/file%d\ndata %d\n%s\n" % (file % 50, file, len(data), data))
END
git -C "$work/repo.git" repack -adq
token=rlcr-0123456789abcdef
python3 "$source_dir/tests/support/git_server.py" "$work" --token "$token" >"$work/port" &
server=$!
until [ -s "$work/port" ]; do sleep 0.05; done
host=127.0.0.1:$(cat "$work/port")
url=http://$host/ok/repo.git
export url work token count parallel

cat >"$work/clones.lua" <<'END'
local git, task, stall = require "epact.git", require "epact.task", require "stall"
local count, parallel, mirror, tick = tonumber(arg[1]), tonumber(arg[2]), arg[3] ~= "" and git.mirror(arg[3]) or nil, arg[4]
git.limit(parallel)
task.scope(function(s)
	local watch = tick and stall.watch(s)
	task.scope(function(clones)
		for i = 1, count do
			clones:spawn(git.clone, { url = os.getenv "url", directory = os.getenv "work" .. "/out/" .. i,
				credential = os.getenv "token", mirror = mirror, progress = false })
		end
	end)
	local report = watch and watch:stop()
	if report then print(("%.1f ms, %.1f of them without waiting for a processor"):format(report.longest * 1e3, report.own * 1e3)) end
end)
END
cat >"$work/tick.lua" <<'END'
local task, stall = require "epact.task", require "stall"
task.scope(function(s)
	local watch = stall.watch(s)
	while not io.open(os.getenv "work" .. "/stop") do task.sleep(0.01) end
	print(("%.1f ms"):format(watch:stop().longest * 1e3))
end)
END

plain_one() { git clone -q --template= --depth 1 "http://token:$token@$host/ok/repo.git" "$work/out/1"; }
epact_one() { "$epact" run "$work/clones.lua" 1 1 ""; }
plain_many() { seq "$count" | xargs -P "$parallel" -I{} git clone -q --template= --depth 1 "http://token:$token@$host/ok/repo.git" "$work/out/{}"; }
epact_many() { "$epact" run "$work/clones.lua" "$count" "$parallel" ""; }
first_by_mirror() { rm -rf "$work/mirror"; "$epact" run "$work/clones.lua" 1 1 "$work/mirror"; }
next_by_mirror() { "$epact" run "$work/clones.lua" 1 1 "$work/mirror"; }

# measure NAME: wall and CPU seconds of the function, of the client alone, added to the file NAME.
measure() {
	rm -rf "$work/out"
	mkdir "$work/out"
	TIMEFORMAT='%R %U %S'
	{ time "$1" >/dev/null; } 2>>"$work/$1"
}

median() { awk "{ print $2 }" "$work/$1" | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

compare() {
	local wall_a wall_b cpu_a cpu_b
	wall_a=$(median "$1" '$1') wall_b=$(median "$2" '$1') cpu_a=$(median "$1" '$2 + $3') cpu_b=$(median "$2" '$2 + $3')
	awk -v n="$3" -v wa="$wall_a" -v wb="$wall_b" -v ca="$cpu_a" -v cb="$cpu_b" 'BEGIN {
		printf "%-28s wall %.3f and %.3f s: %.2f   CPU %.3f and %.3f s: %.2f\n", n, wa, wb, wb / wa, ca, cb, cb / ca }'
}

for _ in $(seq "$rounds"); do
	measure plain_one; measure epact_one
	measure plain_many; measure epact_many
	measure first_by_mirror; measure next_by_mirror
done
compare plain_one epact_one "one clone: git, epact"
compare plain_many epact_many "$count clones, $parallel at once"
compare plain_one next_by_mirror "git, next by a mirror"
compare first_by_mirror next_by_mirror "first and next by a mirror"

rm -rf "$work/out"; mkdir "$work/out"
"$epact" run "$work/tick.lua" >"$work/control" &
stall=$("$epact" run "$work/clones.lua" "$count" "$count" "" tick)
touch "$work/stop"
wait $!
echo "longest stall of the loop, $count clones at once: $stall; of a program that only ticks, at the same time: $(cat "$work/control")"
