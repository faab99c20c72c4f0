#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# vsock=vhost: exec and cp by the host kernel's vhost-vsock, two guests at once;
# a session ends when its guest restarts;
# who has no rights on the host, or comes from a port that anybody may have, is
# not served by the agent; without /dev/vhost-vsock it is as without the key.

. "$(dirname "$0")/../lib/box.sh"
in_box --smp 2 --timeout 600
. "$(dirname "$0")/x11.sh"
modprobe vhost_vsock || skip_all "the host has no vhost-vsock"

WAIT="while [ ! -e /tmp/end ]; do sleep 0.2; done"

# from PORT CID: connect to the agent from that port of the host's (0: any) and
# say hello; what comes back.
cat >from <<'END'
import socket, struct, sys
try:
    s = socket.socket(socket.AF_VSOCK)
    s.settimeout(20)
    if int(sys.argv[1]):
        s.bind((socket.VMADDR_CID_ANY, int(sys.argv[1])))
    s.connect((int(sys.argv[2]), 1011))
    s.sendall(struct.pack("<III", 1, 4, 1))
    answer = s.recv(8)
    print("answer" if answer[:1] == b"\2" else "nothing")
except PermissionError:
    print("refused")
except ConnectionError:
    print("nothing")
END
cid_of() { colinux info "$1" | sed -n 's/.*vsock.*CID \([0-9]*\), by vhost-vsock.*/\1/p'; }

for name in a b; do
	start_initrd $name 6.1 "hostname $name; $WAIT" vsock=vhost
	declare "PID_$name=$PID"
	try "$name: the guest is there" wait_text 100 $name '^colinux-initrd: Linux'
done
is "$(colinux exec a -- hostname) $(colinux exec b -- hostname)" "a b" \
	"exec reaches each guest"
A=$(cid_of a) B=$(cid_of b)
try "by CIDs of their own: $A, $B" [ -n "$A" -a -n "$B" -a "$A" != "$B" ]
dd if=/dev/urandom of=data bs=1M count=4 status=none
try "cp to the guest" colinux cp data a:/tmp/data
try "cp from the guest" colinux cp a:/tmp/data back
is "$(md5sum <back)" "$(md5sum <data)" "4 MB there and back"
start_x_server
x_programs a
kill "$X_SERVER"
seq 20 | xargs -P 10 -I {} colinux exec a -- echo number {} >many
is "$(sort -u many | grep -c number)" 20 "20 sessions, 10 at a time"
is "$(python3 from 0 "$A")" nothing "the agent serves no port that anybody may have"
is "$(setpriv --reuid 65534 --clear-groups --bounding-set -all \
	python3 from 0 "$A")" nothing "nor a user without rights"
is "$(setpriv --reuid 65534 --clear-groups --bounding-set -all \
	python3 from 1000 "$A")" refused "who has no reserved port"
is "$(python3 from 1000 "$A")" answer "root of the host has"
# A guest that restarts: the host's kernel does not end its connections.
colinux exec a -- sh -c 'touch /tmp/waits; exec sleep 1000' >idle 2>&1 &
PID=$!
try "an idle session" wait_for 30 colinux exec a test -e /tmp/waits
timeout -s KILL 100 colinux exec a -- reboot -f >reboot 2>&1 &
REBOOT=$!
ended 100 "$PID"
is "$STATUS $(cat idle)" "125 colinux: a: the guest or its agent has ended before \
the command" "ends when its guest restarts"
ended 100 "$REBOOT"
is "$STATUS" 125 "so does the one that restarts it"
is "$(colinux exec a -- ls /tmp/waits 2>&1)" \
	"ls: /tmp/waits: No such file or directory" "the guest is there again"

for name in a b; do
	colinux exec $name -- touch /tmp/end
	pid=PID_$name
	ended 30 "${!pid}"
	is "$STATUS" 0 "$name: the guest powers off"
	no_trouble "$(plain "$LOG/$name")" "$name"
done

rm -f /dev/vhost-vsock
start_initrd c 6.1 "$WAIT" vsock=vhost
try "another guest is there" wait_text 100 c '^colinux-initrd: Linux'
is "$(colinux exec c --timeout 100 -- echo works)" works \
	"without /dev/vhost-vsock exec works in the process"
like "$(plain "$LOG/c")" "vsock: /dev/vhost-vsock: .* in this process" "and it says so"
colinux exec c -- touch /tmp/end
ended 30 "$PID"
is "$STATUS" 0 "the guest powers off"
rmmod vhost_vsock
host_is_healthy
done_testing
