#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""net_peer.py COMMAND...: the host's end of net_test.c.  Runs COMMAND with its
four ports behind, answers there, calls when it says "# call", and ends with its
status, or with 99 if the caller did not hear what it said."""

import socket
import subprocess
import sys
import threading

TEXT = bytes(i * 7 % 251 for i in range(100000))
HOST = "127.0.0.1"


def listener():
    found = socket.socket()
    found.bind((HOST, 0))
    found.listen(4)
    return found, found.getsockname()[1]


def free_port():
    found, port = listener()
    found.close()
    return port


def answer(server):
    connection, _ = server.accept()
    with connection:
        connection.sendall(connection.recv(100).upper())


def call(port, heard):
    with socket.create_connection((HOST, port), 60) as client:
        sender = threading.Thread(target=client.sendall, args=(TEXT,))
        sender.start()
        while len(heard) < len(TEXT):
            data = client.recv(65536)
            if not data:
                return
            heard += data
        sender.join()
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


def main():
    server, out = listener()
    taken, taken_port = listener()
    back, closed = free_port(), free_port()
    heard = bytearray()
    threading.Thread(target=answer, args=(server,), daemon=True).start()
    caller = threading.Thread(target=call, args=(back, heard), daemon=True)
    with taken, subprocess.Popen(
            [*sys.argv[1:], *map(str, (out, back, closed, taken_port))],
            stdout=subprocess.PIPE, text=True) as test:
        for line in test.stdout:
            print(line, end="", flush=True)
            if line.startswith("# call"):
                caller.start()
    if caller.ident:
        caller.join(10)
    return test.returncode or (0 if bytes(heard) == TEXT else 99)


if __name__ == "__main__":
    sys.exit(main())
