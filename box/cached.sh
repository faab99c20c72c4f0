# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For box/image and box/guest, after scripts/lib.sh: files in the cache whose
# name has a hash of what they are made from.

KEEP_DAYS=14

# cached DIR NAME MAKER ARGUMENT...: print DIR/NAME, which "MAKER FILE
# ARGUMENT..." makes when it is not there.  NAME is KIND-HASH.SUFFIX.
cached()
{
	local file=$1/$2
	mkdir -p "$1"
	[ -f "$file" ] || with_lock "${2%-*}" make_one "$file" "${@:3}" >&2
	touch -c "$file"
	echo "$file"
}

make_one()
{
	local file=$1 maker=$2
	[ ! -f "$file" ] || return 0
	find "$(dirname "$file")" -maxdepth 1 -type f \
		-name "$(basename "${file%-*}")-*" -mtime "+$KEEP_DAYS" -delete
	rm -rf "$file".*
	"$maker" "$file.new" "${@:3}"
	mv "$file.new" "$file"
	say "made $file"
}

# package_list FILE: comma-separated.
package_list()
{
	sed 's/#.*//' "$1" | xargs | tr ' ' ','
}

# releases: of all our kernels.
releases()
{
	local series
	for series in $("$TOP/scripts/kernel" list); do
		"$TOP/scripts/kernel" version "$series"
	done
}
