#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""serial_peer.py COMMAND... PORTS: the other end of serial_test.c.  Runs
COMMAND with a TCP port and the name of a serial port behind; PORTS is Wine's
directory of devices, where that one is made (a pseudo-terminal).  Ends with
the command's status, or with 99 if it did not answer as it should."""

import os
import socket
import subprocess
import sys
import threading
import tty

HOST = "127.0.0.1"
TEXT = b"abc" * 100000 + b"."
NAME = "com33"


def free_port():
    with socket.socket() as found:
        found.bind((HOST, 0))
        return found.getsockname()[1]


def converse(client, text):
    """Say the text, hear it in capitals."""
    threading.Thread(target=client.sendall, args=(text,), daemon=True).start()
    heard = bytearray()
    while len(heard) < len(text):
        data = client.recv(min(65536, len(text) - len(heard)))
        if not data:
            return False
        heard += data
    return heard == text.upper()


def call(port, wrong):
    with socket.create_connection((HOST, port), 60) as first, \
            socket.create_connection((HOST, port), 60) as second:
        if not converse(first, TEXT):
            wrong.append("the first client")
        first.close()
        if not converse(second, b"hello."):
            wrong.append("the second client")
        if second.makefile("rb").read() != b"last words":
            wrong.append("the last words")


def say(terminal, wrong):
    os.write(terminal, b"hello.")
    heard = b""
    while len(heard) < 6:
        heard += os.read(terminal, 100)
    if heard != b"HELLO.":
        wrong.append("the serial port")


def main():
    terminal, slave = os.openpty()
    tty.setraw(slave)
    link, port, wrong = f"{sys.argv[-1]}/{NAME}", free_port(), []
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(os.ttyname(slave), link)
    caller = threading.Thread(target=call, args=(port, wrong), daemon=True)
    speaker = threading.Thread(target=say, args=(terminal, wrong), daemon=True)
    with subprocess.Popen([*sys.argv[1:-1], str(port), NAME.upper()],
                          stdout=subprocess.PIPE, text=True) as test:
        for line in test.stdout:
            print(line, end="", flush=True)
            if line.startswith("# call"):
                caller.start()
            if line.startswith("# port"):
                speaker.start()
    for thread in caller, speaker:
        if thread.ident:
            thread.join(10)
            if thread.is_alive():
                wrong.append("one that waits")
    os.unlink(link)
    for what in wrong:
        print(f"# wrong: {what}")
    return test.returncode or (99 if wrong else 0)


if __name__ == "__main__":
    sys.exit(main())
