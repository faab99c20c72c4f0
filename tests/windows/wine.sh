# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests under Wine: one prefix for all, made once for a build tree.

. "$(dirname "${BASH_SOURCE[0]}")/../lib/tap.sh"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
wine=$(command -v wine64 || command -v /usr/lib/wine/wine64) ||
	skip_all "Wine (package wine64) is not installed"
export WINEPREFIX=$top/build/wine WINEDEBUG=-all LC_ALL=C.UTF-8

# wine_ready: make the prefix unless it is there.
wine_ready()
{
	local fd
	mkdir -p "$top/build"
	exec {fd}>"$top/build/.wine-lock"
	flock "$fd"
	if [ ! -e "$WINEPREFIX/ready" ]; then
		rm -rf "$WINEPREFIX"
		timeout 300 "$wine" cmd /c ver >/dev/null 2>&1 || true
		touch "$WINEPREFIX/ready"
	fi
	exec {fd}>&-
}

# windows_path FILE: as Wine names it.
windows_path()
{
	echo "Z:$(readlink -f "$1" | tr / '\\')"
}

# exe PROGRAM ARGUMENT...: run it; its text in $out and $err, status in $rc.
exe()
{
	rc=0
	timeout 180 "$wine" "$top/build/nt/$1" "${@:2}" \
		>"$tmp/out" 2>"$tmp/err" </dev/null || rc=$?
	out=$(tr -d '\r' <"$tmp/out")
	err=$(tr -d '\r' <"$tmp/err")
}
