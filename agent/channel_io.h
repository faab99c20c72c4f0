/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a channel needs of its socket.  channel_socket.c is for sockets, in the
 * guest and on a Linux host; an NT host has pipes (daemon/os/windows/).
 */
#ifndef AGENT_CHANNEL_IO_H
#define AGENT_CHANNEL_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

enum {
	CHANNEL_NOT_NOW = -1,
	CHANNEL_BROKEN = -2,
};

/* Without waiting: how many bytes, 0 = the end, or one of the above. */
ssize_t channel_io_read(int fd, void *bytes, size_t room);
ssize_t channel_io_write(int fd, struct iovec *parts, int nr);
/*
 * Wait until reading, or (`out`) writing, is worth a try; timeout in ms, -1 =
 * for ever.  False: nothing so far; a signal may be the reason.
 */
bool channel_io_wait(int fd, bool in, bool out, int timeout);

#endif
