/* SPDX-License-Identifier: GPL-2.0 */
/* Between machine.c (building and ending a VM) and vcpu.c (running it). */
#ifndef DAEMON_MACHINE_INTERNAL_H
#define DAEMON_MACHINE_INTERNAL_H

#include <stdatomic.h>

#include <uv.h>

#include <colinux/hypercall.h>

#include "kernel/kernel.h"
#include "keeper.h"
#include "machine.h"
#include "memory.h"
#include "os.h"
#include "virtio/virtio.h"

enum vcpu_state {
	VCPU_OFF,		/* no thread, or one that has left its loop */
	VCPU_RUNNING,		/* a thread is in its run loop */
	VCPU_LEAVING,		/* off-line for the guest, nearly OFF */
};

struct vcpu {
	struct machine *machine;
	unsigned int number;
	/* Guarded by machine->lock: */
	enum vcpu_state state;
	bool joinable;		/* there was a thread that nobody joined yet */
	uv_thread_t thread;
};

struct machine_serial;

struct machine {
	const struct config *config;
	struct console *console;
	struct machine_callbacks callbacks;

	struct os_driver *driver;
	struct colinux_version version;
	struct guest_image *image;
	struct guest_pack pack;	/* our initrd: colinux-init and modules */
	struct kept_file initrd;	/* the user's, fd -1 = none */
	struct blob port;
	char port_path[CONFIG_PATH];
	void *base;		/* mapping of guest RAM */
	uint64_t size;
	uint64_t contiguous;	/* what the kernel needs in one piece */
	struct guest_memory memory;
	struct colinux_extent *extents;
	unsigned int nr_extents;
	struct virtio_bus *bus;
	struct virtio_console *virtio_console;
	struct virtio_balloon *balloon;
	atomic_uint reports;	/* lines about what the guest's drivers did */
	uint32_t vsock_cid;	/* in the host's kernel; 0 = not there */
	struct machine_serial *serials;	/* by ttys number */
	/* Closing these ends other processes (keeper.h). */
	unsigned int nr_keepers;
	int keeper[CONFIG_EXECS + CONFIG_FOLDERS];

	uv_mutex_t lock;
	uv_cond_t vcpu_off;	/* a vCPU has become VCPU_OFF */
	/* Read without the lock by vCPU threads; written with it. */
	_Atomic int end;	/* enum machine_end */
	atomic_bool plugged;	/* machine_reap_disks() has to look */
	/* Guarded by lock: */
	char reason[256];
	unsigned int nr_running;
	struct vcpu vcpus[COLINUX_MAX_VCPUS];
};

/* vcpu.c */
/*
 * Set the registers of a vCPU and start its thread.  Any thread.  0, -EBUSY
 * when it runs, -EINVAL when there is none, or another negative errno.
 */
int vcpu_start(struct machine *machine,
	       const struct colinux_vcpu_setup *registers);
/* Wait for the threads of all vCPUs; the guest must have ended. */
void vcpu_join_all(struct machine *machine);

/* machine_devices.c */
/* Make the bus and all devices; what was made stays when it fails. */
int machine_add_devices(struct machine *machine, struct error *error);
/* The other way round; no vCPU runs. */
void machine_remove_devices(struct machine *machine);

/* Say what a new device is. */
void machine_describe(struct machine *machine, int device);
/* Start a program that ends with the machine. */
int machine_keep(struct machine *machine, const struct keeper_options *options,
		 struct error *error);

/* machine_ports.c */
int machine_add_serials(struct machine *machine, struct error *error);
/* Without vCPUs: what the guest has written goes to the other ends. */
void machine_flush_serials(struct machine *machine);
/* No more calls of the devices; then, without the devices, all the rest. */
void machine_stop_serials(struct machine *machine);
void machine_free_serials(struct machine *machine);
int machine_add_cards(struct machine *machine, struct error *error);

/* machine_vsock.c */
int machine_add_vsock(struct machine *machine, struct error *error);

/* machine_served.c, os/windows/machine_served.c */
/* vsock by the host's kernel.  0, -1, or 1: it does not do that. */
int machine_add_vhost_vsock(struct machine *machine, struct error *error);
/* Folders and vhost-user. */
int machine_add_served(struct machine *machine, struct error *error);

/* machine.c */
/* Tell people, while the machine is set up (printf). */
void machine_progress(struct machine *machine, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * The guest is over: the first call wins, makes all vCPUs leave, and tells the
 * owner.  Any thread, without the lock.
 */
void machine_ended(struct machine *machine, enum machine_end end,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
