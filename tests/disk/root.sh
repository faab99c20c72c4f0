# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A root file system of BusyBox alone, for tests of disks.

# busybox_root DIRECTORY: its /sbin/init is standard input, run by sh.
busybox_root()
{
	local applet
	mkdir -p "$1"/{bin,sbin,dev,proc,sys,tmp,m,cd}
	cp /bin/busybox "$1/bin/"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
	done
	{ printf '#!/bin/sh\nexport PATH=/bin\nmount -t tmpfs tmp /tmp\n'; cat
	  printf 'sync\npoweroff -f\n'; } >"$1/sbin/init"
	chmod +x "$1/sbin/init"
}
