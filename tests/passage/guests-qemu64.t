#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bare-metal guests on an old CPU (no XSAVE), one of it, with KPTI.

. "$(dirname "$0")/lib.sh"
in_box --no-data --timeout 400 --smp 1 --cpu qemu64 --append pti=on

host_facts
like "$(cat /proc/cpuinfo)" '^flags.* pti( |$)' "a host with KPTI"
all_guests
host_is_healthy
done_testing
