#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the benchmarks make of what machines say: parsers, bars, the plot; and
the two static programs, on this machine."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
BENCH = os.path.join(TOP, "bench")
sys.path.insert(0, BENCH)
RESULTS = []


def tool(name):
    """A script of bench/ as a module."""
    loader = importlib.machinery.SourceFileLoader(
        name, os.path.join(BENCH, name))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def check(good, what):
    """One line of TAP."""
    RESULTS.append(bool(good))
    print("ok" if good else "not ok", len(RESULTS), "-", what)


def program(*command):
    """(status, output) of one of our programs."""
    run = subprocess.run([os.path.join(TOP, "build", "bench", command[0]),
                          *command[1:]], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=False)
    return run.returncode, run.stdout


def parsers(suite):
    """Consoles add carriage returns, times, noise."""
    got = suite.parse_output("micro cpu 4.25\nload: nonsense\n"
                             "[    1.0] load compile 123456\n"
                             "load hackbench failed\nmicro bad x\n")
    check(got == {"micro": {"cpu": 4.25}, "load": {"compile": 123456.0}},
          "results are found, failures are none")
    check(suite.parse_output("") == {"micro": {}, "load": {}},
          "nothing said, nothing found")
    idle = suite.parse_idle("idle 5000000 1000000000\n")
    check(idle["cpu_percent"] == 0.5, "an idle guest's CPU share")
    check(suite.parse_idle("idle 1") == {}, "a cut line is none")


def report(bars, directory):
    """Bars met, missed and not measured."""
    with open(os.path.join(directory, "suite-icount-1.json"), "w",
              encoding="ascii") as file:
        json.dump({"native/1": {"micro": {"cpu": 4, "syscall": 100},
                                "load": {"fio-ram-read": 90}},
                   "colinux/1": {"micro": {"cpu": 4.01, "syscall": 102},
                                 "load": {"fio-ram-read": 95}},
                   "idle": {"cpu_percent": 1.5}}, file)
    with open(os.path.join(directory, "micro-6.1.json"), "w",
              encoding="ascii") as file:
        json.dump({"memory_kb": {"overhead": 5120}}, file)
    with open(os.path.join(directory, "devices.json"), "w",
              encoding="ascii") as file:
        json.dump({"native:net": {"net-send": 90},
                   "colinux:vhost-net": {"vhost-net-send": 100},
                   "kvm:names": {"names": 70}, "colinux:names": {"names": 100}},
                  file)
    with open(os.path.join(directory, "cpus-2.json"), "w",
              encoding="ascii") as file:
        json.dump({"compute": [{"one": [5, 100], "two": [100, 100]},
                               {"one": [100, 5], "two": [120, 100]}],
                   "hackbench": [{"hackbench": [90, 100]},
                                 {"hackbench": [109, 80]}]}, file)
    seen = {what: bars.verdict(value, bar, order)
            for what, value, bar, order in bars.rows(directory)}
    verdicts = {what.split(",")[0]: v for what, v in seen.items()
                if not what.endswith(", time")}
    check(verdicts["CPU loop"] == "met", "a bar that is met")
    check(verdicts["system call"] == "missed", "a bar that is missed")
    check(verdicts["clock_gettime"] == "not measured", "one not measured")
    check(seen["sequential read, guest / native, RAM disk, 1 CPU, instructions"]
          == "met",
          "throughput is the inverse of time")
    check(seen["TCP, vhost-net / a veth pair, vhost-net-send, instructions"] ==
          "met" and
          seen["names, virtiofs / under nested KVM, names, instructions"] ==
          "missed" and
          seen["TCP, slirp / nested QEMU's, slirp-send, instructions"] ==
          "not measured", "devices")
    check(seen["2 vCPUs / 1, computing, instructions"] == "missed" and
          seen["hackbench, guest / native, 2 vCPUs, instructions"] == "met",
          "the busiest of several CPUs")
    check(verdicts["memory beyond the guest's RAM"] == "met" and
          verdicts["idle guest"] == "missed", "memory and idle")


def drawing(directory):
    """bench/plot draws whatever is there."""
    out = os.path.join(directory, "x.svg")
    code = ("import sys; sys.dont_write_bytecode = True; "
            f"sys.path.insert(0, {BENCH!r}); import lib; "
            f"lib.OUT = {directory!r}; import runpy; "
            f"sys.argv = ['plot', {out!r}]; "
            f"runpy.run_path({BENCH + '/plot'!r}, run_name='__main__')")
    subprocess.run([sys.executable, "-c", code], check=False)
    with open(out, encoding="ascii") as file:
        text = file.read()
    check(text.startswith("<svg") and "syscall" in text and "1.020" in text,
          "the plot has the ratio")


def programs():
    """micro and load where they can be tried without a machine."""
    status, said = program("micro", "-d", "1000", "cpu", "syscall")
    check(status == 0 and [line.split()[:2] for line in said.splitlines()] ==
          [["micro", "cpu"], ["micro", "syscall"]], "micro runs what is named")
    status, said = program("load", "time", "nothing", "2", "/bin/true")
    check(status == 0 and said.split()[:2] == ["load", "nothing"] and
          int(said.split()[2]) > 0, "load times a command")
    status, said = program("load", "time", "bad", "2", "/bin/false")
    check(status == 1 and said == "load bad failed\n",
          "a command that fails is no result")
    with tempfile.TemporaryDirectory() as directory:
        status, said = program("names", "storm", directory, "20", "2")
        check(status == 0 and said.startswith("load storm ") and
              not os.listdir(directory), "names leaves none")
    server = subprocess.Popen([os.path.join(TOP, "build", "bench", "tcp"),
                               "serve", "7117"])
    for way in ("send", "receive"):
        for _ in range(100):
            status, said = program("tcp", way, way, "127.0.0.1", "7117", "1",
                                   "1")
            if status == 0:
                break
            time.sleep(0.1)
        check(status == 0 and said.startswith(f"load {way} "), f"tcp {way}s")
    server.kill()
    server.wait()
    status, said = program("load", "parallel", "two", "1", "2", "1000")
    check(status == 0 and said.startswith("load two "), "load in parallel")


def devices(module):
    """What the cases said."""
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "colinux:slirp.out"), "w",
                  encoding="ascii") as file:
            file.write("noise\nload slirp-send 123\r\nload bad failed\n")
        check(module.collect(directory) ==
              {"colinux:slirp": {"slirp-send": 123}}, "cases of devices")


def cpus(module):
    """What each CPU did between marks, per unit."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "counts")
        with open(path, "w", encoding="ascii") as file:
            file.write("mark begin 100 60 40\nmark end 310 250 60\n"
                       "mark begin 400 300 100\nmark end 790 490 300\n")
        check(module.windows(path) == [[190, 20], [190, 200]],
              "what each CPU did in each run")
    short, long = [1000, 2000], [1000 + 16384 * 3, 2000 + 16384 * 5]
    check(module.evaluate("vhost-user", [short, long, short, short]) ==
          {"randread": [3, 5], "randwrite": [0, 0]},
          "a long run less a short one, per request")
    rounds = [[64, 32], [32, 0], [96, 0]]
    check(module.evaluate("net", rounds + rounds[::-1]) ==
          {"send": [1, 0], "receive": [1, 0]}, "the best of the streams")


def main():
    """All of it."""
    parsers(tool("suite"))
    devices(tool("devices"))
    cpus(tool("cpus"))
    with tempfile.TemporaryDirectory() as directory:
        report(tool("bars"), directory)
        drawing(directory)
    programs()
    print(f"1..{len(RESULTS)}")
    return 0 if all(RESULTS) else 1


if __name__ == "__main__":
    sys.exit(main())
