#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [w1 ... w7]: epact beside the C floor (libcurl and libuv without scripts) in alternating rounds of one run.
#
# Workloads, mock server, floor and the other peers are those of the peers' benchmark, whose folder is EPACT_PEERS
# (default: ../shared/bench beside this checkout). What is set here is only the short form: fewer rounds and requests.
# Only ratios of one run count: the same work moves by a third from run to run.
set -euo pipefail
source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
peers=${EPACT_PEERS:-$source_dir/../shared/bench}
[ -x "$peers/run-peers.sh" ] || {
	echo "bench: no benchmark of peers in $peers; set EPACT_PEERS to its folder" >&2
	exit 1
}
export EXTRA_PEERS="epact=$source_dir/build/release/epact run $source_dir/bench/client.lua"
export BENCH_WORK=${BENCH_WORK:-${TMPDIR:-/tmp}/epact-bench}
export ONLY=${ONLY:-c-floor c-upload git epact} RUNS=${RUNS:-3} REQUESTS=${REQUESTS:-10000}
[ $# -gt 0 ] || set -- w1 w2 w3 w4 w5 w6
exec "$peers/run-peers.sh" "$@"
