# SPDX-License-Identifier: GPL-2.0
"""A box with somebody outside: QEMU's monitor (QMP), its gdb stub, and files
in a shared directory to meet what runs inside.  TAP for tests in Python.

The command in the box sees the directory as /share/lab; wait_file() and
touch() are the outside's half of its waiting.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
BREAK = b"\x03"
GUEST_PAGE = 0xffffffffff800000		# the guest's copy of the passage
PAGE = 0x1000
RDI, RIP = 5, 16	# numbers in gdb's x86-64 register set


class Tap:
    """The producer side of prove."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, *details):
        self.count += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        if not good:
            self.failed += 1
            for text in details:
                self.note(text)
        return good

    @staticmethod
    def note(text):
        for line in str(text).splitlines():
            print(f"# {line}", file=sys.stderr, flush=True)

    def done(self):
        print(f"1..{self.count}")
        sys.exit(self.failed != 0)


class Late(Exception):
    """Something did not happen in time."""


class Qmp:
    """QEMU's machine protocol over a UNIX socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile("r")
        self.file.readline()		# the greeting
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        message = {"execute": command, "arguments": arguments}
        while True:
            try:
                if message:
                    self.socket.sendall(json.dumps(message).encode() + b"\n")
                    message = None
                line = self.file.readline()
            except ConnectionError:
                line = ""
            if not line:
                raise EOFError(f"QEMU ended before or in {command}")
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def monitor(self, line):
        """A line for the human monitor; its output."""
        return self.do("human-monitor-command", **{"command-line": line})

    def nmi(self):
        self.do("inject-nmi")

    def log(self, what):
        """QEMU's own log: items, "none" = off.  Box.int_log() reads it."""
        self.monitor(f"log {what}")


class Gdb:
    """The few packets of gdb's remote protocol that stopping needs."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = b""

    def send(self, text):
        data = text.encode()
        self.socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xff))

    def receive(self, limit=30):
        """The next packet, or Late."""
        until = time.monotonic() + limit
        while True:
            found = re.match(rb"[+-]*\$([^#]*)#..", self.buffer)
            if found:
                self.buffer = self.buffer[found.end():]
                self.socket.sendall(b"+")
                return found.group(1).decode()
            left = until - time.monotonic()
            if left <= 0:
                raise Late
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(4096)
            except socket.timeout:
                raise Late from None
            except ConnectionError:
                data = b""
            if not data:
                raise EOFError("QEMU closed its gdb stub")
            self.buffer += data

    def ask(self, text):
        self.send(text)
        while True:
            answer = self.receive()
            # That we came stopped the machine, which is told as well.
            if not re.match("T[0-9a-f]{2}", answer):
                return answer

    def breakpoint(self, address, on=True):
        answer = self.ask(f"{'Z' if on else 'z'}1,{address:x},1")
        if answer != "OK":
            raise RuntimeError(f"breakpoint at {address:x}: {answer!r}")

    def go(self):
        self.send("c")

    def run(self, limit):
        """Continue until a stop; its RIP."""
        self.go()
        self.receive(limit)
        return self.rip()

    def stop(self):
        self.socket.sendall(BREAK)
        self.receive()

    def leave(self):
        """Let the machine run on without us."""
        self.ask("D")
        self.socket.close()

    def step(self):
        """One instruction; the next one's RIP."""
        self.send("s")
        self.receive()
        return self.rip()

    def register(self, number):
        registers = bytes.fromhex(self.ask("g"))
        return int.from_bytes(registers[8 * number:8 * number + 8], "little")

    def rip(self):
        return self.register(RIP)


def instructions(kernel):
    """[(offset, symbol, text)] of the passage page of this host's driver."""
    path = os.path.join(TOP, "build", "host-linux", kernel, "m_passage.o")
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path],
                          check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    result, symbol = [], None
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <(\w+)>:", line)
        code = re.match(r" *([0-9a-f]+):\t(.*)", line)
        if head:
            symbol = head.group(1)
        elif code and int(code.group(1), 16) < PAGE:
            offset, what = int(code.group(1), 16), code.group(2).strip()
            # Padding between the parts is never executed.
            if not re.match(r"(nop|data16|cs nop|xchg +%ax,%ax|int3|add +"
                            r"%al,\(%rax\))", what):
                result.append((offset, symbol, what))
    return result


class Box:
    """box/run with a command, monitor sockets and a shared directory."""

    def __init__(self, name):
        self.name = re.sub(r"\W+", "-", name)
        self.dir = tempfile.mkdtemp(prefix=f"colinux-{self.name}-")
        self.output = self.process = None

    def start(self, options, command, gdb=False):
        log = os.path.join(TOP, "build", "box", f"{self.name}.log")
        os.makedirs(os.path.dirname(log), exist_ok=True)
        os.mkdir(self.path("log"))
        line = [os.path.join(TOP, "box", "run"), "--log", log,
                "--share", f"lab={self.dir}",
                "--share", f"log={self.path('log')}"]	# of tests/lib
        # A file for each of QEMU's threads: CPUs must not mix their records.
        for argument in ["-d", "tid", "-D", f"{self.dir}/int.%d.log",
                         "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off"] + (
                ["-gdb", f"unix:{self.dir}/gdb,server=on,wait=off"]
                if gdb else []):
            line += ["--qemu-arg=" + argument]
        self.output = open(self.path("output"), "w", encoding="utf-8")
        self.process = subprocess.Popen(line + options + ["--", command],
                                        stdin=subprocess.DEVNULL,
                                        stdout=self.output,
                                        stderr=subprocess.STDOUT)
        return self

    def path(self, name):
        return os.path.join(self.dir, name)

    def wait_file(self, name, limit=3600):
        """Until the file is there; box/run may have to wait for its turn."""
        until = time.monotonic() + limit
        while not os.path.exists(self.path(name)):
            if self.process.poll() is not None:
                raise EOFError("the box ended early:\n" + self.text())
            if time.monotonic() > until:
                raise Late(f"no {name} after {limit} s:\n{self.text()}")
            time.sleep(0.05)

    def touch(self, name):
        with open(self.path(name), "w", encoding="utf-8"):
            pass

    def read(self, name):
        with open(self.path(name), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    def int_log(self):
        """QEMU's log, one CPU's after the other's."""
        return "".join(self.read(name) for name in sorted(os.listdir(self.dir))
                       if re.fullmatch(r"int\.\d+\.log", name))

    def text(self):
        """What the command has printed so far."""
        return self.read("output")

    def wait(self, limit):
        """The command's exit status."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Late(f"the box did not end:\n{self.text()}") from None

    def close(self):
        if self.process:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(20)
            self.output.close()
        shutil.rmtree(self.dir)


def number(text, pattern):
    """The number that a pattern's group finds; sums several matches."""
    return sum(int(n) for n in re.findall(pattern, text, re.MULTILINE))
