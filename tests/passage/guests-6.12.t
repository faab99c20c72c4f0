#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bare-metal guests on a 6.12 host: four-level paging, two CPUs, KPTI.

. "$(dirname "$0")/lib.sh"
in_box --kaslr --no-data --timeout 400 --host-kernel 6.12 --smp 2 --cpu max,-la57 --append pti=on

host_facts
like "$(cat /proc/cpuinfo)" '^flags.* pti( |$)' "a host with KPTI"
all_guests
host_is_healthy
done_testing
