#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The driver's exception guard (host/windows/guard.S) under Wine.

. "$(dirname "$0")/../lib/tap.sh"

top=$(cd "$(dirname "$0")/../.." && pwd -P)
wine=$(command -v wine64 || command -v /usr/lib/wine/wine64) ||
	skip_all "Wine (package wine64) is not installed"
[ -e "$top/build/tests/windows/guard.exe" ] ||
	skip_all "no guard.exe: the cross compiler is not installed"
WINEPREFIX=$(mktemp -d)
export WINEPREFIX WINEDEBUG=-all
trap 'rm -rf "$WINEPREFIX"' EXIT
timeout 120 "$wine" "$top/build/tests/windows/guard.exe" | tr -d '\r'
exit "${PIPESTATUS[0]}"
