/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hypercalls: colinux_vcpu_area.nr and args.  Results are in .ret: zero or
 * more on success, a negative Linux errno otherwise.  "In the kernel" means
 * that the driver answers; "exit" that VCPU_RUN returns to the VM process,
 * which puts the result into struct colinux_run before it runs the vCPU again.
 */
#ifndef COLINUX_HYPERCALL_H
#define COLINUX_HYPERCALL_H

#include "types.h"
#include "layout.h"

enum colinux_hypercall {
	/* Nothing; for measuring. In the kernel. */
	COLINUX_HC_NOP = 0,
	/*
	 * Sleep until one of the virtual interrupts of the mask args[0] is
	 * pending, of any if it is 0; may return early. In the kernel.
	 */
	COLINUX_HC_HALT = 1,
	/* Let the host and other vCPUs run; the caller spins. In the kernel. */
	COLINUX_HC_YIELD = 2,
	/*
	 * args[0] = absolute TSC value at which COLINUX_VIRQ_TIMER becomes
	 * pending; 0 disarms. One deadline per vCPU. In the kernel.
	 */
	COLINUX_HC_TIMER = 3,
	/* args[0] = vCPU, args[1] = COLINUX_VIRQ_* bit to set there. In the kernel. */
	COLINUX_HC_KICK = 4,
	/* args[0] = device, args[1] = queue: signal its doorbell. In the kernel. */
	COLINUX_HC_DOORBELL = 5,
	/* ret = nanoseconds since 1970, UTC, the host's wall clock. In the kernel. */
	COLINUX_HC_WALLCLOCK = 6,
	/*
	 * Early console: args[0] = guest virtual address (kernel direct map,
	 * port or image), args[1] = machine address, args[2] = length <= 4096,
	 * not crossing a page. Only args[1] is used by the host. Exit.
	 */
	COLINUX_HC_CONSOLE = 7,
	/* args[0] = device, args[1] = COLINUX_DEV_* command (device.h). Exit. */
	COLINUX_HC_DEVICE = 8,
	/* The guest is done: args[0] = enum colinux_end. Does not return. Exit. */
	COLINUX_HC_END = 9,
	/*
	 * Start vCPU args[0]: RIP = args[1], CR3 = args[2], RSI = args[3],
	 * RSP = args[4]. Exit (the VM process starts its thread).
	 */
	COLINUX_HC_VCPU_UP = 10,
	/* This vCPU is off-line; does not return until it is started again. Exit. */
	COLINUX_HC_VCPU_DOWN = 11,
	/*
	 * Counters of vCPU args[0], into the caller's colinux_vcpu_area.stats.
	 * In the kernel.
	 */
	COLINUX_HC_STATS = 12,
	/*
	 * As KICK for each bit of args[0], vCPU 0 is bit 0; args[1] = the
	 * COLINUX_VIRQ_* bit. In the kernel.
	 */
	COLINUX_HC_KICK_MASK = 13,
	/*
	 * The host's clocks: back in args[0] a TSC value, in args[1] what its
	 * monotonic and in args[2] what its wall clock said then (WALLCLOCK),
	 * in args[3] the ticks between which that was. In the kernel.
	 */
	COLINUX_HC_CLOCK = 14,
	/*
	 * From now on interrupt args[1] of device args[0] (device.h) is vCPU
	 * args[2]'s; all are vCPU 0's at first. In the kernel.
	 */
	COLINUX_HC_ROUTE = 15,
};

/* How a guest ended: args[0] of COLINUX_HC_END. */
enum colinux_end {
	COLINUX_END_POWEROFF = 0,
	COLINUX_END_REBOOT = 1,
	COLINUX_END_PANIC = 2,	/* its text went to the early console */
	COLINUX_END_HALT = 3,
};

/* Longest colinux_boot_info.halt_poll_us: 2^32 ticks of any TSC are more. */
#define COLINUX_HALT_POLL_MAX	10000

#define COLINUX_BOOT_MAGIC	0x78756e696c6f63ull	/* "colinux" */

/*
 * First page of the port's data region, written by the loader before the
 * first vCPU runs, except irq_pending.
 */
struct colinux_boot_info {
	__u64 magic;
	__u32 abi_version;
	__u32 nr_vcpus;
	__u64 tsc_khz;
	__u64 port_machine;	/* machine address of the text region */
	__u64 data_machine;	/* machine address of the data region */
	__u32 nr_devices;	/* device pages 0..n-1 may be probed */
	__u32 halt_poll_us;	/* an idle vCPU may look for work so long; 0 = not */
	__u64 host_pat;		/* the host's IA32_PAT: the guest's must equal it */
	__u64 pad1[8];

	/*
	 * What each device interrupts for: bit n = its interrupt n (device.h).
	 * Set by the host with a locked OR, before the device's bit in
	 * colinux_vcpu_area.device_pending; taken by the guest with a locked
	 * AND.
	 */
	__u32 irq_pending[COLINUX_MAX_DEVICES] __attribute__((aligned(64)));
};

#endif
