/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process beside the VM that has the connection of a disk made: to a
 * remote NBD server, or to a qemu-storage-daemon of its own, which knows the
 * formats.  The VM process may connect to nothing and start nothing.
 *
 *	VM process  -- "c" -->              give me a connection
 *	            <-- "ok SIZE FLAGS BLOCK MOST" + socket
 *	            <-- "error TEXT"        only to the first wish, then it ends
 *
 * It ends, and its program with it, when the VM process closes the socket.
 *
 * qemu-storage-daemon keeps tables of an image in memory, which are lost when
 * it is killed.  So every change goes out with FUA, which has it write its
 * tables; "no-flush" keeps it from waiting for the host's disk each time, for
 * we sync the file ourselves when the guest flushes.
 */
#ifndef DAEMON_DISK_SERVER_H
#define DAEMON_DISK_SERVER_H

#include "disk.h"

/*
 * Start the process for files->format or an address; files->image stays the
 * caller's.  Returns the socket, with the first wish on its way, or -1.
 */
int disk_server_start(const struct disk_options *options,
		      enum disk_format format, struct error *error);

/* `colinux --disk ...`: that process.  Returns an exit status. */
int disk_server_main(int argc, char **argv);

#endif
