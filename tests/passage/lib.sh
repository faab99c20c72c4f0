# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the passage tests, inside the box: the bare-metal guests on this host.

. "$(dirname "${BASH_SOURCE[0]}")/../lib/box.sh"

RUN=/colinux/build/tests/passage/run
GUESTS=/colinux/build/tests/passage/guests

# one_run NAME [OPTION...] GUEST...: guests side by side; their output in $OUT.
one_run()
{
	local name=$1 arguments=() a status=0
	shift
	for a; do
		[[ $a == -* || $a =~ ^[0-9]+$ ]] || a=$GUESTS/$a.bin
		arguments+=("$a")
	done
	OUT=$(${PIN:+taskset -c "$PIN"} "$RUN" "${arguments[@]}" 2>&1) ||
		status=$?
	ok "$status" "$name" || diag "$OUT"
	while read -r a; do
		skip "$name: ${a% # SKIP*}" "${a#*# SKIP }"
	done < <(sed -n 's/^ok [0-9]* - \(.*# SKIP.*\)/\1/p' <<<"$OUT")
}

# Every guest, alone and beside others.
all_guests()
{
	local g
	for g in hello irq held state segments features user kick events smp; do
		one_run "$g" "$g"
	done
	one_run "two guests with other state" alternate alternate
	one_run "four at once" alternate alternate state segments
	PIN=0 one_run "on one CPU" alternate alternate kick
	one_run "interrupts held back by two" held held
	PIN=0 one_run "the same on one CPU" held held
	one_run "breakpoints of the host and of guests" -b alternate state hello
	OUT=$("$RUN" "$GUESTS/bad.bin" 2>&1)
	like "$OUT" '^# bad.bin: ended: vCPU 0 left with unknown reason 77$' \
		"a bad exit reason ends the guest"
}

# What the host says of itself, for the record.
host_facts()
{
	diag "host $(uname -r), $(nproc) CPUs, of them" \
		"$(grep -c -w la57 /proc/cpuinfo) with five levels," \
		"$(grep -c -w pti /proc/cpuinfo) with KPTI"
}
