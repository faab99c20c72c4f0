#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# git in a guest on a folder of the host: checkout, status, diff and commit of a
# tree of 5,000 files, compared with what the host's git says of the same
# repository.  Only in make soak: an emulator takes its time.

. "$(dirname "$0")/../lib/box.sh"
[ -n "${IN_BOX:-}${COLINUX_SOAK:-}" ] || skip_all "make soak runs it"
VIRTIOFSD=/usr/lib/qemu/virtiofsd
[ -n "${IN_BOX:-}" ] || [ -x $VIRTIOFSD ] || skip_all "no $VIRTIOFSD here"
if [ -z "${IN_BOX:-}" ]; then
	GIT=$(command -v git) || skip_all "no git here"
	mkdir -p "$(dirname "$0")/../../build/tests/net/git"
	cp "$GIT" "$(dirname "$0")/../../build/tests/net/git/"
fi
in_box --smp 2 --mem 1536 --timeout 14400 --share qemu=/usr/lib/qemu

FILES=5000
export COLINUX_VIRTIOFSD=/share/qemu/virtiofsd
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost HOME=$WORK
export GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
# The guest's git is the host's, with its libraries, from the folder.
mkdir -p folder/bin made
cp /colinux/build/tests/net/git/git folder/bin/
for lib in $(ldd folder/bin/git | grep -o '/[^ ]*'); do
	cp -L "$lib" folder/bin/
done
# It runs itself for parts of its work.
export PATH=$WORK/folder/bin:$PATH
git() { folder/bin/git -c maintenance.auto=false "$@"; }

# Two states of a tree: files of up to some KB in 50 directories; then a tenth
# of them changed, some gone, some new, one with another mode, one a link.
git -c init.defaultBranch=main init -q made || bail "the host's git fails"
python3 - made "$FILES" <<'END'
import os, random, sys
top, count = sys.argv[1], int(sys.argv[2])
random.seed(4)
for n in range(count):
    directory = f"{top}/d{n % 50}/e{n % 7}"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/file{n}", "w") as file:
        for line in range(random.randrange(1, 80)):
            file.write(f"{n} {line} {random.random()}\n")
END
git -C made add -A && git -C made commit -q -m first && git -C made tag first
python3 - made "$FILES" <<'END'
import os, sys
top, count = sys.argv[1], int(sys.argv[2])
for n in range(0, count, 10):
    path = f"{top}/d{n % 50}/e{n % 7}/file{n}"
    if n % 200 == 0:
        os.unlink(path)
    else:
        with open(path, "a") as file:
            file.write("changed\n")
    with open(path + ".new", "w") as file:
        file.write(f"{n}\n")
os.chmod(f"{top}/d1/e1/file1", 0o755)
os.symlink("file1", f"{top}/d1/e1/link")
END
git -C made add -A && git -C made commit -q -m second && git -C made tag second
# As a clone is: objects one by one would be most of what the folder reads.
git -C made repack -adq || bail "the repository cannot be packed"
cp -a made/.git folder/repo
FIRST=$(git -C made ls-tree -r first | wc -l)
DIFF=$(git -C made diff --no-renames first second | sha256sum)

cat >folder/script <<'END'
git() { /f/bin/ld-linux-x86-64.so.2 --library-path /f/bin /f/bin/git \
	-c maintenance.auto=false "$@"; }
timed()
{
	s=$(date +%s)
	r=0
	"$@" || r=$?
	echo "took $(($(date +%s) - s)) s: $1 $2" >>/tmp/times
	return $r
}
export HOME=/tmp PAGER=cat GIT_AUTHOR_NAME=g GIT_AUTHOR_EMAIL=g@localhost
export GIT_COMMITTER_NAME=g GIT_COMMITTER_EMAIL=g@localhost
git config --global --add safe.directory '*'
mkdir /f/tree && cd /f/tree && mv /f/repo .git
timed git checkout -qf first; echo "checkout first $?"
echo "files $(git ls-files | wc -l)"
echo "changes $(timed git status --porcelain | wc -l)"
timed git checkout -q second; echo "checkout second $?"
echo "diff $(git diff --no-renames first second | sha256sum)"
# Of the working tree, not of the two commits: every file is looked at.
git read-tree first; timed git diff --no-renames --exit-code >/tmp/d
echo "differs $?"
echo "shown $(grep -c '^+changed' /tmp/d)"
git read-tree second; git diff --exit-code >/dev/null; echo "same $?"
rm d2/e2/file2; echo guest >d3/e3/of-the-guest
git add -A && git commit -q -m third; echo "commit $?"
cat /tmp/times
END
start_initrd guest 6.1 "mkdir /f; mount -t virtiofs cofs0 /f; sh /f/script" \
	"cofs0=$WORK/folder"
ended 10800 "$PID"
is "$STATUS" 0 "the guest powers off"
OUT=$(plain "$LOG/guest")
diag "$(grep ^took <<<"$OUT")"
like "$OUT" '^checkout first 0' "checkout"
like "$OUT" "^files $FIRST\$" "all files"
like "$OUT" '^changes 0' "status: nothing has changed"
like "$OUT" '^checkout second 0' "checkout of another state"
like "$OUT" "^diff $DIFF" "diff of two states"
like "$OUT" '^differs 1' "diff of the working tree"
# A tenth, less those that are gone.
like "$OUT" "^shown $((FILES / 10 - FILES / 200))\$" "what has changed"
like "$OUT" '^same 0' "no difference"
like "$OUT" '^commit 0' "commit"
# What the host sees of it.
is "$(git -C folder/tree status --porcelain | wc -l)" 0 \
	"the host's git finds the guest's commit and tree the same"
is "$(git -C folder/tree diff --name-status second HEAD | sort | tr '\t\n' '  ')" \
	"A d3/e3/of-the-guest D d2/e2/file2 " "and in it what the guest did"
try "the repository is sound" git -C folder/tree fsck --no-progress
no_trouble "$OUT" "guest"
host_is_healthy
done_testing
