#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a light switch executes: the bars on instructions of ours, and the
privileged ones that it must not have.  Counted by bench/plugin.c while a stock
kernel computes; NOP hypercalls by a bare-metal guest."""

import os
import sys

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(TOP, "bench"))
sys.path.insert(0, os.path.join(TOP, "tests", "passage"))
# pylint: disable=wrong-import-position
from machine import Tap
from switches import measure

HOST, GUEST = "6.1", "6.12"
INTERRUPT_BAR, NOP_BAR, WRMSR_BAR = 250, 400, 3
# All CPUs of the box have FSGSBASE, and KVM is not loaded.
FULL_RDMSR_BAR = 2	# EFER, of both: TCG's CPUs have SVM


def main():
    tap = Tap()
    result = measure(HOST, GUEST)
    if not tap.ok(result is not None, "the box counts"):
        tap.done()
    tap.note(result)
    interrupts, light = result["interrupt"], result["light"]
    tap.ok(interrupts.get("interrupts", 0) > 100, "interrupts were forwarded")
    each = interrupts.get("per_interrupt", 0)
    tap.ok(100 < each <= INTERRUPT_BAR,
           f"a forwarded interrupt takes {each} instructions of ours")
    tap.ok(0 < result["nop"] <= NOP_BAR,
           f"a NOP hypercall takes {result['nop']}")
    # Both page tables and our own, twice: the method sees privileged ones.
    tap.ok(light.get("MOV to CR3") == 4, "two loads of CR3 each way")
    tap.ok(not light.get("RDMSR") and light.get("WRMSR", 0) <= WRMSR_BAR,
           "no RDMSR, few WRMSRs")
    tap.ok(not any(light.get(k) for k in ("XSAVE", "XRSTOR", "XSETBV",
                                          "WRPKRU")),
           "no extended state")
    tap.ok(not any(light.get(k) for k in ("LLDT", "MOV to DR")),
           "no LDT, no debug registers")
    full = result["full"]
    tap.ok(result["full_switches"] > 100 and full.get("XSAVE") and
           full.get("XRSTOR"), "full switches were seen")
    tap.ok(full.get("RDMSR", 0) <= FULL_RDMSR_BAR + 0.1,
           f"RDMSRs of a full switch: {full.get('RDMSR')}")
    tap.done()


if __name__ == "__main__":
    main()
