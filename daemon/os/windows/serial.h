/* SPDX-License-Identifier: GPL-2.0 */
/* Between serial.c (moving bytes) and serial_open.c (opening ports) of NT. */
#ifndef DAEMON_OS_WINDOWS_SERIAL_H
#define DAEMON_OS_WINDOWS_SERIAL_H

#include <pthread.h>

#include "nt.h"

#include "../../serial.h"

#define SERIAL_ROOM 4096

enum serial_kind {
	SERIAL_COM,
	SERIAL_TCP,
	SERIAL_PIPE,
	SERIAL_FILE,		/* no input, no thread */
};

struct serial_request {
	OVERLAPPED overlapped;	/* with an event */
	bool pending;
	uint8_t bytes[SERIAL_ROOM];
};

struct serial {
	/* Constant once it is connected. */
	char text[160];
	enum serial_kind kind;
	SOCKET listener;	/* or INVALID_SOCKET */
	HANDLE wake;
	bool has_thread;
	pthread_t thread;
	struct serial_device device;

	/* The thread's; of a file the lock's. */
	HANDLE file;		/* also a client's socket */
	struct serial_request read, write;
	/* A client comes: of a pipe; of a listener only the event. */
	struct serial_request connect;

	pthread_mutex_t lock;
	/* Guarded by lock; the thread alone writes `connected`. */
	bool connected, stop;
	size_t in_start, in_length, out_length;
	uint8_t in[SERIAL_ROOM], out[SERIAL_ROOM];
};

/* serial_open.c: close `file`. */
void serial_close_file(struct serial *serial);

#endif
