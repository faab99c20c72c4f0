#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""colinux.sys as a file: is it a driver that every NT for x86-64 loads?

Imports against the list in `imports`, sections, relocations, entry, subsystem,
checksum, unwind data, instructions; and our own declarations of NT's
structures (nt/ntifs.h) against those of mingw's DDK.
"""

import os
import re
import struct
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
DRIVER = f"{TOP}/build/host-windows/colinux.sys"
MINGW = os.environ.get("MINGW", "x86_64-w64-mingw32-gcc")
DDK = os.environ.get("MINGW_DDK", "/usr/x86_64-w64-mingw32/include/ddk")
OBJDUMP = "x86_64-w64-mingw32-objdump"

# "Microsoft PE and COFF Specification".
EXECUTE, WRITE = 0x20000000, 0x80000000
DIR_IMPORT, DIR_EXCEPTION, DIR_RELOC, DIR_TLS = 1, 3, 5, 9
DYNAMIC_BASE, NX_COMPAT, WDM_DRIVER = 0x40, 0x100, 0x2000
RELOC_NONE, RELOC_DIR64 = 0, 10


class Tap:
    """The producer side of prove."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, *notes):
        self.count += 1
        print(f"{'' if good else 'not '}ok {self.count} - {name}")
        if not good:
            self.failed += 1
            for note in notes:
                print(f"# {note}", file=sys.stderr)

    def done(self):
        print(f"1..{self.count}")
        sys.exit(self.failed != 0)


class Image:
    """A PE32+ file, by relative addresses."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.file = file.read()
        self.pe, = struct.unpack_from("<I", self.file, 0x3c)
        (self.signature, self.machine, count, _, self.symbols,
         self.nr_symbols, size, self.characteristics) = struct.unpack_from(
             "<4sHHIIIHH", self.file, self.pe)
        self.optional = self.pe + 24
        (self.magic, self.entry) = (
            struct.unpack_from("<H", self.file, self.optional)[0],
            struct.unpack_from("<I", self.file, self.optional + 16)[0])
        (self.base, self.alignment) = struct.unpack_from(
            "<QI", self.file, self.optional + 24)
        (self.os_version, self.subsystem_version) = (
            struct.unpack_from("<HH", self.file, self.optional + 40),
            struct.unpack_from("<HH", self.file, self.optional + 48))
        (self.size, self.headers, self.checksum, self.subsystem,
         self.flags) = struct.unpack_from("<IIIHH", self.file,
                                          self.optional + 56)
        self.directories = [
            struct.unpack_from("<II", self.file, self.optional + 112 + 8 * i)
            for i in range(16)]
        self.sections = []
        for i in range(count):
            at = self.optional + size + 40 * i
            name, vsize, rva, raw, offset = struct.unpack_from(
                "<8sIIII", self.file, at)
            flags, = struct.unpack_from("<I", self.file, at + 36)
            self.sections.append((name.rstrip(b"\0").decode(), vsize, rva,
                                  raw, offset, flags))

    def section(self, rva):
        """The section that an address is in."""
        for s in self.sections:
            if s[2] <= rva < s[2] + s[1]:
                return s
        return None

    def at(self, rva):
        """Its offset in the file."""
        s = self.section(rva)
        return s[4] + rva - s[2]

    def string(self, rva):
        at = self.at(rva)
        return self.file[at:self.file.index(b"\0", at)].decode()

    def imports(self):
        """(DLL, function) of each."""
        at = self.at(self.directories[DIR_IMPORT][0])
        while True:
            names, _, _, dll, _ = struct.unpack_from("<5I", self.file, at)
            if not names:
                return
            i = self.at(names)
            while True:
                name, = struct.unpack_from("<Q", self.file, i)
                if not name:
                    break
                yield (self.string(dll).lower(),
                       f"#{name & 0xffff}" if name >> 63 else
                       self.string((name & 0x7fffffff) + 2))
                i += 8
            at += 20

    def relocations(self):
        """(type, address) of each."""
        rva, size = self.directories[DIR_RELOC]
        at, end = self.at(rva), self.at(rva) + size
        while at < end:
            page, length = struct.unpack_from("<II", self.file, at)
            for i in range(8, length, 2):
                word, = struct.unpack_from("<H", self.file, at + i)
                yield word >> 12, page + (word & 0xfff)
            at += length

    def symbol(self, wanted):
        """Relative address from the COFF symbol table."""
        i = 0
        strings = self.symbols + 18 * self.nr_symbols
        while i < self.nr_symbols:
            raw, value, section, _, _, aux = struct.unpack_from(
                "<8sIhHBB", self.file, self.symbols + 18 * i)
            if raw[:4] == b"\0\0\0\0":
                at = strings + struct.unpack("<I", raw[4:])[0]
                raw = self.file[at:self.file.index(b"\0", at)]
            if raw.rstrip(b"\0").decode() == wanted and section > 0:
                return self.sections[section - 1][2] + value
            i += 1 + aux
        return None

    def computed_checksum(self):
        """What NT's loader compares the header with."""
        at = self.optional + 64
        data = self.file[:at] + bytes(4) + self.file[at + 4:]
        data += bytes(len(data) % 2)
        total = 0
        for word, in struct.iter_unpack("<H", data):
            total += word
            total = (total & 0xffff) + (total >> 16)
        return total + len(self.file)


def allowed():
    """(DLL, function) -> first version."""
    result = {}
    with open(f"{TOP}/tests/windows/imports", encoding="ascii") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                dll, name, version = line.split()
                result[dll, name] = tuple(map(int, version.split(".")))
    return result


def check_imports(tap, image):
    listed, used = allowed(), set(image.imports())
    unknown = used - set(listed)
    tap.ok(not unknown, "every import is on the list", unknown)
    tap.ok(not set(listed) - used, "every name on the list is imported",
           set(listed) - used)
    young = [name for name, version in listed.items() if version > (5, 2)]
    tap.ok(not young, "none is younger than NT 5.2", young)
    tap.ok({dll for dll, _ in used} == {"ntoskrnl.exe", "hal.dll"},
           "no C runtime or other library", used)


def check_headers(tap, image):
    tap.ok(image.signature == b"PE\0\0" and image.magic == 0x20b and
           image.machine == 0x8664, "PE32+ for x86-64")
    tap.ok(image.subsystem == 1, "subsystem native", image.subsystem)
    tap.ok(image.os_version <= (5, 2) and image.subsystem_version <= (5, 2),
           "asks for NT 5.2", image.os_version, image.subsystem_version)
    tap.ok(image.flags & DYNAMIC_BASE and image.flags & NX_COMPAT,
           "says that it can be relocated and needs no executable data",
           hex(image.flags))
    tap.ok(not image.flags & WDM_DRIVER, "NtUnloadDriver() may unload it",
           hex(image.flags))
    tap.ok(not image.characteristics & 1, "relocations are not stripped")
    tap.ok(image.base == 0x10000, "an image base that loaders can do with",
           hex(image.base))
    tap.ok(image.checksum == image.computed_checksum(), "checksum",
           hex(image.checksum), hex(image.computed_checksum()))
    tap.ok(image.directories[DIR_TLS] == (0, 0), "no thread-local storage")
    entry = image.section(image.entry)
    tap.ok(entry and entry[5] & EXECUTE and
           image.entry == image.symbol("DriverEntry"),
           "the entry is DriverEntry", hex(image.entry))


def check_sections(tap, image):
    known = {".text", ".data", ".rdata", ".pdata", ".xdata", ".bss", ".idata",
             ".rsrc", ".reloc"}
    names = [s[0] for s in image.sections]
    tap.ok(set(names) <= known, "sections are known ones", names)
    tap.ok(not [s for s in image.sections if s[5] & EXECUTE and s[5] & WRITE],
           "no section is both writable and executable")
    tap.ok([s[0] for s in image.sections if s[5] & EXECUTE] == [".text"],
           "only .text is executable")
    tap.ok(image.alignment == 4096 and
           not [s for s in image.sections if s[2] % 4096],
           "each section has pages of its own")
    passage = image.symbol("colinux_passage_page")
    tap.ok(passage and passage % 4096 == 0 and
           image.section(passage)[0] == ".text", "the passage is one page",
           passage)
    relocations = list(image.relocations())
    tap.ok(relocations and {kind for kind, _ in relocations} <=
           {RELOC_NONE, RELOC_DIR64}, "relocations are there", relocations)
    bad = [hex(rva) for kind, rva in relocations if kind == RELOC_DIR64 and
           not image.base <= struct.unpack_from(
               "<Q", image.file, image.at(rva))[0] < image.base + image.size]
    tap.ok(not bad, "each points at an address of the image", bad)
    tap.ok(not [1 for kind, rva in relocations if kind == RELOC_DIR64 and
                image.section(rva)[0] == ".text"],
           "none is in code, which stays shared and unwritten")


def check_unwind(tap, image):
    """Exceptions pass through every function that calls another."""
    rva, size = image.directories[DIR_EXCEPTION]
    at = image.at(rva)
    covered = [struct.unpack_from("<III", image.file, at + i)
               for i in range(0, size, 12)]
    tap.ok(covered == sorted(covered) and covered, "unwind data is sorted")
    guard = image.symbol("nt_guarded")
    mine = [info for begin, end, info in covered if begin == guard]
    flags = image.file[image.at(mine[0])] >> 3 if mine else 0
    tap.ok(flags & 1, "nt_guarded has an exception handler", flags)
    tap.ok([1 for begin, end, _ in covered
            if begin <= image.symbol("DriverEntry") < end],
           "DriverEntry has unwind data")


def check_code(tap):
    text = subprocess.run([OBJDUMP, "-d", "--no-show-raw-insn", DRIVER],
                          stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    sse = re.findall(r"^.*%[xyz]mm.*$", text, re.MULTILINE)
    tap.ok(not sse, "no SSE register is used", *sse[:5])
    kpcr = re.findall(r"%gs:\S+", text)
    tap.ok(set(kpcr) == {"%gs:0x184,%eax"},
           "the KPCR is read for the CPU's number only (NT 5.2, 6.0)", kpcr)
    port = re.findall(r"^.*\t(?:in|out|hlt|wbinvd|invd)\b.*$", text,
                      re.MULTILINE)
    tap.ok(not port, "no port I/O, no HLT, no WBINVD", *port[:5])


def layout(compiler, *options):
    text = subprocess.run(
        [*compiler, "-std=gnu11", *options, "-S", "-o", "-",
         f"{TOP}/tests/windows/nt/layout.c"],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(r"^@(.*)$", text.replace("$", ""), re.MULTILINE)


def main():
    tap = Tap()
    if not os.path.exists(DRIVER):
        print(f"1..0 # SKIP no {DRIVER}: {MINGW} is not installed")
        return
    image = Image(DRIVER)
    check_headers(tap, image)
    check_sections(tap, image)
    check_imports(tap, image)
    check_unwind(tap, image)
    check_code(tap)
    theirs = layout([MINGW], "-w", "-isystem", DDK)
    ours = layout(["gcc"], f"-I{TOP}/tests/windows/nt")
    shim = layout(["gcc"], "-DNT_SHIM", f"-I{TOP}/tests/windows/nt")
    tap.ok(len(theirs) > 50 and ours == theirs,
           "the fake NT's structures are the DDK's",
           *[f"{a} {b}" for a, b in zip(ours, theirs) if a != b])
    tap.ok(shim == theirs, "the shim's structures are the DDK's")
    tap.done()


if __name__ == "__main__":
    main()
