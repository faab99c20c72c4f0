/* SPDX-License-Identifier: GPL-2.0 */
/* More of the sockets of os.h on NT (socket.c), for os/windows/ only. */
#ifndef DAEMON_OS_WINDOWS_SOCKET_H
#define DAEMON_OS_WINDOWS_SOCKET_H

#include "nt.h"

/* Is there something to read, or the end? */
bool nt_socket_readable(int socket);
/*
 * Wait until that is so, or (`out`) until writing is worth a try; timeout in
 * ms, -1 = for ever.  Not for a socket in a watch.
 */
bool nt_socket_wait(int socket, bool in, bool out, int timeout);
/* Have fn called, by any thread, after each change. */
void nt_socket_notify(int socket, void (*fn)(void *opaque), void *opaque);

#endif
