#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Serial ports loop back: random bytes to the guest, from it, and what it sends
# back, on a local socket, a pseudo-terminal, TCP and a serial port of the host's
# (two of the box's, with a cable between them).  All bytes come back, at 1 MB/s
# and more where no wire sets the rate, on a machine that executes 1 G instructions
# per second: the box counts them, so the rate does not depend on what else is
# running.  Only in make soak.

. "$(dirname "$0")/../lib/box.sh"
[ -n "${IN_BOX:-}${COLINUX_SOAK:-}" ] || skip_all "make soak runs it"
CABLE=/tmp/colinux-cable.$$
in_box --icount --timeout 3600 \
	--qemu-arg=-chardev \
	--qemu-arg="socket,id=end1,path=$CABLE,server=on,wait=off" \
	--qemu-arg=-chardev --qemu-arg="socket,id=end2,path=$CABLE" \
	--qemu-arg=-serial --qemu-arg=chardev:end1 \
	--qemu-arg=-serial --qemu-arg=chardev:end2

BYTES=$((4 << 20)) WIRE=$((128 << 10))

# load HOW PLACE BYTES: one process, both directions; "KB/s" when all is right.
cat >load <<'END'
import hashlib, os, select, socket, sys, termios, time, tty
how, place, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
kind, _, path = place.partition(":")
if kind == "unix":
    end = socket.socket(socket.AF_UNIX)
    end.connect(path)
    fd = end.detach()
elif kind == "tcp":
    fd = socket.create_connection(("127.0.0.1", int(path))).detach()
else:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    if kind == "wire":
        mode = termios.tcgetattr(fd)
        mode[4] = mode[5] = termios.B115200
        termios.tcsetattr(fd, termios.TCSANOW, mode)
os.set_blocking(fd, False)
data = os.urandom(count) if how != "receive" else b""
left = count if how != "send" else 0
sent, got = 0, hashlib.sha256()
# What a port says while nobody is there is lost: tell the guest.
if how == "receive":
    os.write(fd, b"g")
start = time.monotonic()
while sent < len(data) or left:
    ready, room, _ = select.select([fd] if left else [],
                                   [fd] if sent < len(data) else [], [], 60)
    if not ready and not room:
        sys.exit(f"{how} {place}: stuck, {sent} sent, {left} not received")
    if ready:
        piece = os.read(fd, min(65536, left))
        if not piece:
            sys.exit(f"{how} {place}: ended, {left} not received")
        got.update(piece)
        left -= len(piece)
    if room:
        sent += os.write(fd, data[sent:sent + 65536])
if how == "send":
    # What the guest has counted of it.
    line = b""
    while not line.endswith(b"\n"):
        select.select([fd], [], [], 60)
        line += os.read(fd, 1)
    if line.split()[0].decode() != hashlib.sha256(data).hexdigest():
        sys.exit(f"{how} {place}: other bytes")
elif how == "receive":
    with open("sum", encoding="ascii") as file:
        if file.read().split()[0] != got.hexdigest():
            sys.exit(f"{how} {place}: other bytes")
elif got.digest() != hashlib.sha256(data).digest():
    sys.exit(f"{how} {place}: other bytes")
print(int(count / (time.monotonic() - start) / 1000))
END

# Each port has its turn, the socket three.
PORTS=("unix:port" "pty:link" "tcp:4000" "wire:/dev/ttyS2")
start_initrd guest 6.1 "
	turn() { exec 3<>/dev/hvc\$1; stty -F /dev/hvc\$1 raw -echo; echo \$2; };
	turn 1 ready-send; head -c $BYTES <&3 | sha256sum >&3;
	head -c $BYTES /dev/urandom >/tmp/d; echo sum \$(sha256sum </tmp/d);
	turn 1 ready-receive; head -c 1 <&3 >/dev/null; cat /tmp/d >&3; rm /tmp/d;
	for n in 1 2 3; do turn \$n ready-\$n; head -c $BYTES <&3 | cat >&3; done;
	turn 4 ready-4; head -c $WIRE <&3 | cat >&3; echo done" \
	ttys0=unix:port "ttys1=pty:$PWD/link" ttys2=tcp:4000 \
	ttys3=/dev/ttyS1,115200
# moves NAME HOW PLACE BYTES [RATE]
moves()
{
	local rate
	wait_text 600 guest "^ready-$1" || { ok 1 "$1: the guest is ready"; return; }
	[ "$2" != receive ] || tr -d '\r' <"$LOG/guest" |
		sed -n 's/^sum //p' >sum
	rate=$(timeout 1000 python3 load "$2" "$3" "$4")
	try "$3, $2: all bytes are right" [ -n "$rate" ]
	diag "$3, $2: ${rate:-0} kB/s"
	# Whose fault it is: "oe" is what the host's driver came too late for.
	[ -n "$rate" ] || [[ $3 != wire:* ]] ||
		diag "$(grep tx: /proc/tty/driver/serial)"
	[ -z "${5:-}" ] || try "$3, $2: at least $5 kB/s" [ "${rate:-0}" -ge "$5" ]
}
moves send send unix:port "$BYTES" 1000
moves receive receive unix:port "$BYTES" 1000
for n in 1 2 3; do
	moves "$n" echo "${PORTS[n - 1]}" "$BYTES" 1000
done
moves 4 echo "${PORTS[3]}" "$WIRE"
ended 30 "$PID"
is "$STATUS" 0 "the guest powers off"
no_trouble "$(plain "$LOG/guest")" "guest"
host_is_healthy
done_testing
