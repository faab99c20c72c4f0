#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""colinux.exe as a file: does NT 5.2 (Server 2003, XP x64) load it, and without any DLL
that is not Windows' own?

Imports against the list in `exe-imports`; a new one goes there with the first
NT that documents it, or into daemon/os/windows/nt52.c.
"""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
PROGRAM = f"{TOP}/build/nt/colinux.exe"
OBJDUMP = "x86_64-w64-mingw32-objdump"
NEWEST = (5, 2)
# "Microsoft PE and COFF Specification": DYNAMIC_BASE, NX_COMPAT, HIGH_ENTROPY.
FLAGS = 0x20 | 0x40 | 0x100


def allowed():
    """{(dll, function): version}"""
    table = {}
    with open(f"{TOP}/tests/windows/exe-imports", encoding="ascii") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                dll, name, version = line.split()
                table[dll.lower(), name] = tuple(map(int, version.split(".")))
    return table


def main():
    if not os.path.exists(PROGRAM):
        print("1..0 # SKIP no colinux.exe: scripts/windows-libs has not been "
              "run")
        return 0
    text = subprocess.run([OBJDUMP, "-p", PROGRAM], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    dll, imports = None, set()
    for line in text.splitlines():
        if found := re.match(r"\s*DLL Name: (\S+)", line):
            dll = found[1].lower()
        elif found := re.match(r"\t[0-9a-f]+\s+\d+\s+(\w+)$", line):
            imports.add((dll, found[1]))
    listed = allowed()
    checks = [
        ("imports are found", [] if len(imports) > 50 else [str(imports)]),
        ("every import is on the list",
         [f"{d} {n}" for d, n in imports - set(listed)]),
        ("the list has nothing else",
         [f"{d} {n}" for d, n in set(listed) - imports]),
        ("nothing is newer than NT 5.2",
         [f"{d} {n}" for (d, n), v in listed.items() if v > NEWEST]),
    ]
    subsystem = re.search(r"^Subsystem\s+0+3\b", text, re.M)
    versions = [int(re.search(rf"^{k}SubsystemVersion\s+(\d+)", text, re.M)[1])
                for k in ("Major", "Minor")]
    flags = int(re.search(r"^DllCharacteristics\s+(\w+)", text, re.M)[1], 16)
    checks += [
        ("a console program for NT 5.2",
         [] if subsystem and tuple(versions) == NEWEST else [str(versions)]),
        ("random addresses, no execution of data",
         [] if flags & FLAGS == FLAGS else [hex(flags)]),
    ]
    failed = 0
    for number, (name, broken) in enumerate(checks, 1):
        print(f"{'not ok' if broken else 'ok'} {number} - {name}")
        for line in sorted(broken):
            print(f"# {line}", file=sys.stderr)
        failed += bool(broken)
    print(f"1..{len(checks)}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
