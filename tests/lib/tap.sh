# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# TAP for tests in bash (the producer side of prove): every check prints one
# line; done_testing prints the plan and gives the exit status.

TAP_COUNT=0
TAP_FAILED=0

# diag TEXT: a comment that prove shows.
diag()
{
	sed 's/^/# /' <<<"$*" >&2
}

# ok STATUS NAME: 0 passes.
ok()
{
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$1" = 0 ]; then
		echo "ok $TAP_COUNT - $2"
	else
		TAP_FAILED=$((TAP_FAILED + 1))
		echo "not ok $TAP_COUNT - $2"
		return 1
	fi
}

# is GOT WANTED NAME
is()
{
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "got '$1', wanted '$2'"
		return 1
	fi
}

# like TEXT EXTENDED-REGULAR-EXPRESSION NAME
like()
{
	if grep -Eq -- "$2" <<<"$1"; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "wanted /$2/ in:"
		diag "$(tail -n 25 <<<"$1")"
		return 1
	fi
}

# unlike TEXT EXTENDED-REGULAR-EXPRESSION NAME
unlike()
{
	if grep -Eq -- "$2" <<<"$1"; then
		ok 1 "$3"
		diag "found: $(grep -E -m 5 -- "$2" <<<"$1")"
		return 1
	else
		ok 0 "$3"
	fi
}

# try NAME COMMAND...: passes when COMMAND does.  COMMAND may be a function, which
# would see our locals: they have names that nobody else uses.
try()
{
	local try_name=$1 try_status=0
	shift
	"$@" || try_status=$?
	ok "$try_status" "$try_name"
}

# wait_for LIMIT COMMAND...: poll COMMAND until it succeeds, LIMIT seconds.
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# skip NAME REASON: counted, told apart from a pass.
skip()
{
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "ok $TAP_COUNT - $1 # SKIP $2"
}

# skip_all REASON: the whole file.
skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

# bail REASON: this file cannot go on.
bail()
{
	diag "$1"
	echo "not ok $((TAP_COUNT + 1)) - $1"
	echo "1..$((TAP_COUNT + 1))"
	exit 1
}

done_testing()
{
	echo "1..$TAP_COUNT"
	exit $((TAP_FAILED != 0))
}
