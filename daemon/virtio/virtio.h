/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices of one guest: what the VM process needs to know of them.
 *
 * Life of a bus:
 *
 *	bus = virtio_bus_new(&memory, &ops, opaque);
 *	virtio_blk_add(bus, ...);  virtio_console_add(bus, ...);  ...
 *	(the guest's RAM is mapped, kernel and port are loaded)
 *	nr = virtio_bus_start(bus, &error);	-> boot_info.nr_devices
 *	(vCPUs run; each COLINUX_HC_DEVICE -> virtio_bus_command();
 *	 devices may be added; virtio_bus_eject() and, when it is EJECTED,
 *	 virtio_bus_remove())
 *	(the guest reboots: vCPUs stopped)
 *	virtio_bus_reset(bus);
 *	(kernel and port are loaded again)
 *	nr = virtio_bus_start(bus, &error);
 *	(the guest is gone: vCPUs stopped)
 *	virtio_bus_free(bus);			before the RAM is unmapped
 *
 * Every device has a thread of its own that waits for its doorbells and its
 * back-end; it starts with the add function, so add devices after forking.
 * New threads block all signals.  `memory` is looked at from virtio_bus_start()
 * to virtio_bus_reset() only, so it may be filled in between.
 *
 * The guest is hostile: whatever it writes, at worst its device is marked
 * DEVICE_NEEDS_RESET.
 */
#ifndef DAEMON_VIRTIO_H
#define DAEMON_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../disk/disk.h"
#include "../error.h"
#include "../memory.h"
#include "../net/backend.h"

struct virtio_bus;

/* How far a device has come, or gone. */
enum virtio_plug {
	VIRTIO_PLUG_NONE,	/* no such device */
	VIRTIO_PLUG_SHOWN,	/* no driver of the guest uses it */
	VIRTIO_PLUG_DRIVEN,	/* one does */
	VIRTIO_PLUG_ASKED,	/* the guest shall let it go */
	VIRTIO_PLUG_REFUSED,	/* the guest will not: it is in use */
	VIRTIO_PLUG_EJECTED,	/* the guest has: virtio_bus_remove() it */
};

/*
 * What the bus needs from the driver.  Called from device threads and from the
 * threads that call virtio_bus_*(), with a device's lock held: they must not
 * call back into the bus.
 */
struct virtio_host_ops {
	/* Raise an interrupt of a device: a queue's or COLINUX_IRQ_PAGE. */
	void (*set_irq)(void *opaque, unsigned int device, unsigned int irq);
	/*
	 * Tie eventfd fd to a doorbell (DOORBELL); fd -1 unties.  0 or a
	 * negative errno.  The fd stays the bus's.
	 */
	int (*doorbell)(void *opaque, unsigned int device, unsigned int queue,
			int fd);
	/*
	 * Have eventfd fd raise that interrupt (IRQFD); fd -1 ends that.  0 or
	 * a negative errno; NULL: the host cannot.
	 */
	int (*irqfd)(void *opaque, unsigned int device, unsigned int irq,
		     int fd);
	/*
	 * Give blocks of 2 MiB of guest RAM to the host, and take them back
	 * (RELEASE, RECLAIM).  0 or a negative errno.  reclaim may take long
	 * and is called without locks of the device's state; NULL, both: the
	 * host cannot.
	 */
	int (*release)(void *opaque, uint64_t offset, uint64_t size);
	int (*reclaim)(void *opaque, uint64_t offset, uint64_t size);
	/* A line for the VM's log (a guest broke a rule); may be NULL. */
	void (*report)(void *opaque, const char *line);
	/*
	 * virtio_bus_plug() of a device says something new.  It only notes
	 * that; may be NULL.
	 */
	void (*plugged)(void *opaque, unsigned int device);
};

/* NULL when out of memory.  memory, ops and opaque must outlive the bus. */
struct virtio_bus *virtio_bus_new(const struct guest_memory *memory,
				  const struct virtio_host_ops *ops,
				  void *opaque);

/*
 * Write the device pages into guest RAM and tie the doorbells; no vCPU runs.
 * Returns the number of devices (for boot_info.nr_devices) or -1.
 */
int virtio_bus_start(struct virtio_bus *bus, struct error *error);

/*
 * COLINUX_HC_DEVICE with its args, from the vCPU's thread; returns the
 * hypercall's result.  May wait for I/O in flight (RESET, QUEUE off).
 */
int64_t virtio_bus_command(struct virtio_bus *bus, const uint64_t args[6]);

/*
 * Ask the guest to let go of a device; `force`: although it is in use.  The
 * answer is a new virtio_bus_plug().  0, or -1 when there is no such device.
 */
int virtio_bus_eject(struct virtio_bus *bus, unsigned int device, bool force,
		     struct error *error);

/*
 * The guest has let go of a device: free it.  Waits for its I/O in flight and
 * for commands of vCPUs.
 */
void virtio_bus_remove(struct virtio_bus *bus, unsigned int device);

/* Number of the device with this tag, or -1. */
int virtio_bus_find(struct virtio_bus *bus, const char *tag);

/* Any thread; for ops->plugged(), which must not call it itself. */
enum virtio_plug virtio_bus_plug(struct virtio_bus *bus, unsigned int device);

/*
 * Reset all devices and untie the doorbells; no vCPU runs.  When it returns no
 * I/O is in flight, no callback runs, nothing touches guest RAM until
 * virtio_bus_start(), and what the guest printed has been handed over.
 * Data that the guest had written before is not flushed: that is the guest's.
 */
void virtio_bus_reset(struct virtio_bus *bus);

/* Reset, stop the threads, close everything.  NULL is fine. */
void virtio_bus_free(struct virtio_bus *bus);

/*
 * One line for people about device n ("cobd0: block, /srv/debian.img, 2 GiB,
 * io_uring"); false when there is no such device.
 */
bool virtio_bus_describe(struct virtio_bus *bus, unsigned int device,
			 char *text, size_t room);

/* --- blk.c: cobdN --- */

struct blk_options {
	const char *tag;	/* "cobd0": name in messages and the serial */
	const char *path;	/* image, host block device, or address */
	const char *format, *backing;	/* see struct disk_options */
	const struct disk_files *files;	/* opened already, or NULL */
	bool read_only;
	bool direct;		/* O_DIRECT */
	uint32_t block_size;	/* logical: 512 to 4096; 0 = 512 or as needed */
	enum disk_engine engine;
};

/*
 * Open and lock the image and add the device.  Returns its number or -1.  The
 * strings are copied; files become the device's, also on failure.
 */
int virtio_blk_add(struct virtio_bus *bus, const struct blk_options *options,
		   struct error *error);

/*
 * Grow the image to `size` bytes (0: it has changed by itself), look at its
 * size, *bytes, and tell the guest.  device = what virtio_blk_add() returned.
 */
int virtio_blk_resize(struct virtio_bus *bus, int device, uint64_t size,
		      uint64_t *bytes, struct error *error);

/* --- console.c: one port, hvc0 in the guest --- */

struct virtio_console;

/* Called from the device's thread without locks. */
struct virtio_console_ops {
	/*
	 * The guest printed text.  Returns how many bytes were taken; after
	 * fewer than length the device keeps the rest and waits for
	 * virtio_console_output_ready().
	 */
	size_t (*output)(void *opaque, const void *text, size_t length);
	/*
	 * Take up to room bytes of input; 0 = none now, ask again after
	 * virtio_console_input_ready().  Called only when the guest has room.
	 */
	size_t (*input)(void *opaque, void *buffer, size_t room);
};

/* Returns the device's number or -1; *console is valid until bus_free. */
int virtio_console_add(struct virtio_bus *bus,
		       const struct virtio_console_ops *ops, void *opaque,
		       struct virtio_console **console, struct error *error);

/* The same with a name and no size: hvc1 and on, in their order. */
int virtio_serial_add(struct virtio_bus *bus, const char *tag,
		      const struct virtio_console_ops *ops, void *opaque,
		      struct virtio_console **console, struct error *error);

/* Any thread, any time, never wait for the guest. */
void virtio_console_input_ready(struct virtio_console *console);
void virtio_console_output_ready(struct virtio_console *console);
/*
 * After the last vCPU: offer the owner what the guest has written and is not
 * taken yet; true when nothing is left.  Not from within the callbacks.
 */
bool virtio_console_flush(struct virtio_console *console);
/* The terminal's size; sent to the guest as a configuration change. */
void virtio_console_resize(struct virtio_console *console, uint16_t columns,
			   uint16_t rows);

/* --- rng.c --- */

/* Random numbers from the host; returns the device's number or -1. */
int virtio_rng_add(struct virtio_bus *bus, struct error *error);

/* --- net.c: ethN --- */

struct net_device_options {
	const char *tag;		/* "eth0" */
	uint8_t mac[NET_MAC];
	/* Becomes the device's, also on failure. */
	struct net_backend *backend;
};

/* Returns the device's number or -1. */
int virtio_net_add(struct virtio_bus *bus,
		   const struct net_device_options *options,
		   struct error *error);

/* --- vsock.c: sockets between guest and host --- */

struct vsock_options {
	uint32_t cid;		/* of the guest, 3 or more */
	/*
	 * Listening, non-blocking; becomes the device's if it is added.  -1 =
	 * programs of the host cannot connect.
	 */
	int listener;
	/* May the peer of this connection use the guest?  NULL = everybody. */
	bool (*allowed)(int fd);
	/*
	 * Port N of the host is the local socket CONNECT_PATH_N; copied.
	 * NULL = programs of the guest cannot connect.
	 */
	const char *connect_path;
};

/* Returns the device's number or -1. */
int virtio_vsock_add(struct virtio_bus *bus,
		     const struct vsock_options *options, struct error *error);

/* --- vhost_vsock.c: the same by the host's kernel --- */

/*
 * The kernel's vhost-vsock with a CID that nobody else has.  A descriptor, or
 * a negative errno.
 */
int vhost_vsock_open(uint32_t *cid);
/* Takes the descriptor.  Returns the device's number or -1. */
int virtio_vhost_vsock_add(struct virtio_bus *bus, int fd, uint32_t cid,
			   struct error *error);

/* --- vhost_user.c: any device, served by another process --- */

struct vhost_user_options {
	const char *tag;	/* "vhost0", "cofs0" */
	const char *kind;	/* "blk", "net", "fs", ... */
	const char *path;	/* of the socket */
	int memory_fd;		/* guest RAM as a file; stays the caller's */
	/* A configuration that is ours to give; length 0: ask the device. */
	const void *config;
	uint32_t config_len;
	uint64_t features;	/* that come with this configuration */
};

/* Is there such a kind of device? */
bool virtio_vhost_user_knows(const char *kind);

/* Connect and add the device.  Its number or -1. */
int virtio_vhost_user_add(struct virtio_bus *bus,
			  const struct vhost_user_options *options,
			  struct error *error);

#endif
