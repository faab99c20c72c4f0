#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A guest in the background: start, with processes beside it that stay; its console:
# several terminals, their size, what was said before, detaching; and stop.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 600

tests=$(dirname "$0")/../lib
mapfile -t basics < <(words 6.12)

STATUS=0
timeout 100 colinux start name=back "${basics[@]}" "initrd=$INITRD" mem=256 \
	eth0=slirp "cofs0=$PWD,ro" \
	exec0="echo a helper speaks; echo so >&2; exec tail -f /dev/null" \
	>"$LOG/start" 2>&1 || STATUS=$?
is "$STATUS" 0 "start" || diag "$(<"$LOG/start")"
like "$(tail -n 1 "$LOG/start")" '^back [0-9]+$' "says which process it is, and ends"
try "what a helper says is in the log" wait_for 60 sh -c \
	'grep -q "^a helper speaks" /run/colinux/back/log &&
	grep -q "^so" /run/colinux/back/log'
like "$(colinux ps)" '^back\b.*running' "ps"
names=$(sort -u "/proc/$(guest_pid back)"/task/*/comm)
for thread in vcpu0 console rng; do
	like "$names" "^$thread\$" "a thread is called $thread"
done
like "$(colinux info back)" '^memory 256' "info"

STATUS=0
"$tests/converse" --size 33x99 120 colinux console back \
	>"$LOG/one" 2>&1 <<-'END' ||
	expect colinux-initrd: Linux 6.12
	send stty size
	expect 33 99
	size 40x120
	send sleep 1; stty size; echo left-$((40 + 2))
	expect 40 120
	expect left-42
	type \x1dd
	end
END
	STATUS=$?
is "$STATUS" 0 "attach, type, resize, detach" || diag "$(tail -n 20 "$LOG/one")"

STATUS=0
"$tests/converse" 60 colinux console back >"$LOG/two" 2>&1 <<-'END' ||
	expect left-42
	send echo here-$((6 * 7))
	expect here-42
	type \x1dd
	end
END
	STATUS=$?
is "$STATUS" 0 "what was said before is shown" || diag "$(tail "$LOG/two")"

# Two readers at once see the same.
colinux console back </dev/null >"$LOG/reader" 2>&1 &
reader=$!
"$tests/converse" 60 colinux console back >"$LOG/three" 2>&1 <<-'END'
	send echo both-$((1000 + 1))
	expect both-1001
	type \x1dd
	end
END
wait_text 20 reader 'both-1001' || diag "$(tail "$LOG/reader")"
like "$(<"$LOG/reader")" both-1001 "another reader sees it"
kill "$reader"
ended 20 "$reader"

try "stop" sh -c "colinux stop back --timeout 60 >$LOG/stop"
unlike "$(colinux ps)" back "it is gone"

host_is_healthy
done_testing
