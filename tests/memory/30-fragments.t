#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A host whose memory is in pieces: guests of many pieces, guests for which the
# host has to move its own pages away, and the message when that is no use.

. "$(dirname "$0")/../lib/box.sh"
[ -n "${IN_BOX:-}${COLINUX_SOAK:-}" ] || skip_all "minutes long: make soak runs it"
in_box --timeout 900
. "$(dirname "$0")/lib.sh"

image=$(with_pattern)
mapfile -t basics < <(words 6.1)

# pieces: in how many pieces the last guest's memory was.
pieces()
{
	sed -n 's/.*memory: [0-9]* MB in \([0-9]*\) piece.*/\1/p' <<<"$OUT"
}

# All of memory in blocks of 2 MiB that nothing can move, every other one free.
echo 3 >/proc/sys/vm/drop_caches
mkfifo ask
/colinux/build/tests/memory/blocks <ask >"$LOG/blocks" 2>&1 &
holder=$!
exec 3>ask
try "memory is in pieces" wait_text 120 blocks '^blocks: [0-9]* of'
diag "$(<"$LOG/blocks")"
# What is left to the host's programs may be moved: more than that is needed.
{
	cat "$INITRD"
	head -c 150M /dev/zero
} >large.img
guest 120 -q "${basics[@]}" initrd=large.img mem=400
is "$STATUS" 1 "no piece for the kernel: status 1"
like "$OUT" "mem=400: kernel and initrd need [0-9]+ MB in one piece, .* free" \
	"the message"
is "$(wc -l <<<"$OUT")" 1 "one line"

# A place for the kernel, the rest as it is: more pieces than an e820 map has.
echo run 120 >&3
try "a run for the kernel" wait_text 20 blocks '^blocks: a run'
for series in $SERIES; do
	initrd "$series" '/pattern 300' mem=600 "initrd=$image"
	is "$STATUS" 0 "$series: a guest in pieces"
	diag "$series: $(pieces) pieces"
	try "$series: they are more than 128" test "$(pieces)" -gt 128
	like "$OUT" '^pattern: 300 MB, 0 wrong' "$series: all of them are there"
	like "$OUT" 'Linux.* 5[0-9]{5} kB' "$series: the kernel has them"
	no_trouble "$OUT" "$series: many pieces"
done
exec 3>&-
kill_hard "$holder"

# No two free pages beside each other: all has to be moved.
echo 3 >/proc/sys/vm/drop_caches
free=$(awk '/^MemFree/ { print int($2 / 1024) }' /proc/meminfo)
/colinux/build/tests/memory/fragment $((free - 100)) >"$LOG/fragment" &
holder=$!
wait_text 120 fragment '^fragmented'
diag "$(grep Normal /proc/buddyinfo)"
diag "$(grep DMA32 /proc/buddyinfo)"
initrd 6.1 '/pattern 200' mem=384 "initrd=$image"
is "$STATUS" 0 "a host that has to move its pages"
like "$OUT" '^pattern: 200 MB, 0 wrong' "its memory is right"
diag "$(pieces) pieces"
no_trouble "$OUT" "moved pages"
kill_hard "$holder"

host_is_healthy
done_testing
