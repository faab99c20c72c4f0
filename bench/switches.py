# SPDX-License-Identifier: GPL-2.0
"""What a switch executes: from the plugin's counts by address, our code on the
way of an interrupt, and the privileged instructions in it.  Knows nothing of
what is promised."""

import os
import re
import subprocess

from lib import OUT, PORT, TOP, Symbols, box, make_initrd, mark

PASSAGE = PORT[0]		# include/colinux/passage.h, COLINUX_PASSAGE_SWITCH
PORT_TEXT = PORT[0] + 0x1000	# behind the passage, where port.o's text is
PAGE = 0x1000
MODULES = 0xffffffffc0000000	# Linux: MODULES_VADDR, 1 GiB behind the kernel
# What the full switch adds: monitor/x86/state.c, and this.
FULL = ("colinux_stuff_rsb", "reload")

# Instructions that are slow, or that a light switch must not have.
KINDS = [(kind, re.compile(pattern)) for kind, pattern in (
    ("RDMSR", "rdmsr"), ("WRMSR", "wrmsr"),
    ("MOV to CR0", r"mov +%\w+,%cr0"), ("MOV to CR2", r"mov +%\w+,%cr2"),
    ("MOV to CR3", r"mov +%\w+,%cr3"), ("MOV to CR4", r"mov +%\w+,%cr4"),
    ("MOV from CR", r"mov +%cr"), ("MOV to DR", r"mov +%\w+,%[d]b?r?\d"),
    ("MOV from DR", r"mov +%[d]b?r?\d"),
    ("LGDT", "lgdt"), ("LIDT", "lidt"), ("SGDT, SIDT", "s[gi]dt"),
    ("LTR", "ltr"), ("STR", "str "), ("LLDT", "lldt"), ("SLDT", "sldt"),
    ("MOV to segment", r"mov +%\w+,%[defgs]s$"),
    ("XSAVE", "xsave|fxsave"), ("XRSTOR", "xrstor|fxrstor"),
    ("XGETBV", "xgetbv"), ("XSETBV", "xsetbv"),
    ("RDPKRU", "rdpkru"), ("WRPKRU", "wrpkru"),
    ("SWAPGS", "swapgs"), ("RDFSBASE, RDGSBASE", "rd[fg]sbase"),
    ("WRFSBASE, WRGSBASE", "wr[fg]sbase"),
    ("POPF", "popf"), ("CLI, STI", "cli|sti"), ("LFENCE", "lfence"),
    ("locked", "lock |xchg +.*\\("), ("jump or call through memory or register",
                                     r"(jmp|call) +\*"),
)]


def windows(counts):
    """[{address: count}] between "begin" and "end" marks, in order."""
    result, current = [], None
    with open(counts, encoding="ascii") as file:
        for line in file:
            kind, *words = line.split()
            if kind == "mark" and words[0] == "end":
                current = {}
                result.append(current)
            elif kind == "at" and current is not None:
                current[int(words[0], 16)] = int(words[1])
    return result


def port_symbol(name):
    """Address in the guest of a function of the port."""
    for line in subprocess.run(["nm", f"{TOP}/build/port/port.o"], check=True,
                               stdout=subprocess.PIPE,
                               text=True).stdout.splitlines():
        words = line.split()
        if words[-1] == name:
            return PORT_TEXT + int(words[0], 16)
    raise SystemExit(f"bench: port.o has no {name}")


def _way(at, symbols):
    """Addresses of ours on an interrupt's way, interrupts, passages.

    What is executed I times, as interrupts are forwarded, or I + H times, as
    the passage is taken, is on the interrupt's way.  What H times: hypercalls
    (the guest's tick programs its timer, so H is about I / 2), less often
    (full switches) and more often (loops over a hypercall's arguments) is not.
    """
    irqs = at.get(port_symbol("port_forward_interrupt"), 0)
    leaves = at.get(PASSAGE, 0)
    ours = {a: n for a, n in at.items()
            if symbols.owner(a) in ("port", "colinux.ko")}
    return ([a for a, n in ours.items() if 0.9 * irqs < n < 1.1 * leaves],
            irqs, leaves, ours)


def interrupt(at, symbols):
    """Instructions of ours per forwarded interrupt."""
    way, irqs, leaves, ours = _way(at, symbols)
    if not irqs:
        return {}
    return {"interrupts": irqs, "passages": leaves,
            "per_interrupt": len(way),
            "port_and_passage": sum(symbols.owner(a) == "port" for a in way),
            "ours_in_all": sum(ours.values()), "all": sum(at.values())}


class Code:
    """The text of our instructions by their address in the machine."""

    def __init__(self, host_kernel, symbols):
        self.text = {}
        self.functions = {}
        module = f"{TOP}/build/host-linux/{host_kernel}/"
        start = next(a for a, (n, _) in symbols.names.items()
                     if n == "colinux_passage_page")
        code = self._read(module + "colinux.ko")
        base = start - next(o for o, f, _ in code
                            if f == "colinux_passage_page")
        for offset, function, text in code:
            self.text[base + offset] = text
            self.functions[base + offset] = function
            if start <= base + offset < start + PAGE:
                self.text[PASSAGE + base + offset - start] = text
                self.functions[PASSAGE + base + offset - start] = function
        for offset, _, text in self._read(f"{TOP}/build/port/port.o"):
            self.text[PORT_TEXT + offset] = text
        self.full = set(FULL) | {f for _, f, _ in
                                 self._read(module + "m_state.o")}

    @staticmethod
    def _read(path):
        text = subprocess.run(["objdump", "-d", "-j", ".text",
                               "--no-show-raw-insn", path], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        result, function = [], None
        for line in text.splitlines():
            head = re.match(r"[0-9a-f]+ <(\w[\w.]*)>:", line)
            code = re.match(r" *([0-9a-f]+):\t(.*)", line)
            if head:
                function = head.group(1)
            elif code:
                result.append((int(code.group(1), 16), function,
                               code.group(2).strip()))
        return result

    def kind(self, address):
        """Which of KINDS an address is, or None."""
        text = self.text.get(address, "")
        return next((k for k, p in KINDS if p.match(text)), None)

    def light(self, at, symbols):
        """{kind: times} in an interrupt's round trip."""
        result = {}
        for address in _way(at, symbols)[0]:
            kind = self.kind(address)
            if kind:
                result[kind] = result.get(kind, 0) + 1
        return result

    def full_switch(self, at):
        """{kind: times} that a full switch adds, both ways, on average."""
        entry = min((a for a, f in self.functions.items()
                     if f == "cpu_context_load"))
        times = at.get(entry, 0)
        result = {}
        for address, count in at.items():
            kind = self.kind(address)
            if kind and self.functions.get(address) in self.full:
                result[kind] = result.get(kind, 0) + count
        return times, {k: n / times for k, n in result.items() if times}


def measure(host_kernel, guest, again=False):
    """{"nop", "interrupt", "light", "full", "full_switches"}; None if the box
    fails."""
    counts = os.path.join(OUT, "switch.counts")
    if not again:
        make_initrd("switch.gz", "strip -o mark $bench/mark")
        status, counts = box("switch", ["/colinux/bench/inside-switch", guest],
                             host_kernel, 900,
                             [f"from={MODULES:#x}", mark("begin", "begn"),
                              mark("end", "done")])
        if status:
            return None
    symbols = Symbols(os.path.join(OUT, "switch", "kallsyms"))
    code = Code(host_kernel, symbols)
    spin, nap = windows(counts)
    with open(os.path.join(OUT, "switch", "nop"), encoding="utf-8") as file:
        nop = next(int(line.split()[-1]) for line in file
                   if "TSC ticks per NOP" in line)
    times, full = code.full_switch(nap)
    return {"nop": nop, "interrupt": interrupt(spin, symbols),
            "light": code.light(spin, symbols), "full": full,
            "full_switches": times}
