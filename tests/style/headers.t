#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every header compiles alone, with each compiler that uses it; the monitor
# builds with both of its compilers and their structure offsets are equal.

. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
MINGW=${MINGW:-x86_64-w64-mingw32-gcc}
WARN="-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Werror"
RING0="-ffreestanding -mgeneral-regs-only -mno-red-zone"

# alone NAME COMPILER-AND-FLAGS HEADER...: one check; broken ones are shown.
alone()
{
	local name=$1 flags=$2 header out broken=
	shift 2
	for header; do
		# shellcheck disable=SC2086
		out=$($flags -std=gnu11 $WARN -fsyntax-only -x c - \
			<<<"#include \"$PWD/$header\"" 2>&1) ||
			broken+="$header: $out"$'\n'
	done
	is "$broken" "" "$name compile alone"
}

alone "the ABI's headers (gcc)" "gcc -Iinclude" include/colinux/*.h
alone "the ABI's headers (mingw)" "$MINGW -Iinclude" include/colinux/*.h
alone "the ABI's headers (freestanding)" "gcc -Iinclude -D__KERNEL__ $RING0" \
	include/colinux/*.h
alone "the monitor's headers (gcc)" "gcc -Iinclude $RING0" \
	monitor/*.h monitor/x86/*.h
alone "the monitor's headers (mingw)" "$MINGW -Iinclude $RING0" \
	monitor/*.h monitor/x86/*.h
mapfile -t headers < <(git ls-files 'guest/*.h')
alone "the guest's headers" "gcc -Iinclude -Iguest/port $RING0" "${headers[@]}"
mapfile -t headers < <(git ls-files 'daemon/*.h' | grep -v ^daemon/os/windows)
alone "the command's headers" "gcc -D_GNU_SOURCE -Iinclude $(pkg-config \
	--cflags libuv slirp 2>/dev/null)" "${headers[@]}"
# Not glib/, which is for the build of libslirp alone.
mapfile -t headers < <(git ls-files 'daemon/os/windows/*.h' | grep -v /glib/)
if libraries=$(scripts/windows-libs --have); then
	alone "those of colinux.exe" "$MINGW -Iinclude -D_WIN32_WINNT=0x0601 \
		-isystem $libraries/include -Idaemon/os/windows/posix" \
		"${headers[@]}"
else
	skip "those of colinux.exe" "scripts/windows-libs has not been run"
fi

out=$(MAKEFLAGS='' make -s monitor 2>&1)
ok $? "the monitor builds with gcc and mingw, its offsets are the same" ||
	diag "$out"
done_testing
