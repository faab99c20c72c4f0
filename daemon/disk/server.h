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
 * it is killed; it writes them in the right order, and to stable storage, when
 * it is told to flush.  What was not flushed goes out again (nbd.c).
 *
 * The image is the one that was opened and locked, by its descriptor: another
 * file that has got its name since is not.  A backing file is locked, shared,
 * as long as this process lives.
 */
#ifndef DAEMON_DISK_SERVER_H
#define DAEMON_DISK_SERVER_H

#include "disk.h"

/*
 * Start the process for files->image, of files->format, which stays the
 * caller's, or for an address (image -1).  Returns the socket, with the first
 * wish on its way, or -1.
 */
int disk_server_start(const struct disk_options *options,
		      const struct disk_files *files, struct error *error);

/*
 * Close the socket; waits until the process has ended, and its program with what
 * it had to write: the image is free then.
 */
void disk_server_end(int socket);

/* `colinux --disk ...`: that process.  Returns an exit status. */
int disk_server_main(int argc, char **argv);

#endif
