#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Folders of the host (cofsN), serial ports and programs that run with the
# guest, in one guest: what a file system must do, random I/O against a copy,
# storms of names, confinement, read-only; a virtiofsd that is killed; bytes
# through a socket and into a file.  COLINUX_SOAK=1: more of all.

. "$(dirname "$0")/../lib/box.sh"
VIRTIOFSD=/usr/lib/qemu/virtiofsd
[ -n "${IN_BOX:-}" ] || [ -x $VIRTIOFSD ] || skip_all "no $VIRTIOFSD here"
in_box --smp 2 --mem 1536 --timeout "${COLINUX_SOAK:+10}600" --share qemu=/usr/lib/qemu

# Operations and names of fsx, files in a tree, bytes through the serial port.
OPERATIONS=300 NAMES=200 FILES=200 BYTES=262144
[ -z "$SOAK" ] ||
	OPERATIONS=20000 NAMES=20000 FILES=10000 BYTES=$((32 << 20))
export COLINUX_VIRTIOFSD=/share/qemu/virtiofsd
mkdir -p folder/sub ro secret
echo "from the host" >folder/hello
ln -s ../secret folder/out
echo secret >secret/word
echo "read only" >ro/file
cp /colinux/build/tests/net/fsx folder/
cat >folder/script <<'EOF'
cd /f
echo "read $(cat hello)"
echo "to the host" >new && mkdir -p d/e && mv new d/e/new && ln -s d link
chmod 640 d/e/new && echo "mode $(stat -c %a d/e/new)"
echo "naïve" >"ünïcode ✓"
i=0
while [ $i -lt $FILES ]; do echo $i >d/f$i; i=$((i + 1)); done
echo "files $(ls d | wc -l)"
rm -r d/f*
echo "left $(ls d)"
./fsx . $OPERATIONS $NAMES
dd if=/dev/urandom of=big bs=64k count=64 2>/dev/null
echo "sum $(md5sum <big | cut -d' ' -f1)"
cat out/word 2>/dev/null || echo "confined"
echo x >/r/file 2>/dev/null || echo "refused $(cat /r/file)"
EOF
start_initrd guest 6.1 "mkdir -p /f /r; mount -t virtiofs cofs0 /f;
	mount -t virtiofs cofs1 /r;
	FILES=$FILES OPERATIONS=$OPERATIONS NAMES=$NAMES sh /f/script;
	exec 3<>/dev/hvc1; stty -F /dev/hvc1 raw -echo; echo into a file >/dev/hvc2;
	head -c $BYTES /dev/urandom >/tmp/data; md5sum </tmp/data;
	echo ready; head -c $BYTES <&3 | md5sum >/tmp/sum; cat /tmp/data >&3;
	echo in \$(cat /tmp/sum); read line <&3; echo line \$line;
	ls /f >/dev/null 2>&1 || echo dead; umount /f; mount -t virtiofs cofs0 /f;
	echo again \$(cat /f/hello)" \
	"cofs0=$WORK/folder" "cofs1=$WORK/ro,ro" "ttys0=unix:$WORK/port" \
	"ttys1=file:$WORK/out" "exec0=echo \$\$ >$WORK/pid; exec sleep 1000"
try "the guest is ready" wait_text "${SOAK:+9}300" guest '^ready'
try "the program runs" kill -0 "$(cat pid)"
head -c $BYTES /dev/urandom >data
# Both ways over one connection; a line follows when virtiofsd is dead.
mkfifo lines
(cat data; cat lines) | socat -t 60 - UNIX:port >back 2>/dev/null &
size() { [ "$(stat -c %s back)" -ge $BYTES ]; }
START=$SECONDS
try "all bytes came out of the serial port" wait_for "${SOAK:+1}300" size
diag "serial: 2 x $BYTES bytes in $((SECONDS - START)) s"
pkill -x virtiofsd
echo go >lines
ended 300 "$PID"
is "$STATUS" 0 "the guest powers off"
OUT=$(tr -d '\r' <"$LOG/guest")
like "$OUT" "^read from the host" "a file of the host"
is "$(cat folder/d/e/new)" "to the host" "a file, renamed, for the host"
is "$(readlink folder/link)" d "a symbolic link"
like "$OUT" "^mode 640" "permissions"
is "$(cat "folder/ünïcode ✓")" "naïve" "unicode names"
like "$OUT" "^files $((FILES + 1))" "many files"
like "$OUT" "^left e" "gone again"
like "$OUT" "^fsx: $OPERATIONS operations, right" \
	"random I/O is as in a copy, names come and go"
like "$OUT" "^sum $(md5sum <folder/big | cut -d' ' -f1)" "a large file"
like "$OUT" "^confined" "links do not lead out"
like "$OUT" "^refused read only" "read-only"
is "$(cat out | tr -d '\r')" "into a file" "a serial port to a file"
like "$OUT" "^in $(md5sum <data | cut -d' ' -f1)" "serial: bytes to the guest"
like "$OUT" "^$(md5sum <back | cut -d' ' -f1)" "serial: bytes from the guest"
like "$OUT" "^again from the host" "virtiofsd was killed and is back"
gone() { ! pgrep -f 'virtiofsd|colinux --keep' && ! kill -0 "$(cat pid)"; }
try "its programs end with it" wait_for 20 gone 2>/dev/null
no_trouble "$OUT" "guest"
host_is_healthy
done_testing
