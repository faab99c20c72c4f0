#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a guest of vsock-guest.exe has at the agent's port: the real agent, as a
process of this machine.

usage: agent_peer.py AGENT FRAMES

Prints the number of a TCP port.  Who asks for a copy of /frames/N/NAME gets the
bytes of FRAMES/N instead (tests/exec/hostile).  Ends when its standard input
does.
"""

import os
import socket
import struct
import subprocess
import sys
import threading

HELLO, READY, GET = 1, 2, 30
HEADER = 8


def read_frame(connection):
    header = connection.recv(HEADER, socket.MSG_WAITALL)
    if len(header) < HEADER:
        return None, b""
    kind, length = struct.unpack("<II", header)
    return kind, header + connection.recv(length, socket.MSG_WAITALL)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(connection, agent, frames):
    kind, hello = read_frame(connection)
    if kind != HELLO:
        return
    connection.sendall(struct.pack("<III", READY, 4, 1))
    kind, first = read_frame(connection)
    path = first[HEADER:].decode(errors="replace")
    if kind == GET and path.startswith("/frames/"):
        with open(os.path.join(frames, path.split("/")[2]), "rb") as file:
            file.seek(HEADER + 4)
            connection.sendall(file.read())
        while connection.recv(65536):
            pass
        return
    if kind is None:
        return
    ours, theirs = socket.socketpair()
    with subprocess.Popen(["bash", "-c",
                           f'exec "$0" --serve 3<&{theirs.fileno()}', agent],
                          pass_fds=[theirs.fileno()], cwd="/",
                          stdin=subprocess.DEVNULL):
        theirs.close()
        ours.sendall(hello)
        read_frame(ours)
        ours.sendall(first)
        back = threading.Thread(target=pump, args=(ours, connection))
        back.start()
        pump(connection, ours)
        back.join()
        ours.close()


def guarded(connection, agent, frames):
    with connection:
        try:
            serve(connection, agent, frames)
        except OSError:
            pass


def main():
    agent, frames = os.path.abspath(sys.argv[1]), sys.argv[2]
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=guarded, daemon=True,
                             args=(connection, agent, frames)).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
