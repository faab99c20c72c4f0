#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Folders of the host (cofsN), serial ports and programs that run with the
# guest, in one guest: what a file system must do, confinement, read-only; a
# virtiofsd that is killed; bytes through a socket and into a file.

. "$(dirname "$0")/../lib/box.sh"
VIRTIOFSD=/usr/lib/qemu/virtiofsd
[ -n "${IN_BOX:-}" ] || [ -x $VIRTIOFSD ] || skip_all "no $VIRTIOFSD here"
in_box --smp 2 --mem 1536 --timeout 400 --share qemu=/usr/lib/qemu

export COLINUX_VIRTIOFSD=/share/qemu/virtiofsd
mkdir -p folder/sub ro secret
echo "from the host" >folder/hello
ln -s ../secret folder/out
echo secret >secret/word
echo "read only" >ro/file
cat >folder/script <<'EOF'
cd /f
echo "read $(cat hello)"
echo "to the host" >new && mkdir -p d/e && mv new d/e/new && ln -s d link
chmod 640 d/e/new && echo "mode $(stat -c %a d/e/new)"
echo "naïve" >"ünïcode ✓"
i=0
while [ $i -lt 200 ]; do echo $i >d/f$i; i=$((i + 1)); done
echo "files $(ls d | wc -l)"
rm d/f1*
echo "left $(ls d | wc -l)"
dd if=/dev/urandom of=big bs=64k count=64 2>/dev/null
echo "sum $(md5sum <big | cut -d' ' -f1)"
cat out/word 2>/dev/null || echo "confined"
echo x >/r/file 2>/dev/null || echo "refused $(cat /r/file)"
EOF
start_initrd guest 6.1 "mkdir -p /f /r; mount -t virtiofs cofs0 /f;
	mount -t virtiofs cofs1 /r; sh /f/script;
	exec 3<>/dev/hvc1; stty -F /dev/hvc1 raw -echo; echo into a file >/dev/hvc2;
	dd if=/dev/urandom of=/tmp/data bs=1k count=256 2>/dev/null; md5sum </tmp/data;
	echo ready; head -c 262144 <&3 | md5sum >/tmp/sum; cat /tmp/data >&3;
	echo in \$(cat /tmp/sum); read line <&3; echo line \$line;
	ls /f >/dev/null 2>&1 || echo dead; umount /f; mount -t virtiofs cofs0 /f;
	echo again \$(cat /f/hello)" \
	"cofs0=$WORK/folder" "cofs1=$WORK/ro,ro" "ttys0=unix:$WORK/port" \
	"ttys1=file:$WORK/out" "exec0=echo \$\$ >$WORK/pid; exec sleep 1000"
try "the guest is ready" wait_text 150 guest '^ready'
try "the program runs" kill -0 "$(cat pid)"
dd if=/dev/urandom of=data bs=1k count=256 status=none
# Both ways over one connection; a line follows when virtiofsd is dead.
mkfifo lines
(cat data; cat lines) | socat -t 60 - UNIX:port >back 2>/dev/null &
size() { [ "$(stat -c %s back)" -ge 262144 ]; }
try "all bytes came out of the serial port" wait_for 100 size
pkill -x virtiofsd
echo go >lines
ended 100 "$PID"
is "$STATUS" 0 "the guest powers off"
OUT=$(tr -d '\r' <"$LOG/guest")
like "$OUT" "^read from the host" "a file of the host"
is "$(cat folder/d/e/new)" "to the host" "a file, renamed, for the host"
is "$(readlink folder/link)" d "a symbolic link"
like "$OUT" "^mode 640" "permissions"
is "$(cat "folder/ünïcode ✓")" "naïve" "unicode names"
like "$OUT" "^files 201" "many files"
like "$OUT" "^left 90" "some less"
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
