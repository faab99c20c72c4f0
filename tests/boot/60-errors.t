#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What users get wrong: each is one line that names the culprit, the host is
# none the worse, and guests still boot.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 900

mapfile -t good < <(words 6.1)
kernel=$(kernel_of 6.1)

# refused NAME REGEX WORD...: one line that matches, status 1 or 2.
refused()
{
	local name=$1 regex=$2
	shift 2
	guest 60 -q "$@"
	like "$OUT" "$regex" "$name: the message"
	is "$(wc -l <<<"$OUT")" 1 "$name: one line"
	like "$STATUS" '^[12]$' "$name: the status"
}

refused "no kernel" '/no/vmlinuz.*No such file' \
	kernel=/no/vmlinuz "initrd=$INITRD"
refused "a text as kernel" '/etc/passwd: not an x86 kernel image' \
	kernel=/etc/passwd "initrd=$INITRD"
head -c 3000000 "$kernel" >cut
refused "a truncated kernel" '^colinux: cut: .*truncated' \
	kernel=cut "initrd=$INITRD"
cp "$kernel" damaged
dd if=/dev/urandom of=damaged bs=4096 seek=900 count=20 conv=notrunc \
	status=none
refused "a damaged kernel" '^colinux: damaged: ' \
	kernel=damaged "initrd=$INITRD"
: >empty
refused "an empty kernel" '^colinux: empty: ' kernel=empty "initrd=$INITRD"
refused "no initrd" 'initrd=/no/initrd: No such file' \
	"${good[@]}" initrd=/no/initrd
refused "no image" 'cobd0=/no/image: No such file' \
	"${good[@]}" cobd0=/no/image
refused "a directory as image" 'cobd0=/etc: is a directory' \
	"${good[@]}" cobd0=/etc
refused "no modules" 'modules=/no/modules: ' \
	"kernel=$kernel" modules=/no/modules "initrd=$INITRD"
refused "too much memory" 'mem=1900: the host has [0-9]+ MB to give: ' \
	"${good[@]}" "initrd=$INITRD" mem=1900
refused "far too much memory" 'mem=' "${good[@]}" "initrd=$INITRD" mem=64G
refused "too little memory" 'mem=4' "${good[@]}" "initrd=$INITRD" mem=4
refused "memory that is no number" 'mem=lots' mem=lots "${good[@]}"
refused "nothing to boot" 'nothing to boot from' "${good[@]}"
refused "no configuration" '/no/file.conf: .*No such file' /no/file.conf
refused "a directory as configuration" '/etc/?: ' @/etc
printf 'mem=256\nkernel=/boot/vmlinuz\nmem=x\n' >wrong.conf
refused "a wrong line" '^colinux: \./wrong.conf:3: ' ./wrong.conf
head -c 3000 /dev/urandom >noise.conf
refused "a configuration of noise" '^colinux: \./noise.conf' ./noise.conf
cp wrong.conf secret.conf
chmod 600 secret.conf
chmod 755 . ..
STATUS=0
OUT=$(setpriv --reuid=65534 --clear-groups colinux run -q ./secret.conf 2>&1) ||
	STATUS=$?
like "$OUT" 'secret.conf: .*Permission denied' "unreadable configuration"
STATUS=0
OUT=$(XDG_RUNTIME_DIR=/tmp setpriv --reuid=65534 --regid=65534 --clear-groups \
	colinux run -q "${good[@]}" "initrd=$INITRD" 2>&1) || STATUS=$?
like "$OUT" '/dev/colinux.*(root|Permission|CAP_)' "without privileges"

start_initrd same 6.1 'echo up; while :; do usleep 10000; done'
wait_text 100 same '^up'
refused "a name that is taken" 'same' "${good[@]}" "initrd=$INITRD" name=same
colinux kill same >/dev/null
ended 20 "$PID"

rmmod colinux
refused "no driver" 'modprobe colinux' "${good[@]}" "initrd=$INITRD"
modprobe colinux

# An image without a file system: the guest says so and panics.
truncate -s 64M blank
guest 100 "${good[@]}" cobd0=blank root=/dev/cobd0
is "$STATUS" 100 "a blank image: panic"
like "$OUT" '/dev/vda|vda' "its message names the device"

initrd 6.1 'echo fine'
like "$OUT" '^fine' "guests still boot"

host_is_healthy
done_testing
