#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A VM process that no longer answers and still has its name, as each has for a
# moment when its guest has ended: `colinux stats --interval` waits for its end.

. "$(dirname "$0")/../lib/tap.sh"
COLINUX=$(cd "$(dirname "$0")/../.." && pwd -P)/build/colinux
[ -x "$COLINUX" ] || skip_all "not built"

WORK=$(mktemp -d /tmp/colinux-ending-XXXXXX)
export COLINUX_RUN=$WORK/run
mkdir -m 700 "$COLINUX_RUN"
trap 'rm -rf "$WORK"' EXIT

# A VM that is none: it answers once, then hangs up. What its end takes is what
# the other side has to bear: half a second, or as long as that is there.
python3 - "$COLINUX" >"$WORK/out" 2>&1 <<'PYTHON'
import fcntl, os, socket, struct, subprocess, sys

F_OFD_SETLK = 37
home = os.path.join(os.environ["COLINUX_RUN"], "vm")
os.mkdir(home, 0o700)
lock = os.open(f"{home}/lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.fcntl(lock, F_OFD_SETLK, struct.pack("hhllhxxxxxx", fcntl.F_WRLCK,
                                           0, 0, 0, 0))
listener = socket.socket(socket.AF_UNIX)
listener.bind(f"{home}/control")
listener.listen(1)
listener.settimeout(60)
stats = subprocess.Popen([sys.argv[1], "stats", "vm", "--interval", "1"])
for answer in b"cpu0 halts=5\nok\n", b"":
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(answer)
    connection.close()
try:
    print("left", stats.wait(0.5))
except subprocess.TimeoutExpired:
    print("waits")
os.close(lock)
print("status", stats.wait(60))
PYTHON
out=$(<"$WORK/out")
like "$out" '^halts +5$' "what there was is shown"
like "$out" '^waits$' "it waits for the process to end" || diag "$out"
like "$out" '^status 0$' "and ends with it"
done_testing
