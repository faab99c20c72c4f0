/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of one file of the port in user space: what it includes, but
 * guest/port/cpu.h, whose rdtsc(), irq_save() and so on the test has before the
 * file, and pages of the test in place of the areas of vCPUs and the boot
 * information.
 */
#ifndef FAKE_CPU_H
#define FAKE_CPU_H

#define PORT_CPU_H
#include "../../../guest/port/kernel.h"
#undef NULL
#define NULL ((void *)0)
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
static inline u32 percpu_read32(unsigned long offset)
{
	return (u32)offset;
}

#include <colinux/layout.h>
#include <colinux/passage.h>
static struct colinux_vcpu_area fake_area;
static u8 fake_data[4096] __attribute__((aligned(4096)));
#undef COLINUX_VCPU_AREA_VA
#define COLINUX_VCPU_AREA_VA(n) ((u64)&fake_area + (n))
#undef COLINUX_PORT_DATA_VA
#define COLINUX_PORT_DATA_VA ((u64)fake_data)

unsigned long port_cpu_number;

#endif
