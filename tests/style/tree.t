#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Rules that every source file keeps, and who may include whom.

The dependency rule: include/ includes nothing of ours; monitor/ and guest/
only include/ and themselves; host/* never daemon/, daemon/ neither of them.
"""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
LINES = 800
COLUMNS = 100		# the aim is 80; what no formatter would break may be longer
TAB = 8

# Folder: (folders whose headers its files may include, <...> that it may).
# The longest folder that a file is in counts.
RULES = {
    "include": (["include"], r"linux/types\.h"),
    "monitor": (["include", "monitor"], r"colinux/.*"),
    "guest": (["include", "guest"],
              r"colinux/.*|stdbool\.h|stdint\.h|stddef\.h|stdarg\.h"),
    "agent": (["include", "agent"], r".*"),	# for two programs
    "guest/init": (["include", "guest/init"], r".*"),	# a program
    "guest/agent": (["include", "guest/init", "guest/agent", "agent"],
                    r".*"),	# another one
    "host/linux": (["include", "monitor", "host/linux"],
                   r"colinux/.*|linux/.*|asm/.*"),
    "host/windows": (["include", "monitor", "host/windows"],
                     r"colinux/.*|nt.*\.h|wdm\.h|std.*\.h"),
    "daemon": (["include", "daemon", "agent"], r".*"),
}
# Made by the build, in build/.
GENERATED = {"passage-offsets.h", "messages.h"}
# What must not be in a public tree: names of somebody's machine.
PRIVATE = re.compile(r"/var/tmp/lab|/work/(main|shared)\b")
CODE = re.compile(r"\.(c|h|S)$")
SCRIPT = re.compile(r"^#!")
NO_SPDX = re.compile(r"\.md$|^LICENSE|^COPYING|\.gitignore$|\.clang-format$|"
                     r"\.editorconfig$|/packages$|-packages$|\.conf$|\.txt$|"
                     r"^packaging/|\.svg$|\.inf$|\.json$|imports$")


class Tap:
    """One check per rule; every file that breaks it is named."""

    def __init__(self):
        self.count = self.failed = 0

    def rule(self, name, broken):
        self.count += 1
        print(f"{'not ok' if broken else 'ok'} {self.count} - {name}")
        for line in broken:
            print(f"# {line}", file=sys.stderr)
        self.failed += bool(broken)


def files():
    """{path: text} of everything in the repository that is text."""
    listed = subprocess.run(["git", "-C", TOP, "ls-files", "-z"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    result = {}
    for path in filter(None, listed.split("\0")):
        try:
            with open(os.path.join(TOP, path), encoding="utf-8") as file:
                result[path] = file.read()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    return result


def broken_lines(code, test):
    """Where a line of some files is as it must not be."""
    return [f"{path}:{number}" for path, text in code.items()
            for number, line in enumerate(text.split("\n"), 1) if test(line)]


def folder_of(path):
    """The folder of RULES that a file belongs to, or None."""
    return max((f for f in RULES if path.startswith(f + "/")), key=len,
               default=None)


def resolve(path, name, known, allowed):
    """The file of ours that #include "name" in `path` means, or None."""
    places = [os.path.dirname(path)] + allowed + [
        f for f in RULES if f not in allowed]
    for place in places:
        found = os.path.normpath(os.path.join(place, name))
        if found in known or os.path.exists(os.path.join(TOP, found)):
            return found
    return None


def includes(known):
    """Includes that the dependency rule does not allow."""
    broken = []
    for path, text in known.items():
        folder = folder_of(path)
        if not CODE.search(path) or not folder:
            continue
        allowed, system = RULES[folder]
        for number, line in enumerate(text.splitlines(), 1):
            found = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
            if not found:
                continue
            quote, name = found.groups()
            where = f"{path}:{number}: {name}"
            if quote == "<":
                if not re.fullmatch(system, name):
                    broken.append(where)
                continue
            if name in GENERATED:
                continue
            target = resolve(path, name, known, allowed)
            if target is None:
                broken.append(where + ": not found")
            elif not any(target.startswith(f + "/") for f in allowed):
                broken.append(f"{where}: in {target}")
    return broken


def width(line):
    """Columns of a line with tabs of eight."""
    return len(line.expandtabs(TAB))


def main():
    tap = Tap()
    known = files()
    code = {p: t for p, t in known.items()
            if CODE.search(p) or SCRIPT.match(t) or p.endswith(".mk")}
    tap.rule("who includes whom", includes(known))
    tap.rule("every file names its licence",
             [p for p, t in known.items() if t.strip() and not
              NO_SPDX.search(p) and
              "SPDX-License-Identifier:" not in "\n".join(t.split("\n")[:5])])
    tap.rule(f"no source file has more than {LINES} lines",
             [f"{p}: {t.count(chr(10))}" for p, t in code.items()
              if t.count("\n") > LINES])
    # Messages are not broken, so that they can be found.
    tap.rule(f"no source line has more than {COLUMNS} columns",
             broken_lines(code, lambda line: width(line) > COLUMNS and
                          '"' not in line))
    # A script's here-document may need them.
    tap.rule("no space at the end of a line, no empty lines at the end",
             broken_lines({p: t for p, t in code.items()
                           if not SCRIPT.match(t)},
                          lambda line: line != line.rstrip()) +
             [p for p, t in code.items() if t.endswith("\n\n")])
    tap.rule("every C and assembly file says what it is",
             [p for p, t in code.items() if CODE.search(p) and
              not re.match(r"(//[^\n]*|/\*[^\n]*\*/)\n(/\*|//)", t)])
    tap.rule("headers are guarded",
             [p for p, t in code.items() if p.endswith(".h") and
              not re.search(r"^#ifndef (\w+)\n#define \1\b", t, re.M)])
    others = {p: t for p, t in code.items() if p != "tests/style/tree.t"}
    tap.rule("no work is left for later in the source",
             broken_lines(others, lambda line:
                          re.search(r"\b(TODO|FIXME|XXX)\b(?!X)", line)))
    tap.rule("no paths of somebody's machine",
             broken_lines(others, PRIVATE.search))
    tap.rule("scripts can be executed",
             [p for p, t in known.items() if SCRIPT.match(t) and
              not os.access(os.path.join(TOP, p), os.X_OK)])
    print(f"1..{tap.count}")
    return tap.failed != 0


if __name__ == "__main__":
    sys.exit(main())
