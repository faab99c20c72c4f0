# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests of colinux.sys inside the box: ntshim.ko takes colinux.ko's place
# as the driver behind /dev/colinux.

. "$(dirname "${BASH_SOURCE[0]}")/../passage/lib.sh"

NT=/colinux/build/tests/windows

# nt_host [PARAMETER...]: the NT driver from here on.
nt_host()
{
	! grep -q '^colinux ' /proc/modules || rmmod colinux
	insmod "$NT/ntshim/ntshim.ko" "$@" ||
		bail "colinux.sys does not load: $(dmesg | tail -n 5)"
}

# nt_held: what the driver has of NT, as a line.
nt_held()
{
	cat /sys/module/ntshim/parameters/held
}

# nt_unload NAME: unload it; all that it took from NT must be back.
nt_unload()
{
	try "$1: colinux.sys unloads" rmmod ntshim
	is "$(dmesg | grep -c 'not given back')" 0 "$1: nothing is left" ||
		diag "$(dmesg | grep 'not given back')"
}

# nt_healthy: at the end of a file.
nt_healthy()
{
	no_trouble "$(dmesg)" "host's kernel messages"
	# 4096 + 8192: an out-of-tree module, not signed; no warning, no oops.
	is "$(cat /proc/sys/kernel/tainted)" 12288 "the host's taint flags"
}
