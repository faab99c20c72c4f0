#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a guest says of the CPU's vulnerabilities and their mitigations is what
# its host says, when both run the same kernel.  TCG has no SPEC_CTRL and no
# ARCH_CAPABILITIES: on models that should have them both kernels see none.
# COLINUX_SOAK=1: on every kind of CPU that the kernel tells apart.

. "$(dirname "$0")/../lib/box.sh"
on_model()
{
	in_box --smp 1 --timeout 300 --cpu "$MODEL" --env "MODEL=$MODEL"
}

if [ -z "${IN_BOX:-}" ] && [ "${COLINUX_SOAK:-}" ]; then
	for MODEL in Skylake-Server-v1 Nehalem-v1 Haswell-v1 Cascadelake-Server-v1 \
		     Icelake-Server-v1 Opteron_G3-v1 EPYC-v1 EPYC-Milan-v1 \
		     Dhyana-v1 max; do
		out=$(LOG_NAME=15-speculation-$MODEL on_model 2>&1)
		ok $? "$MODEL" || diag "$(grep -v '^ok' <<<"$out")"
	done
	done_testing
fi
: "${MODEL:=Skylake-Server-v1}"
on_model

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
# AMD's families 15h to 17h and Hygon's first have SSBD in LS_CFG only, a register
# of the core, which is the host's: it is true that the guest has no SSBD there.
case $MODEL in
EPYC-v1 | Dhyana-v1)
	host=$(sed '/spec_store_bypass:/s/:Mitigation:.*/:Vulnerable/' <<<"$host") ;;
esac
# At the beginning of a line: the command itself is in the kernel's log.
guest=$(grep -aE '^(vulnerability \./|bugs )' <<<"$OUT")
[ "$(wc -l <<<"$host")" -gt 8 ]
ok $? "$MODEL: the host has something to say"
is "$guest" "$host" "$MODEL: the guest says the same"
diag "$host"
# What the kernel thinks of such a CPU is no trouble of ours.
no_trouble "$(grep -vE '(RETBleed|Return Stack Overflow): WARNING' \
	<<<"$OUT")" "$MODEL"

host_is_healthy
done_testing
