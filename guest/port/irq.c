// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts: every external vector enters the kernel's own stubs, ends in
 * interrupt() below, in hard interrupt context, and goes to the host.  On the
 * way back, what the host has left for this vCPU is delivered.
 *
 * The kernel's path is stub -> asm_common_interrupt -> common_interrupt() ->
 * vector_irq[vector]->handle_irq(desc).  Nothing else of the descriptor is
 * read, so the "descriptors" are 8 bytes apart and overlap: their handle_irq
 * members form one array of identical pointers, and the address of the
 * descriptor tells the vector.
 */
#include "port.h"

#define FIRST_VECTOR	0x20	/* SDM vol. 3, 6.2: up to 31 are exceptions */
#define NR_VECTORS	256
#define SYSCALL_VECTOR	0x80	/* int 0x80, the 32-bit system call */
/* SDM vol. 3, figure 6-8: interrupt gate, present, DPL 0, no IST. */
#define GATE_PRESENT_INTERRUPT 0x8e00
#define KERNEL_CS	0x10	/* Linux: GDT_ENTRY_KERNEL_CS * 8 */

struct gate {
	u16 offset_low, segment, bits, offset_middle;
	u32 offset_high, reserved;
};

typedef void (*flow_handler_t)(void *desc);

extern struct gate idt_table[NR_VECTORS] KERNEL("idt_table");
extern struct gate bringup_idt_table[] KERNEL("bringup_idt_table") weak;
extern u8 irq_entries_start[] KERNEL("irq_entries_start");
extern u8 spurious_entries_start[] KERNEL("spurious_entries_start");
extern char vector_irq[] KERNEL("vector_irq");
extern char irq_stat[] KERNEL("irq_stat") weak;	/* per CPU, irq_cpustat_t */
void native_init_IRQ(void) KERNEL("native_init_IRQ");
int set_memory_rw(unsigned long address, int pages) KERNEL("set_memory_rw");
int set_memory_ro(unsigned long address, int pages) KERNEL("set_memory_ro");

EXPECT_FUNC("native_init_IRQ void(void)");
EXPECT_FUNC("set_memory_rw int(unsigned long,int)");
EXPECT_FUNC("set_memory_ro int(unsigned long,int)");
EXPECT_MEMBER("irq_desc.handle_irq irq_flow_handler_t");
PATCH("spurious-stubs");

/* Where handle_irq of the descriptor of each vector is. */
static flow_handler_t handlers[NR_VECTORS];
/* The "descriptor" of vector 0. */
static u64 first_desc;

weak void port_device_interrupt(unsigned int device);
weak void port_device_interrupt(unsigned int device)
{
	(void)device;
}

/* Handler code of the same kernel: what is half written is not used, IF=0. */
static void set_gate(struct gate *gate, const void *entry)
{
	u64 address = (u64)entry;

	*gate = (struct gate) {
		.offset_low = (u16)address,
		.segment = KERNEL_CS,
		.bits = GATE_PRESENT_INTERRUPT,
		.offset_middle = (u16)(address >> 16),
		.offset_high = (u32)(address >> 32),
	};
}

void port_irq_share_gate(unsigned int vector, unsigned int with)
{
	idt_table[vector] = idt_table[with];
}

void port_irq_early(void)
{
	set_gate(&idt_table[VECTOR_PAUSE], port_pause_entry);
	/* Secondary vCPUs run on this one until they load idt_table. */
	if (bringup_idt_table) {
		set_gate(&bringup_idt_table[VECTOR_PAUSE], port_pause_entry);
		set_gate(&bringup_idt_table[VECTOR_NMI], port_early_nmi_entry);
	}
}

/*
 * A table of stubs: [endbr64] push $vector; jmp ...; padding.  The vector of
 * the first and the distance are read from it.
 */
struct stubs {
	const u8 *start;
	unsigned int first, stride;
};

static struct stubs read_stubs(const u8 *start)
{
	static const u8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct stubs stubs = { .start = start };
	unsigned int push = 0;

	while (push < sizeof(endbr64) && start[push] == endbr64[push])
		push++;
	if ((push && push != sizeof(endbr64)) || start[push] != 0x6a)
		port_die("port: interrupt stubs of an unknown form\n");
	stubs.first = start[push + 1];
	for (stubs.stride = 8; stubs.stride <= 32; stubs.stride += 8) {
		const u8 *next = start + stubs.stride + push;

		if (next[0] == 0x6a && next[1] == stubs.first + 1)
			return stubs;
	}
	port_die("port: interrupt stubs at an unknown distance\n");
}

static void set_all_gates(void)
{
	struct stubs irq = read_stubs(irq_entries_start);
	struct stubs system = read_stubs(spurious_entries_start);
	unsigned long flags = irq_save();

	if (irq.first != FIRST_VECTOR)
		port_die("port: interrupt stubs do not begin at vector 0x20\n");
	for (unsigned int v = FIRST_VECTOR; v < NR_VECTORS; v++) {
		const struct stubs *stubs = v < system.first ? &irq : &system;

		if (v != SYSCALL_VECTOR)
			set_gate(&idt_table[v], stubs->start +
				 stubs->stride * (v - stubs->first));
	}
	irq_restore(flags);
}

static void drain_devices(struct colinux_vcpu_area *area)
{
	u64 devices = __sync_lock_test_and_set(&area->device_pending, 0);

	while (devices) {
		unsigned int device = (unsigned int)__builtin_ctzll(devices);

		devices &= devices - 1;
		port_device_interrupt(device);
	}
}

static void count(unsigned long member)
{
	if (irq_stat && member != MISSING)
		AT(u32, this_cpu_offset(), (unsigned long)irq_stat + member)++;
}

/* What the kernel's own handlers count: LOC, RES, CAL, IWI of /proc/interrupts. */
static void count_all(u64 pending)
{
	if (pending & 1ull << COLINUX_VIRQ_TIMER)
		count(OFFSET_IF("irq_cpustat_t.apic_timer_irqs"));
	if (pending & 1ull << COLINUX_VIRQ_RESCHED)
		count(OFFSET_IF("irq_cpustat_t.irq_resched_count"));
	if (pending & (1ull << COLINUX_VIRQ_CALL | 1ull << COLINUX_VIRQ_CALL_ONE))
		count(OFFSET_IF("irq_cpustat_t.irq_call_count"));
	if (pending & 1ull << COLINUX_VIRQ_IRQ_WORK)
		count(OFFSET_IF("irq_cpustat_t.apic_irq_work_irqs"));
}

/* Hard interrupt context, IF=0.  Apart: interrupt() saves no registers then. */
static __attribute__((noinline)) void drain(unsigned int cpu)
{
	struct colinux_vcpu_area *area = port_area(cpu);
	u64 pending;

	while (READ_ONCE(area->pending)) {
		pending = __sync_lock_test_and_set(&area->pending, 0);
		count_all(pending);
		port_vcpu(cpu)->drained++;
		if (pending & 1ull << COLINUX_VIRQ_TIMER)
			port_time_interrupt(cpu);
		if (pending & 1ull << COLINUX_VIRQ_DEVICE)
			drain_devices(area);
		if (pending & 1ull << COLINUX_VIRQ_SHUTDOWN)
			port_power_shutdown();
		port_smp_interrupt(pending);
	}
}

/* In place of a struct irq_desc's handler; hard interrupt context, IF=0. */
static void interrupt(void *desc)
{
	unsigned int vector = (unsigned int)(((u64)desc - first_desc) /
					     sizeof(flow_handler_t));
	struct colinux_vcpu_area *area = port_this_area();
	struct port_vcpu *vcpu = (void *)area->port_private;

	if (vector == VECTOR_SELF && vcpu->self)
		WRITE_ONCE(vcpu->self, 0);
	else
		port_forward_interrupt(area, vector);
	if (READ_ONCE(area->pending))
		drain(port_cpu());
}

void port_irq_vectors(void)
{
	unsigned long flags = irq_save();
	char **table = (char **)(this_cpu_offset() + vector_irq);

	for (unsigned int v = FIRST_VECTOR; v < NR_VECTORS; v++)
		table[v] = (char *)first_desc + v * sizeof(handlers[0]);
	irq_restore(flags);
}

void port_irq_init(void)
{
	for (unsigned int v = 0; v < NR_VECTORS; v++)
		handlers[v] = interrupt;
	first_desc = (u64)handlers - OFFSET("irq_desc.handle_irq");
	port_smp_irq_init();
	native_init_IRQ();
	/*
	 * It has made the table read-only.  Writing with CR0.WP off would leave
	 * a dirty page there, which kernels from 6.16 on complain about.
	 */
	if (set_memory_rw((unsigned long)idt_table, 1))
		port_die("port: idt_table cannot be written\n");
	set_all_gates();
	port_machine_check_gate();
	set_memory_ro((unsigned long)idt_table, 1);
	port_irq_vectors();
}
