#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bare-metal guests on a 6.1 host: five-level paging, two CPUs, no KPTI.

. "$(dirname "$0")/lib.sh"
in_box --kaslr --no-data --timeout 400 --smp 2 --cpu max --append pti=off

host_facts
is "$(grep -c -w la57 /proc/cpuinfo)" 2 "a host with five-level paging"
all_guests
host_is_healthy
done_testing
