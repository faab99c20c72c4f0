#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# colinux exec and cp with BusyBox guests, 6.1 and 6.12: streams, status,
# signals, a terminal, 50 MB both ways, many at once, copies of a tree, an
# agent that is killed, sockets that the guest opens.

. "$(dirname "$0")/../lib/box.sh"
in_box --smp 2 --mem 1536 --timeout 900
TESTS=$(dirname "$0")/../lib
. "$(dirname "$0")/x11.sh"

# The guest waits until it is told to end.
WAIT="while [ ! -e /tmp/end ]; do sleep 0.2; done"
BIG=${SOAK:+50}
BIG=${BIG:-8}

# in_guest ARGUMENT...: a command in the guest, output and status in $OUT and
# $STATUS, standard error in $ERR.
in_guest()
{
	STATUS=0
	OUT=$(timeout -k 5 100 colinux exec "$@" 2>err) || STATUS=$?
	ERR=$(cat err)
}

start_initrd first 6.1 "$WAIT" vsock=connect
try "the VM is there" wait_for 60 test -S /run/colinux/first/vsock
# The agent is there before the init has made its commands.
try "the guest is there" wait_text 100 first '^colinux-initrd: Linux'
in_guest first --timeout 100 -- sh -c 'echo out; echo err >&2; exit 7'
is "$STATUS $OUT $ERR" "7 out err" "status, output and error" ||
	diag "$(tail -n 20 "$LOG/first")"
in_guest first -- /nowhere
is "$STATUS $ERR" "127 colinux: /nowhere: No such file or directory" \
	"a command that is not there"
in_guest first -e A='b c' -w /tmp -- sh -c 'echo "$A $PWD $USER $HOME"'
is "$OUT" "b c /tmp root /" "environment and directory"
in_guest first -u 1000:100 -- id -u
is "$OUT" 1000 "another user"
OUT=$(echo "to the guest" | colinux exec -i first cat)
is "$OUT" "to the guest" "standard input and its end"
dd if=/dev/urandom of=big bs=1M count="$BIG" status=none
start=$(date +%s%N)
OUT=$(colinux exec -i first cat <big | md5sum)
diag "$BIG MB there and back: $((($(date +%s%N) - start) / 1000000)) ms"
is "$OUT" "$(md5sum <big)" "$BIG MB through the guest and back"

# A signal for the client is one for the command.
colinux exec first -- sh -c 'trap "echo got it; exit 9" TERM
	touch /tmp/trap; while :; do sleep 0.1; done' >signal 2>err &
PID=$!
try "a command waits" wait_for 60 colinux exec first test -e /tmp/trap
kill -TERM "$PID"
ended 60 "$PID"
is "$STATUS $(cat signal)" "9 got it" "SIGTERM is passed on"
in_guest first -- sh -c 'kill -9 $$'
is "$STATUS" 137 "a command that a signal ends"
# The client dies: the command gets SIGHUP.
colinux exec first -- sh -c 'exec 2>/dev/null; trap "touch /tmp/hup; exit" HUP
	touch /tmp/waits; while :; do sleep 0.1; done' &
PID=$!
wait_for 60 colinux exec first test -e /tmp/waits
kill_hard "$PID"
try "SIGHUP when the client is gone" wait_for 60 colinux exec first test -e /tmp/hup

# A terminal: size, change of size, Ctrl-C, end.
STATUS=0
"$TESTS/converse" --size 30x100 60 colinux exec -t first sh >tty <<'END' || STATUS=$?
expect # 
send tty; stty size
expect 30 100
size 20x70
send trap 'echo intr' INT; sleep 1000
run sleep 0.5
type \x03
expect intr
send stty size; exit 5
expect 20 70
end
END
is "$STATUS" 5 "a terminal: size, Ctrl-C, status" || diag "$(cat tty)"

# Twenty at once; each gets what is its own.
for i in $(seq 20); do
	seq "$i" 1000 | colinux exec -i first sh -c "cat; echo end $i" >at-once.$i &
	pids+=($!)
done
wait "${pids[@]}"
right=0
for i in $(seq 20); do
	cmp -s at-once.$i <(seq "$i" 1000; echo end "$i") && right=$((right + 1))
done
is "$right" 20 "twenty commands at once"

# A tree there and back again.
mkdir -p tree/sub/deep "tree/ä ö"
ln -s ../nowhere tree/sub/link
head -c 300000 /dev/urandom >tree/file
truncate -s 500M tree/holes
echo end >>tree/holes
echo x >"tree/ä ö/name with blanks"
chmod 4750 tree/file
touch -d 2001-02-03T04:05:06.789 tree/sub/deep tree/file
chown 1234:5678 tree/sub
mkfifo tree/fifo
look() { (cd "$1" && find . -printf '%p %y %#m %U %G %T@ %s %l\n' | sort | grep -v '^\. d'); }
try "a tree to the guest" colinux cp tree first:/tmp/
try "and back" colinux cp first:/tmp/tree back
is "$(look back)" "$(look tree | sed 's/ 04750 / 0750 /')" \
	"kinds, permissions (but set-user-ID), owners, times, sizes, links"
try "contents" diff -r --no-dereference -x fifo tree back
is "$(($(du -sk back | cut -f1) < 2000))" 1 "holes stay holes"
in_guest first -- sh -c 'ls -l /tmp/tree/file; du -k /tmp/tree/holes'
like "$OUT" '^-rwsr-x---' "set-user-ID is kept in the guest"
OUT=$(colinux cp first:/nowhere here 2>&1) || OUT="$? $OUT"
is "$OUT" "1 colinux: first:/nowhere: No such file or directory" \
	"an error names the file"

# Sockets of programs: the guest's by CONNECT, the host's by vsock_PORT.
like "$(ls -l /run/colinux/first/vsock)" '^s' "the socket is there"
is "$(stat -c %a /run/colinux/first)" 700 "only for its owner"
OUT=$(printf 'CONNECT 77\n' | timeout 20 socat -t 10 - UNIX:/run/colinux/first/vsock)
like "$OUT" '^ERR ' "a port where nobody listens"

# X programs.
x_exec first true
is "$STATUS $ERR" "125 colinux: -X: DISPLAY is not set: there is no X server to \
show anything" "no display here, none there"
DISPLAY=:7 x_exec first true
is "$STATUS $ERR" "125 colinux: -X: no X server answers at DISPLAY=:7: No such \
file or directory" "an X server that is not there"
start_x_server
x_programs first
XAUTHORITY=/nowhere x_exec first -- /x-program 1
is "$STATUS $OUT" "1 refused: no cookie of mine   " "who has no cookie here has none there"
x_exec first -- sh -c 'rm -r /tmp/.X11-unix; ln -s / /tmp/.X11-unix'
x_exec first true
is "$STATUS $ERR" "125 colinux: no display in the guest: /tmp/.X11-unix: Operation \
not permitted" "a link in the guest is not followed"
kill "$X_SERVER"
unset DISPLAY XAUTHORITY

# The agent is killed: it comes back; a session goes on.
(sleep 3; echo late) | colinux exec -i first cat >session &
PID=$!
in_guest first -- sh -c 'kill -9 $(pidof colinux-agent | tr " " "\n" |
	sort -n | head -n 1); echo killed'
like "$OUT" 'killed|^$' "the agent is killed"
in_guest first -- echo again
is "$OUT" again "it is back"
ended 60 "$PID"
is "$(cat session)" late "a session is not touched"

start_initrd second 6.12 "$WAIT"
try "the other VM is there" wait_for 60 test -S /run/colinux/second/vsock
wait_text 100 second '^colinux-initrd: Linux'
in_guest second --timeout 100 -- uname -r
like "$OUT" '^6\.12' "another guest, another kernel"
latency()
{
	local start i
	start=$(date +%s%N)
	for i in 1 2 3 4 5 6 7 8 9 10; do
		colinux exec "$1" true
	done
	echo $((($(date +%s%N) - start) / 10000000))
}
diag "colinux exec true: $(latency first) ms"
for name in first second; do
	in_guest "$name" -- touch /tmp/end
done
wait
for name in first second; do
	OUT=$(plain "$LOG/$name")
	like "$OUT" '^colinux-initrd: status 0' "$name: ends"
	no_trouble "$OUT" "$name"
done
in_guest first -- true
is "$STATUS $ERR" "125 colinux: no guest called first is running; see: colinux ps" \
	"a guest that has ended"
colinux ps >ps
try "nothing is left" test ! -e /run/colinux/first/vsock
host_is_healthy
done_testing
