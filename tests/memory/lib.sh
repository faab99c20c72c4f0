# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the memory tests, after box.sh and in_box: guests that have /pattern.

FOREVER='echo up; while :; do sleep 100000; done'

# with_pattern: an initrd with BusyBox and /pattern; its name.
with_pattern()
{
	mkdir -p tree
	cp /colinux/build/tests/memory/pattern tree/
	{
		cat "$INITRD"
		(cd tree && echo pattern | cpio --quiet -o -H newc | gzip)
	} >pattern.img
	echo pattern.img
}

# field NAME KEY: a value that `colinux memory NAME` prints.
field()
{
	colinux memory "$1" | awk -v key="$2" '$1 == key { print $2 }'
}
