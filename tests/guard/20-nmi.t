#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A guest that keeps interrupts off on a host with a single CPU: nobody is left
to notice it, so an NMI from outside ends it.  NMIs that come before, while the
guest yields with interrupts off, sleeps and works, do it no harm."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "passage"))
from machine import Box, Late, Qmp, Tap  # noqa: E402 pylint: disable=C0413

INSIDE = """
. /colinux/tests/passage/lib.sh
setup_inside
touch /share/lab/ready
timeout 200 $RUN -t 150 -w 2 $GUESTS/stuck.bin >/share/lab/guest 2>&1
dmesg >/share/lab/dmesg
echo "trouble: $(dmesg | grep -Ec "$TROUBLE")"
rmmod colinux && echo "host is fine"
"""


def has(box, text):
    """Whether the guest has said that."""
    return os.path.exists(box.path("guest")) and text in box.read("guest")


def main():
    tap = Tap()
    box = Box("watchdog-nmi").start(
        ["--smp", "1", "--no-data", "--timeout", "300"], INSIDE)
    try:
        box.wait_file("ready")
        qmp = Qmp(box.path("qmp"))
        before = after = 0
        until = time.monotonic() + 200
        while not has(box, "ended:") and time.monotonic() < until:
            stuck = has(box, "but this is not")
            qmp.nmi()
            before, after = before + (not stuck), after + stuck
            time.sleep(0.2)
        status = box.wait(100)
        guest = box.read("guest")
        tap.ok(before > 10 and "ok 5 - but this is not" in guest,
               "NMIs do not harm a guest that behaves", guest)
        tap.ok("ended: vCPU 0 has kept interrupts off for " in guest,
               "an NMI ends one that does not", guest, box.text())
        tap.ok(status == 0 and "trouble: 0" in box.text() and
               "host is fine" in box.text(), "the host goes on", box.text())
        tap.note(f"{before} NMIs before, {after} after it was stuck")
    except (EOFError, Late) as error:
        tap.ok(False, "in time", error, box.text())
    finally:
        box.close()
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
