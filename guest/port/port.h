/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the port share, grouped by the file that implements it.
 * Context words: "any" = any context, NMI included; "irq" = IF=0 or 1, not
 * NMI; "boot" = boot CPU, once, during kernel start.
 */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <colinux/types.h>
#include <colinux/layout.h>
#include <colinux/passage.h>
#include <colinux/hypercall.h>
#include <colinux/device.h>
#include "kernel.h"
#include "cpu.h"

#define boot_info ((struct colinux_boot_info *)COLINUX_PORT_DATA_VA)

/* Port state of one vCPU, in colinux_vcpu_area.port_private: 0 at its start. */
struct port_vcpu {
	u32 busy;	/* IF=0 code is filling or reading the area */
	u32 self;	/* the next VECTOR_SELF is our own int instruction */
	u32 spins;	/* how often port_pause_yield() was called */
	u32 drained;	/* how often drain() has delivered something */
	u32 turn;	/* how long an idle vCPU looks for work, TSC ticks */
};

struct pt_regs;

/* ---- setup.c ---- */

/* The first port code that the kernel calls, boot. */
void port_start(void);
/* Print a line on the early console and end the guest as panicked. Any. */
__attribute__((noreturn)) void port_die(const char *text);
/* Zeroed memory from the port's heap, never freed; dies when it is full. */
void *port_alloc(unsigned long size, unsigned long align);
/* Hooks that do nothing; return 0. */
void port_nothing(void);
int port_zero(void);

/* ---- hypercall.c ---- */

/* Number of the vCPU that runs this; IF=0 or a pinned caller. Any. */
unsigned int port_cpu(void);
struct colinux_vcpu_area *port_area(unsigned int cpu);
struct port_vcpu *port_vcpu(unsigned int cpu);
/*
 * Call the host; the result is colinux_vcpu_area.ret.  Virtual interrupts that
 * came meanwhile are delivered before it returns when IF was 1. irq.
 */
s64 port_hypercall(u64 nr, u64 arg0, u64 arg1, u64 arg2, u64 arg3, u64 arg4);
/* One without arguments that answers in args: its first PORT_ANSWER. IF=0. */
#define PORT_ANSWER	4
s64 port_hypercall_answer(u64 nr, u64 *answer);
/*
 * The same area, in few instructions, once port_hypercall_init() has found
 * where the kernel keeps the CPU's number. IF=0.
 */
extern unsigned long port_cpu_number;
void port_hypercall_init(void);		/* boot, from port_start */
static inline struct colinux_vcpu_area *port_this_area(void)
{
	return (void *)COLINUX_VCPU_AREA_VA(
		(unsigned long)percpu_read32(port_cpu_number));
}
/* Whether the vCPU would run, but its host has given it no CPU. Any. */
static inline bool port_is_preempted(unsigned long cpu)
{
	const struct colinux_vcpu_area *area =
		(void *)COLINUX_VCPU_AREA_VA(cpu);

	return READ_ONCE(area->run_state) == COLINUX_VCPU_PREEMPTED;
}
/* Whether that is so of any of this guest's. Any. */
bool port_any_preempted(void);
/* Give the CPU to the host to handle interrupt `vector`. IF=0. */
void port_forward_interrupt(struct colinux_vcpu_area *area,
			    unsigned int vector);
/*
 * Give the CPU to the host for an NMI or machine check (enum colinux_reason);
 * rip, rflags: what it found.  Noted for the next passage if one is under way.
 * Any.
 */
void port_forward_event(u32 reason, unsigned long rip, unsigned long rflags);
/* From port_pause_entry: code spins. Any. */
void port_pause_yield(void);
/* Sleep until something is pending; returns with IF=1 and it delivered. */
void port_safe_halt(void);
/* Sleep until COLINUX_VIRQ_WAKE, with IF=0; may return early. */
void port_wait_for_kick(void);
/* Set a bit of another vCPU's `pending` and wake it. Not NMI. */
void port_kick(unsigned int cpu, unsigned int virq);
/* The caller has no more use for the CPU, IF=0. */
void port_halt(void);
__attribute__((noreturn)) void port_end(enum colinux_end how);
/* Machine address of port data (not text, not the stack). */
u64 port_machine(const void *data);

/* ---- entry.S ---- */

/* The passage's first entry point, see passage.h. */
void port_passage(u64 self, u64 peer);

/* Gate of the rewritten `pause` instructions. */
extern char port_pause_entry[];
/* NMI gate of a vCPU that starts: drops it, there is no TSS yet. */
extern char port_early_nmi_entry[];

/* ---- idle.c ---- */

/* What an idle vCPU does in place of STI and HLT: called with IF=0, returns with 1. */
void (*port_idle(void))(void);

/* ---- irq.c ---- */

/* SDM vol. 3, table 6-1. */
#define VECTOR_NMI	2
#define VECTOR_MC	18
#define VECTOR_PAUSE	0x1b	/* no exception has it; daemon/kernel/pause.c */
#define VECTOR_SELF	0xeb

/* Install the pause gate in the tables that exist now. boot */
void port_irq_early(void);
/* x86_init.irqs.intr_init. boot */
void port_irq_init(void);
/* Have `vector` enter where `with` does, on the same stack. IF=0. boot */
void port_irq_share_gate(unsigned int vector, unsigned int with);
/* Point this CPU's vector_irq at us; IF=0. */
void port_irq_vectors(void);
/*
 * Device `device` asks for attention on this CPU: implemented by the virtio
 * transport. Hard interrupt context.
 */
void port_device_interrupt(unsigned int device);

/* ---- nmi.c ---- */

void port_nmi_init(void);	/* boot, any time before the first sti */
void port_machine_check(struct pt_regs *regs);
/* When the NMI gate is in idt_table and no interrupt has come; IF=0. boot */
void port_machine_check_gate(void);

/* ---- time.c ---- */

void port_time_init(void);	/* boot, from port_start */
void port_time_interrupt(unsigned int cpu);	/* IF=0 */
/* Register this CPU's clock event device. */
void port_time_cpu(void);
/* Set the wall clock anew; process context, when the initcalls are done. */
void port_time_late(void);

/* ---- clock.c ---- */

/* Keep the kernel's clocks with the host's from now on. Late boot. */
void port_clock_init(void);
/* Before each tick is handled, IF=0. */
void port_clock_tick(void);

/* ---- work.c ---- */

/* An item of the kernel's work queue; it is run by one CPU at a time. */
struct port_work {
	u64 item[8];	/* room for its struct work_struct (32 bytes) */
	u32 ready;
};

/* Once; 0 if this kernel has no work queue that we know. */
bool port_work_init(struct port_work *work, void (*run)(void *item));
/* Have run() called in process context; nothing before init. Not NMI. */
void port_work_queue(struct port_work *work);

/* ---- steal.c ---- */

void port_steal_init(void);	/* process context, boot CPU, after setup_arch */
/* Before each tick is handled, IF=0. */
void port_steal_tick(unsigned int cpu);

/* ---- cpuid.c ---- */

void port_cpuid(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
/* CPU features that are set whatever CPUID says. boot */
void port_cpuid_init(void);

/* ---- mtrr.c ---- */

/* Before mtrr_bp_init(). */
void port_mtrr_init(void);

/* ---- msr.c ---- */

void port_msr_init(void);	/* boot, from port_start */

/* ---- pv.c ---- */

void port_pv_init(void);	/* boot, from port_start */
/* CR4 of a new CPU and the kernel's shadow of it; IF=0. */
void port_pv_cpu(void);

/* ---- lock.c ---- */

/* Waiting for a lock lets others run, with several vCPUs. boot */
void port_lock_init(void);	/* memblock is there, from smp.c */

/* ---- tlb.c ---- */

void port_tlb_init(void);	/* boot, from port_start */

/* ---- platform.c ---- */

void port_platform_init(void);	/* boot, from port_start */

/* ---- console.c ---- */

void port_console_init(void);	/* boot, from port_start */
/* Early console output; no newline conversion. Any. */
void port_console_write(const char *text, unsigned int length);

/* ---- power.c ---- */

void port_power_init(void);	/* boot, from port_start */
/* Late boot: process context, after the fs_initcalls. */
void port_power_late(void);
/* The host asks for an orderly power-off. Hard interrupt context. */
void port_power_shutdown(void);

/* ---- smp.c ---- */

void port_smp_init(void);	/* boot, from port_start */
void port_smp_irq_init(void);	/* boot, before native_init_IRQ() */
/* x86_init.resources.dmi_setup: behind the last command line switch. boot */
void port_smp_keep(void);
/* Virtual interrupts of struct colinux_vcpu_area.pending that are IPIs. */
void port_smp_interrupt(u64 pending);

/* ---- proc.c ---- */

/* Make /proc/colinux. Late boot: process context. */
void port_proc_init(void);

/* ---- module.c ---- */

/* Rewrite `pause` in every module that comes; before the first one. */
void port_module_init(void);

/* ---- virtio*.c ---- */

/* This CPU goes off-line: its interrupts are others'. IF=0. */
void port_virtio_cpu_down(unsigned int cpu);

/* Late boot: process context, after the fs_initcalls. */
void port_virtio_init(void);

#endif
