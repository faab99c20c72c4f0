#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The driver's exception guard (host/windows/guard.S) under Wine.

. "$(dirname "$0")/wine.sh"

[ -e "$top/build/tests/windows/guard.exe" ] ||
	skip_all "no guard.exe: the cross compiler is not installed"
wine_ready
timeout 120 "$wine" "$top/build/tests/windows/guard.exe" | tr -d '\r'
exit "${PIPESTATUS[0]}"
