/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Driver interface: the same structures for Linux ioctl() on /dev/colinux and
 * NT DeviceIoControl().  One open file is one VM; closing it (process death
 * included) ends the VM and gives its memory back.
 *
 * Every call takes one struct, in and out.  Unknown flags and non-zero padding
 * are refused with -EINVAL.
 */
#ifndef COLINUX_IOCTL_H
#define COLINUX_IOCTL_H

#include "types.h"
#include "passage.h"
#include "stats.h"

/* abi_version in = ours, out = the driver's; -EPROTO when they differ. */
struct colinux_version {
	__u32 abi_version;
	__u32 levels;		/* out: page-table levels of the host, 4 or 5 */
	__u64 tsc_khz;		/* out */
	__u64 pat;		/* out: the host's IA32_PAT */
	char build[64];		/* out: version string of the driver */
};

/* Longest colinux_create.watchdog, seconds. */
#define COLINUX_WATCHDOG_MAX	3600

/* Allocate guest RAM (zeroed) and vCPUs. */
struct colinux_create {
	__u64 memory;		/* bytes, multiple of 2 MiB */
	__u64 image;		/* bytes that must be contiguous from offset 0 */
	__u32 nr_vcpus;
	__u32 flags;		/* 0 */
	__u32 nr_extents;	/* out */
	/*
	 * In: seconds that a vCPU may keep interrupts off without a word to
	 * the host before the guest is ended, 0 = any time.  Out: 0 when the
	 * host cannot watch.
	 */
	__u32 watchdog;
	char name[64];		/* for the log; NUL-terminated */
};

struct colinux_extent {
	__u64 machine;		/* machine-physical address */
	__u64 size;		/* bytes */
};

/* Copy the extent table to user memory. */
struct colinux_get_extents {
	__u64 table;		/* pointer to nr struct colinux_extent */
	__u32 nr;		/* in: room; out: entries there are */
	__u32 pad;
};

/* First registers of a vCPU; it must not be running. */
struct colinux_vcpu_setup {
	__u32 vcpu;
	__u32 pad;
	__u64 rip, rsp, cr3, rdi, rsi;
};

/* Why VCPU_RUN came back. */
enum colinux_run_exit {
	COLINUX_RUN_INTR = 1,		/* a signal is pending: call again */
	COLINUX_RUN_HYPERCALL = 2,	/* nr, args: put the result into ret */
	COLINUX_RUN_KILLED = 3,		/* by the monitor; reason is a sentence */
};

struct colinux_run {
	__u32 vcpu;
	__u32 exit;		/* out: enum colinux_run_exit */
	__s64 ret;		/* in: result of the hypercall that came out last */
	__u64 nr;		/* out: COLINUX_HC_* */
	__u64 args[6];		/* out */
	char reason[128];	/* out, with COLINUX_RUN_KILLED */
};

/* Raise an interrupt of a device: a queue's, or COLINUX_IRQ_PAGE. */
struct colinux_set_irq {
	__u32 device;
	__u32 irq;
};

/* Tie an event object (eventfd, KEVENT handle) to a device; fd -1 unties. */
struct colinux_event {
	__u32 device;
	__u32 queue;		/* IRQFD: or COLINUX_IRQ_PAGE */
	__s64 fd;
};

/* Set COLINUX_VIRQ_* bit `virq` of a vCPU, waking it. */
struct colinux_kick {
	__u32 vcpu;
	__u32 virq;
};

/*
 * NT, which has no mmap(): map all of guest RAM into the calling process,
 * read-write, until the VM or the process ends; once per VM.
 */
struct colinux_map {
	__u64 address;		/* out; 0 in */
	__u64 size;		/* out; 0 in */
};

/*
 * A part of guest RAM that the guest does not use (its balloon).  RELEASE gives
 * its frames to the host, RECLAIM takes exactly these frames back, zeroed.  The
 * whole part or nothing: -EINVAL when it is not inside one extent or the first
 * 4 MiB (the port) are touched, or when any of it is (not) released already;
 * -EBUSY: RELEASE of frames that the host can take with others only, RECLAIM
 * while it cannot do without one of them.
 * -EOPNOTSUPP on hosts that cannot do it at all.
 */
struct colinux_range {
	__u64 offset;		/* in guest RAM, multiple of 2 MiB */
	__u64 size;		/* bytes, multiple of 2 MiB */
};

/* Function numbers; each host turns them into its own request codes. */
enum colinux_ioctl {
	COLINUX_IOC_VERSION = 0,	/* struct colinux_version */
	COLINUX_IOC_CREATE = 1,		/* struct colinux_create */
	COLINUX_IOC_GET_EXTENTS = 2,	/* struct colinux_get_extents */
	COLINUX_IOC_VCPU_SETUP = 3,	/* struct colinux_vcpu_setup */
	COLINUX_IOC_VCPU_RUN = 4,	/* struct colinux_run; sleeps */
	COLINUX_IOC_SET_IRQ = 5,	/* struct colinux_set_irq */
	COLINUX_IOC_IRQFD = 6,		/* struct colinux_event */
	COLINUX_IOC_DOORBELL = 7,	/* struct colinux_event */
	COLINUX_IOC_KICK = 8,		/* struct colinux_kick */
	COLINUX_IOC_STATS = 9,		/* struct colinux_stats */
	COLINUX_IOC_MAP = 10,		/* struct colinux_map; NT only */
	COLINUX_IOC_RELEASE = 11,	/* struct colinux_range */
	COLINUX_IOC_RECLAIM = 12,	/* struct colinux_range; takes its time */
};

/* Linux request code: _IOWR(COLINUX_IOC_TYPE, nr, struct). */
#define COLINUX_IOC_TYPE	0xC0

/*
 * NT: \\.\colinux, to be opened for overlapped I/O (VCPU_RUN blocks its thread,
 * and a synchronous file object admits one call at a time).  Control code:
 * CTL_CODE(device type, 0x800 + nr, METHOD_BUFFERED, read and write access),
 * in- and output buffer exactly one struct.  A negative errno is the status
 * below, which GetLastError() gives unchanged: bit 29 marks it as not
 * Microsoft's.  EPROTO is a warning, so that VERSION's answer is copied.
 */
#define COLINUX_NT_DEVICE_TYPE	0x8c01u
#define COLINUX_NT_CODE(nr) \
	(COLINUX_NT_DEVICE_TYPE << 16 | 3u << 14 | (0x800u + (nr)) << 2)
#define COLINUX_NT_ERROR(errno_)	(0xe0c00000u | (__u32)(errno_))
#define COLINUX_NT_WARNING(errno_)	(0xa0c00000u | (__u32)(errno_))

#endif
