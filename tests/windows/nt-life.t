#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Guests come and go on colinux.sys in ring 0, and the host stays as it was:
# 20 of them leave nothing in NT's pool; one that spins lets the host's clock
# go on; a panic, a killed process and the driver's unload leave the host
# running.  The latter with a stock kernel and the unmodified colinux command.

. "$(dirname "$0")/lib.sh"
in_box --timeout 560 --smp 2 --mem 1536

nt_host
empty=$(nt_held)
like "$empty" '^0 pool blocks, .*, 1 devices, ' "the driver has its own"
for ((i = 0; i < 20; i++)); do
	OUT=$("$RUN" "$GUESTS/hello.bin" "$GUESTS/smp.bin" 2>&1) || break
done
is "$i" 20 "20 times two guests" || diag "$OUT"
is "$(nt_held)" "$empty" "... leave nothing"

# Host interrupts are served while the guest spins: its clock goes on.
series=6.1
start_initrd spins "$series" 'echo up; while :; do :; done'
wait_text 150 spins '^up'
unlike "$(nt_held)" "^$empty\$" "a guest is there"
later=$(($(cut -d. -f1 /proc/uptime) + 3))
try "the host's clock advances while the guest spins" wait_for 60 \
	sh -c "[ \$(cut -d. -f1 /proc/uptime) -ge $later ]"
kill -9 "$PID"
ended 60 "$PID"
is "$STATUS" 137 "kill -9"
is "$(nt_held)" "$empty" "... leaves nothing"

initrd "$series" 'echo c >/proc/sysrq-trigger'
is "$STATUS" 100 "panic is status 100"
like "$OUT" 'Kernel panic - not syncing: sysrq triggered crash' "its text"
is "$(nt_held)" "$empty" "... leaves nothing"

nt_unload "panic and kill"
nt_host
one_run "the driver is loaded again" hello
nt_unload "again"
nt_healthy
done_testing
