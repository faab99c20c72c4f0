# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For the tests of guests that hurt themselves, inside the box.

. "$(dirname "${BASH_SOURCE[0]}")/../lib/box.sh"

# with_hurt SERIES: an initrd that has /hurt.ko as well; its path.
with_hurt()
{
	mkdir -p "$WORK/tree"
	cp "/colinux/build/tests/hurt/$1/hurt.ko" "$WORK/tree/"
	{
		cat "$INITRD"
		(cd "$WORK/tree" && echo hurt.ko | cpio --quiet -o -H newc |
			gzip)
	} >"$WORK/hurt-$1.img"
	echo "$WORK/hurt-$1.img"
}
