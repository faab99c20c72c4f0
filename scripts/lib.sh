# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Shared by every script of the tree (bash): messages, the cache directory,
# locks, and Debian's mirror as the user's own apt sources name it.  Knows
# nothing of what the scripts make.  A script sets PROGRAM before reading it.

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=${COLINUX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/colinux}
PATH=$PATH:/usr/sbin:/sbin
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
SUITE=bookworm

# say WORDS: progress, one line on stderr.
say()
{
	echo "${PROGRAM:-colinux}: $*" >&2
}

# die WORDS: one line that names the culprit and the remedy, status 1.
die()
{
	say "error: $*"
	exit 1
}

# want COMMAND...: refuse early when a tool is missing.
want()
{
	local c
	for c; do
		command -v "$c" >/dev/null ||
			die "$c is not installed: run scripts/deps as root"
	done
}

# hash_of FILE|WORD...: a short content key; files count by content.
hash_of()
{
	local a
	for a; do
		if [ -f "$a" ]; then
			sha256sum <"$a"
		else
			echo "$a"
		fi
	done | sha256sum | cut -c1-16
}

# with_lock NAME COMMAND...: one process at a time does COMMAND.
with_lock()
{
	local name=$1 fd
	shift
	mkdir -p "$CACHE"
	exec {fd}>"$CACHE/.lock-$name"
	if ! flock -n "$fd"; then
		say "waiting for another run that makes $name"
		flock "$fd"
	fi
	"$@"
	exec {fd}>&-
}

# debian_mirror CODENAME: the archive that the user's apt sources name for it,
# COLINUX_MIRROR (main archive) and COLINUX_MIRROR_SECURITY before it.
debian_mirror()
{
	local m=
	case $1 in
	*-security) m=${COLINUX_MIRROR_SECURITY:-} ;;
	*) m=${COLINUX_MIRROR:-} ;;
	esac
	if [ -z "$m" ]; then
		m=$(apt-get indextargets --format \
			'$(CODENAME) $(ORIGIN) $(REPO_URI) $(CREATED_BY)' \
			2>/dev/null |
			awk -v c="$1" '$1 == c && /Packages$/ {
				for (i = 2; i <= NF; i++)
					if ($i ~ /:\//) { print $i; exit }
			}')
	fi
	if [ -z "$m" ]; then
		# No lists yet (a fresh container): read the sources themselves.
		m=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
			2>/dev/null | awk -v c="$1" '/^deb / {
				sub(/\[[^]]*\] */, "")
				if ($3 == c) { print $2; exit }
			}')
	fi
	if [ -z "$m" ]; then
		m=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
			awk -v c="$1" '
			/^URIs:/ { uri = $2 }
			/^Suites:/ { for (i = 2; i <= NF; i++) s[$i] = 1 }
			/^$/ { if (c in s) { print uri; exit }; delete s }
			END { if (c in s) print uri }' | head -n 1)
	fi
	echo "$m"
}

# debian_sources: the private source list of everything we download: stable,
# its security updates and backports.  The user's own lists stay as they are.
debian_sources()
{
	local main sec
	main=$(debian_mirror "$SUITE")
	[ -n "$main" ] || die "no Debian $SUITE archive in the apt sources:" \
		"set COLINUX_MIRROR to the address of one"
	sec=$(debian_mirror "$SUITE-security")
	echo "deb [signed-by=$KEYRING] $main $SUITE main"
	echo "deb [signed-by=$KEYRING] $main $SUITE-updates main"
	echo "deb [signed-by=$KEYRING] $main $SUITE-backports main"
	[ -z "$sec" ] ||
		echo "deb [signed-by=$KEYRING] $sec $SUITE-security main"
}
