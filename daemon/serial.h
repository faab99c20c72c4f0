/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Serial ports of the guest (ttysN=): bytes between a console device and a
 * pseudo-terminal, a serial port of the host, a socket or a file.
 *
 * Knows nothing of virtio: the device connects with struct serial_device and
 * calls serial_output() and serial_input() from its thread.  Each port has a
 * thread of its own that only tells the device when there is something to do.
 */
#ifndef DAEMON_SERIAL_H
#define DAEMON_SERIAL_H

#include <stddef.h>

#include "error.h"

struct serial;

/* Called from the port's thread, without locks. */
struct serial_device {
	void (*input_ready)(void *opaque);
	void (*output_ready)(void *opaque);
	void *opaque;
};

/*
 * Is the value of a ttysN= line well formed?
 *
 *	pty[:LINK]		a new pseudo-terminal, LINK is made to point
 *				to it
 *	/dev/NAME[,BAUD]	a serial port (any terminal) of the host
 *	unix:PATH		listen there; one client at a time
 *	tcp:[ADDRESS:]PORT	the same; 127.0.0.1 unless told otherwise
 *	file:PATH		append what the guest writes
 */
int serial_check(const char *key, const char *value, struct error *error);

/*
 * Open a port.  NULL and a message on failure.  Nothing is called back before
 * serial_connect().
 */
struct serial *serial_open(const char *key, const char *value,
			   struct error *error);
/* Start the thread; once. */
int serial_connect(struct serial *serial, const struct serial_device *device,
		   struct error *error);
/* No more calls of the device; end the thread.  NULL is fine. */
void serial_stop(struct serial *serial);
/* After the device is gone.  NULL is fine. */
void serial_close(struct serial *serial);

/* For people: "/dev/pts/3", "tcp:127.0.0.1:4000". */
const char *serial_text(const struct serial *serial);

/*
 * The guest has written.  Returns how many bytes were taken; after fewer
 * output_ready() follows.  With nobody at the other end all is taken, and
 * lost, as on an unplugged cable.
 */
size_t serial_output(struct serial *serial, const void *text, size_t length);
/* Take input; 0 = none now, input_ready() follows. */
size_t serial_input(struct serial *serial, void *buffer, size_t room);

#endif
