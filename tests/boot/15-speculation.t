#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a guest says of the CPU's vulnerabilities and their mitigations is what
# its host says, when both run the same kernel.  TCG has no SPEC_CTRL and no
# ARCH_CAPABILITIES: on models that should have them both kernels see none.

. "$(dirname "$0")/../lib/box.sh"
in_box --smp 1 --timeout 300 --cpu "${MODEL:=Skylake-Server-v1}" \
	--env "MODEL=$MODEL"

DIR=/sys/devices/system/cpu/vulnerabilities

facts()
{
	(cd "$1" && grep . ./*) | sed 's/^/vulnerability /'
	sed -n 's/^bugs[^:]*:/bugs/p' /proc/cpuinfo | head -n 1
}

initrd 6.1 "mount -t sysfs none /sys; cd $DIR && grep . ./* |
	sed 's/^/vulnerability /'; sed -n 's/^bugs[^:]*:/bugs/p' /proc/cpuinfo"
is "$STATUS" 0 "$MODEL: powers off"
host=$(facts "$DIR")
# At the beginning of a line: the command itself is in the kernel's log.
guest=$(grep -aE '^(vulnerability \./|bugs )' <<<"$OUT")
[ "$(wc -l <<<"$host")" -gt 8 ]
ok $? "$MODEL: the host has something to say"
is "$guest" "$host" "$MODEL: the guest says the same"
diag "$host"
# What the kernel thinks of such a CPU is no trouble of ours.
no_trouble "$(grep -v 'RETBleed: WARNING' <<<"$OUT")" "$MODEL"

host_is_healthy
done_testing
