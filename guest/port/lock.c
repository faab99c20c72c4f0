// SPDX-License-Identifier: GPL-2.0
/*
 * Paravirtual spinlocks: the kernel's own queue, whose waiters sleep on the
 * host after a while instead of spinning, and are kicked by the holder.  And
 * who is worth waiting for: a vCPU that the host does not run is not.
 *
 * Not used with one vCPU, nor by kernels without CONFIG_PARAVIRT_SPINLOCKS,
 * whose contended locks spin in the pause gate.
 */
#include "port.h"

extern char pv_ops[] KERNEL("pv_ops");
void pv_init_lock_hash(void) KERNEL("__pv_init_lock_hash") weak;
extern char pv_slowpath[] KERNEL("__pv_queued_spin_lock_slowpath") weak;
/* Assembly that keeps all registers but RAX, as its callers expect. */
extern char pv_unlock[] KERNEL("__raw_callee_save___pv_queued_spin_unlock")
	weak;

EXPECT_FUNC_IF("__pv_init_lock_hash void(void)");
EXPECT_FUNC_IF("__pv_queued_spin_lock_slowpath "
	       "void(struct qspinlock *,u32)");
EXPECT_MEMBER_IF("pv_lock_ops.queued_spin_lock_slowpath "
		 "void(struct qspinlock *,u32)");
EXPECT_MEMBER_IF("pv_lock_ops.wait void(u8 *,u8)");
EXPECT_MEMBER_IF("pv_lock_ops.kick void(int)");
EXPECT_MEMBER_IF("pv_lock_ops.vcpu_is_preempted struct paravirt_callee_save");

/*
 * SPIN_THRESHOLD, how often a waiter looks before it sleeps.  A look costs an
 * interrupt here (the pause gate), not an instruction, and the gate has given
 * the CPU away several times when it was in vain this often.
 */
PATCH("immediate? __pv_queued_spin_lock_slowpath 0x8000 = 0x200");

static void wait(u8 *byte, u8 value)
{
	unsigned long flags = irq_save();

	if (READ_ONCE(*byte) == value) {
		if (flags & RFLAGS_IF)
			port_safe_halt();	/* any interrupt ends it */
		else
			port_wait_for_kick();
	}
	irq_restore(flags);
}

static void kick(int cpu)
{
	port_kick((unsigned int)cpu, COLINUX_VIRQ_WAKE);
}

/* Called in place of two instructions: keeps all registers but RAX. */
static __attribute__((no_caller_saved_registers)) bool
vcpu_is_preempted(long cpu)
{
	return port_is_preempted((unsigned long)cpu);
}

void port_lock_init(void)
{
	char *lock = pv_ops + OFFSET_IF("paravirt_patch_template.lock");

	if (OFFSET_IF("paravirt_patch_template.lock") == MISSING ||
	    !pv_init_lock_hash || !pv_slowpath || !pv_unlock)
		return;
	pv_init_lock_hash();
	set_if_present(lock,
		       OFFSET_IF("pv_lock_ops.queued_spin_lock_slowpath"),
		       pv_slowpath);
	set_if_present(lock, OFFSET_IF("pv_lock_ops.queued_spin_unlock"),
		       pv_unlock);
	set_if_present(lock, OFFSET_IF("pv_lock_ops.wait"), wait);
	set_if_present(lock, OFFSET_IF("pv_lock_ops.kick"), kick);
	set_if_present(lock, OFFSET_IF("pv_lock_ops.vcpu_is_preempted"),
		       vcpu_is_preempted);
}
