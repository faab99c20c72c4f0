// SPDX-License-Identifier: GPL-2.0
/*
 * Secondary vCPUs and interrupts between vCPUs.
 *
 * The kernel's own bring-up runs; only "send INIT and SIPI" becomes a
 * hypercall that starts the vCPU at secondary_startup_64.  vCPU number, APIC
 * ID and Linux CPU number are the same.  With one vCPU the kernel finds no
 * SMP configuration and disables SMP by itself.
 */
#include "port.h"

#define START_KERNEL_MAP	0xffffffff80000000ul	/* linux/page_64_types.h */
#define APIC_VERSION		0x10	/* any integrated one */
#define NO_ACPI_ID		0xffffffffu

extern char x86_platform[] KERNEL("x86_platform");
extern char x86_init[] KERNEL("x86_init");
extern char x86_cpuinit[] KERNEL("x86_cpuinit");
extern char smp_ops[] KERNEL("smp_ops");
extern char apic_noop[] KERNEL("apic_noop");
extern void *real_mode_header KERNEL("real_mode_header");
extern int smp_found_config KERNEL("smp_found_config");
extern u32 apic_intr_mode KERNEL("apic_intr_mode");
extern char secondary_startup_64[] KERNEL("secondary_startup_64");
extern char init_top_pgt[] KERNEL("init_top_pgt");
extern u64 phys_base KERNEL("phys_base");
void call_function_interrupt(void)
	KERNEL("generic_smp_call_function_single_interrupt");
void irq_work_run(void) KERNEL("irq_work_run");
void play_dead_common(void) KERNEL("play_dead_common");

bool nmi_cpu_backtrace(void *regs) KERNEL("nmi_cpu_backtrace") weak;
/* Per CPU: what the interrupt that is being handled has interrupted. */
extern char irq_regs[] KERNEL("__irq_regs");

/* Up to 6.8. */
extern int disable_apic KERNEL("disable_apic") weak;
extern u32 boot_cpu_physical_apicid KERNEL("boot_cpu_physical_apicid") weak;
extern u8 boot_cpu_apic_version KERNEL("boot_cpu_apic_version") weak;
/* Up to 6.5 with a version. */
int generic_processor_info(int apicid, int version)
	KERNEL("generic_processor_info") weak;
/* 6.6 to 6.8: registers the boot CPU. */
void cpu_update_apic(int cpu, u32 apicid) KERNEL("cpu_update_apic") weak;
extern u32 cpuid_to_apicid[] KERNEL("cpuid_to_apicid") weak;
/* From 6.9. */
extern bool apic_is_disabled KERNEL("apic_is_disabled") weak;
void topology_register_boot_apic(u32 apic_id)
	KERNEL("topology_register_boot_apic") weak;
void topology_register_apic(u32 apic_id, u32 acpi_id, bool present)
	KERNEL("topology_register_apic") weak;

EXPECT_FUNC_IF("generic_processor_info int(int,int) | int(int)");
EXPECT_FUNC_IF("cpu_update_apic void(int,u32)");
EXPECT_FUNC("generic_smp_call_function_single_interrupt void(void)");
EXPECT_FUNC("play_dead_common void(void)");
/*
 * Called for each CPU that comes while the local APIC is off; what it writes is
 * read-only by then (6.12).  There is no I/O APIC: nobody reads it.
 */
EXPECT_FUNC("disable_ioapic_support void(void)");
PATCH("jump disable_ioapic_support = port_nothing");
EXPECT_FUNC("arch_irq_work_raise void(void)");
PATCH("jump arch_irq_work_raise = port_raise_irq_work");
/* An NMI where there is an APIC. */
EXPECT_FUNC_IF("nmi_raise_cpu_backtrace "
	       "void(cpumask_t *) | void(struct cpumask *)");
EXPECT_FUNC_IF("nmi_cpu_backtrace bool(struct pt_regs *)");
PATCH("jump? nmi_raise_cpu_backtrace = port_raise_backtrace");
/* Before 5.17 there is one for all. */
EXPECT_MEMBER_IF("apic.wakeup_secondary_cpu_64 int(int,unsigned long) | "
		 "int(u32,unsigned long) | "
		 "int(u32,unsigned long,unsigned int)");
EXPECT_MEMBER("apic.wakeup_secondary_cpu int(int,unsigned long) | "
	      "int(u32,unsigned long) | int(u32,unsigned long,unsigned int)");
EXPECT_MEMBER("smp_ops.smp_send_reschedule void(int)");
EXPECT_MEMBER("smp_ops.send_call_func_ipi void(const struct cpumask *)");
EXPECT_MEMBER("smp_ops.send_call_func_single_ipi void(int)");
EXPECT_MEMBER("smp_ops.stop_other_cpus void(int)");
EXPECT_MEMBER("smp_ops.play_dead void(void)");
EXPECT_MEMBER("smp_ops.cpu_disable int(void)");
EXPECT_MEMBER("smp_ops.smp_prepare_boot_cpu void(void)");

static int (*native_cpu_disable)(void);
static void (*native_prepare_boot_cpu)(void);

/* ---- registration ---- */

static void register_by_number(void)
{
	boot_cpu_physical_apicid = 0;
	boot_cpu_apic_version = APIC_VERSION;
	/* What reading the APIC would do. */
	if (cpu_update_apic && cpuid_to_apicid) {
		cpuid_to_apicid[0] = 0;
		cpu_update_apic(0, 0);
	}
	for (unsigned int cpu = 0; cpu < boot_info->nr_vcpus; cpu++)
		generic_processor_info((int)cpu, APIC_VERSION);
}

static void register_in_topology(void)
{
	topology_register_boot_apic(0);
	for (unsigned int cpu = 0; cpu < boot_info->nr_vcpus; cpu++)
		topology_register_apic(cpu, NO_ACPI_ID, 1);
}

/* get_smp_config(early), until 6.8: called twice. */
static void get_smp_config(unsigned int early)
{
	if (!early)
		register_by_number();
}

static void select_smp(void)
{
	apic_intr_mode = (u32)ENUM("APIC_SYMMETRIC_IO");
}

static u32 get_apic_id(unsigned long value)
{
	(void)value;
	return port_cpu();
}

static int phys_pkg_id(int apic_id, int shift)
{
	return apic_id >> shift;
}

/*
 * A kernel without CONFIG_X86_MPPARSE has just given up the APIC, and with it all
 * CPUs but one, because there is no ACPI (acpi_mps_check()).
 */
void port_smp_keep(void)
{
	if (&apic_is_disabled)
		apic_is_disabled = 0;
}

/*
 * From here on the local APIC is not touched.  Not earlier: the registration
 * of CPUs would be refused.
 */
void port_smp_irq_init(void)
{
	if (&disable_apic)
		disable_apic = 1;
	if (&apic_is_disabled)
		apic_is_disabled = 1;
}

/* ---- starting and stopping ---- */

static int wake_vcpu(int apic_id, unsigned long start)
{
	u64 cr3 = (u64)init_top_pgt - START_KERNEL_MAP + phys_base;
	/* Above port_private; used for one call, then the kernel's own. */
	u64 stack = COLINUX_VCPU_AREA_VA((u64)apic_id + 1) - 16;

	(void)start;
	return (int)port_hypercall(COLINUX_HC_VCPU_UP, (u64)apic_id,
				   (u64)secondary_startup_64, cr3, 0, stack);
}

/* stop_machine context, IF=0: fixup_irqs() has reset vector_irq. */
static int cpu_disable(void)
{
	int ret = native_cpu_disable();

	port_irq_vectors();
	if (!ret)
		port_virtio_cpu_down(port_cpu());
	return ret;
}

static __attribute__((noreturn)) void down(void)
{
	irq_save();
	for (;;)
		port_hypercall(COLINUX_HC_VCPU_DOWN, 0, 0, 0, 0, 0);
}

static void play_dead(void)
{
	play_dead_common();
	down();
}

/* ---- interrupts ---- */

static void send_reschedule(int cpu)
{
	port_kick((unsigned int)cpu, COLINUX_VIRQ_RESCHED);
}

static void send_call_single(int cpu)
{
	port_kick((unsigned int)cpu, COLINUX_VIRQ_CALL_ONE);
}

/* At most 64 vCPUs: the first word of the cpumask. */
static void send_call(const void *mask)
{
	port_hypercall(COLINUX_HC_KICK_MASK, READ_ONCE(*(const u64 *)mask),
		       COLINUX_VIRQ_CALL, 0, 0, 0);
}

/*
 * Only a panic comes here (power.c ends the guest otherwise).  Those with IF=0
 * never stop; the end of the guest stops them.
 */
static void stop_other_cpus(int wait)
{
	unsigned long flags = irq_save();
	unsigned int self = port_cpu();

	(void)wait;
	for (unsigned int cpu = 0; cpu < boot_info->nr_vcpus; cpu++)
		if (cpu != self)
			port_kick(cpu, COLINUX_VIRQ_STOP);
	irq_restore(flags);
}

static void crash_stop_other_cpus(void)
{
	stop_other_cpus(0);
}

/* Per-CPU variable, in pcpu_hot from 6.2. */
extern char preempt_count[] KERNEL("__preempt_count") weak;
extern char pcpu_hot[] KERNEL("pcpu_hot") weak;

#define PREEMPT_NEED_RESCHED	0x80000000u	/* asm/preempt.h, inverted */

static unsigned long preempt_count_offset(void)
{
	if (pcpu_hot)
		return (unsigned long)pcpu_hot +
		       OFFSET_IF("pcpu_hot.preempt_count");
	return (unsigned long)preempt_count;
}

/*
 * Another CPU has set the current task's TIF_NEED_RESCHED: into this CPU's
 * preemption count with it, where cond_resched() looks (scheduler_ipi(), which
 * the kernel inlines).  Without it loops that wait for a reschedule never end.
 *
 * The flag itself is not looked at: which bit it is (3, from 6.18 on 4) is not in
 * the kernel's types.  Without it (kick_process() sends this interrupt for its
 * own sake) the next point of preemption calls the scheduler for nothing, which
 * puts the count right.
 */
static void fold_need_resched(void)
{
	AT(u32, this_cpu_offset(), preempt_count_offset()) &=
		~PREEMPT_NEED_RESCHED;
}

#define NMI_MASK		0x00f00000u	/* linux/preempt.h */

/*
 * The kernel sends itself an interrupt through the APIC, if there is one: work
 * that came up where it could not be done.  Any context, preemption off.
 */
void port_raise_irq_work(void);
void port_raise_irq_work(void)
{
	unsigned int cpu = port_cpu();

	/* The passage may be under way: it then opens the window. */
	if (percpu_read32(preempt_count_offset()) & NMI_MASK)
		__sync_fetch_and_or(&port_area(cpu)->pending,
				    1ull << COLINUX_VIRQ_IRQ_WORK);
	else
		port_kick(cpu, COLINUX_VIRQ_IRQ_WORK);
}

/*
 * Have other CPUs say where they are (sysrq-l, stalls): all but those with IF=0,
 * for whom the kernel waits ten seconds.
 */
void port_raise_backtrace(const void *mask);
void port_raise_backtrace(const void *mask)
{
	port_hypercall(COLINUX_HC_KICK_MASK, READ_ONCE(*(const u64 *)mask),
		       COLINUX_VIRQ_BACKTRACE, 0, 0, 0);
}

void port_smp_interrupt(u64 pending)
{
	const u64 call = 1ull << COLINUX_VIRQ_CALL |
			 1ull << COLINUX_VIRQ_CALL_ONE;

	if (pending & 1ull << COLINUX_VIRQ_RESCHED)
		fold_need_resched();
	if (pending & call)
		call_function_interrupt();
	if (pending & 1ull << COLINUX_VIRQ_IRQ_WORK)
		irq_work_run();
	if ((pending & 1ull << COLINUX_VIRQ_BACKTRACE) && nmi_cpu_backtrace)
		nmi_cpu_backtrace(AT(void *, this_cpu_offset(),
				     (unsigned long)irq_regs));
	if (pending & 1ull << COLINUX_VIRQ_STOP)
		down();
}

/* On each new CPU between lapic_online() and its first sti. */
static void new_cpu(void)
{
	port_pv_cpu();
	port_irq_vectors();
}

static void prepare_boot_cpu(void)
{
	native_prepare_boot_cpu();
	port_lock_init();
}

/* No search for tables; with several vCPUs they are registered instead. */
static void init_configuration(bool smp)
{
	set_if_present(x86_init,
		       OFFSET_IF("x86_init_ops.mpparse.find_smp_config"),
		       port_nothing);
	set_if_present(x86_init,
		       OFFSET_IF("x86_init_ops.mpparse.get_smp_config"),
		       smp ? (void *)get_smp_config : (void *)port_nothing);
	set_if_present(x86_init,
		       OFFSET_IF("x86_init_ops.mpparse.find_mptable"),
		       port_nothing);
	set_if_present(x86_init,
		       OFFSET_IF("x86_init_ops.mpparse.early_parse_smp_cfg"),
		       port_nothing);
	set_if_present(x86_init,
		       OFFSET_IF("x86_init_ops.mpparse.parse_smp_cfg"),
		       smp ? register_in_topology : port_nothing);
}

void port_smp_init(void)
{
	bool smp = boot_info->nr_vcpus > 1;
	void **disable = &MEMBER(void *, smp_ops, "smp_ops.cpu_disable");
	void **prepare = &MEMBER(void *, smp_ops,
				 "smp_ops.smp_prepare_boot_cpu");
	unsigned long wake;

	init_configuration(smp);
	if (!smp)
		return;
	smp_found_config = 1;
	real_mode_header = port_alloc(SIZEOF("real_mode_header"), 8);
	MEMBER(void *, x86_init, "x86_init_ops.irqs.intr_mode_select") =
		select_smp;
	MEMBER(void *, x86_platform, "x86_platform_ops.nmi_init") = new_cpu;
	if (OFFSET_IF("x86_cpuinit_ops.parallel_bringup") != MISSING)
		AT(bool, x86_cpuinit,
		   OFFSET_IF("x86_cpuinit_ops.parallel_bringup")) = 0;

	wake = OFFSET_IF("apic.wakeup_secondary_cpu_64");
	if (wake == MISSING)
		wake = OFFSET("apic.wakeup_secondary_cpu");
	AT(void *, apic_noop, wake) = wake_vcpu;
	MEMBER(void *, apic_noop, "apic.get_apic_id") = get_apic_id;
	set_if_present(apic_noop, OFFSET_IF("apic.phys_pkg_id"), phys_pkg_id);

	MEMBER(void *, smp_ops, "smp_ops.smp_send_reschedule") =
		send_reschedule;
	MEMBER(void *, smp_ops, "smp_ops.send_call_func_single_ipi") =
		send_call_single;
	MEMBER(void *, smp_ops, "smp_ops.send_call_func_ipi") = send_call;
	MEMBER(void *, smp_ops, "smp_ops.stop_other_cpus") = stop_other_cpus;
	MEMBER(void *, smp_ops, "smp_ops.crash_stop_other_cpus") =
		crash_stop_other_cpus;
	MEMBER(void *, smp_ops, "smp_ops.play_dead") = play_dead;
	native_cpu_disable = *disable;
	*disable = cpu_disable;
	native_prepare_boot_cpu = *prepare;
	*prepare = prepare_boot_cpu;
}
