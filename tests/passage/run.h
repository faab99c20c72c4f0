/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The passage tests' runner: one guest, and what its files share.
 */
#ifndef PASSAGE_RUN_H
#define PASSAGE_RUN_H

#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <colinux/hypercall.h>
#include <colinux/ioctl.h>

#define MEMORY	(8ull << 20)
#define VCPUS	4

/* Structures of the calls, by the name of the call. */
#define TYPE_VERSION struct colinux_version
#define TYPE_CREATE struct colinux_create
#define TYPE_GET_EXTENTS struct colinux_get_extents
#define TYPE_VCPU_SETUP struct colinux_vcpu_setup
#define TYPE_VCPU_RUN struct colinux_run
#define TYPE_SET_IRQ struct colinux_set_irq
#define TYPE_IRQFD struct colinux_event
#define TYPE_DOORBELL struct colinux_event
#define TYPE_KICK struct colinux_kick
#define TYPE_STATS struct colinux_stats
#define CALL(fd, name, arg)                                                 \
	ioctl(fd, _IOWR(COLINUX_IOC_TYPE, COLINUX_IOC_##name, TYPE_##name), \
	      arg)

struct guest;

struct runner {
	struct guest *guest;
	uint32_t vcpu;
	int started;
	pthread_t thread;
};

struct guest {
	const char *file, *name;
	uint32_t watchdog;	/* seconds, for CREATE */
	int fd;
	unsigned char *ram;
	struct colinux_extent extent;
	struct runner runners[VCPUS];

	/* The line being printed; by any vCPU. */
	pthread_mutex_t lock;
	char line[512];
	unsigned int line_len, checks;
	int planned, failed;

	/* service.c */
	int storm;		/* VIRQ being kicked all the time, or -1; atomic */
	int storming;		/* its thread is there */
	pthread_t storm_thread;
	int echoing;
	pthread_t echo_thread;
	int doorbell, interrupt;	/* eventfds of the echo */
};

/* load.c */
/* End the program with errno's text. */
void fatal(const char *what) __attribute__((noreturn));
/* A new VM with g->file in it, ready to run; fills fd, ram, extent, name. */
void load(struct guest *g);

/* service.c */
/* A guest's HC_DEVICE: do what it asks for; the hypercall's result. */
int64_t service(struct guest *g, const __u64 *args);
/* Stop what still goes on for this guest. */
void service_end(struct guest *g);

#endif
