# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests in the box: an X server of the host's, and programs of guests on it.

X_COOKIE=00112233445566778899aabbccddeeff

# The server, display 0, and what its user has of it; X_SERVER is its process.
start_x_server()
{
	local name
	name=$(hostname)
	/colinux/tests/exec/x-server 0 "$X_COOKIE" &
	X_SERVER=$!
	# Xauth(3): FamilyLocal, host, display, name, data, each with its length.
	{
		printf '\001\000\000%b%s' "\\x$(printf %02x "${#name}")" "$name"
		printf '\000\0010\000\022MIT-MAGIC-COOKIE-1\000\020'
		printf '%b' "$(sed 's/../\\x&/g' <<<"$X_COOKIE")"
	} >cookies
	export DISPLAY=:0 XAUTHORITY=$PWD/cookies
	wait_for 100 test -S /tmp/.X11-unix/X0
}

# x_exec ARGUMENT...: exec -X, output and status in $OUT and $STATUS, standard
# error in $ERR.
x_exec()
{
	STATUS=0
	OUT=$(timeout -k 5 100 colinux exec -X "$@" 2>err) || STATUS=$?
	ERR=$(cat err)
}

# x_programs NAME: they show, whatever way leads to that guest.
x_programs()
{
	colinux cp /colinux/build/tests/exec/x-program "$1:/x-program"
	x_exec "$1" -- /x-program 400000
	is "$STATUS $OUT" "0 server: the host's screen   
echo 400000" "$1: a program on the host's X server" || diag "$ERR"
	x_exec "$1" -- /x-program 1000 B
	is "$STATUS $OUT" "0 server: the host's screen   
echo 1000" "$1: a big-endian one, with a cookie of its own" || diag "$ERR"
	x_exec "$1" -u 1000 -- sh -c '/x-program 10 & /x-program 300000; wait
		ls -ln "/tmp/.X11-unix/X${DISPLAY#:}"'
	is "$STATUS $(grep -c '^server: ' <<<"$OUT") $(grep '^echo' <<<"$OUT" |
		sort | tr '\n' ' ')" "0 2 echo 10 echo 300000 " \
		"$1: two of another user's" || diag "$OUT $ERR"
	like "$OUT" '^srw------- .* 1000 ' "$1: the display is that user's alone"
	x_exec "$1" -- sh -c 'ls /tmp/.X11-unix | grep -c .'
	is "$OUT" 1 "$1: its name goes with the command"
	is "$(colinux exec "$1" -- sh -c 'echo "[$DISPLAY]"')" "[]" \
		"$1: none without being asked for"
}
