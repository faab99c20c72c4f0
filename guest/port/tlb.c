// SPDX-License-Identifier: GPL-2.0
/*
 * Asking other CPUs to flush: not those that do not run.  What they have in
 * their TLB is gone when they come back, see enum colinux_run_state.
 *
 * Page tables must then be freed by RCU: a CPU that is not asked does not
 * answer either, and answering is how native kernels wait for lockless walks.
 */
#include "port.h"

extern char pv_ops[] KERNEL("pv_ops");
void native_flush_tlb_multi(const void *cpus, const void *info)
	KERNEL("native_flush_tlb_multi") weak;
extern char tlb_remove_table[] KERNEL("tlb_remove_table") weak;

EXPECT_FUNC_IF("native_flush_tlb_multi void(const struct cpumask *,"
	       "const struct flush_tlb_info *)");
EXPECT_FUNC_IF("tlb_remove_table void(struct mmu_gather *,void *)");
EXPECT_MEMBER_IF("pv_mmu_ops.flush_tlb_multi void(const struct cpumask *,"
		 "const struct flush_tlb_info *)");
EXPECT_MEMBER_IF("pv_mmu_ops.tlb_remove_table "
		 "void(struct mmu_gather *,void *)");

/* A cpumask of the kernel's size, of which we use the first 64 bits. */
static u64 *masks[COLINUX_MAX_VCPUS];

/* Preemption off: the mask is this CPU's. */
static void flush_tlb_multi(const void *cpus, const void *info)
{
	u64 *mask = masks[port_cpu()];
	u64 left = *(const u64 *)cpus;

	*mask = left;
	/* The page table is changed before run_state is read. */
	__sync_synchronize();
	while (left) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(left);

		left &= left - 1;
		if (READ_ONCE(port_area(cpu)->run_state) !=
		    COLINUX_VCPU_RUNNING)
			*mask &= ~(1ull << cpu);
	}
	native_flush_tlb_multi(mask, info);
}

void port_tlb_init(void)
{
	unsigned long mmu = OFFSET("paravirt_patch_template.mmu");
	unsigned long flush = OFFSET_IF("pv_mmu_ops.flush_tlb_multi");

	if (boot_info->nr_vcpus < 2 || flush == MISSING ||
	    !native_flush_tlb_multi || !tlb_remove_table)
		return;
	for (unsigned int cpu = 0; cpu < boot_info->nr_vcpus; cpu++)
		masks[cpu] = port_alloc(SIZEOF("cpumask"), sizeof(u64));
	AT(void *, pv_ops + mmu, flush) = flush_tlb_multi;
	/* Gone where it is the only way. */
	set_if_present(pv_ops + mmu,
		       OFFSET_IF("pv_mmu_ops.tlb_remove_table"),
		       tlb_remove_table);
}
