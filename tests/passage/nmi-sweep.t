#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""One NMI, then one machine check, before every instruction of the passage, in
its host and its guest copy: each reaches the host exactly once and both kernels
go on.

Then an NMI before every instruction of the host's handler's start by the
monitor, when the guest's own handler has noted an NMI and unblocked them.

A breakpoint of QEMU's gdb stub stops the machine there, QEMU's monitor injects
the event, QEMU's log of interrupts proves where it was accepted, and the host's
own count, read from its memory, says that it arrived.
"""

import os
import re
import sys
import time

from machine import GUEST_PAGE, PAGE, RDI, Box, Gdb, Late, Qmp, Tap, instructions

SOAK = "COLINUX_SOAK" in os.environ
STEP_LIMIT = 20		# seconds until an instruction is reached, an NMI counted
RECORD = re.compile(r"^ *\d+: v=(?:02|12) .*?pc=([0-9a-f]+)", re.MULTILINE)
# An uncorrected error that software may ignore, memory scrubbing, without an
# address (SDM vol. 3, 15.9.3.1): VAL UC EN S; RIPV and MCIP.  Bank 1.
MCE = "mce 0 1 0xb1000000000000c0 5 0 0"
NOT_REACHED = "not reached"
# The handlers: reached behind an event.
HANDLER = {"nmi": "colinux_passage_nmi", "mce": "colinux_passage_mce"}
# Reached only behind an NMI that was noted on the way in: blocked there.
NOTED = ("pass_on", "noted")
# The parts of each copy.  Not the host's breakpoints: they are off while a
# guest's state is on the CPU, unless a handler arms one then.
PARTS = {
    "host": ("colinux_passage_enter", "enter", "arrive_host", "armed_host",
             "note"),
    "guest": ("colinux_passage_page", "arrive_guest", "passed_on", "reload",
              "reloaded", "arm_guest", "armed_guest", "resume", "leave_guest",
              "new_task", "leave_armed", "disarm_guest", "leave", "note",
              "colinux_passage_bad_segment") + NOTED,
}
# Where each loads the passage's tables.
LEAVES = {"host": "enter", "guest": "leave"}
# Entered once in a vCPU's life, before our guest runs.
START = (0x10, 0x1f)


class Sweep:
    """The running machine and the host's count of NMIs."""

    def __init__(self, box, kernel):
        self.box = box
        self.qmp = Qmp(box.path("qmp"))
        self.code = instructions(kernel)
        self.symbols = {name: int(value, 16) for value, _, name in
                        re.findall(r"^(\w+) (\w) (\w+)", box.read("ready"),
                                   re.MULTILINE)}
        self.host_page = self.symbols["colinux_passage_page"]
        self.gdb = Gdb(box.path("gdb"))
        self.gdb.ask("qAttached")	# connecting stopped the machine
        self.expected = 0
        self.injected = []
        self.counts, self.event = {}, None
        self.find_count(self.symbols["irq_stat"])

    def find_count(self, irq_stat):
        """The word of this CPU's irq_stat that counts NMIs, by counting."""
        enter = self.host_page + self.offset("colinux_passage_enter")
        self.gdb.breakpoint(enter)
        assert self.gdb.run(STEP_LIMIT) == enter
        registers = self.qmp.monitor("info registers")
        base = int(re.search(r"^GS =\w+ (\w+)", registers,
                             re.MULTILINE).group(1), 16)
        answer = self.qmp.monitor(f"gva2gpa {base + irq_stat:#x}")
        self.block = int(answer.split()[-1], 16)
        # Now, while the host's page tables are in use.
        answer = self.qmp.monitor(
            f"gva2gpa {base + self.symbols['mce_exception_count']:#x}")
        self.counts["mce"] = int(answer.split()[-1], 16)
        before = self.words()
        self.gdb.breakpoint(enter, False)
        found = range(len(before))
        for injected in range(1, 4):
            self.qmp.nmi()
            self.gdb.go()
            until = time.monotonic() + STEP_LIMIT
            while True:
                after = self.words()
                left = [i for i in found
                        if after[i] == before[i] + injected]
                if left or time.monotonic() > until:
                    break
                time.sleep(0.05)
            self.gdb.stop()
            found = left
        if len(found) != 1:
            raise RuntimeError(f"no count of NMIs in {before} {after}")
        self.counts["nmi"] = self.block + 4 * found[0]
        self.choose("nmi")
        self.qmp.log("int")

    def choose(self, event):
        """Inject "nmi" or "mce" from now on."""
        self.event = event
        self.count_address = self.counts[event]
        self.expected = self.count()

    def offset(self, symbol):
        """Where a part of the passage begins."""
        return next(o for o, s, _ in self.code if s == symbol)

    def symbol(self, address):
        """The part of the passage that an address is in."""
        return next((s for o, s, _ in self.code if o == address % PAGE), None)

    def words(self):
        text = self.qmp.monitor(f"xp /16xw {self.block:#x}")
        return [int(word, 16) for word in re.findall(r"0x(\w{8})", text)]

    def count(self):
        text = self.qmp.monitor(f"xp /1xw {self.count_address:#x}")
        return int(re.search(r"0x(\w{8})", text).group(1), 16)

    def reach(self, address):
        """Run until `address` is next; False when it is not in time."""
        self.gdb.breakpoint(address)
        try:
            reached = self.gdb.run(STEP_LIMIT) == address
        except Late:
            self.gdb.stop()
            reached = False
        self.gdb.breakpoint(address, False)
        return reached

    def inject(self):
        """The event now, before the instruction that is next."""
        self.injected.append(self.gdb.rip())
        if self.event == "nmi":
            self.qmp.nmi()
        else:
            self.qmp.monitor(MCE)
        self.expected += 1

    def arrived(self):
        """Go on until the host has counted what was injected; a text if not.

        The machine is stopped again afterwards.
        """
        self.gdb.go()
        until = time.monotonic() + STEP_LIMIT
        while self.count() < self.expected and time.monotonic() < until:
            time.sleep(0.002)
        self.gdb.stop()
        count = self.count()
        wrong = count - self.expected
        self.expected = count
        return f"{wrong:+d} in the host" if wrong else None

    def one(self, address, behind):
        """The event at `address`; `behind` = reach it behind an NMI."""
        if behind is not None:
            if not self.reach(behind):
                return "the place for the first NMI was not reached"
            self.inject()
        if not self.reach(address):
            return NOT_REACHED
        self.inject()
        return self.arrived()

    def reraised(self, steps):
        """An NMI that the guest's handler notes, and one more `steps`
        instructions behind the start of the host's handler for it: the RIP
        of the second one, and a text or None.
        """
        resume = self.offset("resume")
        start = self.symbols["colinux_reraise"]
        if not self.reach(GUEST_PAGE + resume):
            return 0, NOT_REACHED
        self.inject()
        # Interrupts are started there as well.
        while True:
            if not self.reach(start):
                return 0, "the handler was not started"
            if self.gdb.register(RDI) == self.symbols["asm_exc_nmi"]:
                break
        at = start
        for _ in range(steps):
            at = self.gdb.step()
        self.inject()
        # Here Linux takes it for one of those that the handler has yet to see.
        if self.symbols["repeat_nmi"] <= at < self.symbols["end_repeat_nmi"]:
            self.expected -= 1
        return at, self.arrived()

    def sweep_reraise(self):
        """To the call of paranoid_entry: (NMIs, failures)."""
        failures = []
        for steps in range(200):
            at, problem = self.reraised(steps)
            if problem:
                failures.append(f"{steps} instructions behind the start of "
                                f"the handler, {at:#x}: {problem}")
            # The driver's code may be above.
            if 0 <= at - self.symbols["end_repeat_nmi"] < PAGE:
                return steps + 1, failures
        return 0, failures


def sweep_event(tap, run):
    """(failures, instructions, those that were not reached) of both copies."""
    # From behind its LIDT on, an NMI finds the leaving side's handlers.
    tables = {}
    for where, part in LEAVES.items():
        at = next(i for i, (_, s, t) in enumerate(run.code)
                  if s == part and t.startswith("lidt"))
        tables[where] = run.code[at + 1][0]
    failures, done, unreached = [], 0, []
    for page, where in ((run.host_page, "host"), (GUEST_PAGE, "guest")):
        for offset, symbol, text in run.code:
            if (START[0] <= offset < START[1] or
                    symbol not in PARTS[where] + (HANDLER[run.event],)):
                continue
            behind = None
            if symbol in NOTED:		# turned back on the way in
                behind = run.host_page + tables["host"]
            elif symbol in ("note", HANDLER[run.event]):
                behind = page + tables[where]
            # A second machine check in the first one resets the machine.
            if behind and run.event == "mce":
                continue
            problem = run.one(page + offset, behind)
            done += 1
            if problem == NOT_REACHED:
                unreached.append((where, offset, text))
            elif problem:
                failures.append(f"{where} +{offset:#x} <{symbol}> {text}: "
                                f"{problem}")
                tap.note(failures[-1])
    return failures, done, unreached


def sweep(tap, name, kernel, options):
    box = Box(f"nmi-sweep-{name}").start(
        options + ["--no-data", "--smp", "1", "--host-kernel", kernel,
                   "--timeout", "1500"],
        "/colinux/tests/passage/nmi-inside -b nmi", gdb=True)
    try:
        box.wait_file("ready")
        run = Sweep(box, kernel)
        for event, what in (("nmi", "NMI"), ("mce", "machine check")):
            run.choose(event)
            failures, done, unreached = sweep_event(tap, run)
            tap.ok(not failures, f"{name}: each {what} arrived once "
                   f"({done - len(unreached)})", *failures)
            # One of two ways to load GS base is not the host's; an old CPU
            # has only one.
            tap.ok(len(unreached) <= 5 and
                   all(w == "host" or t.startswith("wrgsbase")
                       for w, _, t in unreached),
                   f"{name}: every instruction was reached", unreached)
        run.choose("nmi")
        restarted, late_failures = run.sweep_reraise()
        run.qmp.log("none")
        run.gdb.leave()
        box.touch("stop")
        status = box.wait(120)
        text = box.text()
        accepted = [int(pc, 16) for pc in RECORD.findall(box.int_log())]
        tap.ok(restarted > 20 and not late_failures,
               f"{name}: and while the handler is started ({restarted})",
               *late_failures)
        # What a handler of the passage is hit by waits for the host's IRET.
        elsewhere = [a for a in run.injected if a not in accepted]
        late = [f"{a:#x}" for a in elsewhere if run.symbol(a) not in
                NOTED + ("note", HANDLER["nmi"])]
        tap.ok(len(accepted) == len(run.injected) and not late,
               f"{name}: accepted where injected ({len(run.injected)})", late)
        tap.ok(status == 0, f"{name}: guest and host are healthy", text)
    except (EOFError, Late) as error:
        tap.ok(False, f"{name}: in time", error, box.text())
    finally:
        box.close()


def main():
    tap = Tap()
    sweep(tap, "6.1, five levels, no KPTI", "6.1",
          ["--cpu", "max,vendor=GenuineIntel", "--append", "pti=off"])
    if SOAK:
        for kernel in ("6.1", "6.12"):
            for cpu in ("max", "max,-la57", "qemu64"):
                sweep(tap, f"{kernel}, {cpu}, KPTI", kernel,
                      ["--cpu", cpu + ",vendor=GenuineIntel", "--append",
                       "pti=on"])
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
