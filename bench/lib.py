# SPDX-License-Identifier: GPL-2.0
"""Shared by the benchmarks: the box that counts instructions or takes the time,
its initrds, and whose code an address is.  Knows nothing of what is measured."""

import bisect
import os
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
OUT = os.path.join(TOP, "build", "bench")
SERIES = ("6.1", "6.12")
# include/colinux/layout.h: what is ours in a guest's address space.
PORT = (0xffffffffff800000, 0xffffffffffc00000)
# Where a kernel without KASLR is linked.
KERNEL_TEXT = (0xffffffff81000000, 0xffffffff84000000)
KERNEL_SPACE = 0xffff800000000000
USER_END = 1 << 47
MODEL = "max,-erms,-fsrm"	# a rep iteration would count as an instruction
# What the guests of nested machines need to see their disk.
DISK_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "crc32c_intel",
                "ext4")


def output(*command):
    """A command's standard output, stripped."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def make_initrd(name, script):
    """build/bench/NAME: the BusyBox initrd, changed by a shell script that
    runs in its tree with $bench = our programs."""
    tree = os.path.join(OUT, name + ".tree")
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    base = output(f"{TOP}/box/guest", "initrd")
    subprocess.run(f"gzip -dc {base} | cpio -id --quiet; {script}; "
                   "find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | "
                   f"gzip -9n >{OUT}/{name}", shell=True, check=True, cwd=tree,
                   env=dict(os.environ, bench=OUT))
    shutil.rmtree(tree)


def make_loads_initrd(name="loads.gz", programs=("micro", "load", "mark"),
                      modules=DISK_MODULES):
    """build/bench/NAME: the same with programs of ours, bench/loads and, for
    nested machines, modules of each kernel that we have."""
    steps = [f"for p in {' '.join(programs)}; do strip -o $p $bench/$p; done",
             f"cp {TOP}/bench/loads {TOP}/bench/device-loads .",
             "mkdir -p src mnt modules",
             f"cp {TOP}/bench/compile.mk src/Makefile",
             f"cd {TOP} && find include daemon -name '*.[ch]' | "
             "cpio --quiet -pd $OLDPWD/src; cd $OLDPWD"]
    for series in SERIES:
        root = output(f"{TOP}/scripts/kernel", "root", series)
        release = output(f"{TOP}/scripts/kernel", "version", series)
        steps.append(
            f"for m in {' '.join(modules)}; do "
            f"modprobe -d {root} -S {release} --show-depends $m; done | "
            "awk '$1 == \"insmod\" && !seen[$2]++ { print $2 }' | "
            "while read -r path; do n=$(basename ${path%.xz}); "
            f"f={release}-$n; case $path in *.xz) xz -dc $path >modules/$f ;; "
            "*) cp $path modules/$f ;; esac; "
            f"echo /modules/$f; done >modules/{release}")
    make_initrd(name, "; ".join(steps))


def mark(name, letters):
    """Plugin argument: the marker instruction of bench/mark.h."""
    return f"mark={name}:0f1f80{letters.encode().hex()}"


def box(name, command, host_kernel, timeout, marks=(), image=None, wall=False,
        smp=1):
    """Run a command in the box that counts, or, with wall, in one that does
    not, with smp CPUs; (status, plugin's file).  Its share /share/bench is
    build/bench/NAME."""
    share = os.path.join(OUT, name)
    shutil.rmtree(share, ignore_errors=True)
    os.makedirs(share)
    counts = os.path.join(OUT, name + ".counts")
    # At random addresses: that tells the host's kernel from the guest's.
    arguments = [f"{TOP}/box/run", "--kaslr", "--smp", str(smp), "--cpu", MODEL,
                 "--mem", "2048", "--host-kernel", host_kernel, "--timeout", str(timeout),
                 "--share", f"bench={share}", "--log", f"{share}/console.log"]
    if not wall:
        arguments.append("--icount")
    if marks:
        arguments += ["--qemu-arg=-plugin", "--qemu-arg=" + ",".join(
            [f"{OUT}/count.so", f"out={counts}", *marks])]
    if image:
        arguments += ["--qemu-arg=-drive", "--qemu-arg=if=none,id=bench,"
                      f"format=raw,snapshot=on,cache=unsafe,file={image}",
                      "--qemu-arg=-device", "--qemu-arg=virtio-blk-pci,"
                      "drive=bench,serial=bench"]
    status = subprocess.run(arguments + ["--"] + command,
                            check=False).returncode
    return status, counts


class Symbols:
    """The host's symbols, which are also those of a guest that runs the same
    kernel without KASLR: slide is the difference."""

    def __init__(self, path):
        self.names = {}
        self.slide = 0
        with open(path, encoding="utf-8") as file:
            for line in file:
                address, kind, name = line.split()[:3]
                if kind not in "tTwW":
                    continue
                module = line.split("[")[1].rstrip("]\n") if "[" in line \
                    else None
                self.names[int(address, 16)] = (name, module)
                if name == "_stext":
                    self.slide = int(address, 16) - KERNEL_TEXT[0]
        self.addresses = sorted(self.names)

    def name(self, address):
        """(name, module) of a host address."""
        at = bisect.bisect_right(self.addresses, address)
        if not at or address < KERNEL_SPACE:
            return "?", None
        return self.names[self.addresses[at - 1]]

    def owner(self, address):
        """Whose code it is, for tables."""
        if address < USER_END:
            return "user space"
        if PORT[0] <= address < PORT[1]:
            return "port"
        if KERNEL_TEXT[0] <= address < KERNEL_TEXT[1]:
            return "guest kernel"
        slid = address - self.slide
        if self.slide and KERNEL_TEXT[0] <= slid < KERNEL_TEXT[1]:
            return "host kernel"
        if self.name(address)[1] == "colinux":
            return "colinux.ko"
        return "other"
