/* SPDX-License-Identifier: GPL-2.0 */
/* Between serial.c (moving bytes) and serial_open.c (opening ports). */
#ifndef DAEMON_SERIAL_INTERNAL_H
#define DAEMON_SERIAL_INTERNAL_H

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>

#include "serial.h"

struct serial {
	/* Constant once it is connected. */
	char text[160];
	char name[128];		/* a file that goes with the port, or "" */
	bool is_pty;
	bool no_input;		/* a file */
	int listener;		/* -1 = no socket */
	int epoll;
	int stop[2];
	bool has_thread;
	pthread_t thread;
	struct serial_device device;

	pthread_mutex_t lock;
	/* Guarded by lock; constant without a listener. */
	int fd;			/* -1 = no client */
};

#endif
