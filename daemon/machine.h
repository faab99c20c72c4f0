/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One running guest: driver, memory, kernel, devices and vCPU threads.
 *
 * It knows nothing of terminals, sockets, signals or exit statuses.  All
 * functions are for the thread that called machine_new() unless they say
 * otherwise; vCPU threads only report through the `ended` callback.
 */
#ifndef DAEMON_MACHINE_H
#define DAEMON_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <colinux/ioctl.h>

#include "config.h"
#include "console.h"
#include "error.h"
#include "virtio/balloon.h"
#include "virtio/virtio.h"

struct machine;

enum machine_end {
	MACHINE_RUNNING = 0,
	MACHINE_POWEROFF,
	MACHINE_REBOOT,
	MACHINE_PANIC,
	MACHINE_KILLED,		/* by the monitor or on request; see reason */
	MACHINE_FAILED,		/* an error of this process; see reason */
};

/* Where programs of the host and of the guest find each other. */
struct machine_vsock {
	int listener;		/* becomes the machine's when devices are made */
	const char *path;	/* see virtio/virtio.h, or NULL */
	bool vhost;		/* neither, if the host's kernel does it */
};

struct machine_callbacks {
	/*
	 * The guest has ended, machine_state() says how.  Called once per
	 * start from any thread, so it only wakes somebody.
	 */
	void (*ended)(void *opaque);
	/*
	 * The guest has taken a device, let it go, or refused to: call
	 * machine_reap_disks() and look at machine_disk_plug().  From any
	 * thread; NULL: nobody cares.
	 */
	void (*plugged)(void *opaque);
	/* A line for people about the running guest, from any thread, or NULL. */
	void (*notice)(void *opaque, const char *text);
	/* Progress for people, one line; only during machine_new and _start. */
	void (*progress)(void *opaque, const char *text);
	void *opaque;
	/* NULL = no vsock device.  Used by machine_new() only. */
	const struct machine_vsock *vsock;
};

/*
 * Open the driver, the kernel image and the devices and get the memory.  The
 * configuration and the console must outlive the machine.  NULL on failure.
 */
struct machine *machine_new(const struct config *config,
			    struct console *console,
			    const struct machine_callbacks *callbacks,
			    struct error *error);

/* Load the kernel and run the first vCPU; also after a reboot. */
int machine_start(struct machine *machine, struct error *error);

/* How it ended; MACHINE_RUNNING while it has not.  Any thread. */
enum machine_end machine_state(struct machine *machine, char *reason,
			       size_t room);

/* Ask the guest to power off, as a power button does. */
int machine_request_shutdown(struct machine *machine, struct error *error);
/* End it now, without asking the guest; `reason` is for people. */
void machine_kill(struct machine *machine, const char *reason);

/* After the end: wait until no vCPU thread runs.  Then start again or free. */
void machine_join(struct machine *machine);
/* Ends it when it runs.  NULL is fine. */
void machine_free(struct machine *machine);

/* Counters of a vCPU; -1 when there is no such vCPU. */
int machine_stats(struct machine *machine, unsigned int vcpu,
		  struct colinux_stats *stats);
/* CID of the guest in the host's AF_VSOCK; 0 = the process has its sockets. */
uint32_t machine_vsock_cid(const struct machine *machine);
/* One line about device n; false when there is no such device. */
bool machine_describe_device(struct machine *machine, unsigned int device,
			     char *text, size_t room);
/* --- machine_disks.c: while the guest runs --- */

/*
 * Add disk N (cobdN) of these descriptors, which become its own also on
 * failure; path is for people.
 */
int machine_disk_add(struct machine *machine, unsigned int disk,
		     const struct config_disk *options,
		     const struct disk_files *files, struct error *error);
/* How far the guest is with it, or with letting it go. */
enum virtio_plug machine_disk_plug(struct machine *machine, unsigned int disk);
/* Ask the guest to let it go; `force`: although it is in use. */
int machine_disk_eject(struct machine *machine, unsigned int disk, bool force,
		       struct error *error);
/* Free the disks that the guest has let go of. */
void machine_reap_disks(struct machine *machine);
/* See virtio_blk_resize(). */
int machine_disk_resize(struct machine *machine, unsigned int disk,
			uint64_t size, uint64_t *bytes, struct error *error);

/* Version of the guest's kernel, for people. */
const char *machine_kernel(const struct machine *machine);
/* Lowest pieces of memory: number of extents, for people. */
unsigned int machine_extents(const struct machine *machine);
/* Least memory that the guest may be left with, in bytes. */
uint64_t machine_least_memory(const struct machine *machine);
/* Let the guest have so much of its memory (bytes); see virtio/balloon.h. */
void machine_set_memory(struct machine *machine, uint64_t size);
/* How far that is; fresh: ask the guest for new statistics as well. */
void machine_memory(struct machine *machine, bool fresh,
		    struct balloon_state *state);
/* vCPUs that run at this moment. */
unsigned int machine_vcpus_up(struct machine *machine);

#endif
