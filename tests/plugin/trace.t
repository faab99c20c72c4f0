#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Which instructions that touch devices or the machine's state stock kernels
execute while they are coLinux guests: none that touches the host's.

trace.so writes down each of them that is executed in a guest's turn, at first
execution; the rules are here.  A guest that breaks them on purpose shows that
the method sees it.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "passage"))
# pylint: disable=wrong-import-position
from machine import GUEST_PAGE, TOP, Box, Late, Tap, instructions

SOAK = "COLINUX_SOAK" in os.environ
# Devices, power, caches, interrupt controllers: the host's alone.
FORBIDDEN = {"IN", "OUT", "INS", "OUTS", "HLT", "MWAIT", "INVD", "WBINVD",
             "WBNOINVD", "MOV-TO-CR8", "VMX", "SVM", "LMSW", "RSM", "RDPMC",
             "MMIO"}
# MSRs that are the guest's own: monitor/x86/state.c or the passage switch
# them.  PRED_CMD (0x49) and FLUSH_CMD (0x10b) are commands without state.
OWN_MSRS = {0x48, 0x49, 0x10b, 0x174, 0x175, 0x176, 0xda0, 0xc0000080,
            0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
            0xc0000101, 0xc0000102, 0xc0000103}
# The passage itself, in the guest's first port page.
PASSAGE = range(GUEST_PAGE, GUEST_PAGE + 0x1000)


def plugin(box, host_kernel):
    """QEMU's option for the plugin."""
    code = instructions(host_kernel)
    ret = next(o for o, s, t in code if s == "resume" and t.startswith("ret"))
    start = next(o for o, s, t in code if s == "colinux_passage_page" and
                 t.startswith("jmp") and "*%rbx" in t)
    return (f"{TOP}/build/tests/plugin/trace.so,out={box}/trace,"
            f"in={GUEST_PAGE + ret:#x},in={GUEST_PAGE + start:#x},"
            f"off={GUEST_PAGE:#x}")


def run(name, what, host_kernel):
    """The exit status, output and trace of one box."""
    box = Box(f"trace-{name}")
    try:
        # The plugin goes by addresses: the two kernels' must not be the same.
        box.start(["--kaslr", "--smp", "1", "--host-kernel", host_kernel,
                   "--timeout", "1200", "--qemu-arg=-plugin",
                   "--qemu-arg=" + plugin(box.dir, host_kernel)],
                  f"/colinux/tests/plugin/inside {what}")
        status = box.wait(4000)
        return status, box.text(), box.read("trace")
    finally:
        box.close()


def broken(trace):
    """What the rules do not allow."""
    result = []
    for line in trace.splitlines():
        kind, _, rest = line.partition(" ")
        if kind in FORBIDDEN:
            result.append(line)
        elif kind == "WRMSR" and int(rest.split()[1], 16) not in OWN_MSRS:
            result.append(line)
    return result


def outside(trace):
    """The lines about what the guest did, not the passage."""
    return "\n".join(line for line in trace.splitlines()
                     if line.startswith("TURNS") or
                     int(line.split()[1], 16) not in PASSAGE)


def kinds(trace):
    """For people: how many places execute which instruction; MSRs."""
    counts, msrs = {}, set()
    for line in trace.splitlines():
        words = line.split()
        counts[words[0]] = counts.get(words[0], 0) + 1
        if words[0] == "WRMSR":
            msrs.add(words[2])
    counts.pop("TURNS", None)
    return " ".join(f"{k} {n}" for k, n in sorted(counts.items())) + (
        "; MSRs written: " + " ".join(sorted(msrs)))


def main():
    tap = Tap()
    try:
        status, text, trace = run("device", "device", "6.1")
        found = {line.split()[0] for line in broken(trace)}
        tap.ok(status == 0 and re.search(r"^TURNS", trace, re.M),
               "the plugin sees a guest's turns", text)
        tap.ok({"IN", "OUT", "WBINVD", "MOV-TO-CR8", "WRMSR", "MMIO"} <= found,
               "it finds what a guest must not do", trace)
        tap.ok(re.search(r"^WRMSR \w+ 277$", trace, re.M) and
               re.search(r"^WRMSR \w+ c0000082$", trace, re.M),
               "it knows which MSR is written", trace)
        for host in ("6.1", "6.12") if SOAK else ("6.1",):
            for guest in ("6.1", "6.12"):
                name = f"guest {guest} on host {host}"
                status, text, trace = run(f"{guest}-{host}",
                                          f"initrd {guest}", host)
                trace = outside(trace)
                tap.ok(status == 0, f"{name}: boots and powers off", text)
                tap.ok("WRMSR" in trace and "CPUID" in trace,
                       f"{name}: was watched", trace)
                bad = broken(trace)
                tap.ok(not bad, f"{name}: touches nothing of the host", *bad)
                tap.note(f"{name}: {kinds(trace)}")
    except (EOFError, Late) as error:
        tap.ok(False, "in time", error)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
