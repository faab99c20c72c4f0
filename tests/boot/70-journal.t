#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A file system survives the end of its guest at any moment: after the journal
# is replayed nothing is missing that the guest had been told was on disk.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 1200

# What the guest runs as its init: files, each synced before it is reported.
cat >writer <<'EOF_WRITER'
#!/bin/sh
mkdir -p /work
n=$(ls /work | wc -l)
echo "guest: begins with $n"
while :; do
	n=$((n + 1))
	{ echo "file $n"; head -c $((n % 7 * 3000)) /dev/zero; } >/work/$n
	sync /work/$n /work
	echo "synced $n"
done
EOF_WRITER
chmod +x writer
cp --sparse=always "$DEBIAN" root.img
mkdir -p mnt
mount -o loop root.img mnt
cp writer mnt/writer
umount mnt

synced=0
for count in 5 25 60; do
	for series in $SERIES; do
		mapfile -t basics < <(words "$series")
		name=$series-$count
		colinux run "name=$name" "${basics[@]}" mem=256 cobd0=root.img \
			root=/dev/cobd0 rw init=/writer \
			</dev/null >"$LOG/$name" 2>&1 &
		pid=$!
		wait_text 150 "$name" "^synced $((synced + count))" ||
			diag "$(tail -n 15 "$LOG/$name")"
		kill_hard "$pid"
		synced=$(sed -n 's/^synced \([0-9]*\)\r*$/\1/p' "$LOG/$name" |
			tail -n 1)

		# The host's kernel replays the journal.
		try "$name: the file system mounts" mount -o loop root.img mnt
		lost=0
		for ((i = 1; i <= synced; i++)); do
			[ "$(head -n 1 "mnt/work/$i" 2>/dev/null)" = "file $i" ] &&
				[ "$(stat -c %s "mnt/work/$i")" = \
					$((i % 7 * 3000 + 6 + ${#i})) ] ||
				lost=$((lost + 1))
		done
		is "$lost of $synced" "0 of $synced" \
			"$name: nothing that was synced is lost"
		umount mnt
		try "$name: and it is clean" \
			sh -c "e2fsck -fn root.img >$LOG/$name.fsck 2>&1"
		no_trouble "$(<"$LOG/$name")" "$name"
	done
done

host_is_healthy
done_testing
