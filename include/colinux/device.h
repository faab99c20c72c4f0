/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-colinux: a virtio 1.x transport.  One shared page per device, at
 * COLINUX_DEVICE_PAGE_VA(n) in the guest; the host side finds it at RAM offset
 * COLINUX_PORT_DATA_OFFSET + COLINUX_DEVICE_PAGES + n * 4096.
 *
 * The guest writes its request into the page and calls COLINUX_HC_DEVICE with
 * one of the commands below; the answer is in ret and in the page.  Doorbells
 * are COLINUX_HC_DOORBELL.  A device has one interrupt for each queue, and one
 * for what is new in its page: config_generation, status, plug.  Each goes to
 * one vCPU, which the guest chooses (COLINUX_HC_ROUTE).
 *
 * Hot plug: the host fills the page of an empty slot and interrupts for what is
 * new; the guest finds a page that it has no device for and registers it.
 * To take one away the host writes `plug` and interrupts; the guest lets go of
 * the device, or not, and answers COLINUX_DEV_EJECT.
 *
 * Addresses of queues and buffers are machine addresses (the guest's physical
 * addresses are); little endian; VIRTIO_F_VERSION_1 is mandatory.
 */
#ifndef COLINUX_DEVICE_H
#define COLINUX_DEVICE_H

#include "types.h"
#include "layout.h"

#define COLINUX_DEVICE_MAGIC	0x76636f6cu	/* "loc" "v" */
#define COLINUX_DEVICE_QUEUES	16
#define COLINUX_IRQ_PAGE	COLINUX_DEVICE_QUEUES	/* the page's */
#define COLINUX_DEVICE_IRQS	(COLINUX_DEVICE_QUEUES + 1)
#define COLINUX_DEVICE_CONFIG	1024		/* bytes of config space */

enum colinux_device_command {
	/* Reset: status = 0, all queues off; returns when the back-end is quiet. */
	COLINUX_DEV_RESET = 0,
	/* The driver wrote `status` (virtio 1.2 section 2.1). */
	COLINUX_DEV_STATUS = 1,
	/* The driver wrote `driver_features`; -EINVAL if not a subset. */
	COLINUX_DEV_FEATURES = 2,
	/* Queue args[2] is described in queue[]; `enable` says on or off. */
	COLINUX_DEV_QUEUE = 3,
	/* The driver wrote args[3] bytes of config at offset args[2]. */
	COLINUX_DEV_CONFIG_WRITE = 4,
	/*
	 * The answer to `plug`, which the host clears: args[2] = 0: the guest
	 * has forgotten the device and asks nothing of it any longer; else a
	 * positive Linux errno (EBUSY: it is in use) and nothing has changed.
	 */
	COLINUX_DEV_EJECT = 5,
};

/* colinux_device_page.plug */
enum colinux_device_plug {
	COLINUX_PLUG_NONE = 0,
	COLINUX_PLUG_ASK = 1,	/* let go of the device unless it is in use */
	COLINUX_PLUG_FORCE = 2,	/* in any case */
};

struct colinux_device_queue {
	__u16 max_size;		/* by the device; 0 = no such queue */
	__u16 size;		/* by the driver, power of two */
	__u32 enable;
	__u64 desc, avail, used;	/* machine addresses */
};

struct colinux_device_page {
	__u32 magic;		/* 0 = empty slot */
	__u32 device_id;	/* virtio 1.2 section 5 */
	__u32 vendor_id;
	__u32 config_generation;	/* even = stable; +1 before, +1 after */
	__u64 device_features;
	__u64 driver_features;
	__u32 status;
	__u32 nr_queues;
	__u32 config_len;
	__u32 plug;		/* enum colinux_device_plug, by the host */
	char tag[32];		/* for people: "cobd0", "eth0", "console" */
	struct colinux_device_queue queue[COLINUX_DEVICE_QUEUES];
	__u8 pad1[512 - 80];
	__u8 config[COLINUX_DEVICE_CONFIG];
	__u8 pad2[4096 - 512 - 16 * 32 - COLINUX_DEVICE_CONFIG];
};

_Static_assert(sizeof(struct colinux_device_queue) == 32, "queue");
_Static_assert(sizeof(struct colinux_device_page) == COLINUX_PAGE_SIZE, "page");
_Static_assert(__builtin_offsetof(struct colinux_device_page, config) == 1024,
	       "config");

#endif
