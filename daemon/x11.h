/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user's X server for programs in a guest (`colinux exec -X`).
 * os/linux/x11.c, os/windows/x11.c.  One per process, one thread.
 */
#ifndef DAEMON_X11_H
#define DAEMON_X11_H

#include <stdint.h>

#include "error.h"
#include "runtime.h"

/* See that there is one, by DISPLAY.  0, or -1 and a message. */
int x11_open(const struct runtime *runtime, struct error *error);
/*
 * A program in the guest wants to use it: connect the two, from that port of the
 * guest's vsock.  The server's cookie stays on the host.  Does not wait; what
 * goes wrong is said on standard error.
 */
void x11_client(uint32_t port);
/* Connections end. */
void x11_close(void);

#endif
