#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""NMIs as fast as QEMU's monitor can inject them, while guests switch: the
host stays healthy and gets each one that the CPU accepted exactly once.

A CPU has one latch for NMIs, so several injections may become one.  What it
accepted is in QEMU's log of interrupts ("-d int"), one record each with RIP
and IDT: that is the number that the host's own count must equal.  The one
exception: an NMI that hits the guest's last instructions before the passage is
noted by the guest's handler, whose IRET lets the next one in while the first
still waits: they become one, as in the CPU's latch; or it lets the next ones
into the host's handler of the first, which Linux runs once more for all that
came in there.  There cannot be more of these than the guests noted.
"""

import os
import re
import sys
import time

from machine import GUEST_PAGE, Box, Late, Qmp, Tap, number

SOAK = "COLINUX_SOAK" in os.environ
SECONDS = 120 if SOAK else 6
RECORD = re.compile(r"^ *\d+: v=02 .*?pc=([0-9a-f]+).*?\n(?:.*\n)*?"
                    r"IDT= +([0-9a-f]+)", re.MULTILINE)


def classes(log):
    """How many accepted NMIs found which interrupt table."""
    result = {"host": 0, "guest": 0, "passage": 0}
    for pc, idt in RECORD.findall(log):
        pc, idt = int(pc, 16), int(idt, 16)
        if GUEST_PAGE <= idt < GUEST_PAGE + 0x200000:
            result["guest"] += 1
        elif idt & 0xfff and (idt & 0xfff) < 0x400:
            result["passage"] += 1	# inside a side page
        else:
            result["host"] += 1
    return result


def storm(tap, name, options, guests, environment=""):
    box = Box(f"nmi-storm-{name}").start(
        options + ["--no-data", "--timeout", "400"],
        f"{environment} /colinux/tests/passage/nmi-inside {guests}")
    try:
        box.wait_file("ready")
        qmp = Qmp(box.path("qmp"))
        qmp.log("int")
        injected = 0
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            qmp.nmi()
            injected += 1
        # One that waits for the guest to give the CPU back.
        time.sleep(1)
        qmp.log("none")
        box.touch("stop")
        status = box.wait(120)
        text = box.text()
        accepted = classes(box.int_log())
        total = sum(accepted.values())
        got = number(text, r"^after: (\d+)") - number(text, r"^before: (\d+)")
        tap.ok(status == 0, f"{name}: guests and host are healthy", text)
        tap.ok(total > 100, f"{name}: many NMIs were accepted", accepted)
        noted = number(text, r"of them noted: (\d+)")
        merged = total - got
        tap.ok(0 <= merged <= noted, f"{name}: the host got each once",
               f"accepted {total} {accepted}, host's count {got}")
        # Those that became one did so before the driver, or in the host.
        ours = accepted["guest"] + accepted["passage"]
        forwarded = number(text, r" nmi (\d+)")
        tap.ok(ours - merged <= forwarded <= ours,
               f"{name}: the driver counted each that it forwarded",
               accepted, text)
        tap.note(f"{name}: injected {injected}, accepted {total} {accepted}, "
                 f"forwarded {forwarded}, noted by guests {noted}, "
                 f"merged {merged}")
    except (EOFError, Late) as error:
        tap.ok(False, f"{name}: in time", error, box.text())
    finally:
        box.close()


def main():
    tap = Tap()
    storm(tap, "one CPU", ["--smp", "1"], "nmi")
    if SOAK:
        for kernel in ("6.1", "6.12"):
            for cpu in ("max", "max,-la57", "qemu64"):
                for pti in ("on", "off"):
                    storm(tap, f"{kernel}, {cpu}, pti={pti}, two CPUs",
                          ["--smp", "2", "--host-kernel", kernel, "--cpu", cpu,
                           "--append", f"apic_extnmi=all pti={pti}"],
                          "nmi nmi nmi", "PIN=0,1")
    else:
        storm(tap, "two CPUs, KPTI",
              ["--smp", "2", "--append", "apic_extnmi=all pti=on"],
              "nmi nmi", "PIN=0,1")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
