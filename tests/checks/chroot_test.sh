#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plain build
# slow
# timeout: 900
# The .deb on a fresh Debian 12, made by debootstrap: installs, runs, serves a host. Takes minutes and the network, so it is
# run only with EPACT_TEST_CHROOT=1, as root; EPACT_TEST_MIRROR is the Debian mirror.
set -euo pipefail
skip() { echo "skipped: $*"; exit 77; }
[ "${EPACT_TEST_CHROOT:-}" = 1 ] || skip "set EPACT_TEST_CHROOT=1 to install the package in a fresh Debian"
[ "$(id -u)" -eq 0 ] || skip "only root can make a chroot"
command -v debootstrap >/dev/null || skip "no debootstrap"
trap 'rm -rf --one-file-system -- "$TMPDIR"/*' EXIT
cd "$TMPDIR"
cpack --config "$EPACT_BUILD/CPackConfig.cmake" -B "$TMPDIR/made" >made.log 2>&1 || { cat made.log >&2; exit 1; }
debootstrap --variant=minbase --include=ca-certificates bookworm root "${EPACT_TEST_MIRROR:-http://deb.debian.org/debian}" >debootstrap.log 2>&1 ||
	{ tail -n 20 debootstrap.log >&2; exit 1; }
cp made/*.deb root/tmp/epact.deb
cp "$EPACT_SOURCE/tests/support/installed_host.sh" root/tmp/
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot root "$@"; }
inside apt-get install -y --no-install-recommends /tmp/epact.deb >install.log 2>&1 || { tail -n 20 install.log >&2; exit 1; }
[ "$(inside epact -e 'print(6 * 7)')" = 42 ]
inside apt-get install -y --no-install-recommends gcc libc6-dev make cmake pkg-config liblua5.4-dev libuv1-dev \
	libcurl4-openssl-dev libcjson-dev libmicrohttpd-dev libsqlite3-dev nettle-dev >develop.log 2>&1 ||
	{ tail -n 20 develop.log >&2; exit 1; }
inside sh -c 'mkdir /tmp/host && cd /tmp/host && bash /tmp/installed_host.sh /usr'
