// SPDX-License-Identifier: GPL-2.0
/*
 * Where the port begins, and the small things that all of it uses.
 */
#include "port.h"

PRESET("x86_platform+x86_platform_ops.set_legacy_features = port_start");
EXPECT_MEMBER("x86_platform_ops.set_legacy_features void(void)");

void port_nothing(void)
{
}

int port_zero(void)
{
	return 0;
}

void port_die(const char *text)
{
	unsigned int length = 0;

	while (text[length])
		length++;
	port_console_write(text, length);
	port_end(COLINUX_END_PANIC);
}

/* Boot CPU before other CPUs run, or under the kernel's CPU hotplug lock. */
void *port_alloc(unsigned long size, unsigned long align)
{
	static unsigned long used;
	unsigned long start = (used + align - 1) & -align;
	char *memory = (char *)COLINUX_PORT_DATA_VA + COLINUX_PORT_HEAP +
		       start;

	if (start + size > COLINUX_PORT_HEAP_SIZE)
		port_die("port: the heap is full\n");
	used = start + size;
	/* After a reboot it holds what was there before. */
	for (unsigned long i = 0; i < size; i++)
		memory[i] = 0;
	return memory;
}

static void check_boot_info(void)
{
	if (boot_info->magic != COLINUX_BOOT_MAGIC)
		port_end(COLINUX_END_PANIC);
	if (boot_info->abi_version != COLINUX_ABI_VERSION)
		port_die("port: its ABI version is not the monitor's\n");
	if (!boot_info->nr_vcpus ||
	    boot_info->nr_vcpus > COLINUX_MAX_VCPUS)
		port_die("port: impossible number of vCPUs\n");
}

/* The areas survive a reboot: forget what the last kernel was doing. */
static void reset_vcpus(void)
{
	for (unsigned int cpu = 0; cpu < COLINUX_MAX_VCPUS; cpu++)
		*port_vcpu(cpu) = (struct port_vcpu) { 0 };
}

/*
 * Called by x86_early_init_platform_quirks(): IF=0, boot CPU, early page
 * tables, bss cleared, idt_table loaded with early handlers, nothing of
 * start_kernel() has happened.
 */
void port_start(void)
{
	port_irq_early();
	reset_vcpus();
	check_boot_info();
	port_hypercall_init();
	port_pv_init();
	port_msr_init();
	port_cpuid_init();
	port_mtrr_init();
	port_console_init();
	port_platform_init();
	port_time_init();
	port_power_init();
	port_smp_init();
	port_tlb_init();
}
