#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# colinux exec and cp with an unmodified Debian and its systemd, without
# network: the agent is there before systemd and stays, in the final root.  In
# make soak only: 20-initrd.t has the same commands, tests/boot/ the same boot.

. "$(dirname "$0")/../lib/box.sh"
[ -n "${IN_BOX:-}" ] || [ -n "${COLINUX_SOAK:-}" ] ||
	skip_all "make soak does this"
in_box --smp 2 --mem 2048 --timeout 900
TESTS=$(dirname "$0")/../lib

cp --sparse=always "$DEBIAN" root.img
mapfile -t basics < <(words 6.1)
colinux run "${basics[@]}" name=debian mem=512 cobd0=root.img root=/dev/cobd0 \
	rw systemd.journald.forward_to_console=0 </dev/null >"$LOG/debian" 2>&1 &
PID=$!
try "the VM is there" wait_for 60 test -S /run/colinux/debian/vsock

in_guest()
{
	STATUS=0
	OUT=$(timeout -k 5 200 colinux exec "$@" 2>err) || STATUS=$?
	ERR=$(cat err)
}

in_guest debian --timeout 200 -- cat /proc/1/comm /etc/debian_version
like "$OUT" '^12' "a command runs in the final root" ||
	diag "$STATUS $ERR $(tail -n 5 "$LOG/debian")"
running()
{
	in_guest debian -- systemctl is-system-running --wait
	[[ $OUT =~ ^(running|degraded) ]]
}
try "systemd gets to its end" wait_for 300 running
is "$OUT" running "nothing has failed because of us"
in_guest debian -- systemctl --failed --no-legend
is "$OUT" "" "no unit has failed"
in_guest debian -u nobody:games -- sh -c 'id -un; id -gn; pwd'
is "$(echo $OUT)" "nobody games /" "another user, from the guest's own files"
in_guest debian -- sh -c 'cat /proc/self/oom_score_adj; umask; echo $HOME'
is "$(echo $OUT)" "0 0022 /root" "a normal environment"
STATUS=0
"$TESTS/converse" --size 33x99 100 colinux exec -t debian bash >tty <<'END' || STATUS=$?
expect # 
send stty size; jobs -l; sleep 1000
expect 33 99
run sleep 1
type \x03
expect # 
send sleep 1000 & jobs; kill %1; exit 3
end
END
is "$STATUS" 3 "bash with job control" || diag "$(cat tty)"
unlike "$(cat tty)" "no job control" "bash does not miss its terminal"

# Trees both ways.
in_guest debian -- sh -c 'cd /etc && find . -type f -print0 | sort -z |
	xargs -0 md5sum | md5sum; find . | wc -l'
WANT=$OUT
try "/etc from the guest" colinux cp debian:/etc .
is "$(cd etc && find . -type f -print0 | sort -z | xargs -0 md5sum | md5sum
	find . | wc -l)" "$WANT" "all of it"
try "and back" colinux cp etc debian:/var/tmp/copy
in_guest debian -- diff -r --no-dereference /etc /var/tmp/copy
is "$STATUS $OUT" "0 " "and the same"

# What kills everything of the agent's but its first process.
in_guest debian -- sh -c 'setsid sh -c "sleep 1; pkill -9 -x colinux-agent" &'
in_guest debian -- sh -c 'while sleep 0.2; do :; done'
is "$STATUS" 125 "a session whose agent is killed ends"
in_guest debian -- echo again
is "$OUT" again "the agent is back"

start=$(date +%s%N)
for i in 1 2 3 4 5; do
	colinux exec debian true
done
diag "colinux exec true: $((($(date +%s%N) - start) / 5000000)) ms"
BIG=${SOAK:+50}
BIG=${BIG:-4}
head -c "$((BIG << 20))" /dev/urandom >big
start=$(date +%s%N)
is "$(colinux exec -i debian cat <big | md5sum)" "$(md5sum <big)" \
	"$BIG MB there and back"
diag "$BIG MB there and back: $((($(date +%s%N) - start) / 1000000)) ms"

timeout 100 colinux exec debian systemctl poweroff || true
ended 200 "$PID"
is "$STATUS" 0 "it powers off" || diag "$(tail -n 20 "$LOG/debian")"
no_trouble "$(plain "$LOG/debian")" debian
try "the file system is clean" sh -c "e2fsck -fn root.img >$LOG/fsck 2>&1"
host_is_healthy
done_testing
