#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# timeout: 120
# The .deb that cpack makes: what it holds serves a host, and it names the packages that it needs.
set -euo pipefail
trap 'rm -rf -- "$TMPDIR"/*' EXIT
command -v dpkg-shlibdeps >/dev/null || { echo "skipped: no dpkg-shlibdeps (package dpkg-dev)"; exit 77; }
cd "$TMPDIR"
cpack --config "$EPACT_BUILD/CPackConfig.cmake" -B "$TMPDIR/made" >made.log 2>&1 || { cat made.log >&2; exit 1; }
deb=$(ls made/*.deb)
dpkg -x "$deb" root
for library in libc6 libcurl4 liblua5.4-0 libuv1 libcjson1 libmicrohttpd12 libsqlite3-0 libnettle8 git; do
	dpkg-deb -f "$deb" Depends | grep -Eq "(^|, )$library( |,|$)" || { echo "the package does not name $library" >&2; exit 1; }
done
mkdir host && cd host
bash "$EPACT_SOURCE/tests/support/installed_host.sh" "$TMPDIR/root/usr"
